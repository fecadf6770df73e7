"""Conversion between the protobuf values of Pulumi's protocol and Python values: secrets, unknowns, assets, references.

Source: `rpc.go` of the Pulumi SDK for Go, the engine's own implementation. A secret becomes `Sealed`, a value that is
not known yet `UNKNOWN`; all other values are as in JSON, with whole numbers as int.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import struct_pb2

from trueup.core.changes import MISSING, UNKNOWN, dotted
from trueup.core.compare import same
from trueup.core.errors import UsageError
from trueup.core.secrets import REDACTED, Secret

__all__ = [
    "UNKNOWN",
    "Opaque",
    "Sealed",
    "bare",
    "decode",
    "encode",
    "has_unknown",
    "is_sealed",
    "seal_like",
    "secrets",
    "value_of",
]

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the protocol's mark, no secret
OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
OPAQUE: Final = {
    "c44067f5952c0a294b673a41bacd8c17": "asset",
    "0def7320c3a5731c473e5ecbe6d01bc7": "archive",
    "5cf8f73096256a8f31e491e813e4eb8e": "resource",
}
UNKNOWNS: Final = frozenset(
    (
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # a bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # a number
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # a string, or a value of unknown type
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # an array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # an asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # an archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # an object
    )
)
_UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_DEEPEST: Final = 200
"""Levels of nesting that are accepted and sent, because functions that walk values here recurse. protobuf's limit is
far higher: importing pulumi lifts it, and the engine accepts and sends at most 10,000 nested messages."""
_EXACT: Final = 2**53
_NOT_FINITE: Final = "a number is not finite, or too large."


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret value of any shape. Its value is never printed, and sealing it again changes nothing."""

    value: Any

    def __post_init__(self) -> None:
        if isinstance(self.value, Sealed):
            object.__setattr__(self, "value", self.value.value)

    def __repr__(self) -> str:
        return REDACTED


@dataclass(frozen=True, slots=True)
class Opaque:
    """An asset, an archive or a reference to a resource, which is returned unchanged."""

    kind: str
    raw: dict[str, Any]

    @property
    def id(self) -> Any:
        """Return the id of the referenced resource, UNKNOWN until it exists; None for a component, which has no id."""
        found = self.raw.get("id")
        return UNKNOWN if found == "" else found  # the protocol writes an unknown id so


def decode(struct: struct_pb2.Struct) -> dict[str, Any]:
    """Return the values of a Struct. Raises UsageError for too deep nesting and for numbers that are not finite."""
    found: dict[str, Any] = {}
    for name, value in _sorted(struct):
        try:
            found[name] = value_of(value)
        except UsageError as error:
            raise _at(name, error.message) from None
    return found


def _sorted(struct: struct_pb2.Struct) -> list[tuple[str, struct_pb2.Value]]:
    """Return the fields sorted by name: a Struct has no order, and results must not depend on chance."""
    return sorted(struct.fields.items())


def _at(name: str, message: str) -> UsageError:
    return UsageError(f"{dotted((name,))}: {message}")


def value_of(value: struct_pb2.Value, depth: int = 0) -> Any:
    """Return one value. Raises UsageError for too deep nesting and for numbers that are not finite."""
    if depth > _DEEPEST:
        raise UsageError(f"a value is nested more than {_DEEPEST} levels deep.")
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value in UNKNOWNS else value.string_value
    if kind == "number_value":
        number = value.number_value
        if not math.isfinite(number):
            raise UsageError(_NOT_FINITE)
        return int(number) if number.is_integer() and abs(number) <= _EXACT else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "struct_value":
        return _meant({name: value_of(one, depth + 1) for name, one in _sorted(value.struct_value)})
    if kind == "list_value":
        return [value_of(one, depth + 1) for one in value.list_value.values]
    return None


def _meant(found: dict[str, Any]) -> Any:
    """Return the value that an object with a signature stands for."""
    mark = found.get(SIGNATURE)
    if not isinstance(mark, str):
        return found
    if mark == SECRET:
        return Sealed(_hidden(found.get("value")))
    if mark == OUTPUT:
        value = found.get("value", UNKNOWN)
        return Sealed(_hidden(value)) if found.get("secret") is True else value
    if mark in OPAQUE:
        return Opaque(OPAQUE[mark], found)
    return found


def _hidden(value: Any) -> Any:
    """Register the texts and numbers of a value as secret, so that no message shows them, and return it."""
    if isinstance(value, str):
        Secret(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        Secret(repr(value))
    elif isinstance(value, dict):
        for one in value.values():
            _hidden(one)
    elif isinstance(value, list):
        for one in value:
            _hidden(one)
    return value


def encode(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return a Struct of the values; MISSING is omitted. Raises UsageError for values that JSON cannot hold."""
    struct = struct_pb2.Struct()
    for name, value in values.items():
        if value is not MISSING:
            try:
                _put(struct.fields[name], value, 0)
            except UsageError as error:
                raise _at(name, error.message) from None
            except UnicodeEncodeError:  # a lone surrogate; the error holds the text
                raise _at(name, "a string is not valid Unicode.") from None
    return struct


def _put(into: struct_pb2.Value, value: Any, depth: int) -> None:
    if depth > _DEEPEST:
        raise UsageError(f"a value is nested more than {_DEEPEST} levels deep.")
    if isinstance(value, str):
        into.string_value = value
    elif isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise UsageError(_NOT_FINITE)
        into.number_value = number
    elif value is None:
        into.null_value = struct_pb2.NULL_VALUE
    elif value is UNKNOWN:
        into.string_value = _UNKNOWN
    elif isinstance(value, Sealed):
        fields = into.struct_value.fields
        fields[SIGNATURE].string_value = SECRET
        inner = value.value
        _put(fields["value"], inner.reveal() if isinstance(inner, Secret) else inner, depth + 1)
    elif isinstance(value, Secret):
        _put(into, Sealed(value.reveal()), depth)
    elif isinstance(value, Opaque):
        _put(into, value.raw, depth)
    elif isinstance(value, Mapping):
        into.struct_value.SetInParent()
        for name, one in value.items():
            if not isinstance(name, str):
                raise UsageError("a mapping has a key that is not a string.")
            if one is not MISSING:
                _put(into.struct_value.fields[name], one, depth + 1)
    elif isinstance(value, list | tuple):
        into.list_value.SetInParent()
        for one in value:
            if one is not MISSING:
                _put(into.list_value.values.add(), one, depth + 1)
    else:
        raise UsageError(f"a {type(value).__name__} cannot be sent to Pulumi.")


def bare(value: Any) -> Any:
    """Return the value with all secrets opened; a reference to a resource becomes its id."""
    if isinstance(value, Sealed):
        return bare(value.value)
    if isinstance(value, Opaque):
        return value if value.kind != "resource" or value.id is None else bare(value.id)
    if isinstance(value, dict):
        return {name: bare(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [bare(one) for one in value]
    return value


def has_unknown(value: Any) -> bool:
    """Return whether any part of the value is not known yet."""
    if isinstance(value, Sealed):
        return has_unknown(value.value)
    if isinstance(value, Opaque):
        return value.id is UNKNOWN or has_unknown(value.raw)
    if isinstance(value, Mapping):
        return any(map(has_unknown, value.values()))
    if isinstance(value, list | tuple):
        return any(map(has_unknown, value))
    return value is UNKNOWN


def is_sealed(value: Any) -> bool:
    """Return whether the value or any part of it is secret."""
    if isinstance(value, Opaque):
        return is_sealed(value.raw)
    if isinstance(value, Mapping):
        return any(map(is_sealed, value.values()))
    if isinstance(value, list | tuple):
        return any(map(is_sealed, value))
    return isinstance(value, Sealed | Secret)


def seal_like(value: Any, model: Any) -> Any:
    """Return the value, sealed wherever the model is sealed.

    A list is sealed item by item only while its other items equal the model's: an item that moved may be the secret.
    """
    if value is MISSING or isinstance(value, Sealed):
        return value
    if isinstance(model, Sealed):
        return Sealed(bare(value))
    if not is_sealed(model):
        return value
    if isinstance(value, dict) and isinstance(model, dict):
        return {name: seal_like(one, model.get(name)) for name, one in value.items()}
    if isinstance(value, list) and isinstance(model, list) and len(value) == len(model):
        pairs = list(zip(value, model, strict=True))
        if all(is_sealed(inner) or same(one, inner) for one, inner in pairs):
            return [seal_like(one, inner) for one, inner in pairs]
    return Sealed(bare(value))


def secrets(value: Any, *, sealed: bool = False) -> Any:
    """Return the value with sealed strings as core Secrets, which no message shows from here on."""
    if isinstance(value, Sealed):
        return secrets(value.value, sealed=True)
    if isinstance(value, Opaque):
        opened = bare(value)
        return opened if isinstance(opened, Opaque) else secrets(opened, sealed=sealed)
    if isinstance(value, dict):
        return {name: secrets(one, sealed=sealed) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [secrets(one, sealed=sealed) for one in value]
    return Secret(value) if sealed and isinstance(value, str) else value
