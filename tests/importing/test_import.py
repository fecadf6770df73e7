"""`trueup import` against a real sandbox: what it writes is sound, in sync at once, and holds no secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from commands import Terminal, inside, parsed, trueup
from den_calls import INSTANCES, account, instance
from imports import PASSWORD, PROJECT, TOKEN, Bench, seed
from world import World

HOSTILE = (
    "no",
    "1e3",
    "~",
    "a: b",
    "- dash",
    "#comment # more",
    "2026-01-01",
    "0x1F",
    "12:30",
    "tschüß 🦊",
    "x" * 255,
    "a/b/c",
    "a-b-c",
    "<<",
    "null",
    "'quoted' \"twice\"",
    "%percent",
    "con",
    ".hidden",
    "…",
    "---",
    "back\\slash",
    "cin_01m87aqsgae588zg76b4hgstyf",
)


@pytest.fixture
def bench(world: World, tmp_path: Path) -> Bench:
    return Bench(world, tmp_path)


@pytest.mark.parametrize("more", [(), ("--include-config",)])
@pytest.mark.parametrize("along", [(), ("--with", "targets,mappings,access")])
def test_what_is_imported_is_in_sync(bench: Bench, more: tuple[str, ...], along: tuple[str, ...]) -> None:
    seed(bench)
    done = bench.den(*more, *along)
    assert (done.returncode, done.stderr) == (0, "")
    assert inside("validate", "-f", str(bench.out)).returncode == 0
    assert bench.plan().startswith(f"In sync: {11 if along else 6} of ")
    everything = "".join(bench.texts().values()) + done.stdout
    for secret in (TOKEN, PASSWORD, PASSWORD.replace(" ", "-")):
        assert secret not in everything
    text = bench.texts()["den/instances/everything.yaml"]
    assert "autoImportNewPlugins: false\n" in text
    assert "status: disabled\n" in text
    assert ("branch: main" in text) is bool(more)
    assert "archived" in bench.texts()["den/instances/Bare.yaml"]
    assert "remoteId" not in bench.texts()["den/instances/Bare.yaml"]
    if more:
        assert (
            "config.deep.token, config.url, config.tokens, config.password of everything: it looks like a secret"
            in done.stdout
        )
        assert "number: 1.0e+16\n" in text
    else:
        assert "--include-config includes it" in done.stdout
    if along:
        assert "everything:organization" in text
        assert "owner@example.test" not in everything


def test_a_second_import_writes_the_same_bytes(bench: Bench) -> None:
    seed(bench)
    assert bench.den("--with", "targets,mappings,access", "--include-config").returncode == 0
    before = bench.texts()
    assert bench.den("--with", "targets,mappings,access", "--include-config", "--overwrite").returncode == 0
    assert bench.texts() == before


def test_a_file_looks_as_people_write_it(bench: Bench) -> None:
    assert bench.den("--include-config").returncode == 0
    text = bench.texts()["den/instances/old-wiki.yaml"]
    assert text.partition("\n")[0].startswith("# Live resources of den:http://127.0.0.1:")
    assert text.partition("\n")[2] == (
        "apiVersion: den.trueup.dev/v1\nkind: ConnectorInstance\nmetadata:\n  name: old-wiki\nspec:\n"
        "  connectorAccount: acme-archive\n  remoteId: acme-archive/old-wiki\n  status: active\n"
        "  config:\n    branch: main\n    path: docs\n"
    )


def test_hostile_names_stay_what_they_are(bench: Bench) -> None:
    owner = account(bench.http, "2001")
    for name in HOSTILE:
        instance(bench.http, owner, name)
    for number, name in enumerate(("Same", "same", "SAME", "no")):
        body = {"connectorType": "github", "remoteId": f"30{number}", "displayName": name}
        assert bench.http.post("/v1/connector-accounts", json=body).is_success
    done = bench.den()
    assert (done.returncode, done.stderr) == (0, "")
    assert "Cannot be declared" not in done.stdout
    assert bench.plan().startswith(f"In sync: {len(HOSTILE) + 3 + 5} of ")
    files = bench.texts()
    assert len({name.casefold() for name in files}) == len(files) == len(HOSTILE) + 3
    assert all(len(Path(name).name.encode()) < 255 for name in files)
    accounts = files["den/accounts.yaml"]
    assert "name: Same\n" in accounts
    assert 'name: "no"\n' in accounts


def test_what_cannot_be_declared_is_told(bench: Bench) -> None:
    owner = account(bench.http, "2001")
    instance(bench.http, owner, "two\nlines")
    instance(bench.http, owner, TOKEN)
    bench.world.person("old-wiki", status="error")
    bench.world.upstream("installation-deleted", installationId="1002")
    done = bench.den()
    assert done.returncode == 0
    assert 'status of old-wiki: "error" cannot be declared' in done.stdout
    assert "! den/ConnectorInstance cin_" in done.stdout
    assert "its name looks like a secret" in done.stdout
    assert "(two-lines): " in done.stdout
    assert (
        "Reported as unhealthy by the server:\n  acme-archive: Den says that this account is disconnected"
        in done.stdout
    )
    assert TOKEN not in done.stdout + "".join(bench.texts().values())
    assert bench.plan().startswith("In sync")
    found = parsed(bench.den("--overwrite", "--output", "json"))
    assert len(found["cannot_be_declared"]) == 2
    assert TOKEN not in str(found)


def test_what_an_import_leaves_out_is_not_written_over(bench: Bench) -> None:
    """Else the next prune would remove what those documents declared."""
    assert bench.den("--with", "access").returncode == 0
    before = bench.texts()
    assert any("kind: ConnectorAccess" in text for text in before.values())
    done = bench.den("--overwrite")
    assert done.returncode == 1
    assert "declare ConnectorAccess, which this import leaves out" in done.stderr
    assert bench.texts() == before
    assert bench.den("--with", "access", "--overwrite").returncode == 0


def test_a_thousand_instances_cost_twelve_requests(thousand: World, tmp_path: Path) -> None:
    bench = Bench(thousand, tmp_path)
    thousand.forget()
    done = bench.den()
    assert done.stdout.startswith("Wrote 1 account and 1,000 instances to 1,001 files in ")
    assert thousand.asked() <= 12
    assert "Read with 12 requests, " in done.stdout
    assert bench.plan().startswith("In sync: 1,001 of 1,001")


def test_kinds_and_filters_narrow_it(bench: Bench) -> None:
    owner = account(bench.http, "2001")
    instance(bench.http, owner, "docs-one", remoteId="acme/one")
    bench.http.post(f"{INSTANCES}/{instance(bench.http, owner, 'docs-two')['id']}/disable")
    for words, wanted in (
        (["--filter", "account=ACCOUNT 2001"], {"accounts", "docs-one", "docs-two"}),
        (["--filter", "status=active", "--filter", "name=DOCS-*"], {"accounts", "docs-one"}),
        (["--filter", "q=ACME/ONE"], {"accounts", "docs-one"}),
        (["--filter", "name=nothing"], set()),
        (["--kind", "accounts", "--filter", "q=1002"], {"accounts"}),
        (["--kind", "ConnectorInstance", "--filter", "name=old*"], {"old-wiki"}),
    ):
        done = bench.den("--overwrite", *words)
        assert done.returncode == 0, done.stderr
        assert {Path(name).stem for name in bench.texts()} == wanted, words
        for name in bench.texts():
            (bench.out / name).unlink()
    assert bench.den("--overwrite", "--filter", "name=nothing").stdout.startswith("Nothing was written")
    bench.den("--overwrite", "--kind", "instances")
    assert "connectorAccount: cac_" in bench.texts()["den/instances/docs-one.yaml"]
    assert bench.plan().startswith("In sync: 4 of 4")


def test_wexa_by_project_and_without_its_configuration(bench: Bench) -> None:
    done = bench.run("wexa", "-o", str(bench.out), "--project", PROJECT, "--include-config")
    assert done.returncode == 0, done.stderr
    assert bench.plan().startswith("In sync: 3 of 3")
    (text,) = bench.texts().values()
    assert "dataLoaderConfig" not in text
    assert 'status of events: "ready" cannot be declared' in done.stdout
    assert "dataLoaderConfig of archive, crm, events" in done.stdout
    assert bench.den().returncode == 0  # each system has a folder of its own
    again = inside("import", "wexa", "-o", str(bench.out), "--overwrite", "-f", str(bench.out))
    assert again.returncode == 0, again.stderr  # the project that the manifests name


def test_connectors_of_one_name_go_by_their_ids(bench: Bench) -> None:
    tables = bench.world.sandbox.control.get("/state").json()
    for row in tables["tables"]["wexa.connectors"].values():
        if row["sourceName"] != "crm":
            row["sourceName"] = "twin"
    assert bench.world.sandbox.control.put("/state", json=tables).status_code == 200
    assert bench.run("wexa", "-o", str(bench.out), "--project", PROJECT).returncode == 0
    (text,) = bench.texts().values()
    assert text.count("connectorId: ") == 2
    assert bench.plan().startswith("In sync: 3 of 3")


def test_a_folder_with_manifests_is_not_written_over(bench: Bench) -> None:
    assert bench.den().returncode == 0
    before = bench.texts()
    done = bench.den()
    assert done.returncode == 1
    assert "holds YAML files already: den/accounts.yaml, den/instances/old-wiki.yaml" in done.stderr
    assert "--overwrite" in done.stderr
    stray = bench.out / "den" / "instances" / "stray.yaml"
    stray.write_text(before["den/instances/old-wiki.yaml"].replace("old-wiki", "stray"))
    done = bench.den("--overwrite")
    assert (done.returncode, stray.exists()) == (0, True)
    assert "Existing files that were not changed:\n  den/instances/stray.yaml" in done.stdout


def test_a_failure_leaves_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device", str(bench.out))

    bench.world.fault(system="den", route="/v1/connector-instances", status=403)
    done = bench.den()
    assert (done.returncode, bench.out.exists()) == (1, False), done.stdout
    bench.world.calm()
    monkeypatch.setattr(os, "replace", full)
    done = bench.den()
    assert (done.returncode, bench.out.exists()) == (1, False)
    assert "No space left on device" in done.stderr
    bench.out.mkdir()
    assert bench.den().returncode == 1
    assert list(bench.out.iterdir()) == []


def test_two_that_cannot_both_be_are_an_error_in_words(bench: Bench) -> None:
    state = bench.world.sandbox.control.get("/state").json()
    for row in state["tables"]["den.connectorInstances"].values():
        row["name"] = "twin"
    assert bench.world.sandbox.control.put("/state", json=state).status_code == 200
    done = bench.den()
    assert (done.returncode, bench.out.exists()) == (1, False)
    assert "error[E306]: Den tells of two instances that cannot both be" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["den"], "--out"),
        (["dem", "-o", "x"], "SYSTEM: not an installed system. Use den or wexa"),
        (["den", "-o", "x", "--kind", "instans"], 'there is no kind "instans". Did you mean "instances"?'),
        (["den", "-o", "x", "--kind", "connectors"], 'there is no kind "connectors"'),
        (["den", "-o", "x", "--with", "tragets"], '--with does not accept "tragets"'),
        (["den", "-o", "x", "--with", ","], "--with is empty"),
        (["wexa", "-o", "x", "--with", "targets", "--project", PROJECT], "connectors of Wexa have no children"),
        (["den", "-o", "x", "--filter", "state=x"], 'there is no filter "state" for ConnectorInstance'),
        (["den", "-o", "x", "--filter", "state"], "is not of the form NAME=TEXT"),
        (["den", "-o", "x", "--filter", "account=nobody"], 'there is no account "nobody"'),
        (["den", "-o", "x", "--project", PROJECT], "--project can be used only with connectors of Wexa"),
        (["wexa", "-o", "x"], "Wexa lists connectors by project"),
        (["wexa", "-o", "x", "--project", "ABC"], '"ABC" is not a project id'),
        (["den", "-o", __file__], "is not a folder"),
        (["den", "-o", "x", "--output", "yaml"], "--output must be text or json"),
    ],
)
def test_bad_input_is_told_and_nothing_written(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = bench.run(*words)
    assert done.returncode == 1
    assert said in done.stderr
    assert not Path("x").exists()


def test_what_may_not_be_read_is_told(bench: Bench) -> None:
    listed = "/v1/connector-instances/{connectorInstanceId}/access"
    bench.world.fault(system="den", route=listed, status=403)
    done = bench.den("--with", "access")
    assert done.returncode == 1
    assert "Could not be read:\n  ! this credential may not read cin_" in done.stdout
    assert bench.plan().startswith("In sync: 3 of 3")


def test_another_connection_is_written_down(bench: Bench, tmp_path: Path) -> None:
    den = bench.world.sandbox.ready["den"]
    where = tmp_path / "connections.yaml"
    where.write_text(
        "apiVersion: den.trueup.dev/v1\nkind: Connection\nmetadata: {name: staging}\n"
        f"spec: {{url: {den['url']}, apiKey: {{valueFrom: {{env: TRUEUP_DEN_API_KEY}}}}}}\n"
    )
    done = inside("import", "den", "-f", str(where), "--connection", "staging", "-o", str(bench.out))
    assert done.returncode == 0, done.stderr
    assert all("connection: staging\n" in text for text in bench.texts().values())
    assert f"Next: trueup plan -f {where} --connection staging -f {bench.out}\n" in done.stdout
    plan = inside("plan", "-f", str(where), "-f", str(bench.out), "--detailed-exitcode")
    assert plan.returncode == 0, plan.stdout + plan.stderr


def test_at_a_terminal_of_eighty_columns(bench: Bench) -> None:
    words = ["import", "den", *bench.base, "-o", str(bench.out), "--with", "targets,access"]
    with Terminal(*words, columns=80) as terminal:
        assert terminal.end() == 0
        assert "2 grants to 3 files" in " ".join(terminal.shown().split())


def test_the_key_of_another_organisation_is_refused(bench: Bench, tmp_path: Path) -> None:
    den = bench.world.sandbox.ready["den"]
    where = tmp_path / "connections.yaml"
    where.write_text(
        "apiVersion: den.trueup.dev/v1\nkind: Connection\nmetadata: {name: default}\n"
        f"spec: {{url: {den['url']}, apiKey: {{valueFrom: {{env: TRUEUP_DEN_API_KEY}}}}, "
        f"organization: org_{'0' * 26}}}\n"
    )
    for words in (["import", "den", "-o", str(bench.out)], ["get", "access", "--below", "old-wiki"]):
        done = inside(*words, "-f", str(where))
        assert done.returncode == 3, done.stderr
        assert "the credential belongs to" in done.stderr
    assert not bench.out.exists()


def test_an_account_by_which_it_is_narrowed_need_not_be_written(bench: Bench) -> None:
    assert bench.den("--kind", "instances", "--filter", "account=ACME-archive").returncode == 0
    assert len(bench.texts()) == 2
    assert bench.plan().startswith("In sync: 2 of 2")


def test_nothing_is_written_through_a_link(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    folder.mkdir()
    (folder / "den").symlink_to(outside, target_is_directory=True)
    done = trueup("import", "den", "-o", str(folder))
    assert done.returncode == 1
    assert "is a link" in done.stderr
    assert list(outside.iterdir()) == []


def test_a_folder_that_no_path_can_name(world: World) -> None:
    done = trueup("import", "den", "-o", "x" * 300)
    assert done.returncode == 1
    assert "is no path of a folder: File name too long" in done.stderr


def test_a_narrowed_import_drops_no_document_of_a_file_that_it_writes_over(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    account(world.sandbox.den, "1003")
    assert trueup("import", "den", "-o", "org").returncode == 0
    before = (tmp_path / "org" / "den" / "accounts.yaml").read_text()
    done = trueup("import", "den", "-o", "org", "--overwrite", "--filter", "name=old-wiki")
    assert done.returncode == 1
    assert "ConnectorAccount account 1003, which this import leaves out" in done.stderr
    assert (tmp_path / "org" / "den" / "accounts.yaml").read_text() == before
    assert trueup("import", "den", "-o", "org", "--overwrite").returncode == 0
