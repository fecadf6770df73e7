"""Contents of a ledger as plain values: Record, Run, Intent, Seen, Lease. None holds a declared value or a secret."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping


def stamp(moment: datetime) -> str:
    """Return a time in the format of the ledger, saved plans and reports: `2026-11-02T08:51:00Z`."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass(slots=True)
class Record:
    """One managed resource, created or adopted: fingerprints of what was written, and of what read back otherwise.

    `written` and `read_back` are keyed fingerprints by path (`config.branch`).
    """

    scope: str
    """The server that it is on: `den:https://api.example.com`."""
    id: str
    address: str
    """The address under which it was declared last."""
    kind: str = ""
    """`ConnectorInstance`; empty in a record of an older version that was not written since."""
    realm: str = ""
    """The tenant that it belongs to; empty while unknown."""
    parent: str = ""
    """The id of its parent, such as the instance of a target; empty for a kind with a list of its own."""
    name: str = ""
    """Its name among its siblings when it was last declared: what `renamed-from` may refer to."""
    policy: str = ""
    """The deletionPolicy of its last declaration; empty for the kind's default."""
    protected: bool = False
    """Whether its last declaration has the annotation that refuses deletion."""
    written: dict[str, str] = dataclasses.field(default_factory=dict)
    read_back: dict[str, str] = dataclasses.field(default_factory=dict)
    """Only the paths that read back otherwise than they were written: the learned baseline."""
    settling: list[str] = dataclasses.field(default_factory=list)
    """Paths whose read-back has not settled yet."""
    owned: list[list[str]] = dataclasses.field(default_factory=list)
    """Paths of the managed keys of mappings owned by key: removed when they leave the manifest."""
    at: str = ""
    """Time of its last write, RFC 3339; empty when it was adopted and never written."""
    renamed_from: str = ""
    """The former name from its annotation, once the rename has taken effect."""
    stack: str = ""
    """The set of manifests that declares it; empty for a set without a name."""
    plain: list[list[str]] = dataclasses.field(default_factory=list)
    """The `owned` paths whose value is known not to be a secret: it may be shown on removal."""
    removed: list[list[str]] = dataclasses.field(default_factory=list)
    """Of an intent: paths of the keys that its call removes."""
    archived_with: str = ""
    """Id of the parent that was archived and released; it stays there until either of them is declared again."""


def below(held: Mapping[str, Record], key: str) -> list[Record]:
    """Return the records of all descendants of a resource; `held` is by id."""
    found: list[Record] = []
    ids = {key}
    while ids:
        nearer = [record for record in held.values() if record.parent in ids]
        ids = {record.id for record in nearer}
        found += nearer
    return found


@dataclass(frozen=True, slots=True)
class Use:
    """Requests that a run sent with a credential since its last note; times are seconds before `now`."""

    requests: int
    first: float
    last: float
    silence: float
    """Seconds without a request after which the window closes; then the count restarts."""
    now: float
    """Seconds since 1970 by the clock of the run."""


@dataclass(frozen=True, slots=True)
class Used:
    """Requests that all runs sent with a credential since the last silence."""

    requests: int
    age: float | None
    """Seconds since its last use, before this note; None when it was never used."""


@dataclass(slots=True)
class Run:
    """One apply, from its first intent to its end."""

    id: str
    """`r-7f3a9c`."""
    began: str
    """RFC 3339."""
    holder: str
    """Who runs it, for display: `user@host, process 4711`."""
    ended: str = ""
    """RFC 3339; empty while it is running, and for good when it was killed."""
    result: str = ""
    """A line on its result."""


@dataclass(slots=True)
class Intent:
    """One call about to be sent. It is written first, so that a crash leaves it open for the next run to settle."""

    run: str
    number: int
    """Counts from 1 within the run."""
    scope: str
    realm: str
    address: str
    kind: str
    verb: str
    """The verb in the API's terms: `create`, `patch`, `archive`, …"""
    id: str = ""
    """The id of the resource that is changed; empty for a creation."""
    parent: str = ""
    key: str = ""
    """The natural key of a creation, as JSON with ids for references, to look for it."""
    record: Record | None = None
    """The record to write once the call has taken effect; its id is empty for a creation."""
    at: str = ""
    """RFC 3339."""
    state: Literal["open", "done", "failed", "found", "absent"] = "open"
    """`found` and `absent` are the outcomes that a later run determined by looking."""


@dataclass(slots=True)
class Seen:
    """The last reading of the children of one parent, for those that were declared."""

    scope: str
    kind: str
    parent: str
    """The id of the parent."""
    at: str
    """Time of the reading, RFC 3339."""
    digest: str
    """Keyed digest of the declared children, all of which were in sync; empty when one differed."""


@dataclass(slots=True)
class Lease:
    """A lock as recorded in the ledger: its holder, since when, and its last confirmation."""

    name: str
    """The locked server and organisation or project."""
    run: str
    holder: str
    since: str
    """RFC 3339."""
    heartbeat: str
    """RFC 3339, by the database's clock."""
    age: float = 0.0
    """Seconds since the heartbeat when it was read, by the database's clock."""
    gone: bool = False
    """Whether it is free: its term is over, or its process is known to have exited."""
    shared: bool = False
    """Whether a Pulumi program holds it: it excludes the command, but not other Pulumi programs."""
    revoked: str = ""
    """Time of the request by `trueup unlock`, RFC 3339; empty when there was none."""
    revoker: str = ""
    """The user who requested it."""
