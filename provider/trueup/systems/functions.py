"""The functions that a system gives to programs: what each takes and returns, as data, and the coroutine that reads.

The Pulumi provider describes and checks them by this data, so that a coroutine gets sound inputs only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from trueup.core.kinds import ResourceKind
from trueup.core.secrets import reveal

if TYPE_CHECKING:
    from trueup.core.api import Api
    from trueup.core.values import Live


class LiveReader(Protocol):
    """The live resources of one system, each list read once for all that ask. Coroutines raise ApiError."""

    @property
    def client(self) -> Api:
        """The client of the API, for what is no resource."""

    async def get(self, kind: ResourceKind, key: str, parent: str = "") -> Live | None:
        """Return the resource with that id, of a child kind below that parent."""

    async def find(self, kind: ResourceKind, spec: dict[str, Any]) -> Live | None:
        """Return the resource that a spec names by id or natural key."""

    async def all(self, kind: ResourceKind, parent: str = "") -> list[Live]:
        """Return all resources of a kind, or all children of a parent."""


@dataclass(frozen=True, slots=True)
class Enum:
    """A type of a few words."""

    name: str
    doc: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecordType:
    """A type with properties: some of its own, or those of a kind's live resources that are no mappings."""

    name: str
    doc: str
    properties: Mapping[str, Property] | ResourceKind
    always: tuple[str, ...] = ()
    """Its own properties that are never missing."""


@dataclass(frozen=True, slots=True)
class Property:
    """An input or output: a text, a whole number of at least 1, a word of an Enum, or a list of Records."""

    doc: str
    type: Literal["string", "integer"] | Enum | RecordType = "string"


@dataclass(frozen=True, slots=True)
class Function:
    """A look-up or a list, such as `getConnectorInstance`."""

    name: str
    doc: str
    call: Callable[[LiveReader, Mapping[str, Any]], Awaitable[dict[str, Any]]]
    """Returns the outputs for the inputs that are given. Raises InputError, UsageError and ApiError."""
    inputs: Mapping[str, Property] = field(default_factory=dict)
    outputs: Mapping[str, Property] | ResourceKind = field(default_factory=dict)
    """Its outputs, or the kind of the one live resource that it returns."""
    required: tuple[str, ...] = ()
    """Inputs that must be given."""
    one_of: tuple[str, ...] = ()
    """Inputs of which exactly one must be given."""
    always: tuple[str, ...] = ()
    """Its own outputs that are never missing."""


class InputError(Exception):
    """An input with a value that its function does not take."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__()
        self.name, self.message = name, message


def shown(kind: ResourceKind, live: Live) -> dict[str, Any]:
    """Return a live resource as a function returns it: without mappings, whose contents may be secret."""
    spec = reveal(live.spec)
    found = {
        field.name: spec[field.name]
        for field in kind.fields
        if spec.get(field.name) is not None and not (field.owned_by_key or field.write_only or field.local)
    }
    found |= {name: value for name, value in live.server.items() if isinstance(value, str)}
    return {"id": live.id, **found, **({"updatedAt": live.updated_at} if live.updated_at else {})}
