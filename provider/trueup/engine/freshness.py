"""Reuse of recent readings: with a maximum age, a large organisation is read in turns.

Listing children costs one request a parent. Children that were in sync at their last reading, and whose declaration is
unchanged, are taken from the ledger until they exceed the maximum age; the request budget is spent on the oldest of
them. A resource taken from the ledger is never written.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from trueup.core.records import Seen, stamp
from trueup.core.secrets import fingerprint
from trueup.core.values import ConnectionId, Listing, ListKey
from trueup.engine.match import exclusive_lists

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

    from trueup.core.kinds import Declared, ResourceKind
    from trueup.core.values import Address
    from trueup.engine.match import Matches, Records
    from trueup.engine.plan.steps import Plan


class Freshness:
    """Decides which parents' children are read, and records those readings."""

    def __init__(
        self,
        declared: Sequence[Declared],
        scopes: Mapping[ConnectionId, str],
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
        self._young: dict[tuple[str, str, str], Seen] = {}
        if max_age is not None:
            for list_key, one in (seen or {}).items():
                at = _time(one.at)
                if one.digest and at is not None and now - max_age <= at <= now:
                    self._young[list_key] = one
        self._budget = budget
        exclusive = exclusive_lists(declared)
        known: dict[tuple[ConnectionId, str], list[str]] = defaultdict(list)
        for connection, held in (records or {}).items() if self._young or exclusive else ():
            for record in held.values():
                known[connection, record.address].append(record.id)
        # An address may have had another id before: then the right one has to be determined by reading.
        self._ids = {address: ids[0] for address, ids in known.items() if len(ids) == 1}
        # A parent that is not in the ledger yet is identified by its address, which equals no id: so it differs.
        self._exclusive: dict[ListKey, set[str]] = {
            list_key: {
                key
                for one in parents
                for key in (str(one.address), *known.get((list_key.connection_id, str(one.address)), ()))
            }
            for list_key, parents in exclusive.items()
        }
        self._unknown = {
            list_key: sorted(
                str(one.address) for one in parents if (list_key.connection_id, str(one.address)) not in known
            )
            for list_key, parents in exclusive.items()
        }
        self._read: list[tuple[ListKey, str, Sequence[Declared]]] = []

    def choose(
        self, list_key: ListKey, kind: ResourceKind, parents: Mapping[str, Sequence[Declared]]
    ) -> tuple[set[str], Listing]:
        """Return the parents whose children to read now, and the known children of the others."""
        now: set[str] = set()
        known = Listing([])
        found: dict[str, tuple[Seen, dict[Address, str | None]]] = {}
        scope = self._scopes[list_key.connection_id]
        for parent, declared in parents.items():
            seen = self._young.get((scope, kind.name, parent))
            ids = {one.address: self._ids.get((list_key.connection_id, str(one.address))) for one in declared}
            if seen is not None and seen.digest == self._digest(list_key, parent, declared) and all(ids.values()):
                found[parent] = seen, ids
        again = self._again(scope, kind.name, parents.keys(), found.keys())
        for parent, declared in parents.items():
            if parent in found and parent not in again:
                seen, ids = found[parent]
                known.aged |= {address: (str(key), seen.at) for address, key in ids.items()}
            else:
                now.add(parent)
                self._read.append((list_key, parent, declared))
        return now, known

    def _again(self, scope: str, kind: str, asked: Set[str], usable: Set[str]) -> set[str]:
        """Return the usable parents that the budget covers nevertheless: the oldest, leaving room for later kinds."""
        shared = sum(one == scope for one in self._scopes.values()) > 1  # then others may ask for what is not asked now

        def here(key: tuple[str, str, str]) -> bool:
            return key[:2] == (scope, kind) and (key[2] in asked or not shared)

        left = {key: seen for key, seen in self._young.items() if not here(key) or key[2] in usable}
        oldest = sorted(left, key=lambda key: left[key].at)[: self._budget]
        again = {key[2] for key in oldest if here(key)}
        self._young = {key: seen for key, seen in left.items() if not here(key)}
        self._budget -= len(again)
        return again

    def saw(self, plan: Plan, matches: Matches) -> list[Seen]:
        """Return the readings for the ledger: with a digest where all declared children were in sync."""
        differing = {step.address for step in plan.steps}
        ending = [(step.declared, step.live) for step in plan.steps if step.live and step.declared.gone]
        removing = {(declared.address.list_key, live.spec.get(declared.kind.parent)) for declared, live in ending}
        at = stamp(self._now)
        found: list[Seen] = []
        for list_key, parent, declared in self._read:
            index = matches.indexes.get(list_key)
            if index is None or parent in index.listing.denied:
                continue
            sound = (list_key, parent) not in removing and not any(one.address in differing for one in declared)
            digest = self._digest(list_key, parent, declared) if sound else ""
            found.append(Seen(self._scopes[list_key.connection_id], list_key.kind, parent, at, digest))
        return found

    def _digest(self, list_key: ListKey, parent: str, declared: Sequence[Declared]) -> str:
        said = sorted((str(one.address), fingerprint(self._key, one.spec)) for one in declared)
        alone = parent in self._exclusive.get(list_key, ())
        return fingerprint(self._key, [said, alone, self._unknown.get(list_key, [])])


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
