"""Manifests that are sound: what they declare, canonical, with places that are found when they are asked for."""

from __future__ import annotations

import gc
import io
from pathlib import Path

import pytest
from sound import ACCOUNT, CONNECTOR, INSTANCE

from trueup.core.errors import ManifestError
from trueup.core.kinds import Declared
from trueup.core.secrets import Reference
from trueup.core.values import Address, ConnectionId, Where
from trueup.manifest import Manifest, load


def loaded(*documents: str) -> Manifest:
    """What these documents declare."""
    return load(["-"], stdin=io.StringIO("---\n".join(documents)))


def one(text: str) -> Declared:
    """The only resource that a text declares."""
    (found,) = loaded(text).resources
    return found


def test_a_document_becomes_a_resource_in_plain_values() -> None:
    found = loaded(ACCOUNT, INSTANCE).resources[1]

    assert found.address == Address("den", "ConnectorInstance", "docs")
    assert found.where == Where("<stdin>", 7, 1)
    assert found.labels == {"team": "web", "tier": "1"}
    assert found.annotations == {"why": "because"}
    assert found.spec == {
        "connectorAccount": "acme",
        "remoteId": "acme/docs",
        "status": "active",
        "config": {
            "branch": "main",
            "depth": 3,
            "ratio": 0.5,
            "recursive": True,
            "nothing": None,
            "paths": ["docs", {"glob": "*.md"}],
        },
        "autoImportNewPlugins": False,
        "name": "docs",
    }


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("config", "branch"), (18, 5)),
        (("config", "paths", 1, "glob"), (23, 20)),
        (("config", "paths", 0), (23, 13)),
        (("config", "absent"), (17, 3)),
        (("status",), (16, 3)),
        (("name",), (7, 1)),
        ((), (7, 1)),
    ],
)
def test_a_field_is_found_where_it_is_written_or_in_what_is_around_it(
    path: tuple[str | int, ...], place: tuple[int, int]
) -> None:
    found = loaded(ACCOUNT, INSTANCE).resources[1]

    assert found.locate(path) == Where("<stdin>", *place)


def test_a_merged_field_is_found_where_it_is_written() -> None:
    text = INSTANCE.replace("spec:\n", "spec:\n  <<: &shared\n    status: disabled\n").replace("  status: active\n", "")

    assert one(text.replace("acme\n", "cac_01m81v3dzpec9b6q80jhy1r3kd\n")).locate(("status",)).line == 10


def test_names_are_trimmed_as_the_server_does() -> None:
    assert one(ACCOUNT.replace('" Acme "', '"Acme\\n"')).spec["displayName"] == "Acme"
    assert one(ACCOUNT).spec["displayName"] == "Acme"
    text = INSTANCE.replace("connectorAccount: acme", "connectorAccount: acme\n  name: ' the docs '")
    assert loaded(ACCOUNT, text).resources[1].spec["name"] == "the docs"


def test_a_connector_of_wexa_has_its_own_name_unless_its_id_is_given() -> None:
    identified = CONNECTOR.replace("spec:\n", "spec:\n  connectorId: 68063653fc2e1fb8597c775e\n")

    assert one(CONNECTOR).spec["name"] == "crm"
    assert "name" not in one(identified).spec


def test_the_connection_is_part_of_the_address() -> None:
    connection = "apiVersion: den.trueup.dev/v1\nkind: Connection\nmetadata: {name: staging}\nspec: {url: sandbox}\n"
    account = ACCOUNT.replace("spec: {", "spec: {connection: staging, ")
    found = loaded(account, connection)

    assert found.resources[0].address == Address("den", "ConnectorAccount", "acme", "staging")
    assert "connection" not in found.resources[0].spec
    assert list(found.connections) == [("den", "staging")]
    assert found.connections[ConnectionId("den", "staging")].spec == {"url": "sandbox"}


def test_secrets_are_references_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "crm.yaml"
    path.write_text(CONNECTOR)

    auth = load([path]).resources[0].spec["dataLoaderConfig"]["auth"]

    folder = str(tmp_path)
    assert auth == {
        "username": "reader",
        "password": Reference("env", "CRM_PASSWORD", folder=folder),
        "certificate": Reference("file", "crm.pem", folder=folder),
        "token": Reference("exec", ("sops", "-d", "crm.yaml"), folder=folder),
        "other": Reference("exec", ("vault",), folder=folder, timeout=5.0),
    }
    assert [auth[key].place for key in ("password", "certificate", "token")] == [
        f"{path}:11",
        f"{path}:13",
        f"{path}:15",
    ]


def test_a_secret_may_stand_at_any_leaf_of_config_and_metadata() -> None:
    account = ACCOUNT.replace('"1001",', '"1001", metadata: {keys: [{valueFrom: {env: KEY}}]},')
    config = INSTANCE.replace("    nothing: null\n", "    deep: {password: {valueFrom: {env: WORD}}}\n")
    first, second = loaded(account, config).resources

    assert first.spec["metadata"] == {"keys": [Reference("env", "KEY")]}
    assert second.spec["config"]["deep"] == {"password": Reference("env", "WORD")}


def test_anchors_and_merge_keys_give_each_its_own_copy() -> None:
    text = INSTANCE.replace(
        "    nothing: null\n",
        "    base: &base {a: 1, list: [x]}\n"
        "    again: *base\n"
        "    both: {<<: [*base, {b: 2, a: 9}], c: 3}\n"
        "    own: {a: 5, <<: *base}\n",
    )
    config = loaded(ACCOUNT, text).resources[1].spec["config"]

    assert config["again"] == {"a": 1, "list": ["x"]}
    assert config["both"] == {"a": 1, "list": ["x"], "b": 2, "c": 3}
    assert config["own"] == {"a": 5, "list": ["x"]}
    config["again"]["list"].append("y")
    assert config["base"]["list"] == ["x"]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("0x1F", 31),
        ("+12", 12),
        ("-3", -3),
        ("0", 0),
        ("1.5e+3", 1500.0),
        ("9007199254740991", 2**53 - 1),
        ('"1e5"', "1e5"),
        ("0o18", "0o18"),
        ("1.2.3", "1.2.3"),
        ("y", "y"),
        ("Yes!", "Yes!"),
        ("=", "="),
        ("True", True),
        ("FALSE", False),
        ("Null", None),
        ('"no"', "no"),
        ("'010'", "010"),
        ("|\n      a\n      b", "a\nb\n"),
        (">-\n      a\n      b", "a b"),
        ("ünïcode 🎉", "ünïcode 🎉"),
        ('"a\\u0000b"', "a\0b"),
    ],
)
def test_a_scalar_means_the_same_in_every_version_of_yaml_or_what_pyyaml_writes_for_it(
    written: str, value: object
) -> None:
    text = INSTANCE.replace("nothing: null", f"nothing: {written}")
    found = loaded(ACCOUNT, text).resources[1].spec["config"]["nothing"]

    assert found == value
    assert type(found) is type(value)


def test_null_is_a_value_where_the_api_takes_it() -> None:
    text = INSTANCE.replace("remoteId: acme/docs", "remoteId:")

    assert loaded(ACCOUNT, text).resources[1].spec["remoteId"] is None


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_any_way(end: str) -> None:
    text = (ACCOUNT + "---\n" + INSTANCE).replace("\n", end)
    found = load(["-"], stdin=io.BytesIO(text.encode())).resources[1]

    assert found.spec["config"]["branch"] == "main"
    assert found.locate(("config", "branch")).line == 18


def test_empty_documents_are_skipped() -> None:
    assert len(loaded("# nothing\n", ACCOUNT, "", "null\n", "~\n", "...\n").resources) == 1


def test_the_order_of_the_files_is_kept(tmp_path: Path) -> None:
    for name in "cab":
        account = ACCOUNT.replace("acme}", f"{name}}}").replace("1001", name)
        (tmp_path / f"{name}.yaml").write_text(account)

    manifest = load([tmp_path / "c.yaml", tmp_path])

    assert [found.address.name for found in manifest.resources] == ["c", "a", "b"]
    assert manifest.files == [str(tmp_path / f"{name}.yaml") for name in "cab"]


def test_the_digest_tells_whether_the_text_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yaml").write_text(ACCOUNT)
    (tmp_path / "b.yaml").write_text(INSTANCE)
    digest = load([tmp_path]).digest

    assert load([tmp_path / "b.yaml", tmp_path / "a.yaml"]).digest == digest
    monkeypatch.chdir(tmp_path)
    assert load().digest == digest
    (tmp_path / "b.yaml").write_bytes(b"\xef\xbb\xbf" + INSTANCE.replace("\n", "\r\n").encode())
    assert load().digest == digest
    (tmp_path / "b.yaml").write_text(INSTANCE.replace("active", "disabled"))
    assert load().digest != digest
    assert len(digest) == 64


def test_the_collector_of_garbage_is_as_before() -> None:
    assert gc.isenabled()
    loaded(ACCOUNT)
    with pytest.raises(ManifestError):
        loaded("a: b")
    assert gc.isenabled()
    gc.disable()
    try:
        loaded(ACCOUNT)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_without_paths_nothing_is_declared() -> None:
    assert load([]).resources == []


def test_text_and_bytes_can_be_standard_input() -> None:
    assert loaded(ACCOUNT).digest == load(["-"], stdin=io.BytesIO(ACCOUNT.encode())).digest
