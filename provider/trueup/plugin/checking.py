"""The inputs of a resource: in canonical form, with every fault by property, worded as the command words it.

A value that is not known yet counts as given and is not checked. A secret is checked like any other value, but no
reason reveals its value, its length or a similar word.
"""

from __future__ import annotations

import re
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
from trueup.plugin.faults import Failure
from trueup.plugin.fields_schema import described, variable
from trueup.plugin.tokens import inputs_of, referred
from trueup.systems.registry import RESOURCES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from trueup.core.changes import Path
    from trueup.core.fields import Field
    from trueup.core.kinds import ResourceKind

_WHOLE: Final = ("enum", "const", "anyOf", "oneOf")
"""Keywords that may still be satisfied while a part of the value is unknown."""
_INEXACT: Final = 2**53
"""The limit beyond which doubles cannot represent every whole number."""
_LONG: Final = 1e21
_ELSEWHERE: Final = {
    "connection": "For another server, create another provider and pass it as the option provider.",
    "id": "Adopt an existing resource with pulumi import, or with the option import.",
}
"""Keys of manifests that a program expresses in another way."""
_TYPE_HINTS: Final = {
    "string": "Write it as text, in quotes.",
    "integer": "Write a whole number, without quotes.",
    "number": "Write a number, without quotes.",
    "boolean": "Write true or false, without quotes.",
    "object": "Write a mapping, such as {key: value}.",
    "array": "Write a list, such as [one, two].",
}


def newer_words(kind: ResourceKind, inputs: Mapping[str, Any]) -> list[str]:
    """Return a warning for each word that only a newer server may know."""
    return [
        f"{said.message}. {said.hint}"
        for name, field in _fields(kind).items()
        if field.grows and _is_newer(field, inputs.get(name))
        for said in [words.newer((name,), field.schema["enum"], bare(inputs[name]))]
    ]


def _is_newer(field: Field, value: Any) -> bool:
    return (
        not isinstance(value, Sealed)
        and value is not UNKNOWN
        and bare(value) not in field.schema["enum"]
        and words.may_be_newer(field.schema, bare(value))
    )


def check(kind: ResourceKind, inputs: dict[str, Any]) -> tuple[dict[str, Any], list[Failure]]:
    """Return the inputs in canonical form with secrets sealed, and their faults."""
    fields = _fields(kind)
    found: dict[str, Any] = {}
    for name, field in fields.items():
        if name in inputs:
            value = _canonical(field, inputs[name])
            if bare(value) is not None or field.nullable:
                found[name] = value
    for name in sorted(inputs.keys() - fields.keys()):
        if not name.startswith("__"):  # added by the SDKs
            found[name] = inputs[name]
    first: dict[Path, Said] = {}
    for path, said in _faults(kind, found):
        first.setdefault(path, said)
    order = {name: number for number, name in enumerate(fields)}
    failures = [
        Failure(dotted(path), f"{said.message} ({said.code}). {said.hint}".strip())
        for path, said in sorted(first.items(), key=lambda one: _place(one[0], order))
    ]
    return found, failures


@cache
def _fields(kind: ResourceKind) -> Mapping[str, Field]:
    return MappingProxyType({field.name: field for field in inputs_of(kind)})


def _place(path: Path, order: Mapping[str, int]) -> tuple[int, list[tuple[int, str]]]:
    """Return a sort key: the resource as a whole, then its fields in their kind's order, then unknown properties."""
    parts = [(part, "") if isinstance(part, int) else (-1, part) for part in path]
    return order.get(str(path[0]), len(order)) if path else -1, parts


# Canonical form


def _canonical(field: Field, value: Any) -> Any:
    """Return the value as it is sent: trimmed, references as ids, secrets sealed."""
    if isinstance(value, Sealed):
        return Sealed(_tidy(field, bare(value)))
    value = _tidy(field, bare(value) if isinstance(value, Opaque) else value)
    if field.secret is True:
        return _sealed(value)
    if isinstance(field.secret, tuple):
        if not isinstance(value, dict):
            return _sealed(value)  # it may be the whole mapping as one string
        return {key: _sealed(item) if key in field.secret else item for key, item in value.items()}
    return value


def _tidy(field: Field, value: Any) -> Any:
    if field.reference:
        value = referred(value)
    return trimmed(value) if field.trimmed and isinstance(value, str) else value


def _sealed(value: Any) -> Any:
    """Seal a value as a whole, not in parts; None and unknown values stay open."""
    return value if value is UNKNOWN or value is None else Sealed(bare(value))


# Faults


def _faults(kind: ResourceKind, given: dict[str, Any]) -> Iterator[tuple[Path, Said]]:
    """Yield faults by path; the most informative one of each path comes first."""
    value = {name: bare(one) for name, one in given.items()}
    # As for manifests: the compiled check is fast, and the slow validator explains only what failed it.
    errors = () if _is_sound(kind)(value) else sorted(_validator(kind).iter_errors(value), key=words.gravity)
    for error in errors:
        if not _may_mend(error):
            yield from _of_error(kind, tuple(error.absolute_path), error, given)
    if kind.one_of and (said := _one_of(kind, value)):
        yield (), said
    for field in kind.references:
        if isinstance(value.get(field.name), str):
            said = _no_id(kind, field, value[field.name], secret=is_sealed(given[field.name]))
            if said is not None:
                yield (field.name,), said
    for name, field in _fields(kind).items():
        if field.trimmed and isinstance(value.get(name), str) and value[name] is not UNKNOWN:
            said = of_text(field, (name,), value[name], secret=is_sealed(given[name]))
            if said is not None:
                yield (name,), said
        yield from _opaque(given.get(name), (name,))
        yield from _inexact(given.get(name), (name,))


@cache
def _is_sound(kind: ResourceKind) -> Callable[[Any], bool]:
    return compiled(_schema(kind))


@cache
def _validator(kind: ResourceKind) -> Any:
    import jsonschema

    return jsonschema.Draft7Validator(_schema(kind))


def _schema(kind: ResourceKind) -> dict[str, Any]:
    """Return the JSON schema of a kind's inputs, without secrets and unknown values."""
    properties = {}
    for field in inputs_of(kind):
        schema = {key: one for key, one in field.schema.items() if key not in OURS}
        properties[field.name] = without_limits(schema) if field.trimmed else schema
    required = [field.name for field in inputs_of(kind) if field.required]
    whole = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {"$schema": DRAFT, **whole}


def _may_mend(error: Any) -> bool:
    """Return whether the error may disappear once unknown values are known."""
    if error.validator == "not" and error.validator_value == {}:
        return False  # a key that is not allowed at all
    if error.instance is UNKNOWN:
        return True
    return error.validator in _WHOLE and has_unknown(error.instance)


def _of_error(kind: ResourceKind, path: Path, error: Any, given: dict[str, Any]) -> Iterator[tuple[Path, Said]]:
    keyword, limit, value = error.validator, error.validator_value, error.instance
    if keyword == "enum" and words.may_be_newer(error.schema, value) and not _holds(given, path):
        return  # reported as a warning
    if keyword == "additionalProperties":
        yield from _unknown_keys(kind, path, list(error.schema["properties"]), value, within=_within(given, path))
    elif keyword == "required":
        yield from _missing_keys(kind, path, error.schema["properties"], limit, value)
    elif keyword == "not":
        yield path, words.misplaced(path, f"Give {path[-1]} as a separate input.")
    else:
        yield path, _wrong_value(path, keyword, limit, value, secret=_holds(given, path))


def _wrong_value(path: Path, keyword: str, limit: Any, value: Any, *, secret: bool) -> Said:
    if keyword == "type":
        return _wrong_type(path, limit, value, secret=secret)
    if keyword == "enum":
        return words.not_one_of(path, limit, None if secret else value)
    if secret and keyword in ("maxLength", "maxProperties"):
        return Said("E105", f"{words.name_of(path)} is too long", f"Use at most {limit}.")
    return words.wrong_value(path, keyword, limit, value, secret=secret)


def _wrong_type(path: Path, expected: str | list[str], value: Any, *, secret: bool) -> Said:
    """Return the fault as the command words it, without its hints about YAML."""
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
    kind: ResourceKind, path: Path, known: list[str], value: dict[str, Any], *, within: bool
) -> Iterator[tuple[Path, Said]]:
    unknown = sorted(value.keys() - set(known))
    whose = words.name_of(path) if path else kind.name
    if within:  # the keys of a secret mapping are secret too
        yield path, Said("E101", f"unknown key in {whose}", words.listed(known, known="Known keys are"))
        return
    for key in unknown:
        yield (
            (*path, key),
            Said("E101", f"unknown key {quoted(key)} in {whose}", _key_hint(kind, path, key, known, value)),
        )


def _key_hint(kind: ResourceKind, path: Path, key: str, known: list[str], value: dict[str, Any]) -> str:
    if not path:
        if key in _ELSEWHERE:
            return _ELSEWHERE[key]
        field = kind.by_name.get(key)
        if field is not None and field.inline:
            return f"Declare each as a separate resource: {field.inline[0]}."
    return words.key_hint(key, known, value)


def _missing_keys(
    kind: ResourceKind, path: Path, properties: Mapping[str, Any], required: list[str], value: dict[str, Any]
) -> Iterator[tuple[Path, Said]]:
    """Yield a fault for each missing key. jsonschema reports each as a separate error that lists all of them."""
    for key in words.missing(required, properties, value):
        field = _fields(kind)[key] if not path else None
        if field is not None and field.reference:
            hint = _how_to_refer(field)
        else:
            about = described(field) if field is not None else properties[key].get("description", "")
            hint = f"Add {key}. {about}".strip()
        yield (*path, key), Said("E102", f"{words.name_of(path) if path else kind.name} lacks {key}", hint)


def _one_of(kind: ResourceKind, value: Mapping[str, Any]) -> Said | None:
    given = [name for name in kind.one_of if value.get(name) is not None]
    sure = [name for name in given if value[name] is not UNKNOWN]
    if len(sure) == 1 or (given and not sure):
        return None  # all but one of the unknown values may turn out empty
    return words.exactly_one(kind.name, kind.one_of, sure, "make it two resources")


def _no_id(kind: ResourceKind, field: Field, value: str, *, secret: bool) -> Said | None:
    """Return the fault of a reference, which in a program must be an id, not a name."""
    pattern = field.schema.get(ID_PATTERN)
    if pattern is None or re.fullmatch(pattern, value):
        return None
    hint = _how_to_refer(field)
    if secret:
        return Said("E133", f"{field.name} is not the id of a {field.reference}", hint)
    known = {other.name: other.ids for other in RESOURCES if other.system == kind.system and other.ids.prefix}
    owners = (name for name, ids in known.items() if re.fullmatch(ids.pattern, value))
    if (owner := next(owners, None)) and owner != field.reference:
        return Said("E132", f"{field.name} {quoted(value)} is the id of a {owner}, not of a {field.reference}", hint)
    own = known.get(field.reference)
    if own and value.startswith(own.prefix):
        form, _ = words.form_of(pattern)
        return Said("E133", f"{field.name} {quoted(value)} is not a well-formed id", f"Write {form}.")
    return Said("E133", f"{field.name} {quoted(value)} is not the id of a {field.reference}", hint)


def _how_to_refer(field: Field) -> str:
    return f"Write the id, such as {variable(str(field.reference))}.id."


def _opaque(value: Any, path: Path, *, within: bool = False) -> Iterator[tuple[Path, Said]]:
    """Yield a fault for each asset and archive; neither API accepts them. `within`: the path's parent is secret."""
    if isinstance(value, Sealed):
        yield from _opaque(value.value, path, within=True)
    elif isinstance(value, Opaque) and isinstance(bare(value), Opaque):
        yield path, Said("E103", f"{words.name_of(path)} is {_opaque_as(value)}", "Give its content as a string.")
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _opaque(item, path if within else (*path, key), within=within)


def _inexact(value: Any, path: Path, *, within: bool = False) -> Iterator[tuple[Path, Said]]:
    """Yield a fault for each whole number that exceeds Pulumi's precision. `within`: the path's parent is secret."""
    if isinstance(value, Sealed):
        yield from _inexact(value.value, path, within=True)
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _inexact(item, path if within else (*path, key), within=within)
    elif isinstance(value, int | float) and abs(value) >= _INEXACT:
        shown = "" if within else f": {value:.0f}" if abs(value) < _LONG else f": {value!r}"
        said = f"{words.name_of(path)} is a whole number that may have lost digits in transit{shown}"
        yield path, Said("E118", said, "Give it as a string, in quotes, if the server accepts that.")


def _opaque_as(value: Opaque) -> str:
    return "a component, which has no id" if value.kind == "resource" else f"an {value.kind}"


# Secrets


def _within(given: Any, path: Path) -> bool:
    """Return whether the value at a path, or a parent of it, is sealed."""
    for part in path:
        if isinstance(given, Sealed):
            return True
        given = given[part]
    return isinstance(given, Sealed)


def _holds(given: Any, path: Path) -> bool:
    """Return whether the value at a path is secret or contains a secret."""
    if _within(given, path):
        return True
    for part in path:
        given = given[part]
    return is_sealed(given)
