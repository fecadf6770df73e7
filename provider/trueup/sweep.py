"""What need not be read now, since it was seen not long ago: a large organisation is looked at in turns.

What is listed below something costs a request a parent. With a largest age, what was declared below a parent, was in
sync when it was read, and is declared no otherwise today, is taken as it was seen; the oldest of it is read again as
far as the budget reaches. What is taken so is never written.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from trueup.match import exclusive_places
from trueup.model import Listing
from trueup.records import Seen
from trueup.secrets import fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trueup.match import Matches, Place, Records
    from trueup.model import Declared, Kind
    from trueup.plan import Plan

    Connection = tuple[str, str]


class Sweep:
    """Decides what is read below which parents, and remembers what was."""

    def __init__(
        self,
        declared: Sequence[Declared],
        scopes: Mapping[Connection, str],
        key: bytes,
        now: datetime,
        *,
        seen: Mapping[tuple[str, str, str], Seen] | None = None,
        records: Records | None = None,
        max_age: timedelta | None = None,
        budget: int = 0,
    ) -> None:
        self._scopes = scopes
        self._key = key
        self._now = now
        self._exclusive = {
            (place, one.address) for place, parents in exclusive_places(declared).items() for one in parents
        }
        self._young: dict[tuple[str, str, str], Seen] = {}
        if max_age is not None:
            for place, one in (seen or {}).items():
                at = _time(one.at)
                if one.digest and at is not None and now - max_age <= at <= now:
                    self._young[place] = one
        oldest = sorted(self._young, key=lambda place: self._young[place].at)
        for place in oldest[:budget]:
            del self._young[place]
        self._ids: dict[tuple[Connection, str], str] = {}
        for connection, held in (records or {}).items() if self._young else ():
            for record in held.values():
                self._ids[connection, record.address] = record.id
        self._read: list[tuple[Place, str, Sequence[Declared]]] = []

    def choose(self, place: Place, kind: Kind, parents: Mapping[str, Sequence[Declared]]) -> tuple[set[str], Listing]:
        """The parents to read below now, and what is known of what is declared below the others."""
        now: set[str] = set()
        known = Listing([])
        scope = self._scopes[place[:2]]
        for parent, declared in parents.items():
            seen = self._young.get((scope, kind.name, parent))
            ids = {one.address: self._ids.get((place[:2], str(one.address))) for one in declared}
            if seen is not None and seen.digest == self._digest(place, declared) and all(ids.values()):
                known.aged |= {address: (str(key), seen.at) for address, key in ids.items()}
            else:
                now.add(parent)
                self._read.append((place, parent, declared))
        return now, known

    def saw(self, plan: Plan, matches: Matches) -> list[Seen]:
        """What was read below which parents, for the ledger: with a digest where all that is declared was in sync."""
        differing = {step.address for step in plan.steps}
        at = self._now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        found: list[Seen] = []
        for place, parent, declared in self._read:
            index = matches.indexes.get(place)
            if index is None or parent in index.listing.denied:
                continue
            removing = {step.live.spec.get(step.declared.kind.parent) for step in plan.steps if step.live}
            sound = not any(one.address in differing for one in declared) and parent not in removing
            digest = self._digest(place, declared) if sound else ""
            found.append(Seen(self._scopes[place[:2]], place[2], parent, at, digest))
        return found

    def _digest(self, place: Place, declared: Sequence[Declared]) -> str:
        said = sorted((str(one.address), fingerprint(self._key, one.spec)) for one in declared)
        alone = any(exclusive == place for exclusive, _ in self._exclusive)
        return fingerprint(self._key, [said, alone])


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
