"""Which live resource of one list each declared one is: an id outranks a name.

First the id that a manifest gives, then the id that the ledger has for the address, then the name that it had
(`trueup.dev/renamed-from`), last its natural key. Nothing is claimed twice, and what the ledger knows as one address is
not taken by its name for another one that is declared as well.

An annotation stays in a manifest after it was carried out. It moves a resource off what that has been until now only
when another one claims that in turn: a chain as a whole or not at all. The ledger remembers which were carried out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from trueup.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Set
    from typing import Any

    from trueup.core.kinds import Declared, Handler
    from trueup.core.records import Record
    from trueup.core.values import Address, Live


@dataclass(slots=True, eq=False)
class Claimant:
    """One declared resource that has to be found among what is live."""

    declared: Declared
    spec: dict[str, Any]
    """In the server's words, with ids for references."""
    key: Hashable
    held: Live | None = None
    """The live resource that it is, or has been until now: by its id, by the ledger, or by its name."""
    known: bool = False
    """Whether the ledger says so."""
    former: Hashable | None = None
    """The natural key that it had, by an annotation that was not carried out yet."""
    half: tuple[str, Reason] | None = None
    """The id of what it was by that annotation while it is another by the ledger, and why it is not to be changed."""

    rival: Address | None = None
    """The declared resource that keeps what it was by that annotation."""

    @property
    def address(self) -> Address:
        """The address of the resource."""
        return self.declared.address


@dataclass(slots=True)
class Around:
    """The live resources of a list, and what is known of them."""

    handler: Handler
    by_id: Mapping[str, Live]
    by_key: Mapping[Any, Sequence[Live]]
    records: Callable[[Address], Sequence[Record]] = lambda _: ()
    """The ledger's records for an address."""
    owner: Callable[[str], str] = lambda _: ""
    """The address that the ledger has for an id."""
    elsewhere: Mapping[str, Declared] = field(default_factory=dict)
    """The declared resources that this run leaves out, by address."""
    called: Callable[[Hashable], Sequence[Live]] = lambda _: ()
    """The live resources that had a natural key when the ledger last noted their name."""
    unclear: Set[str] = frozenset()
    """Addresses of the declared resources that were refused before they could be identified."""


def settle(claimants: Sequence[Claimant], around: Around) -> dict[Address, Reason]:
    """Find what each claimant holds; return why some cannot be identified. One that holds none does not exist yet."""
    return _Settling(claimants, around).settle()


class _Settling:
    def __init__(self, claimants: Sequence[Claimant], around: Around) -> None:
        self.around = around
        self.refused: dict[Address, Reason] = {}
        self.explicit: dict[str, Claimant] = {}
        self.taken: dict[str, Claimant] = {}
        """Claimants by the id that they hold or may hold."""
        self.disputed: dict[Address, str] = {}
        """Ids that the ledger has for one address and a manifest gives to another."""
        self.named: list[Claimant] = []
        self.by_identity: list[tuple[Claimant, str]] = []
        for one in claimants:
            if (identity := around.handler.identity(one.spec)) is None:
                self.named.append(one)
            else:
                self.by_identity.append((one, identity))

    def settle(self) -> dict[Address, Reason]:
        for one, identity in self.by_identity:
            self._by_identity(one, identity)
        if self.around.handler.follows:
            for one in self.named:
                self._by_ledger(one)
        for one in self.named:
            if one.held is None and not (self.refused and one.address in self.refused):
                self._by_name(one)
        if any(one.declared.annotations for one in self.named):
            self._by_annotation()
        return self.refused

    def _refuse(self, one: Claimant, why: Reason) -> None:
        self.refused[one.address] = why

    def _by_identity(self, one: Claimant, identity: str) -> None:
        if (live := self.around.by_id.get(identity)) is None:
            return
        other = self.explicit.setdefault(identity, one)
        if other is not one:
            self._refuse(one, twice(identity, other.address))
            return
        self.taken[identity] = one
        one.held = live

    def _by_ledger(self, one: Claimant) -> None:
        """Assign the resource that the ledger has for the address, if it is there and below the same parent."""
        records = self.around.records(one.address)
        if not records:
            return
        parent = one.declared.kind.parent
        found = [record for record in records if record.id in self.around.by_id]
        if parent:  # below something else it is something else
            wanted = one.spec.get(parent)
            found = [record for record in found if self.around.by_id[record.id].spec.get(parent) == wanted]
        free = [record for record in found if record.id not in self.explicit]
        if found and not free:
            self.disputed[one.address] = found[0].id
        if len(free) > 1:
            free = self._meant(one, free)
        if len(free) > 1:
            self._refuse(one, Reason("address-ambiguous", ids=sorted(record.id for record in free)))
        for record in free:
            self.taken[record.id] = one
        if len(free) == 1:
            one.held, one.known = self.around.by_id[free[0].id], True

    def _meant(self, one: Claimant, records: list[Record]) -> list[Record]:
        """Of several the one of which the annotation was carried out, else the one that goes by its name."""
        note = one.declared.renamed_from
        if note and (moved := [record for record in records if record.renamed_from == note]):
            return moved
        key = self.around.handler.key
        return [record for record in records if key(self.around.by_id[record.id].spec) == one.key] or records

    def _by_name(self, one: Claimant) -> None:
        found = self.around.by_key.get(one.key, ())
        if not found:
            self._unless_disputed(one)
            return
        if len(found) > 1:
            self._refuse(one, Reason("name-ambiguous", count=len(found), ids=sorted(live.id for live in found)))
            return
        (live,) = found
        if live.id in self.taken:  # it is another one, which may be about to give up this name
            self._unless_disputed(one)
            return
        around = self.around
        withheld = bool(around.elsewhere or around.unclear)
        if withheld and (owner := around.owner(live.id)) != str(one.address) and (why := self._withheld(owner)):
            self._refuse(one, Reason("name-of-another", id=live.id, owner=owner, why=why))
            return
        self.taken[live.id] = one
        one.held = live

    def _withheld(self, owner: str) -> Reason | None:
        """Return why no claimant may have what the ledger knows by that address; None when one may."""
        if owner in self.around.elsewhere:
            return Reason("owner-left-out")
        return Reason("owner-refused") if owner in self.around.unclear else None

    def _unless_disputed(self, one: Claimant) -> None:
        """It is what a manifest gives to another one by its id: then that one is refused, and nothing is made anew."""
        if (identity := self.disputed.get(one.address)) is not None:
            other = self.explicit[identity]
            self._refuse(other, twice(identity, one.address))
            self.taken[identity] = one
            one.held, one.known = self.around.by_id[identity], True

    def _by_annotation(self) -> None:
        """Moves resources to what lived under their former names, chain by chain."""
        wanting = self._wanting()
        held = {one.held.id: one for one in self.named if one.held is not None}
        declared = self._declared()
        for identity, one in wanting.items():
            # What has its name and was never this one by the ledger is not it, when what it was is known to be there.
            owner = "" if one.known else self.around.owner(identity)
            wanted = one.held is not None and one.held.id in wanting
            if one.held is None or (owner and owner not in declared and not wanted):
                self._move(self._chain(one, wanting, held), wanting)
            elif one.known and not wanted and identity not in held and self._is_other(identity, declared):
                self._half(one, identity)
        for chain in _cycles(wanting, held):
            if all(one.known for one in chain):  # without a ledger nothing tells whether that was done already
                self._move(chain, wanting)
        for address, why in self._contested().items():
            self.refused[address] = why

    def _is_other(self, identity: str, declared: Set[str]) -> bool:
        """Whether the ledger knows it by an address that nothing declares here."""
        owner = self.around.owner(identity)
        return bool(owner) and owner not in declared

    def _half(self, one: Claimant, identity: str) -> None:
        """Note what is one resource by the ledger, and another one by an annotation that was not carried out."""
        assert one.held is not None
        live = self.around.by_id[identity]
        one.half = identity, Reason("rename-half-done", id=one.held.id, name=live.name, former=identity)

    def _declared(self) -> set[str]:
        return {str(one.address) for one in self.named} | set(self.around.elsewhere) | self.around.unclear

    def _wanting(self) -> dict[str, Claimant]:
        """By id of what they want, those whose annotation was not carried out yet."""
        wanting: dict[str, Claimant] = {}
        handler = self.around.handler
        for one in self.named:
            if not one.declared.renamed_from or one.address in self.refused:
                continue
            spent = [record.id for record in self.around.records(one.address) if self._spent(one, record)]
            if one.held is not None and one.held.id in spent:
                continue
            one.former = handler.former(one.declared, one.spec)
            if one.former is None:
                continue
            found = self._had(one, one.former)
            if len(found) != 1 or found[0].id in self.explicit or (one.held is not None and found[0] is one.held):
                continue
            other = wanting.setdefault(found[0].id, one)
            if other is not one and one.held is None:
                self._refuse(one, Reason("rename-claimed-twice", other=str(other.address), name=found[0].name))
        return wanting

    def _had(self, one: Claimant, former: Hashable) -> Sequence[Live]:
        """Return what had that name: by the ledger, or where that knows none, what has it now.

        A person may have renamed the one and given its name to another.
        """
        named = self.around.by_key.get(former, ())
        known = self.around.called(former)
        if not known or any(live in known for live in named):
            return named
        if len(known) > 1 and one.held is None:
            self._refuse(one, Reason("former-name-ambiguous", ids=sorted(live.id for live in known)))
        return known

    @staticmethod
    def _spent(one: Claimant, record: Record) -> bool:
        return bool(record.renamed_from) and record.renamed_from == one.declared.renamed_from

    def _chain(self, head: Claimant, wanting: Mapping[str, Claimant], held: Mapping[str, Claimant]) -> list[Claimant]:
        """The chain that begins with something that is not there yet; empty when what it ends with stays."""
        targets = {one.address: key for key, one in wanting.items()}
        chain, one = [head], head
        while (holder := held.get(targets[one.address])) is not None:
            if holder.address not in targets:
                if any(self._spent(one, record) for record in self.around.records(one.address)):
                    return []
                if not self._is_new(holder):
                    self._rivals([*chain, holder])
                    return []
                holder.held = None  # it only has the name that is given up
                break
            chain.append(holder)
            one = holder
        live = self.around.by_id[targets[one.address]]
        owner = self.around.owner(live.id)
        if why := self._withheld(owner):
            self._refuse(head, Reason("former-of-another", name=live.name, id=live.id, owner=owner, why=why))
            return []
        return chain

    def _rivals(self, chain: Sequence[Claimant]) -> None:
        """Note of each behind the first that it is one resource by the ledger, which the one before says that it is."""
        for one, holder in pairwise(chain):
            if holder.known and holder.held is not None:
                why = Reason("rename-rival", id=holder.held.id, other=str(one.address))
                holder.half = holder.half or (holder.held.id, why)
                one.rival = one.rival or holder.address

    def _is_new(self, one: Claimant) -> bool:
        """Whether it was found by its name alone, and the ledger knows that as something that is declared no more."""
        owner = self.around.owner(one.held.id) if one.held is not None and not one.known else ""
        return bool(owner) and owner not in self._declared()

    def _contested(self) -> dict[Address, Reason]:
        """Return why some cannot be identified: a resource that this run leaves out claims what they hold."""
        handler = self.around.handler
        formers: dict[Hashable, str] = {}
        for address, other in self.around.elsewhere.items():
            if not self.around.records(other.address) and (key := handler.former(other, other.spec)) is not None:
                formers[key] = address
        refused: dict[Address, Reason] = {}
        for one in self.named if formers else ():
            if one.held is None or one.former is None or (key := handler.key(one.held.spec)) == one.former:
                continue
            if key in formers:
                refused[one.address] = Reason("rename-left-out", other=formers[key], name=one.held.name, id=one.held.id)
        return refused

    def _move(self, chain: Iterable[Claimant], wanting: Mapping[str, Claimant]) -> None:
        targets = {one.address: key for key, one in wanting.items()}
        for one in list(chain):
            identity = targets[one.address]
            one.held = self.around.by_id[identity]
            self.taken[identity] = one


def _cycles(wanting: Mapping[str, Claimant], held: Mapping[str, Claimant]) -> list[list[Claimant]]:
    """Chains that bite their own tail: each wants what the next one holds."""
    targets = {one.address: key for key, one in wanting.items()}
    found: list[list[Claimant]] = []
    seen: set[Address] = set()
    for start in wanting.values():
        chain: list[Claimant] = []
        one: Claimant | None = start
        while one is not None and one.address in targets and one.address not in seen and one not in chain:
            chain.append(one)
            one = held.get(targets[one.address])
        if one is not None and one in chain:
            found.append(chain[chain.index(one) :])
        seen |= {each.address for each in chain}
    return found


def twice(identity: str, other: Address) -> Reason:
    """Return why one of two that are one and the same is refused."""
    return Reason("declared-twice", id=identity, other=str(other))
