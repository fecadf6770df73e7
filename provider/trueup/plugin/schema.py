"""The Pulumi package schema, generated from the kinds. SDKs are built from it; YAML programs are checked against it.

Printing it needs no Pulumi package.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from trueup.core.version import __version__
from trueup.plugin import functions_schema
from trueup.plugin.fields_schema import TEXT, Properties, always, filled, inputs, outputs, types, variable
from trueup.plugin.tokens import PACKAGE, form_of, inputs_of, tenant_name, token_of
from trueup.systems.registry import RESOURCES, SYSTEMS, resource_kind

if TYPE_CHECKING:
    from trueup.core.kinds import ResourceKind
    from trueup.systems.system import System


def _config(system: System) -> Properties:
    """Return the configuration properties of one system: its URL, its API key and its tenant."""
    prefix = f"TRUEUP_{system.name.upper()}_"
    forms = "`https://…` or `http://` for a local server"
    if system.embedded:
        forms = "`https://…`, `http://` for a local server, or `sandbox` for an embedded server, which needs no key"
    found: Properties = {
        f"{system.name}Url": {
            "type": "string",
            "description": f"The URL of {system.title}: {forms}. Default: `{system.url}`.",
            "defaultInfo": {"environment": [f"{prefix}URL"]},
        },
        f"{system.name}ApiKey": {
            "type": "string",
            "description": f"The API key for {system.title}.",
            "secret": True,
            "defaultInfo": {"environment": [f"{prefix}API_KEY"]},
        },
    }
    if system.tenant.setting:
        found[tenant_name(system.name)] = {
            "type": "string",
            "description": system.tenant.doc,
            "defaultInfo": {"environment": [f"{prefix}{system.tenant.setting.upper()}"]},
        }
    return found


_TITLES: Final = " and ".join(system.title for system in SYSTEMS.values())
CONFIG: Final[Properties] = {
    **{name: one for system in SYSTEMS.values() for name, one in _config(system).items()},
    "allowDisconnect": {
        "type": "boolean",
        "description": "Allows accounts with `deletionPolicy: disconnect` to be disconnected, which deletes all "
        "their instances. Default: `false`.",
    },
}
"""The provider's configuration."""


def package_schema() -> dict[str, Any]:
    """Return the schema as plain values."""
    return {
        "name": PACKAGE,
        "displayName": "trueup",
        "version": __version__,
        "description": f"Keeps connectors of {_TITLES} in the state that a program declares.",
        "keywords": ["pulumi", PACKAGE, *SYSTEMS, "connectors", "category/utility", "kind/native"],
        "license": "Apache-2.0",
        "config": {"variables": CONFIG},
        "provider": {
            "description": f"The URLs and API keys of {_TITLES}. A program that uses only one of them needs "
            "no settings for the other.",
            "inputProperties": CONFIG,
            "properties": CONFIG,
        },
        "types": {token: one for kind in RESOURCES for token, one in types(kind).items()} | functions_schema.types(),
        "resources": {token_of(kind): _resource(kind) for kind in RESOURCES},
        "functions": functions_schema.functions(),
        "language": {
            "nodejs": {
                "packageName": "@trueup/pulumi",
                "packageDescription": f"Connectors of {_TITLES} as code.",
                "dependencies": {"@pulumi/pulumi": "^3.142.0"},
                "respectSchemaVersion": True,
            },
            "python": {
                "packageName": "pulumi_trueup",
                "requires": {"pulumi": ">=3.231.0,<4.0.0"},
                "pyproject": {"enabled": True},
                "inputTypes": "classes-and-dicts",
                "respectSchemaVersion": True,
            },
        },
    }


def schema_text() -> str:
    """Return the text that is committed as `schemas/pulumi.schema.json`."""
    return json.dumps(package_schema(), indent=2, ensure_ascii=False) + "\n"


def _resource(kind: ResourceKind) -> dict[str, Any]:
    return {
        "description": _described(kind),
        "inputProperties": inputs(kind),
        "requiredInputs": [field.name for field in inputs_of(kind) if field.required],
        "properties": outputs(kind),
        "required": always(kind),
        "listInputs": _listing(kind),
    }


def _listing(kind: ResourceKind) -> dict[str, Any]:
    """Return the inputs that listing a kind needs: none, or the id of its parent."""
    if not kind.parent:
        return {"type": "object", "properties": {}}
    above = kind.parent_kind or kind.parent.removesuffix("Id")
    parent = TEXT | {"description": f"Only children of the {above} with this id."}
    return {"type": "object", "properties": {kind.parent: parent}, "required": [kind.parent]}


def _described(kind: ResourceKind) -> str:
    """Return a kind's description, example and import instructions as Markdown."""
    said = filled(kind.doc)
    if kind.one_of:
        said += f"\n\nExactly one of {', '.join(f'`{name}`' for name in kind.one_of)} must be given."
    name = _name(kind)
    # SDKs drop an example in another language; the heading is inside so that it is dropped with it.
    return (
        f"{said}\n\n{{{{% examples %}}}}\n{{{{% example %}}}}\n## Example Usage\n\n```yaml\n{_program(kind, name)}```\n"
        f"{{{{% /example %}}}}\n{{{{% /examples %}}}}\n\n## Import\n\nImport by id, `{form_of(kind)}`:\n\n```sh\n"
        f"$ pulumi import {token_of(kind)} {name} {form_of(kind)}\n```\n"
    )


def _name(kind: ResourceKind) -> str:
    """Return the resource name in a kind's example, as the examples of other kinds refer to it."""
    called = (
        field.example
        for other in RESOURCES
        for field in other.references
        if (other.system, field.reference) == (kind.system, kind.name)
    )
    own = kind.by_name.get("name")
    return str(next(called, (own.example if own else None) or variable(kind.name)))


def _program(kind: ResourceKind, name: str) -> str:
    """Return a complete YAML program: the example of a kind, after the resources it refers to."""
    import yaml

    variables: dict[str, Any] = {}
    resources: dict[str, Any] = {}
    _add(kind, name, resources, variables)
    program = ({"config": variables} if variables else {}) | {"resources": resources}
    return yaml.safe_dump(program, sort_keys=False, allow_unicode=True, width=120)


def _add(kind: ResourceKind, name: str, resources: dict[str, Any], variables: dict[str, Any]) -> None:
    properties: dict[str, Any] = {}
    for field in inputs_of(kind):
        if field.reference:
            _add(resource_kind(kind.system, field.reference), field.example, resources, variables)
            properties[field.name] = f"${{{field.example}.id}}"
        elif field.example is not None and not (field.name == "name" and field.example == name):
            properties[field.name] = _value(field.example, variables)
    resources[name] = {"type": token_of(kind), "properties": properties}


def _value(example: Any, variables: dict[str, Any]) -> Any:
    """Return a value of an example; a secret reference becomes a secret of the stack's configuration."""
    if not isinstance(example, dict):
        return example
    if "valueFrom" in example:
        first, *rest = example["valueFrom"]["env"].lower().split("_")
        variable_name = first + "".join(map(str.capitalize, rest))
        variables[variable_name] = {"type": "string", "secret": True}
        return f"${{{variable_name}}}"
    return {key: _value(value, variables) for key, value in example.items()}
