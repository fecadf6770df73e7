"""Which live resource each declared one is: by id, by natural key, by the name it had, or by what the ledger knows.

Kinds are taken one after the other, each behind what it refers to, since what is listed below something has ids of that
in its natural key. A declared resource claims its live one; nothing is claimed twice.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, cast

from trueup.diff import UNKNOWN
from trueup.model import Address, Declared, Live, Refusal, Verbs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trueup.model import Kind, Listing
    from trueup.records import Record

    Records = Mapping[tuple[str, str], Mapping[str, Record]]
    """What the ledger holds, by system and connection, then by id."""

Place = tuple[str, str, str]
"""System, connection and kind."""


def place_of(declared: Declared) -> Place:
    """Where a declared resource lives."""
    address = declared.address
    return (address.system, address.connection, address.kind)


def by_reference(declared: Sequence[Declared]) -> list[Declared]:
    """The declared resources, each behind what it refers to; otherwise in their own order."""
    depths = depths_of({one.kind for one in declared})
    return sorted(declared, key=lambda one: depths[one.kind])


def depths_of(kinds: set[Kind]) -> dict[Kind, int]:
    """How many kinds stand between each of them and one that refers to nothing."""
    by_name = {(kind.system, kind.name): kind for kind in kinds}
    depths: dict[Kind, int] = {}

    def deep(kind: Kind) -> int:
        if kind not in depths:
            depths[kind] = 0  # a kind that refers to itself stays where it is
            needed = [by_name.get((kind.system, cast(str, trait.reference))) for trait in kind.references]
            depths[kind] = 1 + max((deep(one) for one in needed if one), default=-1)
        return depths[kind]

    for kind in kinds:
        deep(kind)
    return depths


def target_of(declared: Declared, name: str) -> Address:
    """The address that a reference field names, if it is not an id."""
    address = declared.address
    reference = cast(str, declared.kind.by_name[name].reference)
    return Address(address.system, reference, str(declared.spec[name]), address.connection)


def exclusive_places(declared: Sequence[Declared]) -> dict[Place, list[Declared]]:
    """The places that a short form claims for what is declared alone, and the resources below which it does."""
    found: dict[Place, list[Declared]] = defaultdict(list)
    for one in declared:
        for trait in one.kind.inlines:
            value = one.spec.get(trait.name)
            if isinstance(value, dict) and value.get("exclusive") and trait.inline:
                found[one.address.system, one.address.connection, trait.inline[0]].append(one)
    return found


class Index:
    """The live resources of one place, to be found by id and by natural key, each to be claimed once."""

    def __init__(self, verbs: Verbs, listing: Listing) -> None:
        self.verbs = verbs
        self.listing = listing
        self.by_id = {live.id: live for live in listing.items}
        self.by_key: dict[Any, list[Live]] = defaultdict(list)
        for live in listing.items:
            self.by_key[verbs.key(live.spec)].append(live)
        self.claimed: dict[str, Address] = {}
        self.named: dict[Any, Address] = {}
        """Who declares which natural key, also of what does not exist yet."""


class Matches:
    """What was found of what is declared, so far."""

    def __init__(self, declared: Sequence[Declared], records: Records | None = None) -> None:
        self.lives: dict[Address, Live] = {}
        """The live resource of each declared one that exists."""
        self.specs: dict[Address, dict[str, Any]] = {}
        """Declared specs in the server's words, with ids for references; UNKNOWN for what does not exist yet."""
        self.waits: dict[Address, dict[str, Address]] = {}
        """The declared resources that do not exist yet and are referred to, by field."""
        self.refused: dict[Address, str] = {}
        """Why one cannot be told which it is. It is live all the same where the ledger knows it by its address."""
        self.unsettled: dict[tuple[str, str], Address] = {}
        """The parents below which one of a kind is refused so, by kind and id: nothing below them may be removed."""
        self.denied: dict[Address, str] = {}
        """Why what is below its parent could not be read."""
        self.indexes: dict[Place, Index] = {}
        self._by_place: dict[Place, list[Declared]] = defaultdict(list)
        self._declared: dict[Address, Declared] = {}
        for one in declared:
            self._by_place[place_of(one)].append(one)
            self._declared[one.address] = one
        self._records = records or {}
        self._ids: dict[tuple[tuple[str, str], str], list[str]] | None = None
        self._spoken: dict[Place, set[str]] = {}
        self._targets: dict[tuple[str, str, str, str], tuple[Any, Address | None]] = {}

    def parents(self, place: Place) -> dict[str, list[Declared]]:
        """Ids of the existing resources below which those of a place are declared, and which those are."""
        found: dict[str, list[Declared]] = defaultdict(list)
        for one in self._by_place.get(place, ()):
            field = one.kind.parent
            value = self._target(one, field)[0] if one.kind.by_name[field].reference else one.spec[field]
            if value is not UNKNOWN:
                found[value].append(one)
        return found

    def take(self, place: Place, verbs: Verbs, listing: Listing) -> Index:
        """The reading of a place: what is declared there is matched; what that refers to was taken before."""
        index = self.indexes[place] = Index(verbs, listing)
        translated = type(verbs).canonical is not Verbs.canonical
        for one in self._by_place.get(place, ()):
            spec = self._resolved(one)
            try:
                if translated:
                    found = verbs.canonical(spec, listing)
                    self._moved(one, spec, found, index)
                    if isinstance(found, Refusal):
                        raise _Refused(found.why)
                    spec = found
                self.specs[one.address] = spec
                if listing.denied and (why := listing.denied.get(spec.get(one.kind.parent, ""))):
                    self.denied[one.address] = why
                    continue
                live = self._aged(one, spec, index) if one.address in listing.aged else self._match(one, spec, index)
            except _Refused as refused:
                self.refused[one.address] = refused.why
                if isinstance(parent := spec.get(one.kind.parent), str):
                    self.unsettled.setdefault((one.kind.name, parent), one.address)
                continue
            if live is not None:
                self.lives[one.address] = live
        return index

    def _resolved(self, one: Declared) -> dict[str, Any]:
        spec = one.spec
        for trait in one.kind.references:
            name = trait.name
            if name in spec:
                value, need = self._target(one, name)
                if need is not None:
                    self.waits.setdefault(one.address, {})[name] = need
                if value is not spec[name]:
                    spec = {**spec, name: value}
        return spec

    def _target(self, one: Declared, name: str) -> tuple[Any, Address | None]:
        """What a reference stands for: an id, or UNKNOWN and what has to be created before."""
        address = one.address
        trait = one.kind.by_name[name]
        key = (address.system, address.connection, cast(str, trait.reference), cast(str, one.spec[name]))
        found = self._targets.get(key)
        if found is None:
            target = target_of(one, name)
            if target in self.lives:
                found = self.lives[target].id, None
            elif target in self._declared:
                found = UNKNOWN, target
            else:
                found = one.spec[name], None  # an id, taken as it is
            self._targets[key] = found
        return found

    def _aged(self, one: Declared, spec: dict[str, Any], index: Index) -> Live:
        """What was seen as it is declared, not long ago."""
        key, at = index.listing.aged[one.address]
        index.claimed[key] = one.address
        shown = {name: value for name, value in spec.items() if not one.kind.by_name[name].local}
        return Live(one.kind.name, key, one.address.name, shown, seen_at=at)

    def _match(self, one: Declared, spec: dict[str, Any], index: Index) -> Live | None:
        verbs = index.verbs
        identity = verbs.identity(spec)
        if identity is not None:
            live = index.by_id.get(identity)
        else:
            self._name(one, spec, index)
            found = index.by_key.get(verbs.key(spec), [])
            if len(found) > 1:
                ids = ", ".join(sorted(live.id for live in found))
                raise _Refused(f"{len(found)} live resources answer to this name: {ids}. Give the id of the one meant.")
            live = found[0] if found else self._renamed(one, spec, index)
        if live is not None:
            other = index.claimed.setdefault(live.id, one.address)
            if other != one.address:
                raise _Refused(f"{live.id} is declared twice: here and as {other}. Remove one of the two.")
        return live

    def _moved(self, one: Declared, spec: dict[str, Any], found: dict[str, Any] | Refusal, index: Index) -> None:
        """Refuses what is live as the ledger knows it, and is declared by a name that stands for it no more."""
        connection = place_of(one)[:2]
        parent = one.kind.parent
        known = [
            index.by_id[key]
            for key in self._known().get((connection, str(one.address)), ())
            if key in index.by_id and index.by_id[key].spec.get(parent) == spec.get(parent)
        ]
        if not isinstance(found, Refusal) and any(
            index.verbs.key(live.spec) == index.verbs.key(found) for live in known
        ):
            return
        for live in known:
            name = self._records[connection][live.id].name
            if why := index.verbs.moved(spec, found, live, name, index.listing):
                other = index.claimed.setdefault(live.id, one.address)
                if other != one.address:
                    raise _Refused(f"{why} {other} declares it already: remove one of the two.")
                self.lives[one.address] = live
                raise _Refused(why)

    def _name(self, one: Declared, spec: dict[str, Any], index: Index) -> None:
        """Two may be one in the server's words alone: an e-mail and the id of the same member."""
        waits = self.waits.get(one.address)
        key = index.verbs.key({**spec, **{name: str(need) for name, need in waits.items()}} if waits else spec)
        other = index.named.setdefault(key, one.address)
        if other != one.address:
            raise _Refused(f"{other} declares the same {one.kind.name}. Remove one of the two.")

    def _renamed(self, one: Declared, spec: dict[str, Any], index: Index) -> Live | None:
        """What lived under the name that the manifest says it had, or what the ledger knows by this address.

        Only when nobody else declares it.
        """
        verbs = index.verbs
        candidates: list[Live] = []
        if one.annotations and (former := verbs.former(one)) is not None:
            candidates = index.by_key.get(former, [])
            for live in candidates:
                if (other := index.claimed.get(live.id)) is not None and index.verbs.former(
                    self._declared[other]
                ) == former:
                    raise _Refused(f"{other} says as well that it is what {live.name} was. Only one of them can be.")
        if verbs.follows:
            known = self._known().get((place_of(one)[:2], str(one.address)), ())
            candidates = [*candidates, *(index.by_id[key] for key in known if key in index.by_id)]
        for live in candidates:
            if one.kind.parent and live.spec.get(one.kind.parent) != spec.get(one.kind.parent):
                continue  # below something else it is something else
            if live.id not in index.claimed and live.id not in self._spoken_for(one, index):
                return live
        return None

    def _known(self) -> dict[tuple[tuple[str, str], str], list[str]]:
        """Ids by connection and address, as the ledger knows them: made when something is first not to be found."""
        if self._ids is None:
            self._ids = defaultdict(list)
            for connection, held in self._records.items():
                for record in held.values():
                    self._ids[connection, record.address].append(record.id)
        return self._ids

    def _spoken_for(self, one: Declared, index: Index) -> set[str]:
        """The ids that other declared resources of that place name by id or by key."""
        place = place_of(one)
        if place not in self._spoken:
            named: set[str] = set()
            for other in self._by_place[place]:
                spec = self.specs.get(other.address) or self._resolved(other)
                identity = index.verbs.identity(spec)
                lives = index.by_key.get(index.verbs.key(spec), ())
                named |= {identity} if identity is not None else {live.id for live in lives}
            self._spoken[place] = named
        return self._spoken[place]


class _Refused(Exception):
    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
