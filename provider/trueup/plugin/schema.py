"""The Pulumi package schema, made of the kinds: SDKs are generated from it, and YAML programs checked with it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, cast

from trueup import __version__
from trueup.model import Verbs
from trueup.plugin.tokens import ADOPT, PACKAGE, RESOURCES, form_of, inputs_of, token_of

if TYPE_CHECKING:
    from trueup.model import Field, Kind

_ANY: Final = {"$ref": "pulumi.json#/Any"}
_TEXT: Final = {"type": "string"}
CONFIG: Final[dict[str, dict[str, Any]]] = {
    "denUrl": {
        "type": "string",
        "description": "Where Den is; `sandbox` is an embedded one, which needs no key. The public API by default.",
        "defaultInfo": {"environment": ["TRUEUP_DEN_URL"]},
    },
    "denApiKey": {
        "type": "string",
        "description": "The API key for Den.",
        "secret": True,
        "defaultInfo": {"environment": ["TRUEUP_DEN_API_KEY"]},
    },
    "wexaUrl": {
        "type": "string",
        "description": "Where Wexa is; `sandbox` is an embedded one, which needs no key. The public API by default.",
        "defaultInfo": {"environment": ["TRUEUP_WEXA_URL"]},
    },
    "wexaApiKey": {
        "type": "string",
        "description": "The API key for Wexa.",
        "secret": True,
        "defaultInfo": {"environment": ["TRUEUP_WEXA_API_KEY"]},
    },
    "allowDisconnect": {
        "type": "boolean",
        "description": "Lets an account whose `deletionPolicy` is `disconnect` be disconnected, which deletes every "
        "instance of it.",
    },
}
_PHRASES: Final = (
    (r"the name of a declared (\w+), or an id `(\w+_)…`", r"the id of a \1 resource, `\2…`"),
    (r"What `--prune` does once it is declared no more\.", "What becomes of it when it leaves the program."),
    (r"`--allow-disconnect`", "the provider's `allowDisconnect`"),
    (r"by default `metadata\.name`", "by default that of the resource in the program"),
    (r" Another name here, or one that a person gave it.*$", " Another name is a rename."),
    (r"Take the live value into the manifest", "Take the live value into the program"),
    (r": secret references\.", "."),
    (r"the manifest", "the program"),
)
"""Words of manifests, and what is meant by them in a program."""


def package_schema() -> dict[str, Any]:
    """The schema as plain values."""
    types: dict[str, Any] = {}
    resources = {token_of(kind): _resource(kind, types) for kind in RESOURCES}
    functions = _functions(types)
    return {
        "name": PACKAGE,
        "displayName": "trueup",
        "version": __version__,
        "description": "Keeps connectors of Den and Wexa in the state that a program declares.",
        "keywords": ["pulumi", "trueup", "den", "wexa", "connectors", "category/utility", "kind/native"],
        "license": "Apache-2.0",
        "publisher": "trueup",
        "config": {"variables": CONFIG},
        "provider": {
            "description": "Where Den and Wexa are, and with which keys. What is left out comes from `TRUEUP_*`.",
            "inputProperties": CONFIG,
            "properties": {name: spec for name, spec in CONFIG.items() if spec["type"] == "string"},
        },
        "types": types,
        "resources": resources,
        "functions": functions,
        "language": {
            "nodejs": {
                "packageName": "@trueup/pulumi",
                "packageDescription": "Connectors of Den and Wexa as code.",
                "dependencies": {"@pulumi/pulumi": "^3.142.0"},
                "respectSchemaVersion": True,
            },
            "python": {
                "packageName": "pulumi_trueup",
                "requires": {"pulumi": ">=3.165.0,<4.0.0"},
                "pyproject": {"enabled": True},
                "respectSchemaVersion": True,
            },
        },
    }


def schema_text() -> str:
    """What is committed as `schemas/pulumi.schema.json`."""
    return json.dumps(package_schema(), indent=2, ensure_ascii=False) + "\n"


def _resource(kind: Kind, types: dict[str, Any]) -> dict[str, Any]:
    inputs = {trait.name: _property(kind, trait, types) for trait in inputs_of(kind)}
    told = {name: {**_TEXT, "description": doc} for name, doc in cast(Verbs, kind.verbs).told.items()}
    outputs = {name: dict(spec) for name, spec in inputs.items() if name != ADOPT.name} | told
    outputs["updatedAt"] = {**_TEXT, "description": "When it was changed last."}
    for spec in outputs.values():
        spec.pop("replaceOnChanges", None)
        spec.pop("willReplaceOnChanges", None)
        spec.pop("default", None)
    required = [trait.name for trait in inputs_of(kind) if trait.required]
    return {
        "description": _described(kind),
        "inputProperties": inputs,
        "requiredInputs": required,
        "properties": outputs,
        "required": required,
    } | (
        {"listInputs": {"type": "object", "properties": {kind.parent: dict(inputs[kind.parent])}}}
        if kind.parent
        else {}
    )


def _property(kind: Kind, trait: Field, types: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _type(kind, trait, types)
    found["description"] = told(trait.doc)
    if trait.secret is True:
        found["secret"] = True
    if trait.immutable:
        found |= {"replaceOnChanges": True, "willReplaceOnChanges": True}
    return found


def _type(kind: Kind, trait: Field, types: dict[str, Any]) -> dict[str, Any]:
    schema = trait.schema
    names = schema.get("type")
    name = next((one for one in names if one != "null"), "string") if isinstance(names, list) else names
    if schema.get("enum") and name == "string":
        token = f"{PACKAGE}:{kind.system}:{kind.name}{_capital(trait.name)}"
        values = [{"name": _capital(str(value)), "value": value} for value in schema["enum"]]
        types[token] = {"type": "string", "description": told(trait.doc), "enum": values}
        return {"$ref": f"#/types/{token}"}
    if name == "object" and schema.get("additionalProperties") is False:
        token = f"{PACKAGE}:{kind.system}:{_capital(trait.name)}"
        inner: dict[str, Any] = {}
        for key, one in schema["properties"].items():
            kept = (
                {"type": one["type"]} if one["type"] != "object" else {"type": "object", "additionalProperties": _ANY}
            )
            hidden = isinstance(trait.secret, tuple) and key in trait.secret
            inner[key] = kept | {"description": told(one["description"])} | ({"secret": True} if hidden else {})
        types[token] = {
            "type": "object",
            "description": told(trait.doc),
            "properties": inner,
            "required": schema.get("required", []),
        }
        return {"$ref": f"#/types/{token}"}
    if name == "object":
        return {"type": "object", "additionalProperties": _ANY}
    return {"type": name}


def told(doc: str) -> str:
    """What a kind or field is, in words that are true of a program."""
    for pattern, words in _PHRASES:
        doc = re.sub(pattern, words, doc)
    return doc


def _described(kind: Kind) -> str:
    example = {
        trait.name: trait.example for trait in inputs_of(kind) if trait.example is not None and not trait.reference
    }
    lines = [f"      {name}: {json.dumps(_plain(value))}" for name, value in example.items()]
    lines += [f"      {trait.name}: ${{{_variable(trait)}.id}}" for trait in kind.references]
    program = "\n".join(["resources:", "  example:", f"    type: {token_of(kind)}", "    properties:", *lines])
    return (
        f"{told(kind.doc)}\n\n{{{{% examples %}}}}\n## Example Usage\n{{{{% example %}}}}\n```yaml\n{program}\n```\n"
        f"{{{{% /example %}}}}\n{{{{% /examples %}}}}\n\n## Import\n\n```sh\n"
        f"$ pulumi import {token_of(kind)} example {form_of(kind)}\n```\n"
    )


def _variable(trait: Field) -> str:
    name = str(trait.reference).removeprefix("Connector")
    return name[:1].lower() + name[1:]


def _plain(value: Any) -> Any:
    """An example without references to secrets, which only manifests have."""
    if isinstance(value, dict):
        return "…" if "valueFrom" in value else {key: _plain(one) for key, one in value.items()}
    return value


def _capital(text: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]", text))


def _functions(types: dict[str, Any]) -> dict[str, Any]:
    def text(doc: str) -> dict[str, Any]:
        return {**_TEXT, "description": doc}

    def listed(token: str, doc: str, properties: dict[str, Any]) -> dict[str, Any]:
        types[token] = {"type": "object", "description": doc, "properties": properties, "required": ["id"]}
        return {"type": "array", "items": {"$ref": f"#/types/{token}"}, "description": "What was found."}

    one_id = {"id": text("Its id.")}
    instance = one_id | {
        "name": text("Its name."),
        "connectorAccount": text("The id of its account."),
        "remoteId": text("The repository at the upstream."),
        "status": text("Whether it syncs, in Den's words."),
        "autoImportNewPlugins": {"type": "boolean", "description": "Whether new plugins are imported by themselves."},
        "organizationId": text("The organisation that it belongs to."),
        "createdAt": text("When it was created."),
        "updatedAt": text("When it was changed last."),
    }
    account = one_id | {
        "connectorType": text("What the upstream is."),
        "remoteId": text("The account's id at the upstream."),
        "displayName": text("The name people see."),
        "externalAccountRef": text("Another reference to the upstream account."),
        "status": text("Den's own status of it."),
        "organizationId": text("The organisation that it belongs to."),
        "createdAt": text("When it was created."),
        "updatedAt": text("When it was changed last."),
    }
    event = one_id | {
        "eventType": text("What made it sync."),
        "status": text("How it goes, or ended."),
        "connectorInstance": text("The id of the instance."),
        "connectorTarget": text("The id of the target."),
        "remoteId": text("What of the upstream."),
        "startedAt": text("When it began."),
        "completedAt": text("When it ended."),
        "attempts": {"type": "integer", "description": "How often it was tried."},
    }
    connector = one_id | {
        "projectId": text("Its project."),
        "connectorId": text("Its id."),
        "name": text("Its name."),
        "status": text("Its status, in Wexa's words."),
        "category": text("What Wexa lists it under."),
        "updatedAt": text("When it was changed last."),
    }

    def function(doc: str, inputs: dict[str, Any], outputs: dict[str, Any], needs: list[str], gives: list[str]) -> Any:
        return {
            "description": doc,
            "inputs": {"type": "object", "properties": inputs, **({"required": needs} if needs else {})},
            "outputs": {"type": "object", "properties": outputs, "required": gives},
        }

    return {
        "trueup:den:getConnectorInstance": function(
            "One instance, by name or id.", {"name": instance["name"], **one_id}, instance, [], ["id"]
        ),
        "trueup:den:getConnectorAccount": function(
            "One account, by remoteId or id.", {"remoteId": account["remoteId"], **one_id}, account, [], ["id"]
        ),
        "trueup:den:listConnectorInstances": function(
            "The instances that the key can see.",
            {
                "status": text("Only those of that status."),
                "connectorAccount": text("Only those of the account with that id."),
                "q": text("Only those with that in their name or remoteId."),
            },
            {"instances": listed("trueup:den:ConnectorInstanceSummary", "An instance.", instance)},
            [],
            ["instances"],
        ),
        "trueup:den:listSyncEvents": function(
            "The newest sync events, the newest first.",
            {
                "connectorInstance": text("Only those of the instance with that id."),
                "connectorTarget": text("Only those of the target with that id."),
                "eventType": text("Only those of that type."),
                "status": text("Only those of that status."),
                "since": text("Only those that began since (RFC 3339)."),
                "limit": {"type": "integer", "description": "At most so many; 100 when left out."},
            },
            {"events": listed("trueup:den:SyncEvent", "A sync event.", event)},
            [],
            ["events"],
        ),
        "trueup:wexa:getConnectors": function(
            "The connectors of a project.",
            {"projectId": connector["projectId"]},
            {"connectors": listed("trueup:wexa:ConnectorSummary", "A connector.", connector)},
            ["projectId"],
            ["connectors"],
        ),
    }
