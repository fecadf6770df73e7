"""Which live resource each declared one is, list by list; `claims` decides within a list.

Kinds are taken one after the other, each behind what it refers to, since what is listed below something has ids of that
in its natural key. A declared resource claims its live one; nothing is claimed twice.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trueup.core.changes import UNKNOWN
from trueup.core.kinds import Declared, Handler
from trueup.core.reasons import Reason
from trueup.core.values import Address, ConnectionId, ListKey, Live, Refusal
from trueup.engine.claims import Around, Claimant, settle, twice
from trueup.engine.index import Index

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence, Set

    from trueup.core.kinds import ResourceKind
    from trueup.core.records import Record
    from trueup.core.values import Listing

    Records = Mapping[ConnectionId, Mapping[str, Record]]
    """The ledger's records, by system and connection, then by id."""


def by_reference(declared: Sequence[Declared]) -> list[Declared]:
    """The declared resources, each behind what it refers to; otherwise in their own order."""
    depths = depths_of({one.kind for one in declared})
    return sorted(declared, key=lambda one: depths[one.kind])


def depths_of(kinds: set[ResourceKind]) -> dict[ResourceKind, int]:
    """How many kinds stand between each of them and one that refers to nothing."""
    by_name = {(kind.system, kind.name): kind for kind in kinds}
    depths: dict[ResourceKind, int] = {}

    def deep(kind: ResourceKind) -> int:
        if kind not in depths:
            depths[kind] = 0  # a kind that refers to itself stays where it is
            needed = [by_name.get((kind.system, field.reference)) for field in kind.references]
            depths[kind] = 1 + max((deep(one) for one in needed if one), default=-1)
        return depths[kind]

    for kind in kinds:
        deep(kind)
    return depths


def target_of(declared: Declared, name: str) -> Address:
    """The address that a reference field names, if it is not an id."""
    address = declared.address
    reference = declared.kind.by_name[name].reference
    return Address(address.system, reference, str(declared.spec[name]), address.connection)


def exclusive_lists(declared: Sequence[Declared]) -> dict[ListKey, list[Declared]]:
    """Return the lists that a short form claims for what is declared alone, and the parents that it declares."""
    found: dict[ListKey, list[Declared]] = defaultdict(list)
    for one in declared:
        for inline in one.kind.inlines:
            value = one.spec.get(inline.field)
            if isinstance(value, dict) and value.get("exclusive"):
                found[ListKey(*one.address.connection_id, inline.kind)].append(one)
    return found


class Matches:
    """The live resources that were matched with declared ones so far."""

    def __init__(
        self, declared: Sequence[Declared], records: Records | None = None, elsewhere: Sequence[Declared] = ()
    ) -> None:
        self.lives: dict[Address, Live] = {}
        """The live resource of each declared one that exists."""
        self.specs: dict[Address, dict[str, Any]] = {}
        """Declared specs in the server's words, with ids for references; UNKNOWN for what does not exist yet."""
        self.waits: dict[Address, dict[str, Address]] = {}
        """The declared resources that do not exist yet and are referred to, by field."""
        self.refused: dict[Address, Reason] = {}
        """Why one cannot be identified. It is live all the same where the ledger knows it by its address."""
        self.hidden: dict[Address, str] = {}
        """Ids by which the ledger knows what this credential cannot see."""
        self.halves: dict[Address, tuple[str, Reason]] = {}
        """Those that may be another one by their annotation: the id of that, and why it is not to be changed."""
        self.rivals: dict[Address, Address] = {}
        """Those that are new, and were another declared one by their annotation: that one."""
        self.unsettled: dict[tuple[str, str], Address] = {}
        """The parents below which one of a kind is refused so, by kind and id: nothing below them may be removed."""
        self.denied: dict[Address, Reason] = {}
        """Why what is below its parent could not be read."""
        self.indexes: dict[ListKey, Index] = {}
        self._by_list: dict[ListKey, list[Declared]] = defaultdict(list)
        self._declared: dict[Address, Declared] = {}
        for one in declared:
            self._by_list[one.address.list_key].append(one)
            self._declared[one.address] = one
        self._records = records or {}
        self._known: dict[ConnectionId, dict[str, list[Record]]] = {}
        self._elsewhere: dict[ListKey, list[Declared]] = defaultdict(list)
        """The declared resources that this run leaves out."""
        for one in elsewhere:
            self._elsewhere[one.address.list_key].append(one)
        self._targets: dict[tuple[str, str, str, str], tuple[Any, Address | None]] = {}

    def kind_of(self, address: Address) -> ResourceKind:
        """The kind of a declared resource."""
        return self._declared[address].kind

    def denials(self, connection: ConnectionId) -> list[Reason]:
        """Return the reasons of a connection's server for refusing to list children."""
        return [
            why
            for list_key, index in self.indexes.items()
            if list_key.connection_id == connection
            for why in index.listing.denied.values()
        ]

    def parents(self, list_key: ListKey) -> dict[str, list[Declared]]:
        """Return the ids of the existing parents of the declared resources of a list, and which those are."""
        found: dict[str, list[Declared]] = defaultdict(list)
        for one in self._by_list.get(list_key, ()):
            field = one.kind.parent
            value = self._target(one, field)[0] if one.kind.by_name[field].reference else one.spec[field]
            if value is not UNKNOWN:
                found[value].append(one)
        return found

    def take(self, list_key: ListKey, handler: Handler, listing: Listing) -> Index:
        """Match the declared resources of a list with what was read; the kinds that it refers to come before it."""
        index = self.indexes[list_key] = Index(handler, listing)
        claimants: list[Claimant] = []
        unclear: set[str] = set()
        for one in self._by_list.get(list_key, ()):
            spec = self._resolved(one)
            try:
                if handler.translates:
                    found = handler.canonical(spec, listing)
                    self._moved(one, spec, found, index)
                    if isinstance(found, Refusal):
                        raise _Refused(found.why)
                    spec = found
                self.specs[one.address] = spec
                if listing.denied and (why := listing.denied.get(spec.get(one.kind.parent, ""))):
                    self.denied[one.address] = why
                elif listing.aged and one.address in listing.aged:
                    self.lives[one.address] = self._aged(one, spec, index)
                else:
                    claimants.append(Claimant(one, spec, self._name(one, spec, index)))
            except _Refused as refused:
                self.refused[one.address] = refused.why
                unclear.add(str(one.address))
                self._unsettled(one, spec)
        refusals = settle(claimants, self._around(list_key, index, unclear))
        for claimant in claimants:
            address = claimant.declared.address
            why = refusals.get(address) if refusals else None
            if claimant.half is not None:
                self.halves[address] = claimant.half
            if claimant.rival is not None:
                self.rivals[address] = claimant.rival
            if not why and (live := claimant.held) is not None:
                other = index.claimed.setdefault(live.id, address)
                if other is address or other == address:
                    self.lives[address] = live
                    continue
                why = twice(live.id, other)
            elif address in listing.hidden:
                self.hidden[address] = listing.hidden[address]
            if why:
                self.refused[address] = why
                self._unsettled(claimant.declared, claimant.spec)
        return index

    def left_out(self, kind: ResourceKind, parent: str) -> list[Declared]:
        """Return the declared children of that id, of any connection, that this run leaves out."""
        return [
            one
            for list_key, found in self._elsewhere.items()
            if (list_key.system, list_key.kind) == (kind.system, kind.name)
            for one in found
            if one.spec.get(kind.parent) == parent
        ]

    def _around(self, list_key: ListKey, index: Index, unclear: Set[str]) -> Around:
        connection = list_key.connection_id
        by_address = self._by_address(connection)
        elsewhere: dict[str, Declared] = {}
        for one in self._elsewhere.get(list_key, ()):
            spec = self._resolved(one) if one.annotations else one.spec
            elsewhere[str(one.address)] = one if spec is one.spec else replace(one, spec=spec)
        return Around(
            index.handler,
            index.by_id,
            index.by_key,
            lambda address: by_address.get(str(address), ()),
            lambda identity: self.owner(identity, connection),
            elsewhere,
            lambda key: self._called(list_key, index, key),
            unclear,
        )

    def _called(self, list_key: ListKey, index: Index, key: Hashable) -> list[Live]:
        """Return the live resources that had that natural key when the ledger last noted their name."""
        naming, found = index.handler.naming, []
        for record in self._records.get(list_key.connection_id, {}).values() if naming else ():
            live = index.by_id.get(record.id)
            if live is not None and record.name and index.handler.key({**live.spec, naming: record.name}) == key:
                found.append(live)
        return found

    def _by_address(self, connection: ConnectionId) -> dict[str, list[Record]]:
        """Return the ledger's records of a connection, by address; indexed at the first call."""
        if connection not in self._known:
            known = self._known[connection] = defaultdict(list)
            for record in self._records.get(connection, {}).values():
                known[record.address].append(record)
        return self._known[connection]

    def _unsettled(self, one: Declared, spec: dict[str, Any]) -> None:
        if isinstance(parent := spec.get(one.kind.parent), str):
            self.unsettled.setdefault((one.kind.name, parent), one.address)

    def owner(self, identity: str, connection: ConnectionId) -> str:
        """The address that the ledger has for an id; empty when it has none."""
        record = self._records.get(connection, {}).get(identity)
        return record.address if record is not None else ""

    def _resolved(self, one: Declared) -> dict[str, Any]:
        spec = one.spec
        for field in one.kind.references:
            name = field.name
            if name in spec:
                value, need = self._target(one, name)
                if need is not None:
                    self.waits.setdefault(one.address, {})[name] = need
                if value is not spec[name]:
                    spec = {**spec, name: value}
        return spec

    def _target(self, one: Declared, name: str) -> tuple[Any, Address | None]:
        """Return what a reference resolves to: an id, or UNKNOWN and the resource to create before."""
        address = one.address
        field = one.kind.by_name[name]
        key = (address.system, address.connection, field.reference, str(one.spec[name]))
        found = self._targets.get(key)
        if found is None:
            target = target_of(one, name)
            if target in self.lives:
                found = self.lives[target].id, None
            elif target in self.hidden:
                found = self.hidden[target], None
            elif target in self._declared:
                found = UNKNOWN, target
            else:
                found = one.spec[name], None  # an id, taken as it is
            self._targets[key] = found
        return found

    def _aged(self, one: Declared, spec: dict[str, Any], index: Index) -> Live:
        """Return a resource from the ledger, as it was last seen in sync."""
        key, at = index.listing.aged[one.address]
        index.claimed[key] = one.address
        shown = {name: value for name, value in spec.items() if not one.kind.by_name[name].local}
        return Live(one.kind.name, key, one.address.name, shown, seen_at=at)

    def _moved(self, one: Declared, spec: dict[str, Any], found: dict[str, Any] | Refusal, index: Index) -> None:
        """Refuses what is live as the ledger knows it, and is declared by a name that stands for it no more."""
        connection = one.address.connection_id
        parent = one.kind.parent
        known = [
            index.by_id[record.id]
            for record in self._by_address(connection).get(str(one.address), ())
            if record.id in index.by_id and index.by_id[record.id].spec.get(parent) == spec.get(parent)
        ]
        if not isinstance(found, Refusal) and any(
            index.handler.key(live.spec) == index.handler.key(found) for live in known
        ):
            return
        for live in known:
            name = self._records[connection][live.id].name
            if why := index.handler.moved(spec, found, live, name, index.listing):
                other = index.claimed.setdefault(live.id, one.address)
                if other != one.address:
                    raise _Refused(Reason("moved-and-declared", why=why, other=str(other)))
                self.lives[one.address] = live
                raise _Refused(why)

    def _name(self, one: Declared, spec: dict[str, Any], index: Index) -> Any:
        """Its natural key. Two may be one in the server's words alone: an e-mail and the id of the same member."""
        waits = self.waits.get(one.address) if self.waits else None
        key = index.handler.key(spec)
        named = index.handler.key({**spec, **{name: str(need) for name, need in waits.items()}}) if waits else key
        identified = index.handler.identity(spec) is not None  # several may have one name
        other = one.address if identified else index.named.setdefault(named, one.address)
        if other is not one.address and other != one.address:
            raise _Refused(Reason("same-declared", other=str(other), kind=one.kind.name))
        return key


class _Refused(Exception):
    def __init__(self, why: Reason) -> None:
        super().__init__(why)
        self.why = why


def matched(declared: Sequence[Declared], listings: Mapping[ListKey, Listing], records: Records) -> Matches:
    """Return the live resources of those listings, matched with the declared ones."""
    matches = Matches(declared, records)
    for one in by_reference(declared):
        if (list_key := one.address.list_key) not in matches.indexes:
            matches.take(list_key, one.kind.handler, listings[list_key])
    return matches
