"""Declared x Live x Record -> Plan: what would be done, why, and at what cost. Nothing is sent from here.

Drift is this same plan, rendered and not applied.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from trueup.diff import MISSING, UNKNOWN, Change, Path, covers, dotted, leaves, overlay, pairs, same
from trueup.model import Address, Call, Declared, Desired, Live, Record, Refusal, Verbs
from trueup.secrets import Secret, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trueup.model import Field, Listing

FORMAT_VERSION: Final = "1.0"

Action = Literal["create", "update", "no-op", "refuse"]
Place = tuple[str, str, str]
"""System, connection and kind."""


@dataclass(frozen=True, slots=True)
class Unverifiable:
    """A field that cannot be read back, and why nothing is done about it."""

    path: Path
    why: str


@dataclass(slots=True)
class Step:
    """What is to be done about one declared resource."""

    action: Action
    declared: Declared
    live: Live | None
    desired: Desired
    calls: tuple[Call, ...] = ()
    changes: tuple[Change, ...] = ()
    unverifiable: tuple[Unverifiable, ...] = ()
    needs: tuple[Address, ...] = ()
    why: str = ""
    """Why it is refused."""
    error: bool = False
    """Refused because the manifest asks for what cannot be."""
    first: bool = False
    """It only sends what was never sent from here and cannot be read: nothing is known to have drifted."""

    @property
    def address(self) -> Address:
        """The address of the resource."""
        return self.declared.address

    @property
    def drifted(self) -> bool:
        """Whether what is live is known to differ from what is declared."""
        return self.action in ("create", "refuse") or (self.action == "update" and not self.first)


@dataclass(frozen=True, slots=True)
class Cost:
    """What applying is expected to take: requests, and seconds with the waits for the request window."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reading took, and what is left of the credential's window, if it has one."""

    requests: int = 0
    seconds: float = 0.0
    left: int | None = None
    window: int | None = None
    silence: float = 0.0


@dataclass(frozen=True, slots=True)
class Learned:
    """A read-back that turned out to be how the server says what we wrote: for the ledger."""

    place: Place
    id: str
    path: str
    read_back: str


@dataclass(slots=True)
class Plan:
    """Everything that is not in sync, in the order in which it would be done."""

    steps: list[Step] = field(default_factory=list)
    matched: dict[Address, tuple[Declared, Live]] = field(default_factory=dict)
    """Every declared resource that exists, in sync or not."""
    unmanaged: list[tuple[Place, Live]] = field(default_factory=list)
    learned: list[Learned] = field(default_factory=list)
    off: list[str] = field(default_factory=list)
    """What this run cannot do, and why: for instance without a ledger."""
    reading: Reading = field(default_factory=Reading)
    cost: Cost = Cost(0, 0.0)
    declared: int = 0

    def count(self, action: Action) -> int:
        """How many steps have that action."""
        return sum(step.action == action for step in self.steps)

    @property
    def unverifiable(self) -> int:
        """Resources of which something cannot be verified, and which are otherwise in sync."""
        return sum(step.action == "no-op" and bool(step.unverifiable) for step in self.steps)

    @property
    def unchanged(self) -> int:
        """Resources that are in sync as far as can be read."""
        return self.declared - len(self.steps)

    @property
    def pending(self) -> list[Step]:
        """The steps that send something."""
        return [step for step in self.steps if step.action in ("create", "update")]

    @property
    def has_changes(self) -> bool:
        """Whether anything would be sent or is refused."""
        return any(step.action != "no-op" for step in self.steps)

    @property
    def has_drift(self) -> bool:
        """Whether anything is known to differ."""
        return any(step.drifted for step in self.steps)

    def summary(self) -> dict[str, int]:
        """The counts, under the names of the JSON plan."""
        return {
            "create": self.count("create"),
            "update": self.count("update"),
            "delete": 0,
            "unchanged": self.unchanged,
            "unverifiable": self.unverifiable,
            "unmanaged": len(self.unmanaged),
            "refused": self.count("refuse"),
        }


@dataclass(frozen=True, slots=True)
class Policy:
    """What the plan may assume and do."""

    key: bytes | None = None
    """The key of the ledger's fingerprints; None when there is no ledger."""
    resend: bool = False
    """Send what cannot be verified again."""


def place_of(declared: Declared) -> Place:
    """Where a declared resource lives."""
    address = declared.address
    return (address.system, address.connection, address.kind)


def build(
    declared: Sequence[Declared],
    listings: Mapping[Place, Listing],
    records: Mapping[str, Record] | None = None,
    policy: Policy | None = None,
) -> Plan:
    """The plan. `records` are by id; secrets in the declared specs are resolved."""
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
    def __init__(self, listings: Mapping[Place, Listing], records: Mapping[str, Record], policy: Policy) -> None:
        self.listings = listings
        self.records = records
        self.policy = policy
        self.indexes: dict[Place, _Index] = {}
        self.plan = Plan()
        self.creating: set[Address] = set()
        self.refused: set[Address] = set()
        self.targets: dict[tuple[str, str, str, str], tuple[Any, Address | None]] = {}

    def build(self, declared: Sequence[Declared]) -> Plan:
        for one in by_reference(declared):
            step = self._step(one)
            if step is None:
                continue
            if step.action == "create":
                self.creating.add(one.address)
            elif step.action == "refuse" and step.live is None:
                self.refused.add(one.address)
            self.plan.steps.append(step)
        self.plan.declared = len(declared)
        for place, index in self.indexes.items():
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
            desired, needs = self._resolve(declared, place)
        except _Refused as refused:
            return Step("refuse", declared, None, Desired({}), why=refused.why, error=True)
        if live is None:
            return self._create(declared, verbs, index, desired, needs)
        self.plan.matched[declared.address] = (declared, live)
        return self._update(declared, verbs, live, desired, needs)

    def _match(self, declared: Declared, verbs: Verbs, index: _Index) -> Live | None:
        identity = verbs.identity(declared.spec)
        if identity is not None:
            live = index.by_id.get(identity)
        else:
            found = index.by_key.get(verbs.key(declared.spec), [])
            if len(found) > 1:
                ids = ", ".join(sorted(one.id for one in found))
                raise _Refused(f"{len(found)} live resources answer to this name: {ids}. Give the id of the one meant.")
            live = found[0] if found else None
        if live is not None:
            other = index.claimed.setdefault(live.id, declared.address)
            if other != declared.address:
                raise _Refused(f"{live.id} is declared twice: here and as {other}. Remove one of the two.")
        return live

    def _resolve(self, declared: Declared, place: Place) -> tuple[Desired, tuple[Address, ...]]:
        """The spec with names replaced by ids, and what has to be created before."""
        spec: dict[str, Any] = declared.spec
        needs: tuple[Address, ...] = ()
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
                needs = (*needs, need)
            spec = {**spec, name: value}
        return Desired(spec), needs

    def _target(self, address: Address, value: Any) -> tuple[Any, Address | None]:
        """What a reference stands for: an id, or UNKNOWN and what has to be created before."""
        if address in self.plan.matched:
            return self.plan.matched[address][1].id, None
        if address in self.creating:
            return UNKNOWN, address
        if address in self.refused:
            raise _Refused(f"it needs {address}, which cannot be made.")
        return value, None  # an id, taken as it is

    def _create(
        self, declared: Declared, verbs: Verbs, index: _Index, desired: Desired, needs: tuple[Address, ...]
    ) -> Step:
        calls = verbs.creation(declared, index.listing.items)
        if isinstance(calls, Refusal):
            return Step("refuse", declared, None, desired, why=calls.why, error=calls.error)
        traits = declared.kind.by_name
        changes: list[Change] = []
        for name, value in desired.spec.items():
            if not traits[name].local:
                found = leaves(MISSING, value, (name,)) if isinstance(value, dict) else [((name,), MISSING, value)]
                changes += [_change(traits[name], *pair) for pair in found]
        return Step("create", declared, None, desired, calls, tuple(changes), needs=needs)

    def _update(
        self, declared: Declared, verbs: Verbs, live: Live, desired: Desired, needs: tuple[Address, ...]
    ) -> Step | None:
        record = self.records.get(live.id) if self.records else None
        changes: list[Change] = []
        unverifiable: list[Unverifiable] = []
        first = True
        traits = declared.kind.by_name
        for name, after in desired.spec.items():
            trait = traits[name]
            before = live.spec.get(name, MISSING)
            if trait.local or (
                (before == after and type(before) is str)  # most of what there is
                or _in_sync(trait, before, after, live)
            ):
                continue
            for pair in _pairs(trait, before, after):
                verdict = self._judge(place_of(declared), verbs, trait, pair, live, record)
                if isinstance(verdict, Unverifiable):
                    unverifiable.append(verdict)
                elif verdict is not None:
                    changes.append(verdict)
                    first = first and bool(verdict.note)
        if record is not None and record.owned:
            desired.removed = tuple(self._disowned(declared, live, record))
            for path in desired.removed:
                changes.append(Change(path, _at(live.spec, path), MISSING, note=""))
                first = False
        if not changes:
            return Step("no-op", declared, live, desired, unverifiable=tuple(unverifiable)) if unverifiable else None
        calls = verbs.calls(live, desired, changes)
        step = Step("update", declared, live, desired, (), tuple(changes), tuple(unverifiable), needs, first=first)
        if isinstance(calls, Refusal) and first and not self.policy.resend and all(map(_was_read, changes)):
            # It reads in other words, which may mean the same, and nothing can be sent: no difference to refuse.
            unverifiable += [Unverifiable(change.path, change.note) for change in changes]
            return Step("no-op", declared, live, desired, unverifiable=tuple(unverifiable))
        if isinstance(calls, Refusal):
            step.action, step.why, step.error = "refuse", calls.why, calls.error
        else:
            step.calls = calls
        return step

    def _judge(
        self,
        place: Place,
        verbs: Verbs,
        trait: Field,
        pair: tuple[Path, Any, Any],
        live: Live,
        record: Record | None,
    ) -> Change | Unverifiable | None:
        """One difference: a change, something that cannot be verified, or (None) how the server says what we wrote."""
        path, before, after = pair
        hidden = _hidden(trait, path, before, live)
        doubt = None if hidden else verbs.doubt(path, before)
        name = dotted(path)
        key = self.policy.key
        if key is not None and record is not None and name in record.written:
            if record.written[name] == fingerprint(key, after):
                sent = f"sent on {record.at[:10]}, unchanged since" if record.at else "sent before, unchanged since"
                seen = None if hidden else fingerprint(key, before)
                if self.policy.resend and (hidden or doubt):
                    return _change(trait, *pair, note="sent again on request")
                if hidden:
                    return Unverifiable(path, f"cannot be read back; {sent}")
                if doubt is not None and doubt.final:
                    return Unverifiable(path, f"{doubt.why}; {sent}. --resend sends it again")
                if record.read_back.get(name) == seen:
                    return None
                if name not in record.read_back and name in record.settling:
                    if doubt is not None and doubt.settling:
                        return Unverifiable(path, f"{doubt.why}; {sent}")
                    if not self._is_word(trait, before):
                        self.plan.learned.append(Learned(place, live.id, name, cast(str, seen)))
                        return None
            return _change(trait, *pair)
        if doubt is not None and doubt.settling:
            doubt = None  # nothing of ours is on the way
        if hidden or doubt is not None:
            why = "cannot be read back" if doubt is None else doubt.why
            if self.policy.resend or key is not None:
                return _change(trait, *pair, note=f"{why}; not sent from this ledger yet")
            return Unverifiable(path, f"{why}; without a ledger it is only sent with --resend")
        if key is None and trait.write_only and _is_secret(trait, path) and not self.policy.resend:
            # It may be stored in another form; without a ledger that cannot be told from a change.
            return Unverifiable(path, "reads back otherwise; without a ledger it is only sent with --resend")
        return _change(trait, *pair)

    @staticmethod
    def _is_word(trait: Field, before: Any) -> bool:
        # A word that could have been written is no other way to say what we wrote: it differs.
        return before in trait.schema.get("enum", ()) if isinstance(before, str) else False

    @staticmethod
    def _disowned(declared: Declared, live: Live, record: Record) -> Iterable[Path]:
        for path in map(tuple, record.owned):
            if _at(declared.spec, path) is MISSING and _at(live.spec, path) is not MISSING:
                yield path


class _Refused(Exception):
    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


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


def _in_sync(trait: Field, before: Any, after: Any, live: Live) -> bool:
    if live.unreadable and any(path[0] == trait.name for path in live.unreadable):
        return False
    return covers(before, after) if trait.owned_by_key else same(before, after)


def _pairs(trait: Field, before: Any, after: Any) -> list[tuple[Path, Any, Any]]:
    if trait.write_only:
        return list(leaves(MISSING if before is MISSING else _only(before, after), after, (trait.name,)))
    if trait.owned_by_key:
        base = before if isinstance(before, dict) else {}
        return pairs(base, overlay(base, after), (trait.name,))
    return [((trait.name,), before, after)]


def _only(live: Any, declared: Any) -> Any:
    """What is live of the declared keys."""
    if isinstance(live, dict) and isinstance(declared, dict):
        return {key: _only(live[key], value) for key, value in declared.items() if key in live}
    return live


def _hidden(trait: Field, path: Path, before: Any, live: Live) -> bool:
    if any(path[: len(one)] == one for one in live.unreadable):
        return True
    return trait.write_only and before is MISSING


def _is_secret(trait: Field, path: Path) -> bool:
    if isinstance(trait.secret, tuple):
        return len(path) > 1 and path[1] in trait.secret
    return trait.secret


def _change(trait: Field, path: Path, before: Any, after: Any, *, note: str = "") -> Change:
    sensitive = _is_secret(trait, path) or isinstance(before, Secret) or isinstance(after, Secret)
    return Change(path, before, after, sensitive or _has_secret(after), note)


def _was_read(change: Change) -> bool:
    return change.before is not MISSING


def _has_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_secret, value.values()))
    if isinstance(value, list):
        return any(map(_has_secret, value))
    return isinstance(value, Secret)


def _at(value: Any, path: Path) -> Any:
    for part in path:
        if isinstance(value, dict) and part in value:
            value = value[part]
        else:
            return MISSING
    return value
