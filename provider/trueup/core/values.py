"""Values that a run works with: Address, Where, Live, Listing, Call, Desired."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from trueup.core.changes import Path


DEFAULT_CONNECTION: Final = "default"


@dataclass(frozen=True, slots=True, order=True)
class Where:
    """A place in a manifest; line and column count from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file  # 0: not of a file


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


@dataclass(slots=True)
class Listing:
    """What a reading found."""

    items: list[Live]
    complete: bool = True
    """Only a complete listing tells that something is absent."""
    below: frozenset[str] = frozenset()
    """The parents below which was read."""
    aged: dict[Address, tuple[str, str]] = dataclasses.field(default_factory=dict)
    """Declared resources that were not read now: their ids, and when they were seen as they are declared."""
    denied: dict[str, str] = dataclasses.field(default_factory=dict)
    """Parents below which nothing could be read, by id, and why."""
    gone: set[str] = dataclasses.field(default_factory=set)
    """Those of the denied of which the server says that they are not there."""
    hidden: dict[Address, str] = dataclasses.field(default_factory=dict)
    """Declared resources that are not listed and that the ledger knows, where the credential does not see all: ids."""
    context: Any = None
    """What the kind read beside, for its own use."""


@dataclass(frozen=True, slots=True)
class Call:
    """One write of a step, as data: a plan can be saved and shown."""

    verb: str
    """`create`, `patch`, `enable`, … as the API calls it."""
    requests: int = 1
    """How many requests it takes when all goes well."""
    paths: tuple[str, ...] = ()
    """The fields it sets."""
    admin: bool = False
    """It takes an admin of the organisation."""


DELETES: Final = ("remove", "delete", "revoke", "disconnect")
"""Handler of calls after which something is not there any more."""


WITH_ALL_BELOW: Final = ("remove", "disconnect")
"""Those of them that take along what is below it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Why something that left the manifests stays as it is, and what would remove it."""

    why: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a value that was read says little about a declared one."""

    why: str
    settling: bool = False
    """It may still be on the way to another value, so it is not to be learned."""
    final: bool = False
    """It tells of a failure: neither to be learned nor to be written again by itself."""
    may_be: tuple[str, ...] = ()
    """The declared words that it may stand for."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a step is not made, in words that say what would help."""

    why: str
    error: bool = False
    """True when the manifest asks for what cannot be; False when trueup protects what is live."""


@dataclass(slots=True)
class Desired:
    """What a call has to bring about: the declared spec with references as ids and secrets resolved."""

    spec: dict[str, Any]
    waits: dict[str, Address] = dataclasses.field(default_factory=dict)
    """Fields whose id is known once that resource was created."""
    removed: tuple[Path, ...] = ()
    """Keys that we set once, that left the manifest, and that the server still has."""


@dataclass(slots=True)
class Live:
    """One resource as the server has it, in our words; references are ids, names are canonical."""

    kind: str
    id: str
    name: str
    spec: dict[str, Any]
    updated_at: str | None = None
    unreadable: frozenset[Path] = frozenset()
    """Paths of `spec` whose value the server keeps to itself (masked or left out)."""
    trouble: str = ""
    """What the server itself says is wrong with it, which no declared field tells and no call mends."""
    server: dict[str, Any] = dataclasses.field(default_factory=dict)
    """What belongs to the server alone: `organizationId`, `createdAt`, …"""
    found: bool = False
    """It was looked for because the answer to a write was lost: what it says need not be ours."""
    implied: bool = False
    """It comes with something else, so that nobody need declare it."""
    seen_at: str = ""
    """When it was read, if that was not just now: then it is what the ledger holds of it."""
