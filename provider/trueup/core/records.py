"""What a ledger holds, as plain values: Record, Run, Intent, Seen, Lease. None of them holds a value or a secret."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping


def stamp(moment: datetime) -> str:
    """A time as the ledger, a saved plan and a report have it: `2026-11-02T08:51:00Z`."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass(slots=True)
class Record:
    """One resource that is ours, since we made or adopted it: what we wrote, and how it read back.

    `written` and `read_back` are keyed fingerprints by path (`config.branch`).
    """

    scope: str
    """The server it lives on: `den:https://api.example.com`."""
    id: str
    address: str
    """Under which it was declared last."""
    kind: str = ""
    """`ConnectorInstance`; empty in what an older version wrote and nobody has touched since."""
    realm: str = ""
    """Den's organisation or Wexa's project that it belongs to; empty as long as that is unknown."""
    parent: str = ""
    """The id of what it is listed below: a target's instance; empty for what has a list of its own."""
    name: str = ""
    """Its name among its siblings when it was declared last: what `renamed-from` may mean."""
    policy: str = ""
    """The deletionPolicy that it was declared with last; empty for the kind's own default."""
    protected: bool = False
    """Whether it was declared with the annotation that refuses its removal."""
    written: dict[str, str] = dataclasses.field(default_factory=dict)
    read_back: dict[str, str] = dataclasses.field(default_factory=dict)
    """Only paths that read back otherwise than they were written: the learned baseline."""
    settling: list[str] = dataclasses.field(default_factory=list)
    """Paths whose read-back is still on the way."""
    owned: list[list[str]] = dataclasses.field(default_factory=list)
    """Paths of keys of mappings owned by key that we set: removed when they leave the manifest."""
    at: str = ""
    """When it was written last, RFC 3339; empty for what was adopted and never written."""
    renamed_from: str = ""
    """The former name by its annotation, once that was carried out."""
    stack: str = ""
    """The set of manifests that declares it; empty for one without a name."""
    plain: list[list[str]] = dataclasses.field(default_factory=list)
    """Those of the owned paths whose value is known to have been no secret: it is shown as it is removed."""
    removed: list[list[str]] = dataclasses.field(default_factory=list)
    """Of an intent: paths of keys that its call takes out."""
    archived_with: str = ""
    """The id of what is above it and was archived and released: it stays below that until either is declared again."""


def below(held: Mapping[str, Record], key: str) -> list[Record]:
    """Return the records, of those by id, of what is below a resource at any depth."""
    found: list[Record] = []
    ids = {key}
    while ids:
        nearer = [record for record in held.values() if record.parent in ids]
        ids = {record.id for record in nearer}
        found += nearer
    return found


@dataclass(frozen=True, slots=True)
class Use:
    """Requests of a credential that a run sent since it noted the last ones; times are seconds before `now`."""

    requests: int
    first: float
    last: float
    silence: float
    """So many seconds without a request close the window; then counting starts again."""
    now: float
    """Seconds since 1970 by the clock of the run."""


@dataclass(frozen=True, slots=True)
class Used:
    """The requests that all runs sent with a credential since the last silence."""

    requests: int
    age: float | None
    """Seconds since it was last used, before this was noted; None when it never was."""


@dataclass(slots=True)
class Run:
    """One apply, from its first intent to its end."""

    id: str
    """`r-7f3a9c`."""
    began: str
    """RFC 3339."""
    holder: str
    """Who runs it, for people: `user@host, process 4711`."""
    ended: str = ""
    """RFC 3339; empty while it runs, and for ever when it was killed."""
    result: str = ""
    """A line on how it ended."""


@dataclass(slots=True)
class Intent:
    """One call that was about to be sent: written before it, so that a crash leaves it open and the next run looks."""

    run: str
    number: int
    """Counts within the run."""
    scope: str
    realm: str
    address: str
    kind: str
    verb: str
    """`create`, `patch`, `archive`, … as the API calls it."""
    id: str = ""
    """Of what is changed; empty for what is being created."""
    parent: str = ""
    key: str = ""
    """The natural key of what is being created, as JSON, with ids for references: how it is looked for."""
    record: Record | None = None
    """What the ledger is to hold once it has happened; its id is empty for what is being created."""
    at: str = ""
    """RFC 3339."""
    state: Literal["open", "done", "failed", "found", "absent"] = "open"
    """`found` and `absent`: it was open, and a later run looked."""


@dataclass(slots=True)
class Seen:
    """What was listed below one parent when it was read last, as far as it was declared."""

    scope: str
    kind: str
    parent: str
    """The id of what it was listed below."""
    at: str
    """When it was read, RFC 3339."""
    digest: str
    """Keyed digest of what was declared below it, all of which was in sync then; empty when something differed."""


@dataclass(slots=True)
class Lease:
    """A lock as it stands in the ledger: who holds it, since when, and when it was last confirmed."""

    name: str
    """What is locked: a server and an organisation or project."""
    run: str
    holder: str
    since: str
    """RFC 3339."""
    heartbeat: str
    """RFC 3339, by the database's clock."""
    age: float = 0.0
    """Seconds since the heartbeat, by the database's clock, when it was read."""
    gone: bool = False
    """Its term is over, or its process is known to have ended, so that it is free."""
    shared: bool = False
    """It is a Pulumi program's: it excludes the command, and no other Pulumi program."""
    revoked: str = ""
    """When `trueup unlock` asked for it, RFC 3339; empty when it did not."""
    revoker: str = ""
    """Who asked for it."""
