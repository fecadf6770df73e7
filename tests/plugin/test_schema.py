"""The Pulumi package schema: made of the kinds, accepted by Pulumi, and right where Pulumi does not look."""

from __future__ import annotations

import functools
import json
import operator
import re
import shutil
import subprocess
import sys
from typing import Any

import jsonschema
import pytest
import yaml
from commands import inside
from repository import ROOT
from sandboxes import PATIENCE
from schema_lint import faults, objects

from trueup import __version__
from trueup.core.kinds import ResourceKind
from trueup.plugin import config
from trueup.plugin.functions_schema import FUNCTIONS
from trueup.plugin.schema import CONFIG, package_schema, schema_text
from trueup.plugin.tokens import form_of, inputs_of, token_of
from trueup.systems.registry import BY_NAME, RESOURCES

METASCHEMA = ROOT.parent / "shared" / "pulumi" / "metaschema.json"
COMMITTED = ROOT / "schemas" / "pulumi.schema.json"
SCHEMA = package_schema()
each_kind = pytest.mark.parametrize("kind", RESOURCES, ids=lambda kind: f"{kind.system}-{kind.name}")


def resource(kind: ResourceKind) -> dict[str, Any]:
    found: dict[str, Any] = SCHEMA["resources"][token_of(kind)]
    return found


def resolved(spec: dict[str, Any]) -> dict[str, Any]:
    """A property's own type, or the one of the package that it refers to."""
    found: dict[str, Any] = SCHEMA["types"].get(spec.get("$ref", "").removeprefix("#/types/"), spec)
    return found


def test_the_committed_file_is_fresh() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == schema_text()


def test_the_command_prints_it() -> None:
    assert inside("schema", "pulumi").stdout == schema_text()
    assert inside("schema", "manifest").stdout == inside("schema").stdout != schema_text()


def test_it_is_printed_without_pulumi_at_hand() -> None:
    script = (
        "import sys\nfrom trueup.cli import main\nassert main(['schema', 'pulumi']) == 0\n"
        "sys.exit(', '.join({'pulumi', 'grpc', 'google', 'httpx'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")


def test_pulumis_metaschema_accepts_it() -> None:
    if not METASCHEMA.exists():
        pytest.skip("Pulumi's metaschema is not beside this repository")
    text = re.sub(r"\(\?<(?=[a-z])", "(?P<", METASCHEMA.read_text(encoding="utf-8"))  # as Python writes names of groups
    validator = jsonschema.Draft202012Validator(json.loads(text))
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(SCHEMA)] == []


def test_pulumi_itself_accepts_it() -> None:
    """Pulumi says nothing when nothing is wrong; what it warns of counts as well."""
    built = ROOT / ".tools" / "pulumi" / "bin" / "pulumi"
    pulumi = str(built) if built.exists() else shutil.which("pulumi")
    if pulumi is None:
        pytest.skip("there is no pulumi here: script/bootstrap --pulumi makes one")
    command = [pulumi, "schema", "check", str(COMMITTED)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_nothing_is_wrong_that_pulumi_does_not_see() -> None:
    assert faults(SCHEMA) == []


INSTANCE = "resources/trueup:den:ConnectorInstance"
EVENTS = "functions/trueup:den:listSyncEvents"
LOADER = "types/trueup:wexa:DataLoaderConfig"
DESCRIBED = {"type": "string", "description": "Something."}


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (f"{INSTANCE}/inputProperties/status/$ref", "#/types/trueup:den:Gone", "refers to #/types/trueup:den:Gone"),
        (f"{EVENTS}/outputs/properties/events/items/$ref", "pulumi.json#/Anything", "refers to pulumi.json#/Anything"),
        (f"{INSTANCE}/requiredInputs", ["connectorAccount", "account"], "lacks account, which is required"),
        (f"{INSTANCE}/required", ["owner"], "lacks owner, which is required"),
        (f"{LOADER}/required", ["sauce"], "lacks sauce, which is required"),
        (f"{EVENTS}/inputs/required", ["until"], "lacks until, which is required"),
        (f"{INSTANCE}/properties/id", DESCRIBED, "properties/id is a reserved name"),
        (f"{INSTANCE}/inputProperties/urn", DESCRIBED, "inputProperties/urn is a reserved name"),
        ("provider/inputProperties/version", DESCRIBED, "inputProperties/version is a reserved name"),
        (f"{EVENTS}/inputs/properties/pulumi", DESCRIBED, "properties/pulumi is a reserved name"),
        (f"{INSTANCE}/properties/remote_id", DESCRIBED, "is no name in camelCase"),
        (f"{INSTANCE}/description", "", "ConnectorInstance has no description"),
        (f"{INSTANCE}/inputProperties/config/description", "", "config has no description"),
        (f"{INSTANCE}/inputProperties/config/description", "Double  blanks.", "that is no sentence"),
        (f"{LOADER}/properties/source/description", "", "source has no description"),
        (f"{EVENTS}/inputs/properties/since/description", "", "since has no description"),
        (f"{LOADER}/properties/auth/secret", False, "auth is not marked as a secret"),
        ("config/variables/denApiKey/secret", False, "denApiKey is not marked as a secret"),
        ("config/variables", {}, "#/config/variables are not #/provider/inputProperties"),
        (f"{INSTANCE}/inputProperties/status", DESCRIBED, "ConnectorInstanceStatus is used by nothing"),
        (f"{INSTANCE}/inputProperties/status/const", "active", "whether a program says it or not"),
        ("types/trueup:den:connectorinstance", DESCRIBED, "collides with #/types/trueup:den:connectorinstance"),
        ("functions/other:den:getConnectorInstance", SCHEMA["functions"][EVENTS[10:]], "is no token of this package"),
        ("types/trueup:den:SyncEventType/enum", [{"value": "push"}, {"value": "push"}], "has a word twice"),
        ("license", "", "#/license is missing"),
    ],
)
def test_the_lint_sees_it(path: str, value: Any, told: str) -> None:
    broken = json.loads(schema_text())
    *above, last = path.split("/")
    functools.reduce(operator.getitem, above, broken)[last] = value
    assert any(told in fault for fault in faults(broken)), faults(broken)


def test_the_package_says_what_it_is() -> None:
    assert (SCHEMA["name"], SCHEMA["version"], SCHEMA["license"]) == ("trueup", __version__, "Apache-2.0")
    assert "pluginDownloadURL" not in SCHEMA
    assert SCHEMA["language"]["python"]["packageName"] == "pulumi_trueup"
    assert SCHEMA["language"]["python"]["pyproject"] == {"enabled": True}
    assert SCHEMA["language"]["nodejs"]["packageName"] == "@trueup/pulumi"
    assert all(one["respectSchemaVersion"] for one in SCHEMA["language"].values())


def test_the_configuration_is_that_of_the_provider() -> None:
    assert set(CONFIG) == set(config.KNOWN)
    environment = {name: one["defaultInfo"]["environment"] for name, one in CONFIG.items() if "defaultInfo" in one}
    assert environment == {
        "denUrl": ["TRUEUP_DEN_URL"],
        "denApiKey": ["TRUEUP_DEN_API_KEY"],
        "denOrganization": ["TRUEUP_DEN_ORGANIZATION"],
        "wexaUrl": ["TRUEUP_WEXA_URL"],
        "wexaApiKey": ["TRUEUP_WEXA_API_KEY"],
        "wexaProject": ["TRUEUP_WEXA_PROJECT"],
    }
    assert {name for name, one in CONFIG.items() if one.get("secret")} == {"denApiKey", "wexaApiKey"}


@each_kind
def test_every_field_is_there(kind: ResourceKind) -> None:
    found = resource(kind)
    names = [trait.name for trait in inputs_of(kind)]
    assert list(found["inputProperties"]) == names
    assert found["requiredInputs"] == [trait.name for trait in kind.fields if trait.required]

    handler = kind.handler
    assert handler is not None
    dated = [] if kind.name == "ConnectorAccess" else ["updatedAt"]
    assert list(found["properties"]) == [*(name for name in names if name != "adopt"), *handler.computed, *dated]
    assert set(found["requiredInputs"]) <= set(found["required"])
    if kind.system == "den":
        assert {*handler.computed, *dated} <= set(found["required"])
    assert found["listInputs"].get("required", []) == ([kind.parent] if kind.parent else [])


@each_kind
def test_every_field_has_its_traits(kind: ResourceKind) -> None:
    found = resource(kind)
    for trait in inputs_of(kind):
        given, live = found["inputProperties"][trait.name], found["properties"].get(trait.name, {})
        assert given.get("replaceOnChanges", False) is trait.immutable
        assert given.get("willReplaceOnChanges", False) is trait.immutable
        assert live.get("replaceOnChanges", False) is trait.immutable
        assert given.get("secret", False) is (trait.secret is True)
        assert "default" not in given, "SDKs would say it, and then it would be declared"
        if isinstance(trait.secret, tuple):
            inner = resolved(given)["properties"]
            assert {key for key, one in inner.items() if one.get("secret")} == set(trait.secret)


@each_kind
def test_every_field_has_its_type(kind: ResourceKind) -> None:
    names = {"string", "integer", "boolean", "number"}
    for trait in inputs_of(kind):
        given = resource(kind)["inputProperties"][trait.name]
        live = resource(kind)["properties"].get(trait.name, given)
        types = trait.schema["type"] if isinstance(trait.schema["type"], list) else [trait.schema["type"]]
        if words := [word for word in trait.schema.get("enum", []) if isinstance(word, str)]:
            assert [one["value"] for one in resolved(given)["enum"]] == words
            assert (live.get("type") == "string") is not trait.local, "the server may have other words"
        elif trait.schema.get("additionalProperties") is False:
            assert list(resolved(given)["properties"]) == list(trait.schema["properties"])
            assert resolved(given)["required"] == trait.schema["required"]
        elif "object" in types:
            assert given["additionalProperties"] == {"$ref": "pulumi.json#/Any"}
        else:
            assert given["type"] == live["type"]
            assert given["type"] in names & set(types)


OF_MANIFESTS = re.compile(r"--[a-z]|metadata\.|manifest|apiVersion|valueFrom|ledger|`spec|document\b|declared [A-Z]")


def test_nothing_speaks_of_manifests() -> None:
    for place, properties, _ in objects(SCHEMA):
        for name, one in properties.items():
            assert not OF_MANIFESTS.search(one["description"]), f"{place}/{name}"
    for section in ("types", "resources", "functions"):
        for token, one in SCHEMA[section].items():
            assert not OF_MANIFESTS.search(one["description"]), token


def test_descriptions_fit_a_program() -> None:
    """What a manifest has, and what only the command can do, is not in them."""
    text = json.dumps(SCHEMA)
    assert [words for words in ("metadata.name", "--", "secret references", "pruning") if words in text] == []


def test_references_say_what_they_refer_to() -> None:
    said = SCHEMA["resources"]["trueup:den:ConnectorInstance"]["inputProperties"]["connectorAccount"]["description"]
    assert said == "The account it belongs to: the id of the ConnectorAccount, such as `account.id`."


@each_kind
def test_every_resource_has_an_example_that_is_a_program(kind: ResourceKind) -> None:
    description = resource(kind)["description"]
    shape = r"\{\{% examples %\}\}\n\{\{% example %\}\}\n## Example Usage\n\n```yaml\n(.*?)```\n\{\{% /example %\}\}"
    (text,) = re.findall(shape, description, re.DOTALL)
    program = yaml.safe_load(text)
    *_, (name, last) = program["resources"].items()
    assert last["type"] == token_of(kind)
    told = {"name": name, **last["properties"]}
    assert {trait.name for trait in inputs_of(kind) if trait.example is not None} <= told.keys()
    assert f"$ pulumi import {token_of(kind)} {name} {form_of(kind)}\n" in description

    known = set(program.get("config", {}))
    for one, declared in program["resources"].items():
        _conforms(declared["type"], declared["properties"])
        assert set(re.findall(r"\$\{([\w-]+)", json.dumps(declared))) <= known
        known.add(one)


def _conforms(token: str, properties: dict[str, Any]) -> None:
    found = SCHEMA["resources"][token]
    assert set(found["requiredInputs"]) <= properties.keys() <= found["inputProperties"].keys()
    system, name = token.split(":")[1:]
    kind = BY_NAME[f"{system}.trueup.dev/v1", name]
    for one, value in properties.items():
        if "${" not in json.dumps(value):
            schema = {key: part for key, part in kind.by_name[one].schema.items() if key != "idPattern"}
            jsonschema.Draft7Validator(schema).validate(value)


def test_secrets_of_an_example_are_configuration() -> None:
    text = SCHEMA["resources"]["trueup:wexa:Connector"]["description"]
    assert "password: ${crmPassword}\n" in text
    assert "  crmPassword:\n    type: string\n    secret: true\n" in text


def test_functions_are_those_of_the_table() -> None:
    assert (
        set(SCHEMA["functions"])
        == set(FUNCTIONS)
        == {
            "trueup:den:getConnectorInstance",
            "trueup:den:getConnectorAccount",
            "trueup:den:listConnectorInstances",
            "trueup:den:listSyncEvents",
            "trueup:wexa:getConnectors",
        }
    )
    for token, (_, function) in FUNCTIONS.items():
        assert set(function.one_of) <= function.inputs.keys()
        for name in function.one_of:
            assert f"`{name}`" in SCHEMA["functions"][token]["description"]


def test_what_a_function_tells_is_in_the_words_of_the_resource() -> None:
    for token, name in (("getConnectorInstance", "ConnectorInstance"), ("getConnectorAccount", "ConnectorAccount")):
        outputs = SCHEMA["functions"][f"trueup:den:{token}"]["outputs"]["properties"]
        live = SCHEMA["resources"][f"trueup:den:{name}"]["properties"]
        assert outputs.keys() - live.keys() == {"id"}
        assert {one: outputs[one]["type"] for one in outputs.keys() - {"id"}} == {
            one: live[one]["type"] for one in outputs.keys() - {"id"}
        }
