"""The parents of a managed resource that is no longer declared: they decide if it is gone, stays, or goes along.

A target is below its instance, a mapping below its target, a grant below its instance. What is above may not have been
read, and then nothing is concluded from what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trueup.core.values import DELETES, Address, ConnectionId, Kept, ListKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Set

    from trueup.core.kinds import ResourceKind
    from trueup.core.records import Record
    from trueup.core.values import Live
    from trueup.engine.index import Index
    from trueup.engine.match import Matches
    from trueup.engine.plan.steps import Step

    KindNamed = Callable[[str, str], ResourceKind | None]
    """Returns the kind of a system by its name."""


@dataclass(frozen=True, slots=True)
class Above:
    """The way up from the managed resources of one connection."""

    connection: ConnectionId
    kind_named: KindNamed
    records: Mapping[str, Record]
    """The ledger's records of the connection, by id."""
    matches: Matches
    claimed: Set[str]
    """Ids of what is declared, by whatever connection."""

    def is_gone(self, kind: ResourceKind, record: Record) -> bool:
        """Whether something that was not found can be taken for gone."""
        index = self._index(kind.name)
        if index is None or not index.listing.complete:
            return False
        if not kind.parent or record.parent in index.listing.parents:
            return record.parent not in index.listing.denied
        above = self._kind(kind)
        if above is None or not record.parent:
            return False  # of another project nothing is known
        parents = self._index(above.name)
        if parents is None or not parents.listing.complete or parents.listing.denied or parents.listing.aged:
            return False
        if record.parent in parents.by_id:
            return False
        known = self.records.get(record.parent)
        return self.is_gone(above, known) if known is not None else not above.parent

    def stays(self, kind: ResourceKind, parent: str) -> tuple[str, str]:
        """The id of what is above, is declared no more, and ends without being deleted; and whether that is `archived`
        or `kept`. Nothing where all above is declared, was never ours, or is deleted.
        """
        above = self._kind(kind)
        if above is None or not parent or parent in self.claimed:
            return "", ""
        index = self._index(above.name)
        live = index.by_id.get(parent) if index is not None else None
        record = self.records.get(parent)
        if "deletionPolicy" not in above.by_name:
            higher = live.spec.get(above.parent) if live is not None else record.parent if record is not None else ""
            return self.stays(above, str(higher or ""))
        handler = above.handler
        if live is None:
            return "", ""
        if record is None:
            return (parent, "archived") if handler.ended(live) else ("", "")
        calls = handler.removal(live, record.policy or str(above.by_name["deletionPolicy"].default))
        if isinstance(calls, Kept):
            return parent, "kept"
        if any(call.verb in DELETES for call in calls):
            return (parent, "kept") if record.protected else ("", "")
        return parent, "archived"

    def rests(self, record: Record) -> bool:
        """Whether it stays below what was archived and released, whatever became of that since then."""
        key = record.archived_with
        return bool(key) and key not in self.claimed and key not in self.records

    def is_dropped(self, kind: ResourceKind, record: Record) -> bool:
        """Whether a resource that was not read left the manifests by itself, rather than with what it is below."""
        above = self._kind(kind)
        if above is None or record.parent in self.claimed:
            return True
        if (known := self.records.get(record.parent)) is not None:
            return "deletionPolicy" not in above.by_name and self.is_dropped(above, known)
        return self.stays(kind, record.parent) == ("", "")

    def _kind(self, kind: ResourceKind) -> ResourceKind | None:
        """The kind of what it is below; None where that is no resource, or nothing."""
        reference = kind.parent_kind
        return self.kind_named(self.connection.system, reference) if reference else None

    def _index(self, name: str) -> Index | None:
        return self.matches.indexes.get(ListKey(*self.connection, name))


def ending(
    kind: ResourceKind,
    address: Address,
    live: Live,
    steps: Mapping[str, Step],
    matches: Matches,
    kind_named: KindNamed,
) -> Step | None:
    """The step, of those by the id of what they delete, that deletes what a resource is below of; None for none."""
    for field in kind.references:
        parent = str(live.spec.get(field.name))
        if parent in steps:
            return steps[parent]
        list_key = ListKey(*address.connection_id, field.reference)
        index = matches.indexes.get(list_key)
        above = index.by_id.get(parent) if index is not None else None
        its_kind = kind_named(list_key.system, list_key.kind)
        if above is None or its_kind is None:
            continue
        if found := ending(its_kind, address, above, steps, matches, kind_named):
            return found
    return None
