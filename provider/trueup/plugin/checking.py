"""The inputs of a resource: in canonical form, and with every fault by its property, in the command's words.

What is not known yet counts as given, and nothing is wrong with it. What is secret is checked like all else, and
nothing of it gets into a reason: neither the value, nor how long it is, nor what it is nearly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from trueup.core.changes import UNKNOWN, dotted
from trueup.core.texts import trimmed
from trueup.manifest import words
from trueup.manifest.counted import of_text
from trueup.manifest.links import ID_PATTERN
from trueup.manifest.schema import DRAFT, OURS, compiled, without_limits
from trueup.manifest.text import quoted
from trueup.manifest.words import Said
from trueup.plugin.codec import Opaque, Sealed, bare, has_unknown, is_sealed
from trueup.plugin.fields_schema import told, variable
from trueup.plugin.tokens import PREFIXES, inputs_of, referred

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from trueup.core.changes import Path
    from trueup.core.fields import Field
    from trueup.core.kinds import Kind

_SIZES: Final = ("min", "max", "exclusiveM")
_FIRST: Final = ("type", "minLength", "maxLength")
"""What is told first of one value; the rest of its faults then mostly follow from it."""
_WHOLE: Final = ("enum", "const", "anyOf", "oneOf")
"""What may yet hold of a value of which a part is not known."""
_INEXACT: Final = 2**53
"""From here on doubles leave whole numbers out."""
_LONG: Final = 1e21
_ANY_ID: Final = re.compile(r"([a-z]{3}_)[0-9a-z]{26}")
_OWNERS: Final = {prefix: name for name, prefix in PREFIXES.items()}
_ELSEWHERE: Final = {
    "connection": "Another server takes a provider of its own: give that as the option provider.",
    "id": "What exists is taken over with pulumi import, or with the option import.",
}
"""What manifests say of a resource, and a program says otherwise."""
_TYPE_HINTS: Final = {
    "string": "Write it as text, in quotes.",
    "integer": "Write a whole number, without quotes.",
    "number": "Write a number, without quotes.",
    "boolean": "Write true or false, without quotes.",
    "object": "Write a mapping, such as {key: value}.",
    "array": "Write a list, such as [one, two].",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing wrong with an input; the property is empty for what is wrong with the resource as a whole."""

    property: str
    reason: str


def newer_words(kind: Kind, inputs: Mapping[str, Any]) -> list[str]:
    """Return a warning for each word that only a newer server may know."""
    return [
        f"{said.message}. {said.hint}"
        for name, trait in _traits(kind).items()
        if trait.grows and _is_newer(trait, inputs.get(name))
        for said in [words.newer((name,), trait.schema["enum"], bare(inputs[name]))]
    ]


def _is_newer(trait: Field, value: Any) -> bool:
    return (
        not isinstance(value, Sealed)
        and value is not UNKNOWN
        and bare(value) not in trait.schema["enum"]
        and words.may_be_newer(trait.schema, bare(value))
    )


def check(kind: Kind, inputs: dict[str, Any]) -> tuple[dict[str, Any], list[Failure]]:
    """The inputs in canonical form, secrets sealed, and what is wrong with them; what is not known yet is not wrong."""
    traits = _traits(kind)
    found: dict[str, Any] = {}
    for name, trait in traits.items():
        if name in inputs:
            value = _canonical(trait, inputs[name])
            if bare(value) is not None or trait.nullable:
                found[name] = value
    for name in sorted(inputs.keys() - traits.keys()):
        if not name.startswith("__"):  # what the SDKs add for themselves
            found[name] = inputs[name]
    first: dict[Path, Said] = {}
    for path, said in _faults(kind, found):
        first.setdefault(path, said)
    order = {name: number for number, name in enumerate(traits)}
    failures = [
        Failure(dotted(path), f"{said.message} ({said.code}). {said.hint}".strip())
        for path, said in sorted(first.items(), key=lambda one: _place(one[0], order))
    ]
    return found, failures


@cache
def _traits(kind: Kind) -> Mapping[str, Field]:
    return MappingProxyType({trait.name: trait for trait in inputs_of(kind)})


def _place(path: Path, order: Mapping[str, int]) -> tuple[int, list[tuple[int, str]]]:
    """The resource as a whole first, then its fields as its kind has them, then what it does not have."""
    parts = [(part, "") if isinstance(part, int) else (-1, part) for part in path]
    return order.get(str(path[0]), len(order)) if path else -1, parts


# The canonical form


def _canonical(trait: Field, value: Any) -> Any:
    """The value as it is sent: trimmed, references as ids, secrets sealed."""
    if isinstance(value, Sealed):
        return Sealed(_tidy(trait, bare(value)))
    value = _tidy(trait, bare(value) if isinstance(value, Opaque) else value)
    if trait.secret is True:
        return _sealed(value)
    if isinstance(trait.secret, tuple):
        if not isinstance(value, dict):
            return _sealed(value)  # it may well be the mapping as one text
        return {key: _sealed(item) if key in trait.secret else item for key, item in value.items()}
    return value


def _tidy(trait: Field, value: Any) -> Any:
    if trait.reference:
        value = referred(value)
    return trimmed(value) if trait.trimmed and isinstance(value, str) else value


def _sealed(value: Any) -> Any:
    """Sealed as a whole, rather than in parts; what is not there has nothing to hide."""
    return value if value is UNKNOWN or value is None else Sealed(bare(value))


# What is wrong


def _faults(kind: Kind, given: dict[str, Any]) -> Iterator[tuple[Path, Said]]:
    """What is wrong, and where; of one place first what says most."""
    value = {name: bare(one) for name, one in given.items()}
    # As with manifests, one decides quickly, and the other is asked only for what is not sound.
    errors = () if _is_sound(kind)(value) else sorted(_validator(kind).iter_errors(value), key=_gravity)
    for error in errors:
        if not _may_mend(error):
            yield from _of_error(kind, tuple(error.absolute_path), error, given)
    if kind.one_of and (said := _one_of(kind, value)):
        yield (), said
    for trait in kind.references:
        if isinstance(value.get(trait.name), str):
            said = _no_id(trait, value[trait.name], secret=is_sealed(given[trait.name]))
            if said is not None:
                yield (trait.name,), said
    for name, trait in _traits(kind).items():
        if trait.trimmed and isinstance(value.get(name), str) and value[name] is not UNKNOWN:
            said = of_text(trait, (name,), value[name], secret=is_sealed(given[name]))
            if said is not None:
                yield (name,), said
        yield from _opaque(given.get(name), (name,))
        yield from _inexact(given.get(name), (name,))


@cache
def _is_sound(kind: Kind) -> Callable[[Any], bool]:
    return compiled(_schema(kind))


@cache
def _validator(kind: Kind) -> Any:
    import jsonschema

    return jsonschema.Draft7Validator(_schema(kind))


def _schema(kind: Kind) -> dict[str, Any]:
    """Of the inputs of a kind without what is secret or unknown about them."""
    properties = {}
    for trait in inputs_of(kind):
        schema = {key: one for key, one in trait.schema.items() if key not in OURS}
        properties[trait.name] = without_limits(schema) if trait.trimmed else schema
    required = [trait.name for trait in inputs_of(kind) if trait.required]
    whole = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {"$schema": DRAFT, **whole}


def _gravity(error: Any) -> int:
    return _FIRST.index(error.validator) if error.validator in _FIRST else len(_FIRST)


def _may_mend(error: Any) -> bool:
    """Whether all may be well once more is known."""
    if error.validator == "not" and error.validator_value == {}:
        return False  # a key that may not be there at all
    if error.instance is UNKNOWN:
        return True
    return error.validator in _WHOLE and has_unknown(error.instance)


def _of_error(kind: Kind, path: Path, error: Any, given: dict[str, Any]) -> Iterator[tuple[Path, Said]]:
    keyword, limit, value = error.validator, error.validator_value, error.instance
    if keyword == "enum" and words.may_be_newer(error.schema, value) and not _holds(given, path):
        return  # a warning
    if keyword == "additionalProperties":
        yield from _unknown_keys(kind, path, list(error.schema["properties"]), value, within=_within(given, path))
    elif keyword == "required":
        yield from _missing_keys(kind, path, error.schema["properties"], limit, value)
    elif keyword == "not":
        hint = f"Give {path[-1]} as an input of its own."
        yield path, Said("E152", f"{path[-1]} does not belong inside {words.name_of(path[:-1])}", hint)
    else:
        yield path, _wrong_value(path, keyword, limit, value, secret=_holds(given, path))


def _wrong_value(path: Path, keyword: str, limit: Any, value: Any, *, secret: bool) -> Said:
    name = words.name_of(path)
    if keyword == "type":
        return _wrong_type(path, limit, value, secret=secret)
    if keyword == "enum":
        return words.not_one_of(path, limit, None if secret else value)
    if keyword == "pattern":
        return words.wrong_form(path, limit, value, secret=secret)
    if secret and keyword in ("maxLength", "maxProperties"):
        return Said("E105", f"{name} is too long", f"Use at most {limit}.")
    if keyword.startswith(_SIZES):
        return words.wrong_size(path, keyword, limit, value, secret=secret)
    return Said("E105", f"{name} is not what its schema allows ({keyword})", "See its documentation.")


def _wrong_type(path: Path, expected: str | list[str], value: Any, *, secret: bool) -> Said:
    """As the command says it, without what it says of YAML."""
    said = words.wrong_type(path, expected, None, "", secret=True)
    hint = _TYPE_HINTS[expected if isinstance(expected, str) else expected[0]]
    return said._replace(message=said.message if secret else f"{said.message}, but it is {_what(value)}", hint=hint)


def _what(value: Any) -> str:
    if isinstance(value, Opaque):
        return _opaque_as(value)
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    return "null" if value is None else "a list" if isinstance(value, list) else repr(value)


def _unknown_keys(
    kind: Kind, path: Path, known: list[str], value: dict[str, Any], *, within: bool
) -> Iterator[tuple[Path, Said]]:
    unknown = sorted(value.keys() - set(known))
    whose = words.name_of(path) if path else kind.name
    if within:  # the keys of a secret mapping are of the secret
        yield path, Said("E101", f"unknown key in {whose}", words.listed(known, known="Known keys are"))
        return
    for key in unknown:
        yield (
            (*path, key),
            Said("E101", f"unknown key {quoted(key)} in {whose}", _key_hint(kind, path, key, known, value)),
        )


def _key_hint(kind: Kind, path: Path, key: str, known: list[str], value: dict[str, Any]) -> str:
    if not path:
        if key in _ELSEWHERE:
            return _ELSEWHERE[key]
        trait = kind.by_name.get(key)
        if trait is not None and trait.inline:
            return f"Give each as a resource of its own: {trait.inline[0]}."
    if words.near(key, known) in value:  # nobody means a key that is there already
        return words.listed(known, known="Known keys are")
    return words.did_you_mean(key, known, known="Known keys are")


def _missing_keys(
    kind: Kind, path: Path, properties: Mapping[str, Any], required: list[str], value: dict[str, Any]
) -> Iterator[tuple[Path, Said]]:
    """jsonschema tells each missing key as an error of its own; this tells all of them with each."""
    meant = {words.near(key, properties) for key in value if key not in properties}
    for key in required:
        if key in value or key in meant:
            continue
        trait = _traits(kind)[key] if not path else None
        if trait is not None and trait.reference:
            hint = _how_to_refer(trait)
        else:
            about = trait.doc if trait is not None else properties[key].get("description", "")
            hint = f"Add {key}. {told(about)}".strip()
        yield (*path, key), Said("E102", f"{words.name_of(path) if path else kind.name} lacks {key}", hint)


def _one_of(kind: Kind, value: Mapping[str, Any]) -> Said | None:
    given = [name for name in kind.one_of if value.get(name) is not None]
    sure = [name for name in given if value[name] is not UNKNOWN]
    if len(sure) == 1 or (given and not sure):
        return None  # of several that are not known yet, all but one may come to nothing
    listed = f"{', '.join(kind.one_of[:-1])} and {kind.one_of[-1]}"
    has = f"has {' and '.join(sure)}" if sure else "has none"
    hint = f"Remove {sure[-1]}, or make it two resources." if sure else f"Add one of {listed}."
    return Said("E105" if sure else "E102", f"{kind.name} needs exactly one of {listed}, and this {has}", hint)


def _no_id(trait: Field, value: str, *, secret: bool) -> Said | None:
    """What is wrong with a reference: a program has ids to give, and no names."""
    pattern = trait.schema.get(ID_PATTERN)
    if pattern is None or re.fullmatch(pattern, value):
        return None
    hint = _how_to_refer(trait)
    if secret:
        return Said("E133", f"{trait.name} is not the id of a {trait.reference}", hint)
    other = _ANY_ID.fullmatch(value)
    if other and (owner := _OWNERS.get(other[1])) and owner != trait.reference:
        return Said("E132", f"{trait.name} {quoted(value)} is the id of a {owner}, not of a {trait.reference}", hint)
    if value.startswith(PREFIXES[str(trait.reference)]):
        form, _ = words.form_of(pattern)
        return Said("E133", f"{trait.name} {quoted(value)} is not a well-formed id", f"Write {form}.")
    return Said("E133", f"{trait.name} {quoted(value)} is not the id of a {trait.reference}", hint)


def _how_to_refer(trait: Field) -> str:
    return f"Write the id, such as {variable(str(trait.reference))}.id."


def _opaque(value: Any, path: Path, *, within: bool = False) -> Iterator[tuple[Path, Said]]:
    """Assets and archives, which no API of ours takes; `within` what is secret, the place of the whole."""
    if isinstance(value, Sealed):
        yield from _opaque(value.value, path, within=True)
    elif isinstance(value, Opaque) and isinstance(bare(value), Opaque):
        yield path, Said("E103", f"{words.name_of(path)} is {_opaque_as(value)}", "Give what is in it as text.")
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _opaque(item, path if within else (*path, key), within=within)


def _inexact(value: Any, path: Path, *, within: bool = False) -> Iterator[tuple[Path, Said]]:
    """Whole numbers that are too large for Pulumi to keep their digits; `within` what is secret, the place of it."""
    if isinstance(value, Sealed):
        yield from _inexact(value.value, path, within=True)
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _inexact(item, path if within else (*path, key), within=within)
    elif isinstance(value, int | float) and abs(value) >= _INEXACT:
        shown = "" if within else f": {value:.0f}" if abs(value) < _LONG else f": {value!r}"
        said = f"{words.name_of(path)} is a whole number that may have lost digits on its way{shown}"
        yield path, Said("E118", said, "Give it as text, in quotes, if the server takes that.")


def _opaque_as(value: Opaque) -> str:
    return "a component, which has no id" if value.kind == "resource" else f"an {value.kind}"


# Where secrets are


def _within(given: Any, path: Path) -> bool:
    """Whether what stands at a path is sealed, or something that it is in."""
    for part in path:
        if isinstance(given, Sealed):
            return True
        given = given[part]
    return isinstance(given, Sealed)


def _holds(given: Any, path: Path) -> bool:
    """Whether what stands at a path is secret, or holds something that is."""
    if _within(given, path):
        return True
    for part in path:
        given = given[part]
    return is_sealed(given)
