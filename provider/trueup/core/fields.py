"""Fields of a kind, declared by the kind's dataclass."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from trueup.core.documents import Path


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a kind, as users write it."""

    name: str
    doc: str
    """Its description, for manifests."""
    schema: dict[str, Any]
    """JSON Schema of the value, without the description."""
    required: bool = False
    default: Any = None
    """Value that the server or trueup assumes when the field is absent; documentation only, never filled in."""
    reference: str = ""
    """The kind (of the same system) that the field refers to, by that resource's name or id; empty for none."""
    immutable: bool = False
    secret: bool | tuple[str, ...] = False
    """A secret: references only, never shown. A tuple names the keys of a mapping below which every value is secret."""
    write_only: bool = False
    """Whether the server may hide the value: absent from a reading then means unreadable, not removed."""
    owned_by_key: bool = False
    """A mapping of which only the declared keys are managed; other keys belong to the server and are kept."""
    local: bool = False
    """Used by trueup only: never compared with the live value."""
    inline: tuple[str, str] | None = None
    """A short form of resources of another kind, each without its reference to this one.

    The name of that kind (of the same system), and the key of the list; empty when the field itself is the list.
    """
    example: Any = None
    trimmed: bool = False
    """A text that the server trims before it checks its length, in UTF-16 units."""
    program: str = ""
    """Its description for programs; empty where that is `doc`."""

    @property
    def grows(self) -> bool:
        """Whether a newer server may know more values than the enum: an unknown one is then a warning."""
        return GROWS in self.schema

    @property
    def nullable(self) -> bool:
        """Whether null may be written."""
        types = self.schema.get("type")
        return isinstance(types, list) and "null" in types

    @property
    def when_omitted(self) -> str:
        """A sentence on the effect of omitting the field; empty without a default."""
        if self.default is None:
            return ""
        value = self.default if isinstance(self.default, str) else json.dumps(self.default)
        if self.local or self.immutable:
            return f"Default: `{value}`."
        return f"If omitted, the live value is kept; new resources get `{value}`."

    def is_secret(self, path: Path) -> bool:
        """Return whether the value at a path, which starts with this field's name, is a secret."""
        if isinstance(self.secret, tuple):
            return len(path) > 1 and path[1] in self.secret
        return self.secret

    def is_plain(self, value: Any) -> bool:
        """Return whether a value could have been written literally, so that it is no other form of a declared value."""
        return isinstance(value, bool) or (isinstance(value, str) and value in self.schema.get("enum", ()))


GROWS: Final = "x-grows"  # marks an enum in a schema to which a newer server may add values


def field(
    doc: str,
    *,
    default: Any = None,
    reference: str = "",
    immutable: bool = False,
    secret: bool | tuple[str, ...] = False,
    write_only: bool = False,
    owned_by_key: bool = False,
    local: bool = False,
    inline: tuple[str, str] | None = None,
    example: Any = None,
    trimmed: bool = False,
    grows: bool = False,
    program: str = "",
    **schema: Any,
) -> Any:
    """Declare a field of a kind's dataclass: description, properties, and further JSON Schema (`max_length=255`)."""
    properties = {
        "doc": doc,
        "default": default,
        "reference": reference,
        "immutable": immutable,
        "secret": secret,
        "write_only": write_only,
        "owned_by_key": owned_by_key,
        "local": local or inline is not None,
        "inline": inline,
        "example": example,
        "trimmed": trimmed,
        "program": program,
        "schema": {_camel(key): value for key, value in schema.items()} | ({GROWS: True} if grows else {}),
    }
    return dataclasses.field(default=None, metadata=properties)


def _camel(name: str) -> str:
    if name == "required_keys":  # a field's own `required` means that the field must be present
        return "required"
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _schema(hint: Any) -> tuple[dict[str, Any], bool]:
    """Return the JSON Schema of a type hint, and whether the field is optional (`| None`; null is not allowed)."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        arms = [arm for arm in typing.get_args(hint) if arm is not type(None)]
        found = [_schema(arm)[0] for arm in arms]
        return (found[0] if len(found) == 1 else {"anyOf": found}), True
    origin = typing.get_origin(hint)
    if origin is Literal:
        return {"type": "string", "enum": list(typing.get_args(hint))}, False
    if origin is dict:
        return {"type": "object"}, False
    if origin is list:
        return {"type": "array", "items": _schema(typing.get_args(hint)[0])[0]}, False
    return {"type": {str: "string", int: "integer", float: "number", bool: "boolean"}[hint]}, False


def fields_of(cls: type) -> tuple[Field, ...]:
    """Return the fields of a kind's dataclass. `X | None` makes one optional; `nullable=True` also accepts null."""
    hints = typing.get_type_hints(cls)
    found = []
    for spec in dataclasses.fields(cls):
        properties = dict(spec.metadata)
        schema, optional = _schema(hints[spec.name])
        extra = dict(properties.pop("schema"))
        if extra.pop("nullable", False):
            schema = {**schema, "type": [schema["type"], "null"]}
        found.append(Field(name=spec.name, required=not optional, schema={**schema, **extra}, **properties))
    return tuple(found)
