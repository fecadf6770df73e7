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
PHRASES: Final = {
    "by default `metadata.name`": "by default the name that the resource has in the program",
    " is a rename: the ledger knows the instance by its id. Without a ledger give `id`. Another `metadata.name` is "
    "another resource.": " is a rename.",
    "What `--prune` does once it is no longer declared.": "What happens to it when the resource is deleted.",
    "`--allow-disconnect`": "`allowDisconnect` of the provider",
    ": secret references.": ", each of them a secret.",
    "It is created when it is missing. ": "",
}
"""Phrases in descriptions that fit manifests only, with their replacement for programs."""
UPDATED: Final = "updatedAt"
_END: Final = re.compile(r"[.;] ")
_UNDATED: Final = ("ConnectorAccess",)
"""Kinds for which the server returns no time of the last change."""


def for_program(text: str) -> str:
    """Return the description of a kind or field in words that fit a program, one line a paragraph."""
    paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
    text = "\n\n".join(paragraphs)
    for words, meant in PHRASES.items():
        text = text.replace(words, meant)
    return text


def inputs(kind: ResourceKind) -> Properties:
    """Return the input properties of a resource."""
    return {trait.name: _input(kind, trait) for trait in inputs_of(kind)}


def outputs(kind: ResourceKind) -> Properties:
    """Return the output properties of a resource: its inputs as they are live, and the server's computed values."""
    traits = [trait for trait in inputs_of(kind) if trait.name != ADOPT.name]
    return {trait.name: {**_output(kind, trait), **_traits(trait)} for trait in traits} | _beside(kind)


def seen(kind: ResourceKind) -> Properties:
    """Return the properties that a function returns. Mappings are left out, as they may hold secrets."""
    traits = [trait for trait in inputs_of(kind) if _is_read(trait)]
    about = {"id": TEXT | {"description": "Its id."}}
    return about | {trait.name: _output(kind, trait) for trait in traits} | _beside(kind)


def always(kind: ResourceKind) -> list[str]:
    """Return the outputs that every resource has; all others may be missing."""
    if not kind.handler.creates:  # a kind that only exists upstream documents few outputs
        return [trait.name for trait in inputs_of(kind) if trait.required]
    sure = [
        trait.name for trait in inputs_of(kind) if _is_read(trait) and not trait.nullable and not _one_of(kind, trait)
    ]
    return [*sure, *_beside(kind)]


def types(kind: ResourceKind) -> Properties:
    """Return the types that a kind's fields need: enums, and mappings with known keys."""
    found: Properties = {}
    for trait in inputs_of(kind):
        if _is_enum(trait):
            found[_token(kind, trait)] = enum(for_program(_about(trait)), trait.schema["enum"])
        elif _is_closed(trait):
            found[_token(kind, trait)] = {
                "type": "object",
                "description": for_program(trait.doc),
                "properties": {key: _inner(trait, key) for key in trait.schema["properties"]},
                "required": list(trait.schema.get("required", ())),
            }
    return found


def enum(doc: str, words: Sequence[str]) -> dict[str, Any]:
    """Return an enum type of some words."""
    return {**TEXT, "description": doc, "enum": [{"name": _capital(word), "value": word} for word in words]}


def variable(kind_name: str) -> str:
    """Return the variable name that examples use for a resource of that kind: `account`."""
    name = kind_name.removeprefix("Connector")
    return name[:1].lower() + name[1:]


def _input(kind: ResourceKind, trait: Field) -> dict[str, Any]:
    found = {**_type(kind, trait), "description": _sentences(trait), **_traits(trait)}
    return found | {"willReplaceOnChanges": True} if trait.immutable else found


def _output(kind: ResourceKind, trait: Field) -> dict[str, Any]:
    doc = _END.split(for_program(_about(trait, given=False)))[0].rstrip(".") + "."  # the rest is about declaring it
    if _is_enum(trait) and not trait.local:
        # SDKs fail on a word that is not in their enum, and the server may return words that cannot be declared.
        doc += f" Returned in {SYSTEMS[kind.system].title}'s words, which may include values that cannot be set."
        return TEXT | {"description": doc}
    if trait.owned_by_key and not trait.write_only:
        doc += " Holds only the keys that the program declares."
    return _type(kind, trait) | {"description": doc}


def _traits(trait: Field) -> dict[str, Any]:
    found = {"secret": trait.secret is True, "replaceOnChanges": trait.immutable}
    return {name: True for name, so in found.items() if so}


def _beside(kind: ResourceKind) -> Properties:
    found = dict(kind.handler.computed)
    if kind.name not in _UNDATED:
        found[UPDATED] = "When the resource last changed."
    return {name: TEXT | {"description": doc} for name, doc in found.items()}


def _about(trait: Field, *, given: bool = True) -> str:
    """Return a field's description; for a reference that is `given`, also how a program writes it."""
    if not trait.reference:
        return trait.doc
    what = f"{trait.doc.partition(':')[0]}: the id of the {trait.reference}"
    return f"{what}, such as `{variable(trait.reference)}.id`." if given else f"{what}."


def _sentences(trait: Field) -> str:
    """Return a field's description, and the effect of leaving it out."""
    said = [for_program(_about(trait))]
    if trait.default is not None:
        value = trait.default if isinstance(trait.default, str) else str(trait.default).lower()
        if trait.local or trait.immutable:
            said.append(f"Default: `{value}`.")
        else:  # a field that is not declared is not managed
            said.append(f"If omitted, the live value is kept; new resources get `{value}`.")
    if trait.write_only:
        said.append("Values that the API does not return are not compared with the live resource.")
    return " ".join(said)


def _type(kind: ResourceKind, trait: Field) -> dict[str, Any]:
    if _is_enum(trait) or _is_closed(trait):
        return {"$ref": f"#/types/{_token(kind, trait)}"}
    return _plain(trait.schema)


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    names = schema["type"]
    name = names if isinstance(names, str) else next(one for one in names if one != "null")
    if name == "array":
        return {"type": "array", "items": _plain(schema["items"])}
    return FREE if name == "object" else {"type": name}


def _inner(trait: Field, key: str) -> dict[str, Any]:
    schema = trait.schema["properties"][key]
    found = {**_plain(schema), "description": for_program(schema["description"])}
    return found | {"secret": True} if trait.is_secret((trait.name, key)) else found


def _token(kind: ResourceKind, trait: Field) -> str:
    owner = kind.name if _is_enum(trait) else ""
    return f"{PACKAGE}:{kind.system}:{owner}{_capital(trait.name)}"


def _capital(text: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in text.split("_"))


def _is_enum(trait: Field) -> bool:
    return trait.schema.get("type") == "string" and "enum" in trait.schema


def _is_closed(trait: Field) -> bool:
    return trait.schema.get("type") == "object" and trait.schema.get("additionalProperties") is False


def _is_read(trait: Field) -> bool:
    """Return whether the live value of a field can be shown unchanged."""
    return not (trait.local or trait.write_only or trait.owned_by_key)


def _one_of(kind: ResourceKind, trait: Field) -> bool:
    return trait.name in kind.one_of
