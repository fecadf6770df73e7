"""Fields of kinds as Pulumi's package schema has them: types, inputs, outputs, and words that are true of a program."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

from trueup.core.kinds import Handler
from trueup.plugin.tokens import ADOPT, PACKAGE, inputs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trueup.core.fields import Field
    from trueup.core.kinds import Kind

Properties = dict[str, dict[str, Any]]

TEXT: Final = {"type": "string"}
FREE: Final = {"type": "object", "additionalProperties": {"$ref": "pulumi.json#/Any"}}
"""A mapping with whatever keys and values."""
PHRASES: Final = {
    "by default `metadata.name`": "by default the name that the resource has in the program",
    " is a rename: the ledger knows the instance by its id. Without a ledger give `id`. Another `metadata.name` is "
    "another resource.": " is a rename.",
    "What `--prune` does once it is no longer declared.": "What becomes of it once the resource is deleted.",
    "`--allow-disconnect`": "`allowDisconnect` of the provider",
    ": secret references.": ", each of them a secret.",
    "It is created when it is missing. ": "",
}
"""What the kinds say of manifests, and what is said of a program instead; everything else is true of both."""
UPDATED: Final = "updatedAt"
_END: Final = re.compile(r"[.;] ")
_UNDATED: Final = ("ConnectorAccess",)
"""Kinds of which the server does not tell when they were changed last."""


def told(text: str) -> str:
    """What a kind or a field is, in words that are true of a program, a paragraph a line."""
    paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
    text = "\n\n".join(paragraphs)
    for words, meant in PHRASES.items():
        text = text.replace(words, meant)
    return text


def inputs(kind: Kind) -> Properties:
    """What a program may say of a resource."""
    return {trait.name: _input(kind, trait) for trait in inputs_of(kind)}


def outputs(kind: Kind) -> Properties:
    """What a program is told of a resource: what it said, as it is live, and what the server tells beside."""
    traits = [trait for trait in inputs_of(kind) if trait.name != ADOPT.name]
    return {trait.name: {**_output(kind, trait), **_traits(trait)} for trait in traits} | _beside(kind)


def seen(kind: Kind) -> Properties:
    """What a function tells of something live: without mappings, what is in them may be secret."""
    traits = [trait for trait in inputs_of(kind) if _is_read(trait)]
    about = {"id": TEXT | {"description": "Its id."}}
    return about | {trait.name: _output(kind, trait) for trait in traits} | _beside(kind)


def always(kind: Kind) -> list[str]:
    """Outputs that are there of every resource; all others may be missing."""
    if kind.handler is None or not kind.handler.creates:  # of what is not created here little is known for sure
        return [trait.name for trait in inputs_of(kind) if trait.required]
    sure = [
        trait.name for trait in inputs_of(kind) if _is_read(trait) and not trait.nullable and not _one_of(kind, trait)
    ]
    return [*sure, *_beside(kind)]


def types(kind: Kind) -> Properties:
    """The types that its fields have of their own: enums, and mappings with known keys."""
    found: Properties = {}
    for trait in inputs_of(kind):
        if _is_enum(trait):
            found[_token(kind, trait)] = enum(told(_about(trait)), trait.schema["enum"])
        elif _is_closed(trait):
            found[_token(kind, trait)] = {
                "type": "object",
                "description": told(trait.doc),
                "properties": {key: _inner(trait, key) for key in trait.schema["properties"]},
                "required": list(trait.schema.get("required", ())),
            }
    return found


def enum(doc: str, words: Sequence[str]) -> dict[str, Any]:
    """A type of some words."""
    return {**TEXT, "description": doc, "enum": [{"name": _capital(word), "value": word} for word in words]}


def variable(kind_name: str) -> str:
    """What a resource of that kind is called where it is meant in general: `account`."""
    name = kind_name.removeprefix("Connector")
    return name[:1].lower() + name[1:]


def _input(kind: Kind, trait: Field) -> dict[str, Any]:
    found = {**_type(kind, trait), "description": _sentences(trait), **_traits(trait)}
    return found | {"willReplaceOnChanges": True} if trait.immutable else found


def _output(kind: Kind, trait: Field) -> dict[str, Any]:
    doc = _END.split(told(_about(trait, given=False)))[0].rstrip(".") + "."  # what follows is about saying it
    if _is_enum(trait) and not trait.local:
        # SDKs fail at a word that their enum does not have, and the server may have others than can be declared.
        doc += f" Here in {kind.system.capitalize()}'s words, which may be others than can be set."
        return TEXT | {"description": doc}
    if trait.owned_by_key and not trait.write_only:
        doc += " Only the keys that the program declares."
    return _type(kind, trait) | {"description": doc}


def _traits(trait: Field) -> dict[str, Any]:
    found = {"secret": trait.secret is True, "replaceOnChanges": trait.immutable}
    return {name: True for name, so in found.items() if so}


def _beside(kind: Kind) -> Properties:
    found = dict(cast(Handler, kind.handler).told)
    if kind.name not in _UNDATED:
        found[UPDATED] = "When it was changed last."
    return {name: TEXT | {"description": doc} for name, doc in found.items()}


def _about(trait: Field, *, given: bool = True) -> str:
    """What a field is; of a reference, how a program says it when it is `given`."""
    if not trait.reference:
        return trait.doc
    what = f"{trait.doc.partition(':')[0]}: the id of the {trait.reference}"
    return f"{what}, such as `{variable(trait.reference)}.id`." if given else f"{what}."


def _sentences(trait: Field) -> str:
    """What a field is, and what becomes of it when it is left out."""
    said = [told(_about(trait))]
    if trait.default is not None:
        value = trait.default if isinstance(trait.default, str) else str(trait.default).lower()
        if trait.local or trait.immutable:
            said.append(f"Left out: `{value}`.")
        else:  # what is not declared is not ours
            said.append(f"Left out, it is left as it is; what is created then has `{value}`.")
    if trait.write_only:
        said.append("What cannot be read back is not compared with what is live.")
    return " ".join(said)


def _type(kind: Kind, trait: Field) -> dict[str, Any]:
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
    found = {**_plain(schema), "description": told(schema["description"])}
    return found | {"secret": True} if trait.is_secret((trait.name, key)) else found


def _token(kind: Kind, trait: Field) -> str:
    owner = kind.name if _is_enum(trait) else ""
    return f"{PACKAGE}:{kind.system}:{owner}{_capital(trait.name)}"


def _capital(text: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in text.split("_"))


def _is_enum(trait: Field) -> bool:
    return trait.schema.get("type") == "string" and "enum" in trait.schema


def _is_closed(trait: Field) -> bool:
    return trait.schema.get("type") == "object" and trait.schema.get("additionalProperties") is False


def _is_read(trait: Field) -> bool:
    """Whether what is live of it can be told as it is."""
    return not (trait.local or trait.write_only or trait.owned_by_key)


def _one_of(kind: Kind, trait: Field) -> bool:
    return trait.name in kind.one_of
