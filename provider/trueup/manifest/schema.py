"""Kinds -> JSON Schema of a manifest, and validators made of it.

Draft 7, because editors (yaml-language-server) and fastjsonschema both know it whole. fastjsonschema decides whether a
document is sound; only one that is not goes through jsonschema, which finds all that is wrong with it.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from trueup.core.fields import GROWS
from trueup.core.kinds import PROTECT, RENAMED_FROM
from trueup.manifest.literals import PLAIN
from trueup.manifest.words import NO_CONTROL, SEEN
from trueup.systems.registry import BY_NAME, KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trueup.core.fields import Field
    from trueup.core.kinds import Kind

DRAFT: Final = "http://json-schema.org/draft-07/schema#"
REFERENCE: Final = "reference"
"""Title of the definition of `{valueFrom: …}`: an error there is one about a secret."""
OURS: Final = ("idPattern",)
"""Keywords of a field's schema that are ours: they stay out of what is published."""

_NAME: Final = {
    "type": "string",
    "minLength": 1,
    "maxLength": 253,
    "pattern": "^(?![\\s\\ufeff])[^/\\u0000-\\u001f\\u007f-\\u009f]+(?<![\\s\\ufeff])$",
    "description": "The name of the resource; unique within kind and Connection.",
}
_FORM: Final = ("type", "pattern")
_SEEN_CHARACTER: Final = r"\S"
_TEXTS: Final = {"type": "object", "additionalProperties": {"type": "string"}}
METADATA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": _NAME,
        "labels": {**_TEXTS, "description": "Labels such as the team, for selection: `-l team=platform`."},
        "annotations": {
            **_TEXTS,
            "properties": {
                PROTECT: {"enum": ["true", "false"], "description": "Refuse its removal and replacement."},
                RENAMED_FROM: {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 255,
                    "pattern": "\\S",
                    "description": "The former name, so that the resource is renamed instead of created again.",
                },
            },
            "patternProperties": {"^trueup\\.dev/(?!protect$|renamed-from$)": {"not": {}}},
            "description": "Annotations; those with the prefix `trueup.dev/` are for trueup.",
        },
    },
    "description": "Name, labels and annotations of the resource.",
}
_CONNECTION: Final = {
    "type": "string",
    "minLength": 1,
    "description": "The name of its Connection. Default: `default`.",
}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/definitions/{name}"}


_PROGRAM: Final = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "string", "minLength": 1, "pattern": "^[^\\u0000]+$"},
    "description": "The program and its arguments; there is no shell.",
}
_DEFINITIONS: Final[dict[str, Any]] = {
    REFERENCE: {
        "title": REFERENCE,
        "description": "A secret by reference: an environment variable, a file, or the output of a program.",
        "type": "object",
        "required": ["valueFrom"],
        "additionalProperties": False,
        "properties": {
            "valueFrom": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": False,
                "properties": {
                    "env": {
                        "type": "string",
                        "pattern": "^[A-Za-z_][A-Za-z0-9_]*$",
                        "description": "An environment variable.",
                    },
                    "file": {
                        "type": "string",
                        "minLength": 1,
                        "pattern": "^[^\\u0000]+$",
                        "description": "A file; the path is relative to the folder of the manifest.",
                    },
                    "exec": {
                        "description": "A program and its arguments, or `{command, timeout}`. No shell is used.",
                        "if": {"type": "object"},
                        "then": {
                            "required": ["command"],
                            "additionalProperties": False,
                            "properties": {
                                "command": _PROGRAM,
                                "timeout": {
                                    "type": "number",
                                    "exclusiveMinimum": 0,
                                    "maximum": 600,
                                    "default": 30,
                                    "description": "Timeout in seconds.",
                                },
                            },
                        },
                        "else": _PROGRAM,
                    },
                },
            }
        },
    },
    "value": {
        "description": "Any value; secrets by reference.",
        "if": {"type": "object"},
        "then": {
            "if": {"required": ["valueFrom"]},
            "then": _ref(REFERENCE),
            "else": {"additionalProperties": _ref("value")},
        },
        "else": {"if": {"type": "array"}, "then": {"items": _ref("value")}},
    },
    "sealed": {
        "description": "Secrets by reference; literal values only for keys that are clearly not secret.",
        "if": {"type": "object"},
        "then": {
            "if": {"required": ["valueFrom"]},
            "then": _ref(REFERENCE),
            "else": {
                "properties": dict.fromkeys(PLAIN, _ref("plain")),
                "additionalProperties": _ref("sealed"),
            },
        },
        "else": {"if": {"type": "array"}, "then": {"items": _ref("sealed")}, "else": _ref(REFERENCE)},
    },
    "plain": {"if": {"type": ["object", "array"]}, "then": _ref("sealed")},
}


def manifest_schema(kinds: Sequence[Kind] = KINDS) -> dict[str, Any]:
    """JSON Schema of one document of any kind, for editors: `# yaml-language-server: $schema=…`."""
    versions = sorted({kind.api_version for kind in kinds})
    names = sorted({kind.name for kind in kinds})
    branches = [
        {
            "if": {
                "required": ["apiVersion", "kind"],
                "properties": {"apiVersion": {"const": kind.api_version}, "kind": {"const": kind.name}},
            },
            "then": _ref(_definition(kind)),
        }
        for kind in kinds
    ]
    whole: dict[str, Any] = {
        "$schema": DRAFT,
        "title": "trueup manifest",
        "description": "One document of a manifest: a resource or a Connection.",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"enum": versions, "description": "The system, and the version of its manifest format."},
            "kind": {"enum": names, "description": "The kind of the resource."},
        },
        "allOf": branches,
        "definitions": {_definition(kind): document_schema(kind) for kind in kinds} | _DEFINITIONS,
    }
    suggested: dict[str, Any] = _suggested(whole)
    return suggested


def schema_text() -> str:
    """Return the text of `schemas/manifest.schema.json`."""
    return json.dumps(manifest_schema(), indent=2, ensure_ascii=False) + "\n"


def _suggested(schema: Any) -> Any:
    """The schema for editors: words that a newer server may add to are suggested, and no others refused."""
    if isinstance(schema, list):
        return [_suggested(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if GROWS not in schema:
        return {key: _suggested(value) for key, value in schema.items()}
    rest = {key: value for key, value in schema.items() if key not in (GROWS, "enum", "type")}
    return {**rest, "anyOf": [{"enum": schema["enum"]}, {"type": "string"}]}


def document_schema(kind: Kind, *, free: dict[str, Any] | None = None, checked: bool = False) -> dict[str, Any]:
    """JSON Schema of one document of that kind, without the definitions it refers to; `free` is that of free values."""
    values = _ref("value") if free is None else free
    spec = _spec(kind, values, checked=checked)
    if kind.name != "Connection":
        spec["properties"]["connection"] = _CONNECTION
    return {
        "description": kind.doc,
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
        "properties": {
            "apiVersion": {"enum": [kind.api_version]},  # fastjsonschema cannot compile `const` without detailed errors
            "kind": {"enum": [kind.name]},
            "metadata": METADATA,
            "spec": {**spec, "description": kind.doc.partition("\n")[0]},
        },
    }


def _spec(kind: Kind, values: dict[str, Any], *, within: bool = False, checked: bool = False) -> dict[str, Any]:
    """Of the fields of a kind; `within` the short form of another, which it need not refer to.

    `checked` is what is checked here of a document: see `counted`.
    """
    fields = [field for field in kind.fields if not (within and field.name == kind.parent)]
    properties = {field.name: _of_field(kind, field, values, checked=checked) for field in fields}
    spec: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    if required := [field.name for field in fields if field.required]:
        spec["required"] = required
    if kind.one_of:
        spec["oneOf"] = [{"required": [name]} for name in kind.one_of]
    return spec


def without_limits(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a text that `counted` checks: its form, and not its length."""
    return {key: value for key, value in schema.items() if key in _FORM and value != _SEEN_CHARACTER}


def _of_field(kind: Kind, field: Field, values: dict[str, Any], *, checked: bool) -> dict[str, Any]:
    schema = {key: value for key, value in field.schema.items() if key not in OURS}
    if field.inline:
        name, key = field.inline
        inner = _spec(BY_NAME[kind.api_version, name], values, within=True, checked=checked)
        items = {"type": "array", "items": inner}
        if key:
            inner = {**schema.get("properties", {}), key: {**items, "description": f"Each like the spec of a {name}."}}
            schema |= {"properties": inner, "additionalProperties": False}
        else:
            schema = items
    if field.secret is True:
        schema = _ref(REFERENCE)
        return {"description": field.doc, "allOf": [schema]}  # draft 7 ignores what stands beside a $ref
    if isinstance(field.secret, tuple):
        inner = dict(schema.get("properties", {}))
        for key in field.secret:
            inner[key] = {**inner.get(key, {"type": "object"}), "allOf": [_ref("sealed")]}
        schema["properties"] = inner
    elif schema.get("type") == "object" and not field.inline:
        schema.setdefault("additionalProperties", values)
    if checked and field.trimmed:
        schema = without_limits(schema)
    elif field.name in SEEN:
        schema["allOf"] = [{"pattern": NO_CONTROL}]
    schema["description"] = field.doc
    if field.default is not None:
        schema["default"] = field.default
    if field.example is not None:
        schema["examples"] = [field.example]
    return schema


def _definition(kind: Kind) -> str:
    return f"{kind.system}.{kind.name}"


@cache
def quick(kind: Kind, sealed: bool) -> Callable[[Any], bool]:
    """A compiled validator that only says whether a document of that kind is sound.

    Free values need no look unless there is a `valueFrom` in the document.
    """
    schema = document_schema(kind, free=None if sealed else {}, checked=True)
    return compiled({"$schema": DRAFT, **schema, "definitions": _DEFINITIONS})


def compiled(schema: dict[str, Any]) -> Callable[[Any], bool]:
    """Says of a value whether it is sound by a schema, quickly, and not what is wrong with it."""
    import fastjsonschema

    validate = fastjsonschema.compile(schema, use_default=False, use_formats=False, detailed_exceptions=False)
    wrong = fastjsonschema.JsonSchemaException

    def is_sound(value: Any) -> bool:
        try:
            validate(value)
        except wrong:
            return False
        return True

    return is_sound


@cache
def thorough(kind: Kind | None) -> Any:
    """A validator with `iter_errors`: all that is wrong with a document; without a kind, with its metadata alone."""
    import jsonschema

    schema = document_schema(kind, checked=True) if kind else {"type": "object", "properties": {"metadata": METADATA}}
    schema = {"$schema": DRAFT, **schema, "definitions": _DEFINITIONS}
    return jsonschema.Draft7Validator(schema)
