"""What is wrong with the inputs of a resource: every fault by its property, nothing unknown, and no secret in it."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from trueup.core.changes import UNKNOWN
from trueup.core.kinds import ResourceKind
from trueup.plugin.checking import check
from trueup.plugin.codec import OPAQUE, SIGNATURE, Opaque, Sealed, bare, decode, encode, has_unknown
from trueup.plugin.faults import Failure
from trueup.plugin.tokens import inputs_of
from trueup.systems.registry import RESOURCES

KINDS = {kind.name: kind for kind in RESOURCES}
TAIL = "01m81v3dzpec9b6q80jhy1r3kd"
CAC, CIN, CTG, CMP = (f"{prefix}_{TAIL}" for prefix in ("cac", "cin", "ctg", "cmp"))
SOUND: dict[str, dict[str, Any]] = {
    "ConnectorAccount": {"remoteId": "1001", "displayName": "acme"},
    "ConnectorInstance": {"connectorAccount": CAC, "name": "docs", "config": {"branch": "main"}},
    "ConnectorTarget": {"connectorInstance": CIN, "remoteId": "acme/docs"},
    "ConnectorMapping": {
        "connectorTarget": CTG,
        "mappingKind": "path",
        "selector": "skills/**",
        "objectType": "skill",
    },
    "ConnectorAccess": {"connectorInstance": CIN, "team": "Platform", "role": "viewer"},
    "Connector": {
        "projectId": "68063653fc2e1fb859700001",
        "name": "crm",
        "dataLoaderConfig": {"source": "mongodb", "batchSize": 200, "auth": Sealed({"password": "hunter2"})},
    },
}
LOADER = SOUND["Connector"]["dataLoaderConfig"]
ACCOUNT, INSTANCE, TARGET, MAPPING, ACCESS, LOADS = SOUND
AUTO = "autoImportNewPlugins"
HIDDEN = "hunter2-hunter2"
each_kind = pytest.mark.parametrize("kind", RESOURCES, ids=lambda kind: kind.name)


def checked(name: str, /, **changes: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Sound inputs of a kind with changes, checked: what they become, and the failures by property."""
    found, failures = check(KINDS[name], {**SOUND[name], **changes})
    assert len({one.property for one in failures}) == len(failures)
    return found, {one.property: one.reason for one in failures}


def loader(**changes: Any) -> dict[str, Any]:
    return {"dataLoaderConfig": {**LOADER, **changes}}


def opaque(kind: str, **fields: Any) -> Opaque:
    """As it is decoded."""
    return Opaque(kind, {SIGNATURE: {name: mark for mark, name in OPAQUE.items()}[kind], **fields})


ASSET = opaque("asset", text="x")
COMPONENT = opaque("resource", urn="urn:x")
LATER = opaque("resource", urn="urn:x", id="")


# What is sound


@each_kind
def test_what_is_sound_passes_as_it_is(kind: ResourceKind) -> None:
    assert check(kind, SOUND[kind.name]) == (SOUND[kind.name], [])


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        (INSTANCE, {"status": "archived", "deletionPolicy": "remove", "adopt": True, "remoteId": None}),
        (INSTANCE, {"config": {"a": None, "b": [1, 2.5, {"c": "\x00"}], "": {}}}),
        (INSTANCE, {"config": {"token": "literal", "url": "https://user:pass@example.com"}}),
        (INSTANCE, {"config": Sealed({"token": "t"}), "name": Sealed("docs")}),
        (MAPPING, {"plugin": None, "autoAddToPlugin": False, "config": {}}),
        (MAPPING, {"plugin": f"plg_{TAIL}"}),
        (TARGET, {"remoteId": "a\nb"}),
    ],
)
def test_these_are_sound_too(name: str, changes: dict[str, Any]) -> None:
    found, failures = checked(name, **changes)
    assert failures == {}
    assert found == {**SOUND[name], **changes}


def test_secrets_are_values_here() -> None:
    """A literal in a mapping is no fault, as it is in a manifest: to seal it is up to the program."""
    key = "ghp_0123456789abcdefghij"
    found, failures = checked(INSTANCE, config={"apiKey": key, "password": Sealed(key)})
    assert failures == {}
    assert found["config"] == {"apiKey": key, "password": Sealed(key)}


# Every fault, by its property

FAULTS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    # the type
    (INSTANCE, {"name": 5}, {"name": "name must be text, but it is 5 (E103). Write it as text, in quotes."}),
    (INSTANCE, {"name": True}, {"name": "name must be text, but it is true (E103)."}),
    (INSTANCE, {"name": {"a": 1}}, {"name": "name must be text, but it is a mapping (E103)."}),
    (INSTANCE, {"remoteId": 5}, {"remoteId": "remoteId must be text or null, but it is 5 (E103)."}),
    (INSTANCE, {"adopt": "yes"}, {"adopt": 'adopt must be true or false, but it is the text "yes" (E103). Write true'}),
    (INSTANCE, {"adopt": 1}, {"adopt": "adopt must be true or false, but it is 1 (E103)."}),
    (INSTANCE, {"config": ["a"]}, {"config": "config must be a mapping, but it is a list (E103). Write a mapping,"}),
    (INSTANCE, {"connectorAccount": 7}, {"connectorAccount": "connectorAccount must be text, but it is 7 (E103)."}),
    (LOADS, loader(batchSize=2.5), {"dataLoaderConfig.batchSize": "must be a whole number, but it is 2.5 (E103)."}),
    (LOADS, loader(source=None), {"dataLoaderConfig.source": "dataLoaderConfig.source must be text, but it is null"}),
    (LOADS, loader(auth="x"), {"dataLoaderConfig.auth": "dataLoaderConfig.auth must be a mapping (E103)."}),
    # one of some words
    (INSTANCE, {"status": "enabled"}, {"status": 'disabled, archived (E104). did you mean "active"?'}),
    (
        INSTANCE,
        {"status": "zzz"},
        {"status": 'status "zzz" is not one of active, disabled, archived (E104). Write one of'},
    ),
    (INSTANCE, {"status": 5}, {"status": "status must be text, but it is 5 (E103)."}),
    (ACCESS, {"team": None, "organization": False}, {"organization": "organization is not one of true (E104). Write"}),
    # its form
    (INSTANCE, {"name": "  "}, {"name": "name is empty (E105)."}),
    (TARGET, {"remoteId": " \t"}, {"remoteId": "remoteId is empty (E105)."}),
    (INSTANCE, {"name": "a\x07b"}, {"name": 'name "a\\x07b" holds a control character (E105). Remove it.'}),
    (ACCOUNT, {"displayName": "a\nb"}, {"displayName": 'displayName "a\\nb" holds a control character (E105).'}),
    (
        LOADS,
        {"projectId": "crm"},
        {"projectId": 'projectId "crm" is not an id of that kind (E133). Write 24 hexadecimal'},
    ),
    (MAPPING, {"plugin": "docs"}, {"plugin": 'plugin "docs" is not an id of that kind (E133). Write plg_ and 26'}),
    (ACCESS, {"team": None, "member": "ada"}, {"member": 'member "ada" is not an e-mail address or the id of a'}),
    # its size
    (INSTANCE, {"name": "x" * 256}, {"name": "name has 256 characters (E105). Use at most 255."}),
    (INSTANCE, {"remoteId": ""}, {"remoteId": "remoteId is empty (E105). Give it, or leave the key out."}),
    (LOADS, loader(batchSize=0), {"dataLoaderConfig.batchSize": "dataLoaderConfig.batchSize is 0 (E105). Write at"}),
    (LOADS, loader(auth={}), {"dataLoaderConfig.auth": "dataLoaderConfig.auth is empty (E105)."}),
    # keys that there are not
    (INSTANCE, {"remoteld": "x"}, {"remoteld": 'unknown key "remoteld" in ConnectorInstance (E101). did you mean'}),
    (INSTANCE, {"names": "x"}, {"names": "(E101). Known keys are connectorAccount, name, "}),  # the name is there
    (INSTANCE, {"connection": "b"}, {"connection": "(E101). For another server, create another provider and pass"}),
    (INSTANCE, {"id": CIN}, {"id": "(E101). Adopt an existing resource with pulumi import, or with the option"}),
    (INSTANCE, {"targets": []}, {"targets": "(E101). Declare each as a separate resource: ConnectorTarget."}),
    (INSTANCE, {"access": {}}, {"access": "(E101). Declare each as a separate resource: ConnectorAccess."}),
    (INSTANCE, {"a\x1bb": 1}, {'["a\\u001bb"]': 'unknown key "a\\x1bb" in ConnectorInstance (E101).'}),
    (LOADS, loader(more=2), {"dataLoaderConfig.more": 'unknown key "more" in dataLoaderConfig (E101). Known keys'}),
    (LOADS, loader(sourc=2), {"dataLoaderConfig.sourc": "(E101). Known keys are source, batchSize, auth."}),
    (INSTANCE, {"config": {AUTO: True}}, {f"config.{AUTO}": f"{AUTO} does not belong inside config (E152)."}),
    # what is missing
    (INSTANCE, {"connectorAccount": None}, {"connectorAccount": "lacks connectorAccount (E102). Write the id,"}),
    (ACCESS, {"role": None}, {"role": "ConnectorAccess lacks role (E102). Add role. The permission: read it,"}),
    (
        LOADS,
        {"dataLoaderConfig": {"batchSize": 5}},
        {
            "dataLoaderConfig.source": "dataLoaderConfig lacks source (E102). Add source. Where the data comes from.",
            "dataLoaderConfig.auth": "(E102). Add auth. Credentials, each of them a secret.",
        },
    ),
    (ACCOUNT, {"displayName": None, "displayname": "acme"}, {"displayname": '(E101). did you mean "displayName"?'}),
    # exactly one of some
    (ACCESS, {"team": None}, {"": "ConnectorAccess needs exactly one of member, team and organization, and this has"}),
    (ACCESS, {"team": None}, {"": "(E102). Add one of member, team and organization."}),
    (ACCESS, {"member": "a@b"}, {"": "and this has member and team (E105). Remove team, or make it two resources."}),
    # references
    (INSTANCE, {"connectorAccount": "acme"}, {"connectorAccount": 'connectorAccount "acme" is not the id of a'}),
    (INSTANCE, {"connectorAccount": "acme"}, {"connectorAccount": "(E133). Write the id, such as account.id."}),
    (TARGET, {"connectorInstance": CAC}, {"connectorInstance": f'"{CAC}" is the id of a ConnectorAccount, not of'}),
    (TARGET, {"connectorInstance": CAC}, {"connectorInstance": "(E132). Write the id, such as instance.id."}),
    (TARGET, {"connectorInstance": f"xyz_{TAIL}"}, {"connectorInstance": "is not the id of a ConnectorInstance"}),
    (MAPPING, {"connectorTarget": f"{CTG}/{CMP}"}, {"connectorTarget": "is the id of a ConnectorMapping, not of"}),
    (MAPPING, {"connectorTarget": "ctg_1"}, {"connectorTarget": '"ctg_1" is not a well-formed id (E133). Write ctg_'}),
    (MAPPING, {"connectorTarget": f"{CTG}\n"}, {"connectorTarget": "is not a well-formed id (E133)."}),
    (MAPPING, {"connectorTarget": ""}, {"connectorTarget": "connectorTarget is empty (E105)."}),
    (INSTANCE, {"connectorAccount": COMPONENT}, {"connectorAccount": "but it is a component, which has no id (E103)."}),
    # what no API takes
    (INSTANCE, {"name": ASSET}, {"name": "name must be text, but it is an asset (E103)."}),
    (INSTANCE, {"config": {"a": [1, ASSET]}}, {"config.a[1]": "config.a[1] is an asset (E103). Give its content as a"}),
]


@pytest.mark.parametrize(("name", "changes", "reasons"), FAULTS)
def test_every_fault_by_its_property(name: str, changes: dict[str, Any], reasons: dict[str, str]) -> None:
    _, failures = checked(name, **changes)
    assert failures.keys() == reasons.keys()
    for path, words in reasons.items():
        assert words in failures[path]


@pytest.mark.parametrize(("name", "changes", "reasons"), FAULTS)
def test_all_reasons_have_one_form(name: str, changes: dict[str, Any], reasons: dict[str, str]) -> None:
    for reason in checked(name, **changes)[1].values():
        assert re.fullmatch(r".+ \(E1\d\d\)\. .+[.?]", reason)
        assert not re.search(r"YAML|manifest|metadata|spec\.|valueFrom|declared", reason)


def test_faults_are_told_in_the_order_of_the_fields() -> None:
    inputs = {
        "zebra": 1,
        "ant": 2,
        "role": "viewr",
        "member": 5,
        "team": "y",
        "connectorInstance": "docs",
        "adopt": "no",
    }
    _, failures = check(KINDS[ACCESS], inputs)
    paths = [one.property for one in failures]
    assert paths == ["", "connectorInstance", "member", "role", "adopt", "ant", "zebra"]


def test_the_same_inputs_give_the_same_in_the_same_order() -> None:
    inputs = {"b": 1, "a": 2, "config": {"z": ASSET, "y": ASSET}, "name": 5, "status": 6}
    found, failures = check(KINDS[INSTANCE], decode(encode(inputs)))
    again = check(KINDS[INSTANCE], decode(encode(dict(reversed(inputs.items())))))
    assert again == (found, failures)
    assert list(again[0]) == list(found) == ["name", "status", "config", "a", "b"]


def test_the_order_does_not_depend_on_how_a_process_hashes() -> None:
    script = (
        "from trueup.plugin.checking import check\n"
        "from trueup.plugin.codec import Opaque\n"
        "from trueup.systems.registry import RESOURCES\n"
        "inputs = {name: Opaque('asset', {}) for name in ('x', 'y', 'z', 'name', 'status', 'config', 'remoteId')}\n"
        "print([check(kind, inputs) for kind in RESOURCES])\n"
    )
    said = {
        subprocess.run([sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1
    assert b"E103" in said.pop()


def test_inputs_are_left_as_they_were() -> None:
    inputs = {**SOUND[LOADS], "name": " crm ", "dataLoaderConfig": {**LOADER, "auth": {"a": [Sealed("b")]}}}
    before = copy.deepcopy(inputs)
    check(KINDS[LOADS], inputs)
    assert inputs == before


# The canonical form


def test_texts_are_trimmed_where_the_server_trims_them() -> None:
    found, failures = checked(INSTANCE, name=" docs\n", remoteId="\tacme/docs ", config={"branch": " main "})
    assert failures == {}
    assert found == {**SOUND[INSTANCE], "remoteId": "acme/docs", "config": {"branch": " main "}}
    assert checked(ACCOUNT, displayName=" acme ")[0]["displayName"] == "acme"
    assert checked(MAPPING, selector=" skills/** ")[0]["selector"] == "skills/**"
    assert checked(ACCESS, team=" Platform ")[0]["team"] == "Platform"
    assert checked(INSTANCE, name=Sealed(" docs "))[0]["name"] == Sealed("docs")


def test_null_is_as_if_it_were_left_out_unless_it_may_be_written() -> None:
    found, failures = checked(INSTANCE, name=None, status=Sealed(None), remoteId=None, config=None)
    assert failures == {}
    assert found == {"connectorAccount": CAC, "remoteId": None}
    assert checked(INSTANCE, remoteId=Sealed(None)) == (
        {**SOUND[INSTANCE], "remoteId": Sealed(None)},
        {},
    )


@pytest.mark.parametrize(
    "auth",
    [
        {"password": "hunter2"},
        Sealed({"password": "hunter2"}),
        {"password": Sealed("hunter2")},
        Sealed({"password": Sealed("hunter2")}),
    ],
)
def test_what_is_secret_by_its_kind_is_sealed_as_a_whole_and_once(auth: Any) -> None:
    found, failures = checked(LOADS, dataLoaderConfig={**LOADER, "auth": auth})
    assert failures == {}
    assert found == SOUND[LOADS]
    sealed = found["dataLoaderConfig"]["auth"]
    assert isinstance(sealed, Sealed)
    assert sealed.value == {"password": "hunter2"}


def test_what_came_sealed_stays_sealed() -> None:
    found, _ = checked(LOADS, dataLoaderConfig=Sealed({**LOADER, "auth": {"password": Sealed("hunter2")}}))
    assert found["dataLoaderConfig"] == Sealed({**LOADER, "auth": {"password": "hunter2"}})
    values = {"config": {"a": [Sealed(1), {"b": Sealed("x")}]}, "status": Sealed("active"), "name": [Sealed("x")]}
    found, _ = checked(INSTANCE, **values)
    assert {name: found[name] for name in values} == values
    assert checked(INSTANCE, other=Sealed("x"))[0]["other"] == Sealed("x")


@pytest.mark.parametrize("value", ["hunter2", ["hunter2"], 5, Sealed("hunter2")])
def test_a_mapping_with_secrets_is_sealed_also_when_it_is_none(value: Any) -> None:
    found, failures = checked(LOADS, dataLoaderConfig=value)
    assert found["dataLoaderConfig"] == Sealed(bare(value))
    assert failures["dataLoaderConfig"].startswith("dataLoaderConfig must be a mapping (E103).")


def test_references_are_ids() -> None:
    resource = opaque("resource", urn="urn:x", id=CIN)
    assert checked(TARGET, connectorInstance=resource) == (SOUND[TARGET], {})
    assert checked(TARGET, connectorInstance=Sealed(resource))[0]["connectorInstance"] == Sealed(CIN)
    assert checked(TARGET, connectorInstance=LATER) == ({**SOUND[TARGET], "connectorInstance": UNKNOWN}, {})
    assert checked(TARGET, connectorInstance=f"somewhere/{CIN}") == (SOUND[TARGET], {})
    assert checked(INSTANCE, config={"of": resource})[1] == {}


def test_what_the_sdks_add_for_themselves_is_left_out() -> None:
    assert checked(INSTANCE, __defaults=["x"], __internal={}) == (SOUND[INSTANCE], {})


# What is not known yet


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a value below its top."""
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [one for key, item in items for one in [(*path, key), *places(item, (*path, key))]]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with another value at a path."""
    if not path:
        return new
    found = copy.copy(value)
    found[path[0]] = replaced(value[path[0]], path[1:], new)
    return found


def whole(kind: ResourceKind) -> dict[str, Any]:
    """Sound inputs with everything that there may be."""
    found = dict(SOUND[kind.name])
    for trait in inputs_of(kind):
        if trait.name not in found and trait.name not in kind.one_of and trait.name != "connectorId":
            example = trait.schema["enum"][0] if "enum" in trait.schema else trait.example or trait.default
            found[trait.name] = example if example is not None else {"a": [1, {"b": "c"}]}
    if "plugin" in found:
        found["plugin"] = f"plg_{TAIL}"
    if "externalAccountRef" in found:
        found["externalAccountRef"] = "installation"
    opened: dict[str, Any] = bare(found)
    assert check(kind, opened)[1] == []
    return opened


@each_kind
@pytest.mark.parametrize("unknown", [UNKNOWN, Sealed(UNKNOWN), LATER])
def test_unknown_is_never_wrong_wherever_it_is(kind: ResourceKind, unknown: Any) -> None:
    inputs = whole(kind)
    for path in places(inputs):
        found, failures = check(kind, replaced(inputs, path, unknown))
        assert failures == [], path
        assert has_unknown(found)
    names = [trait.name for trait in inputs_of(kind)]
    assert check(kind, dict.fromkeys(names, unknown))[1] == []


@pytest.mark.parametrize(
    ("name", "changes", "paths"),
    [
        (INSTANCE, {"config": {"a": [UNKNOWN, ASSET]}}, ["config.a[1]"]),
        (INSTANCE, {"config": [UNKNOWN]}, ["config"]),
        (INSTANCE, {"name": {"a": UNKNOWN}}, ["name"]),
        (INSTANCE, {"config": {"autoImportNewPlugins": UNKNOWN}}, ["config.autoImportNewPlugins"]),
        (INSTANCE, {"nothing": UNKNOWN}, ["nothing"]),
        (
            "Connector",
            {"dataLoaderConfig": {"source": UNKNOWN, "more": UNKNOWN}},
            ["dataLoaderConfig.auth", "dataLoaderConfig.batchSize", "dataLoaderConfig.more"],
        ),
        (ACCESS, {"team": UNKNOWN}, []),
        (ACCESS, {"member": UNKNOWN}, []),  # either may come to nothing
        (ACCESS, {"member": UNKNOWN, "organization": UNKNOWN, "team": None}, []),
        (ACCESS, {"member": UNKNOWN, "organization": True}, [""]),
    ],
)
def test_what_is_wrong_whatever_the_unknown_is_going_to_be(
    name: str, changes: dict[str, Any], paths: list[str]
) -> None:
    assert list(checked(name, **changes)[1]) == paths


# Secrets

SECRET_FAULTS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    (INSTANCE, {"status": Sealed(HIDDEN)}, {"status": "status is not one of active, disabled, archived (E104). Write"}),
    (INSTANCE, {"status": Sealed("enabled")}, {"status": "(E104). Write one of active, disabled, archived."}),
    (INSTANCE, {"name": Sealed(f"{HIDDEN}\x00")}, {"name": "name holds a control character (E105). Remove it."}),
    (INSTANCE, {"name": Sealed(HIDDEN * 30)}, {"name": "name is too long (E105). Use at most 255."}),
    (INSTANCE, {"name": [Sealed(HIDDEN)]}, {"name": "name must be text (E103)."}),
    (INSTANCE, {"connectorAccount": Sealed(HIDDEN)}, {"connectorAccount": "connectorAccount is not the id of a"}),
    (INSTANCE, {"connectorAccount": Sealed(CIN)}, {"connectorAccount": "connectorAccount is not the id of a"}),
    (INSTANCE, {"adopt": Sealed("true")}, {"adopt": "adopt must be true or false (E103). Write true or false,"}),
    (INSTANCE, {"config": Sealed({HIDDEN: ASSET})}, {"config": "config is an asset (E103)."}),
    (MAPPING, {"plugin": Sealed(HIDDEN)}, {"plugin": "plugin is not an id of that kind (E133)."}),
    (LOADS, {"dataLoaderConfig": Sealed({**LOADER, HIDDEN: 1})}, {"dataLoaderConfig": "unknown key in data"}),
    (LOADS, loader(source=Sealed(87654321)), {"dataLoaderConfig.source": "must be text (E103)."}),
    (LOADS, loader(batchSize=Sealed(-8765)), {"dataLoaderConfig.batchSize": "is out of range (E105). Write at least"}),
    (LOADS, loader(auth=HIDDEN), {"dataLoaderConfig.auth": "dataLoaderConfig.auth must be a mapping (E103)."}),
    (LOADS, {"dataLoaderConfig": f'{{"auth": "{HIDDEN}"}}'}, {"dataLoaderConfig": "must be a mapping (E103)."}),
]


@pytest.mark.parametrize(("name", "changes", "reasons"), SECRET_FAULTS)
def test_no_secret_is_told(name: str, changes: dict[str, Any], reasons: dict[str, str]) -> None:
    _, failures = checked(name, **changes)
    assert failures.keys() == reasons.keys()
    for path, words in reasons.items():
        assert words in failures[path]
        assert not re.search(r"hunter2|8765|enabled|cin_|did you mean|450", failures[path])


# Whatever it is given

texts = some.text(max_size=8) | some.sampled_from(
    ["active", "enabled", CAC, CIN, CTG, f"{CTG}/{CMP}", "acme", " x ", "a@b", "valueFrom", "\x00", "y" * 300]
)
leaves = (
    some.none()
    | some.booleans()
    | some.integers(-(2**53), 2**53)
    | some.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer())
    | texts
    | some.just(UNKNOWN)
    | some.sampled_from([ASSET, COMPONENT, LATER, opaque("resource", id=CIN), opaque("archive", assets={"a": ASSET})])
)
names = sorted({trait.name for kind in RESOURCES for trait in inputs_of(kind)})
inner_names = ["source", "batchSize", "auth", "autoImportNewPlugins", "password"]
keys = some.sampled_from([*names, *inner_names, "id", "connection", "targets", "__defaults", "spec"]) | texts


def values_of(leaf: some.SearchStrategy[Any]) -> some.SearchStrategy[Any]:
    return some.recursive(
        leaf,
        lambda inner: (
            some.lists(inner, max_size=3)
            | some.dictionaries(some.sampled_from(inner_names) | texts, inner, max_size=4)
            | some.builds(Sealed, inner)
        ),
        max_leaves=8,
    )


@given(some.sampled_from(RESOURCES), some.dictionaries(keys, values_of(leaves), max_size=8), some.booleans())
@example(KINDS[INSTANCE], {"spec": {"a": {}}, "name": {"valueFrom": {"env": 1}}}, True)
@settings(max_examples=400, deadline=None)
def test_nothing_makes_it_fail_and_its_result_is_final(
    kind: ResourceKind, changes: dict[str, Any], sound: bool
) -> None:
    inputs = {**SOUND[kind.name], **changes} if sound else changes
    found, failures = check(kind, inputs)
    assert all(isinstance(one, Failure) and one.reason.isprintable() for one in failures)
    assert len({one.property for one in failures}) == len(failures)
    assert check(kind, found) == (found, failures)
    assert check(kind, inputs) == (found, failures)
    assert check(kind, decode(encode(found))) == (found, failures)


SECRETS = [f"{HIDDEN}{tail}" for tail in ("", "\x01", "-active", CAC, "x" * 400)] + [7654321, -7654321, 7654321.5]


def sealed(other: some.SearchStrategy[Any]) -> some.SearchStrategy[Any]:
    hidden = some.sampled_from(SECRETS)
    inside = some.recursive(
        hidden,
        lambda inner: (
            some.lists(inner, max_size=2)
            | some.dictionaries(some.sampled_from([HIDDEN, *inner_names]), inner, max_size=3)
            | some.builds(lambda value: opaque("asset", text=value), inner)
        ),
        max_leaves=5,
    )
    return some.one_of(some.builds(Sealed, inside), other)


@given(
    some.sampled_from(RESOURCES),
    some.dictionaries(some.sampled_from([*names, "other"]), values_of(sealed(leaves)), max_size=8),
)
@settings(max_examples=400, deadline=None)
def test_nothing_that_is_sealed_is_ever_told(kind: ResourceKind, changes: dict[str, Any]) -> None:
    found, failures = check(kind, {**SOUND[kind.name], **changes})
    for text in (*(f"{one.property}{one.reason}" for one in failures), repr(failures)):
        assert "hunter2" not in text
        assert "7654321" not in text
    assert "hunter2" not in repr(found)
    assert "7654321" not in repr(found)
