"""Names that a ledger has for what is live: an import keeps them, or a plan of it would take one resource for another.

The ledger knows an address by the id that it had, and that outranks what is called so now.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trueup.core.values import Address
from trueup.importing.naming import resource_name
from trueup.importing.pruning import is_secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Set

    from trueup.core.kinds import ResourceKind
    from trueup.core.records import Record
    from trueup.core.values import Listing, Live


@dataclass(frozen=True, slots=True)
class Known:
    """The knowledge of a ledger of the resources of one connection, by id."""

    own: Mapping[str, Record] = field(default_factory=dict)
    """Those of the set of manifests that is at hand, and those of none."""
    others: Mapping[str, Record] = field(default_factory=dict)
    """Those of other sets, whose addresses are their own affair."""

    def names(self, kind: ResourceKind, connection: str, listing: Listing) -> dict[str, str]:
        """Return the `metadata.name` of what is listed and known, by id: each once."""
        prefix = str(Address(kind.system, kind.name, "", connection))
        names: dict[str, str] = {}
        taken: set[str] = set()
        for records in (self.own, self.others):
            for live in sorted(listing.items, key=lambda live: live.id):
                record = records.get(live.id)
                name = record.address.removeprefix(prefix) if record and record.address.startswith(prefix) else ""
                if name and name not in taken and resource_name(name) == name and not is_secret(name):
                    names[live.id] = name
                    taken.add(name)
        return names

    def reserved(self, kind: ResourceKind, connection: str, listing: Listing, parents: Set[str]) -> set[str]:
        """Return the names that stand for something, and so for nothing else: what is not listed may be there.

        `parents` are the ids of what there is of the kind that it is listed below.
        """
        prefix = str(Address(kind.system, kind.name, "", connection))
        listed = {live.id for live in listing.items}
        return {
            record.address.removeprefix(prefix)
            for record in self.own.values()
            if record.address.startswith(prefix) and (record.id in listed or not _gone(kind, record, listing, parents))
        }

    def stacks(self, lives: Iterable[Live]) -> dict[str, str]:
        """Return the other sets that manage what is live, by id."""
        return {live.id: self.others[live.id].stack for live in lives if live.id in self.others}


def _gone(kind: ResourceKind, record: Record, listing: Listing, parents: Set[str]) -> bool:
    """Whether something that is not listed can be taken for gone, as far as what was read tells."""
    if not listing.complete or record.parent in listing.denied:
        return False
    if not kind.parent or record.parent in listing.parents:
        return True
    return bool(kind.parent_kind) and record.parent not in parents
