"""The inputs of a resource: in canonical form, and with every fault by its property, in the command's words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from trueup.diff import UNKNOWN, dotted
from trueup.manifest import words
from trueup.manifest.declare import TRIMMED
from trueup.manifest.links import ID_PATTERN
from trueup.manifest.schema import DRAFT, NO_CONTROL, SEEN
from trueup.manifest.text import quoted
from trueup.plugin.codec import Sealed, bare, has_unknown
from trueup.plugin.tokens import inputs_of, referred

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trueup.diff import Path
    from trueup.manifest.words import Said
    from trueup.model import Field, Kind

_SIZES: Final = ("min", "max", "exclusiveM")
_FIRST: Final = ("type", "minLength", "maxLength")
"""What is told first of one value; the rest of its faults then mostly follow from it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing wrong with an input; the property is empty for what is wrong with the resource as a whole."""

    property: str
    reason: str


def check(kind: Kind, inputs: dict[str, Any]) -> tuple[dict[str, Any], list[Failure]]:
    """The inputs in canonical form, secrets sealed, and what is wrong with them; what is not known yet is not wrong."""
    traits = {trait.name: trait for trait in inputs_of(kind)}
    found: dict[str, Any] = {}
    for name in (*(one for one in traits if one in inputs), *(one for one in inputs if one not in traits)):
        value = inputs[name]
        trait = traits.get(name)
        if trait is None:
            if not name.startswith("__"):  # what the SDKs add for themselves
                found[name] = value
        elif (canonical := _canonical(trait, value)) is not None or _nullable(trait):
            found[name] = canonical
    return found, _failures(kind, {name: bare(value) for name, value in found.items()}, found)


def _canonical(trait: Field, value: Any) -> Any:
    """The value as it is sent: trimmed, references as ids, secrets sealed."""
    if isinstance(value, Sealed):
        return Sealed(_canonical(_open(trait), bare(value)))
    value = bare(value) if not isinstance(value, dict) else value
    if trait.reference:
        value = referred(value)
    if trait.name in TRIMMED and isinstance(value, str):
        value = value.strip()
    if trait.secret is True and value is not UNKNOWN and value is not None:
        return Sealed(value)
    if isinstance(trait.secret, tuple) and isinstance(value, dict):
        return {key: _sealed(item) if key in trait.secret else item for key, item in value.items()}
    return value


def _open(trait: Field) -> Field:
    import dataclasses

    return dataclasses.replace(trait, secret=False)


def _sealed(value: Any) -> Any:
    return value if isinstance(value, Sealed) or value is UNKNOWN or value is None else Sealed(value)


def _nullable(trait: Field) -> bool:
    types = trait.schema.get("type")
    return isinstance(types, list) and "null" in types


def _failures(kind: Kind, value: dict[str, Any], given: Mapping[str, Any]) -> list[Failure]:
    found: list[Failure] = []
    told: set[Path] = set()

    def tell(path: Path, said: Said) -> None:
        told.add(path)
        found.append(Failure(dotted(path), f"{said.message} ({said.code}). {said.hint}".strip()))

    traits = {trait.name: trait for trait in inputs_of(kind)}
    for path, said in _unknown_keys(kind, traits, value):
        tell(path, said)
    for name in (one for one, trait in traits.items() if trait.required and one not in value):
        about = traits[name]
        hint = f"Add {name}. {about.doc}"
        tell((name,), words.Said("E102", f"{kind.name} lacks {name}", hint))
    if kind.one_of:
        there = [name for name in kind.one_of if value.get(name) is not None]
        if len(there) != 1:
            listed = f"{', '.join(kind.one_of[:-1])} and {kind.one_of[-1]}"
            has = f"has {' and '.join(there)}" if there else "has none"
            hint = f"Remove {there[-1]}, or make it two resources." if there else f"Add one of {listed}."
            code = "E105" if there else "E102"
            tell((), words.Said(code, f"{kind.name} needs exactly one of {listed}, and this {has}", hint))
    known = {name: _known(one) for name, one in value.items() if name in traits and one is not UNKNOWN}
    for error in sorted(_validator(kind).iter_errors(known), key=_gravity):
        path = tuple(error.absolute_path)
        if path in told or (error.validator == "required" and _hides(value, path)):
            continue
        secret = bool(path) and (traits[str(path[0])].is_secret(path) or isinstance(given[str(path[0])], Sealed))
        for where, said in _said(path, error, secret=secret):
            tell(where, said)
    for name, trait in traits.items():
        if trait.reference and isinstance(value.get(name), str) and (name,) not in told:
            pattern = trait.schema.get(ID_PATTERN)
            if pattern is not None and not re.fullmatch(pattern, value[name]):
                form, _ = words.form_of(pattern)
                shown = quoted(value[name]) if not isinstance(given[name], Sealed) else "it"
                message = f"{name} {shown} is not the id of a {trait.reference}"
                tell((name,), words.Said("E133", message, f"Write the id of the resource ({form})."))
    return found


def _unknown_keys(kind: Kind, traits: Mapping[str, Field], value: Mapping[str, Any]) -> Iterator[tuple[Path, Said]]:
    for key in value:
        if key not in traits:
            hint = words.did_you_mean(key, list(traits), known="Known keys are")
            yield (key,), words.Said("E101", f"unknown key {quoted(key)} in {kind.name}", hint)


def _said(path: Path, error: Any, *, secret: bool) -> Iterator[tuple[Path, Said]]:
    keyword, limit, value = error.validator, error.validator_value, error.instance
    name = words.name_of(path)
    if keyword == "not":
        hint = f"Give {path[-1]} as an input of its own."
        yield path, words.Said("E152", f"{path[-1]} does not belong inside {words.name_of(path[:-1])}", hint)
    elif keyword == "additionalProperties":
        known = list(error.schema["properties"])
        for key in value:
            if key not in known:
                hint = words.did_you_mean(key, known, known="Known keys are")
                yield (*path, key), words.Said("E101", f"unknown key {quoted(key)} in {name}", hint)
    elif keyword == "required":
        for key in limit:
            if key not in value:
                yield (*path, key), words.Said("E102", f"{name} lacks {key}", f"Add {key}.")
    elif keyword == "type":
        yield path, words.wrong_type(path, limit, value, "", secret=secret)
    elif keyword == "enum":
        yield path, words.not_one_of(path, limit, value)
    elif keyword == "pattern":
        yield path, words.wrong_form(path, limit, value, secret=secret)
    elif keyword.startswith(_SIZES):
        yield path, words.wrong_size(path, keyword, limit, value, secret=secret)
    else:
        yield path, words.Said("E105", f"{name} is not what its schema allows ({keyword})", "See its documentation.")


@cache
def _validator(kind: Kind) -> Any:
    """A validator of what is known; what is missing is told by itself, since it may be unknown."""
    import jsonschema

    properties = {}
    for trait in inputs_of(kind):
        schema = {key: one for key, one in trait.schema.items() if key != ID_PATTERN}
        if trait.name in SEEN:
            schema["allOf"] = [{"pattern": NO_CONTROL}]
        properties[trait.name] = schema
    return jsonschema.Draft7Validator({"$schema": DRAFT, "type": "object", "properties": properties})


def _known(value: Any) -> Any:
    """Without what is not known yet."""
    if isinstance(value, dict):
        return {key: _known(item) for key, item in value.items() if item is not UNKNOWN}
    if isinstance(value, list):
        return [_known(item) for item in value if item is not UNKNOWN]
    return value


def _hides(value: Any, path: Sequence[Any]) -> bool:
    """Whether something below a path is not known yet, and may be what seems to be missing."""
    for part in path:
        value = value[part]
    return has_unknown(value)


def _gravity(error: Any) -> tuple[list[str], int]:
    order = _FIRST.index(error.validator) if error.validator in _FIRST else len(_FIRST)
    return [str(part) for part in error.absolute_path], order
