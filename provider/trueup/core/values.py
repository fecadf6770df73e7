"""Values that a run works with: Address, Where, Live, Listing, Call, Desired."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from trueup.core.documents import Path
    from trueup.core.reasons import Reason


DEFAULT_CONNECTION: Final = "default"


@dataclass(frozen=True, slots=True, order=True)
class Where:
    """A place in a manifest; line and column count from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file  # line 0: not in a file


class ConnectionId(NamedTuple):
    """A connection: its system and its name."""

    system: str
    name: str


class ListKey(NamedTuple):
    """The resources of one kind on one connection: what is listed, matched and verified together."""

    system: str
    connection: str
    kind: str

    @property
    def connection_id(self) -> ConnectionId:
        """The connection."""
        return ConnectionId(self.system, self.connection)


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """The name of a declared resource: `den/ConnectorInstance/docs`, or `den:staging/…` off the default connection."""

    system: str
    kind: str
    name: str
    connection: str = DEFAULT_CONNECTION

    def __str__(self) -> str:
        system = self.system if self.connection == DEFAULT_CONNECTION else f"{self.system}:{self.connection}"
        return f"{system}/{self.kind}/{self.name}"

    @property
    def connection_id(self) -> ConnectionId:
        """The connection that it is declared for."""
        return ConnectionId(self.system, self.connection)

    @property
    def list_key(self) -> ListKey:
        """The list that it is in."""
        return ListKey(self.system, self.connection, self.kind)


@dataclass(slots=True)
class Listing:
    """The result of a reading."""

    items: list[Live]
    complete: bool = True
    """Only a complete listing proves that something is absent."""
    parents: frozenset[str] = frozenset()
    """The parents whose children were read."""
    aged: dict[Address, tuple[str, str]] = dataclasses.field(default_factory=dict)
    """Declared resources that were not read now: their ids, and when they were last seen as declared."""
    denied: dict[str, Reason] = dataclasses.field(default_factory=dict)
    """Parents whose children could not be read, by id, and why."""
    gone: set[str] = dataclasses.field(default_factory=set)
    """The `denied` parents that the server reports as not found."""
    hidden: dict[Address, str] = dataclasses.field(default_factory=dict)
    """Ids of declared resources in the ledger that are not listed because the credential does not see all."""
    context: Any = None
    """Further data of the kind's reading, for its own use."""


@dataclass(frozen=True, slots=True)
class Call:
    """One write of a step, as data, so that a plan can be saved and shown."""

    verb: str
    """The verb in the API's terms: `create`, `patch`, `enable`, …"""
    requests: int = 1
    """Number of requests without retries."""
    paths: tuple[str, ...] = ()
    """The fields that it sets."""
    admin: bool = False
    """Whether it requires an admin of the organisation."""


DELETES: Final = ("remove", "delete", "revoke", "disconnect")
"""Verbs of calls after which the object does not exist any more."""


WITH_ALL_BELOW: Final = ("remove", "disconnect")
"""The verbs among them that also delete everything below the object."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The reason to keep a resource that is no longer declared, and what would delete it."""

    why: Reason


@dataclass(frozen=True, slots=True)
class Incomparable:
    """The reason why a value that was read is incomparable with a declared one."""

    why: Reason
    settling: bool = False
    """Whether the value may still change, so that it must not be learned as a baseline."""
    final: bool = False
    """Whether the value reports a failure: it is neither learned nor written again."""
    may_be: tuple[str, ...] = ()
    """The declared values that it may stand for."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason to refuse a step, with a remedy."""

    why: Reason
    error: bool = False
    """True when the manifest asks for something impossible; False when trueup protects a live resource."""


@dataclass(frozen=True, slots=True)
class Desired:
    """The result that a call has to reach: the declared spec with references as ids and secrets resolved."""

    spec: dict[str, Any]
    waits: dict[str, Address] = dataclasses.field(default_factory=dict)
    """Fields whose id is known once that resource is created."""
    removed: tuple[Path, ...] = ()
    """Managed keys that left the manifest and that the server still has."""


@dataclass(slots=True)
class Live:
    """One resource as the server has it, in canonical form; references are ids."""

    kind: str
    id: str
    name: str
    spec: dict[str, Any]
    updated_at: str | None = None
    unreadable: frozenset[Path] = frozenset()
    """Paths of `spec` whose value the server hides (masked or left out)."""
    trouble: Reason | None = None
    """A problem that the server itself reports, which no declared field shows and no call fixes."""
    server: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Values of the server alone: `organizationId`, `createdAt`, …"""
    found: bool = False
    """Whether it was looked for after the answer to a write was lost: another client may have created it."""
    implied: bool = False
    """Whether it exists as part of another object, so that it need not be declared."""
    seen_at: str = ""
    """Time of the reading when it is not from this run: the values then come from the ledger."""

    def hides(self, path: Path) -> bool:
        """Return whether the server hides the value at a path."""
        return bool(self.unreadable) and any(path[: len(one)] == one for one in self.unreadable)
