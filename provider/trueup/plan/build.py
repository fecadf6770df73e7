"""Declared x Live x Record -> Plan: each declared resource is matched, its references resolved, its fields judged."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, cast

from trueup.diff import MISSING, UNKNOWN, Change, Path, at, leaves
from trueup.model import Address, Declared, Desired, Live, Refusal, Verbs
from trueup.plan.judge import change_of, differences, in_sync, judge
from trueup.plan.steps import Cost, Learned, Place, Plan, Policy, Reading, Step, Unverifiable, place_of
from trueup.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trueup.model import Listing

    Records = Mapping[tuple[str, str], Mapping[str, Record]]
    """What the ledger holds, by system and connection, then by id."""


def build(
    declared: Sequence[Declared],
    listings: Mapping[Place, Listing],
    records: Records | None = None,
    policy: Policy | None = None,
) -> Plan:
    """The plan. `records` are by system and connection, then by id; secrets in the declared specs are resolved."""
    return _Planner(listings, records or {}, policy or Policy()).build(declared)


def price(plan: Plan, reading: Reading) -> None:
    """Says what the reading took, and what applying will: its requests, the look afterwards, the waits in between."""
    touched: dict[Place, tuple[Verbs, int]] = {}
    requests = 0
    for step in plan.pending:
        place = place_of(step.declared)
        touched[place] = (cast(Verbs, step.declared.kind.verbs), touched.get(place, (None, 0))[1] + 1)
        requests += sum(call.requests for call in step.calls)
    requests += sum(verbs.reread_cost(count) for verbs, count in touched.values())
    each = reading.seconds / reading.requests if reading.requests else 0.1
    seconds = requests * each
    if reading.window and reading.left is not None and requests > reading.left:
        seconds += -(-(requests - reading.left) // reading.window) * reading.silence
    plan.reading = reading
    plan.cost = Cost(requests, round(seconds, 1))


class _Index:
    """The live resources of one place, to be found by id and by natural key, each to be claimed once."""

    def __init__(self, verbs: Verbs, listing: Listing) -> None:
        self.listing = listing
        self.by_id = {live.id: live for live in listing.items}
        self.by_key: dict[Any, list[Live]] = defaultdict(list)
        for live in listing.items:
            self.by_key[verbs.key(live.spec)].append(live)
        self.claimed: dict[str, Address] = {}


class _Planner:
    def __init__(self, listings: Mapping[Place, Listing], records: Records, policy: Policy) -> None:
        self.listings = listings
        self.records = records
        self.policy = policy
        self.indexes: dict[Place, _Index] = {}
        self.plan = Plan()
        self.creating: set[Address] = set()
        self.refused: set[Address] = set()
        self.known: dict[tuple[tuple[str, str], str], list[str]] = defaultdict(list)
        """Ids by connection and address, as the ledger knows them."""
        for connection, held in records.items():
            for record in held.values():
                self.known[connection, record.address].append(record.id)
        self.declared: Sequence[Declared] = ()
        self.spoken_for: dict[Place, set[str]] = {}
        self.targets: dict[tuple[str, str, str, str], tuple[Any, Address | None]] = {}

    def build(self, declared: Sequence[Declared]) -> Plan:
        self.declared = declared
        for one in by_reference(declared):
            try:
                step = self._step(one)
            except RecursionError:
                why = "what is live or declared is nested too deeply to be compared."
                step = Step("refuse", one, None, Desired({}), why=why, error=True)
            if step is None:
                continue
            if step.action == "create":
                self.creating.add(one.address)
            elif step.action == "refuse" and step.live is None:
                self.refused.add(one.address)
            self.plan.steps.append(step)
        self.plan.declared = len(declared)
        for place, index in self.indexes.items():
            self.plan.whole = self.plan.whole and index.listing.complete
            if index.listing.complete:
                self.plan.unmanaged += [(place, live) for live in index.listing.items if live.id not in index.claimed]
        return self.plan

    def _step(self, declared: Declared) -> Step | None:
        verbs = cast(Verbs, declared.kind.verbs)
        place = place_of(declared)
        index = self.indexes.get(place)
        if index is None:
            index = self.indexes[place] = _Index(verbs, self.listings[place])
        try:
            live = self._match(declared, verbs, index)
            desired = self._resolve(declared, place)
        except _Refused as refused:
            return Step("refuse", declared, None, Desired({}), why=refused.why, error=True)
        if live is None:
            return self._create(declared, verbs, index, desired)
        self.plan.matched[declared.address] = (declared, live)
        return self._update(declared, verbs, place, live, desired)

    def _match(self, declared: Declared, verbs: Verbs, index: _Index) -> Live | None:
        identity = verbs.identity(declared.spec)
        if identity is not None:
            live = index.by_id.get(identity)
        else:
            found = index.by_key.get(verbs.key(declared.spec), [])
            if len(found) > 1:
                ids = ", ".join(sorted(one.id for one in found))
                raise _Refused(f"{len(found)} live resources answer to this name: {ids}. Give the id of the one meant.")
            live = found[0] if found else self._renamed(declared, index)
        if live is not None:
            other = index.claimed.setdefault(live.id, declared.address)
            if other != declared.address:
                raise _Refused(f"{live.id} is declared twice: here and as {other}. Remove one of the two.")
        return live

    def _renamed(self, declared: Declared, index: _Index) -> Live | None:
        """What the ledger knows by this address, when it lives on under another name and nobody else declares it."""
        for key in self.known.get((place_of(declared)[:2], str(declared.address)), ()):
            if key in index.by_id and key not in index.claimed and key not in self._spoken_for(declared, index):
                return index.by_id[key]
        return None

    def _spoken_for(self, declared: Declared, index: _Index) -> set[str]:
        """The ids that other declared resources of that place name by id or by key."""
        place = place_of(declared)
        if place not in self.spoken_for:
            verbs = cast(Verbs, declared.kind.verbs)
            named: set[str] = set()
            for one in self.declared:
                if place_of(one) == place:
                    identity = verbs.identity(one.spec)
                    lives = index.by_key.get(verbs.key(one.spec), ())
                    named |= {identity} if identity is not None else {live.id for live in lives}
            self.spoken_for[place] = named
        return self.spoken_for[place]

    def _resolve(self, declared: Declared, place: Place) -> Desired:
        """The spec with names replaced by ids, and what has to be created before."""
        spec: dict[str, Any] = declared.spec
        waits: dict[str, Address] = {}
        for trait in declared.kind.references:
            name = trait.name
            if name not in spec:
                continue
            system, connection, _ = place
            key = (system, connection, cast(str, trait.reference), cast(str, spec[name]))
            target = self.targets.get(key)
            if target is None:
                target = self.targets[key] = self._target(target_of(declared, name), spec[name])
            value, need = target
            if need is not None:
                waits[name] = need
            spec = {**spec, name: value}
        return Desired(spec, waits)

    def _target(self, address: Address, value: Any) -> tuple[Any, Address | None]:
        """What a reference stands for: an id, or UNKNOWN and what has to be created before."""
        if address in self.plan.matched:
            return self.plan.matched[address][1].id, None
        if address in self.creating:
            return UNKNOWN, address
        if address in self.refused:
            raise _Refused(f"it needs {address}, which cannot be made.")
        return value, None  # an id, taken as it is

    @staticmethod
    def _create(declared: Declared, verbs: Verbs, index: _Index, desired: Desired) -> Step:
        calls = verbs.creation(declared, index.listing.items)
        if isinstance(calls, Refusal):
            return Step("refuse", declared, None, desired, why=calls.why, error=calls.error)
        traits = declared.kind.by_name
        changes: list[Change] = []
        for name, value in desired.spec.items():
            if not traits[name].local:
                found = leaves(MISSING, value, (name,)) if isinstance(value, dict) else [((name,), MISSING, value)]
                changes += [change_of(traits[name], *pair) for pair in found]
        return Step("create", declared, None, desired, calls, tuple(changes), needs=tuple(desired.waits.values()))

    def _update(self, declared: Declared, verbs: Verbs, place: Place, live: Live, desired: Desired) -> Step | None:
        needs = tuple(desired.waits.values())
        record = self.records[place[:2]].get(live.id) if self.records.get(place[:2]) else None
        changes: list[Change] = []
        unverifiable: list[Unverifiable] = []
        first = True
        traits = declared.kind.by_name
        for name, after in desired.spec.items():
            trait = traits[name]
            before = live.spec.get(name, MISSING)
            if trait.local or (
                (before == after and type(before) is str)  # most of what there is
                or in_sync(trait, before, after, live)
            ):
                continue
            for pair in differences(trait, before, after):
                verdict = judge(verbs, trait, pair, live, desired, record, self.policy)
                if isinstance(verdict, Unverifiable):
                    unverifiable.append(verdict)
                elif isinstance(verdict, Learned):
                    self.plan.learned.append(verdict)
                elif verdict is not None:
                    changes.append(verdict)
                    first = first and bool(verdict.note)
        if record is not None and record.owned:
            desired.removed = tuple(_disowned(declared, live, record))
            for path in desired.removed:
                # What was ours may have been a secret; the manifest that said so is gone.
                changes.append(Change(path, at(live.spec, path), MISSING, sensitive=True))
                first = False
        if live.trouble:
            unverifiable.append(Unverifiable((), live.trouble))
        if not changes:
            return Step("no-op", declared, live, desired, unverifiable=tuple(unverifiable)) if unverifiable else None
        calls = verbs.calls(live, desired, changes)
        if not isinstance(calls, Refusal):
            told = tuple(changes), tuple(unverifiable)
            return Step("update", declared, live, desired, calls, *told, needs, first=first)
        if first and not self.policy.resend and all(_may_be(verbs, change) for change in changes):
            # It reads in a word that may mean the same, and nothing can be sent: no difference to refuse.
            unverifiable += [Unverifiable(change.path, change.note) for change in changes]
            return Step("no-op", declared, live, desired, unverifiable=tuple(unverifiable))
        told = tuple(changes), tuple(unverifiable)
        return Step("refuse", declared, live, desired, (), *told, needs, calls.why, calls.error, first)


class _Refused(Exception):
    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def _disowned(declared: Declared, live: Live, record: Record) -> Iterable[Path]:
    for path in map(tuple, record.owned):
        if at(declared.spec, path) is MISSING and at(live.spec, path) is not MISSING:
            yield path


def _may_be(verbs: Verbs, change: Change) -> bool:
    """Whether what was read may be another word for what is declared."""
    doubt = None if change.before is MISSING else verbs.doubt(change.path, change.before)
    return doubt is not None and change.after in doubt.may_be


def by_reference(declared: Sequence[Declared]) -> list[Declared]:
    """The declared resources, each behind what it refers to; otherwise in their own order."""
    depth: dict[tuple[str, str], int] = {}
    kinds = {(one.kind.system, one.kind.name): one.kind for one in declared}

    def deep(key: tuple[str, str]) -> int:
        if key not in depth:
            depth[key] = 0  # a kind that refers to itself stays where it is
            kind = kinds.get(key)
            names = [trait.reference for trait in kind.fields if trait.reference] if kind else []
            depth[key] = 1 + max((deep((key[0], name)) for name in names), default=-1)
        return depth[key]

    return sorted(declared, key=lambda one: deep((one.kind.system, one.kind.name)))


def target_of(declared: Declared, name: str) -> Address:
    """The address that a reference field names, if it is not an id."""
    address = declared.address
    reference = cast(str, declared.kind.by_name[name].reference)
    return Address(address.system, reference, str(declared.spec[name]), address.connection)
