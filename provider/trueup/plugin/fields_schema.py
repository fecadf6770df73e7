"""The fields of kinds in Pulumi's package schema: types, inputs, outputs, and descriptions that fit a program."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from trueup.plugin.tokens import ADOPT, PACKAGE, inputs_of
from trueup.systems.registry import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trueup.core.fields import Field
    from trueup.core.kinds import ResourceKind

Properties = dict[str, dict[str, Any]]

TEXT: Final = {"type": "string"}
FREE: Final = {"type": "object", "additionalProperties": {"$ref": "pulumi.json#/Any"}}
"""A mapping with any keys and values."""
UPDATED: Final = "updatedAt"
_END: Final = re.compile(r"[.;] ")


def filled(text: str) -> str:
    """Return the description of a kind or field with one line a paragraph."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def described(field: Field) -> str:
    """Return the description of a field for a program."""
    return filled(field.program or field.doc)


def inputs(kind: ResourceKind) -> Properties:
    """Return the input properties of a resource."""
    return {field.name: _input(kind, field) for field in inputs_of(kind)}


def outputs(kind: ResourceKind) -> Properties:
    """Return the output properties of a resource: its inputs as they are live, and the server's computed values."""
    fields = [field for field in inputs_of(kind) if field.name != ADOPT.name]
    return {field.name: {**_output(kind, field), **_fields(field)} for field in fields} | _beside(kind)


def seen(kind: ResourceKind) -> Properties:
    """Return the properties that a function returns. Mappings are left out, as they may hold secrets."""
    fields = [field for field in inputs_of(kind) if _is_read(field)]
    about = {"id": TEXT | {"description": "Its id."}}
    return about | {field.name: _output(kind, field) for field in fields} | _beside(kind)


def always(kind: ResourceKind) -> list[str]:
    """Return the outputs that every resource has; all others may be missing."""
    if not kind.handler.creates:  # a kind that only exists upstream documents few outputs
        return [field.name for field in inputs_of(kind) if field.required]
    sure = [
        field.name for field in inputs_of(kind) if _is_read(field) and not field.nullable and not _one_of(kind, field)
    ]
    return [*sure, *_beside(kind)]


def types(kind: ResourceKind) -> Properties:
    """Return the types that a kind's fields need: enums, and mappings with known keys."""
    found: Properties = {}
    for field in inputs_of(kind):
        if _is_enum(field):
            found[_token(kind, field)] = enum(_about(field), field.schema["enum"])
        elif _is_closed(field):
            found[_token(kind, field)] = {
                "type": "object",
                "description": described(field),
                "properties": {key: _inner(field, key) for key in field.schema["properties"]},
                "required": list(field.schema.get("required", ())),
            }
    return found


def enum(doc: str, words: Sequence[str]) -> dict[str, Any]:
    """Return an enum type of some words."""
    return {**TEXT, "description": doc, "enum": [{"name": _capital(word), "value": word} for word in words]}


def variable(kind_name: str) -> str:
    """Return the variable name that examples use for a resource of that kind: `account`."""
    name = kind_name.removeprefix("Connector")
    return name[:1].lower() + name[1:]


def _input(kind: ResourceKind, field: Field) -> dict[str, Any]:
    found = {**_type(kind, field), "description": _sentences(field), **_fields(field)}
    return found | {"willReplaceOnChanges": True} if field.immutable else found


def _output(kind: ResourceKind, field: Field) -> dict[str, Any]:
    doc = _END.split(_about(field, given=False))[0].rstrip(".") + "."  # the rest is about declaring it
    if _is_enum(field) and not field.local:
        # SDKs fail on a word that is not in their enum, and the server may return words that cannot be declared.
        doc += f" Returned in {SYSTEMS[kind.system].title}'s words, which may include values that cannot be set."
        return TEXT | {"description": doc}
    if field.owned_by_key and not field.write_only:
        doc += " Holds only the keys that the program declares."
    return _type(kind, field) | {"description": doc}


def _fields(field: Field) -> dict[str, Any]:
    found = {"secret": field.secret is True, "replaceOnChanges": field.immutable}
    return {name: True for name, so in found.items() if so}


def _beside(kind: ResourceKind) -> Properties:
    found = dict(kind.handler.computed)
    if kind.handler.dated:
        found[UPDATED] = "When the resource last changed."
    return {name: TEXT | {"description": doc} for name, doc in found.items()}


def _about(field: Field, *, given: bool = True) -> str:
    """Return a field's description; for a reference that is `given`, also how a program writes it."""
    if not field.reference:
        return described(field)
    what = f"{described(field).partition(':')[0]}: the id of the {field.reference}"
    return f"{what}, such as `{variable(field.reference)}.id`." if given else f"{what}."


def _sentences(field: Field) -> str:
    """Return a field's description, and the effect of omitting it."""
    sentences = [_about(field), field.when_omitted]
    if field.write_only:
        sentences.append("Values that the API does not return are not compared with the live resource.")
    return " ".join(filter(None, sentences))


def _type(kind: ResourceKind, field: Field) -> dict[str, Any]:
    if _is_enum(field) or _is_closed(field):
        return {"$ref": f"#/types/{_token(kind, field)}"}
    return _plain(field.schema)


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    names = schema["type"]
    name = names if isinstance(names, str) else next(one for one in names if one != "null")
    if name == "array":
        return {"type": "array", "items": _plain(schema["items"])}
    return FREE if name == "object" else {"type": name}


def _inner(field: Field, key: str) -> dict[str, Any]:
    schema = field.schema["properties"][key]
    found = {**_plain(schema), "description": filled(schema["description"])}
    return found | {"secret": True} if field.is_secret((field.name, key)) else found


def _token(kind: ResourceKind, field: Field) -> str:
    owner = kind.name if _is_enum(field) else ""
    return f"{PACKAGE}:{kind.system}:{owner}{_capital(field.name)}"


def _capital(text: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in text.split("_"))


def _is_enum(field: Field) -> bool:
    return field.schema.get("type") == "string" and "enum" in field.schema


def _is_closed(field: Field) -> bool:
    return field.schema.get("type") == "object" and field.schema.get("additionalProperties") is False


def _is_read(field: Field) -> bool:
    """Return whether the live value of a field can be shown unchanged."""
    return not (field.local or field.write_only or field.owned_by_key)


def _one_of(kind: ResourceKind, field: Field) -> bool:
    return field.name in kind.one_of
