"""Declared x Live x Record -> Plan: compare matched resources field by field, and create missing ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trueup.core.changes import MISSING, UNKNOWN, Change, Path, at, dotted
from trueup.core.compare import leaves
from trueup.core.kinds import Declared, Handler
from trueup.core.reasons import Reason
from trueup.core.secrets import is_mark_of
from trueup.core.values import Desired, Live, Refusal
from trueup.engine.match import by_reference, target_of
from trueup.engine.plan.classify import change_of, classify, differences, in_sync
from trueup.engine.plan.steps import Learned, Plan, Step, Unverifiable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from trueup.core.records import Record
    from trueup.core.values import Address, ListKey
    from trueup.engine.match import Matches, Records
    from trueup.engine.plan.policy import Policy


def compared(
    declared: Sequence[Declared], matches: Matches, records: Records, policy: Policy
) -> tuple[Plan, dict[str, Address]]:
    """Return the steps for what is declared, each behind what it refers to; and the owners of what is live, by id."""
    comparison = _Comparison(matches, records, policy)
    return comparison.plan(declared), comparison.claimed


class _Comparison:
    def __init__(self, matches: Matches, records: Records, policy: Policy) -> None:
        self.matches = matches
        self.records = records
        self.policy = policy
        self.steps: list[Step] = []
        self.matched: dict[Address, tuple[Declared, Live]] = {}
        self.specs: dict[Address, dict[str, Any]] = dict(matches.specs) if matches.halves else matches.specs
        self.claimed: dict[str, Address] = {}
        """In all places: two connections may lead to one server."""
        for index in matches.indexes.values():
            self.claimed |= index.claimed
        self.learned: list[Learned] = []
        self.aged: dict[Address, str] = {}
        self.creating: set[Address] = set()
        self.refused: set[Address] = set()

    def plan(self, declared: Sequence[Declared]) -> Plan:
        for one in by_reference(declared):
            try:
                step = self._step(one)
            except RecursionError:
                step = Step("refuse", one, None, Desired({}), why=Reason("too-deep"), error=True)
            if step is None:
                continue
            if step.action in ("create", "replace"):
                self.creating.add(one.address)
            elif step.action == "refuse" and step.live is None:
                self.refused.add(one.address)
            self.steps.append(step)
        return Plan(
            steps=tuple(self._without_rivals()),
            matched=self.matched,
            specs=self.specs,
            learned=tuple(self.learned),
            aged=self.aged,
            declared=len(declared),
        )

    def _without_rivals(self) -> Iterable[Step]:
        """Create nothing in place of what is refused because either may be it."""
        if not self.matches.rivals:
            return self.steps
        refused = {step.address for step in self.steps if step.action == "refuse"}
        return [self._unless_rival(step, refused) for step in self.steps]

    def _unless_rival(self, step: Step, refused: set[Address]) -> Step:
        rival = self.matches.rivals.get(step.address)
        if step.action != "create" or rival not in refused:
            return step
        return step.refused(Reason("renamed-and-declared", rival=str(rival)), error=True)

    def _step(self, declared: Declared) -> Step | None:
        matches = self.matches
        address = declared.address
        if (why := matches.refused.get(address)) is not None:
            live = matches.lives.get(address)
            if live is not None:
                self.matched[address] = (declared, live)
            return Step("refuse", declared, live, Desired({}), why=why, error=True)
        waits = matches.waits.get(address, {})
        references = {**waits, **{name: need for name, need in self._replaced(declared) if name not in waits}}
        for name, need in references.items():
            if need in matches.denied:
                unread = Unverifiable((name,), Reason("need-not-read", need=str(need)))
                return Step("no-op", declared, None, Desired(dict(declared.spec)), unverifiable=(unread,))
            if need in self.refused:
                why = Reason("need-refused", need=str(need))
                return Step("refuse", declared, None, Desired({}), why=why, error=True)
        desired = Desired({**matches.specs[address], **dict.fromkeys(references, UNKNOWN)}, references)
        list_key = declared.address.list_key
        handler = declared.kind.handler
        if (why := matches.denied.get(address)) is not None:
            missing = Unverifiable((declared.kind.parent,), why)
            return Step("no-op", declared, None, desired, unverifiable=(missing,))
        if (key := matches.hidden.get(address)) is not None:
            unseen = Unverifiable((), Reason("hidden", id=key))
            return Step("no-op", declared, None, desired, unverifiable=(unseen,))
        live = matches.lives.get(address)
        if live is None or declared.kind.parent in references:
            return self._create(declared, handler, matches.indexes[list_key].listing.items, desired)
        self.matched[address] = (declared, live)
        if live.seen_at:
            self.aged[address] = live.seen_at
        step = self._update(declared, handler, list_key, live, desired)
        if address in matches.halves:
            del self.specs[address]  # the ledger does not take the annotation for carried out
        return step

    def _replaced(self, declared: Declared) -> Iterable[tuple[str, Address]]:
        """Return the resources that it refers to and that are replaced, so that their ids will change."""
        if self.creating:
            for field in declared.kind.references:
                if field.name in declared.spec:
                    address = target_of(declared, field.name)
                    if address in self.creating:
                        yield field.name, address

    @staticmethod
    def _create(declared: Declared, handler: Handler, near: Sequence[Live], desired: Desired) -> Step:
        calls = handler.creation(declared, near)
        if isinstance(calls, Refusal):
            return Step("refuse", declared, None, desired, why=calls.why, error=calls.error)
        fields = declared.kind.by_name
        changes: list[Change] = []
        for name, value in desired.spec.items():
            if not fields[name].local:
                found = leaves(MISSING, value, (name,)) if isinstance(value, dict) else [((name,), MISSING, value)]
                changes += [change_of(fields[name], *pair) for pair in found]
        return Step("create", declared, None, desired, calls, tuple(changes), needs=tuple(desired.waits.values()))

    def _update(
        self, declared: Declared, handler: Handler, list_key: ListKey, live: Live, desired: Desired
    ) -> Step | None:
        needs = tuple(desired.waits.values())
        record = self.records[list_key.connection_id].get(live.id) if self.records.get(list_key.connection_id) else None
        changes: list[Change] = []
        unverifiable: list[Unverifiable] = []
        if record is None and self.policy.key is not None and not live.seen_at:
            for name, value in handler.revived(live).items():
                desired = replace(desired, spec={name: value, **desired.spec})  # what is declared goes before
        first = True
        fields = declared.kind.by_name
        for name, after in desired.spec.items():
            field = fields[name]
            before = live.spec.get(name, MISSING)
            if field.local or (
                (before == after and type(before) is str)  # most of what there is
                or in_sync(field, before, after, live)
            ):
                continue
            for pair in differences(field, before, after):
                verdict = classify(handler, field, pair, live, record, self.policy)
                if isinstance(verdict, Unverifiable):
                    unverifiable.append(verdict)
                elif isinstance(verdict, Learned):
                    self.learned.append(verdict)
                elif verdict is not None:
                    changes.append(verdict)
                    first = first and bool(verdict.note)
        if record is not None and record.owned:
            desired = replace(desired, removed=tuple(_disowned(declared, live, record)))
            for path in desired.removed:
                # The manifest that marked it as a secret is gone, and someone else may have set another value.
                before = at(live.spec, path)
                changes.append(
                    Change(path, before, MISSING, sensitive=not _is_plain(path, before, record, self.policy))
                )
                first = False
        if live.trouble:
            unverifiable.append(Unverifiable((), live.trouble))
        if not changes:
            return Step("no-op", declared, live, desired, unverifiable=tuple(unverifiable)) if unverifiable else None
        if (half := self.matches.halves.get(declared.address)) is not None:
            self.claimed.setdefault(half[0], declared.address)  # nor is that one removed
            return Step("refuse", declared, live, desired, (), tuple(changes), needs=needs, why=half[1], error=True)
        calls = handler.calls(live, desired, changes)
        if not isinstance(calls, Refusal):
            differing = tuple(changes), tuple(unverifiable)
            if all(call.verb != "create" for call in calls):
                kept = _kept(declared, live, desired, changes)
                return Step("update", declared, live, desired, calls, *differing, needs, first=first, kept=kept)
            if not declared.protected:
                return Step("replace", declared, live, desired, calls, *differing, needs)
            calls = Refusal(Reason("protected-from-replacement"))
        if first and not self.policy.resend and all(_may_be(handler, change) for change in changes):
            # It reads in a word that may mean the same, and nothing can be sent: no difference to refuse.
            unverifiable += [Unverifiable(change.path, change.note) for change in changes if change.note]
            return Step("no-op", declared, live, desired, unverifiable=tuple(unverifiable))
        differing = tuple(changes), tuple(unverifiable)
        return Step("refuse", declared, live, desired, (), *differing, needs, calls.why, calls.error, first)


def _kept(declared: Declared, live: Live, desired: Desired, changes: Sequence[Change]) -> int:
    """How many of the server's own keys a write carries over."""
    kept = 0
    for name in {str(change.path[0]) for change in changes}:
        field = declared.kind.by_name[name]
        there, ours = live.spec.get(name), desired.spec.get(name)
        if field.owned_by_key and not field.write_only and isinstance(there, dict):
            gone = {path[1] for path in desired.removed if len(path) > 1 and path[0] == name}
            kept += len(there.keys() - (ours or {}).keys() - gone)
    return kept


def _disowned(declared: Declared, live: Live, record: Record) -> Iterable[Path]:
    for path in map(tuple, record.owned):
        if at(declared.spec, path) is MISSING and at(live.spec, path) is not MISSING:
            yield path


def _is_plain(path: Path, value: Any, record: Record, policy: Policy) -> bool:
    """Whether a value is known to be no secret: it was written from here as none, and is still the same."""
    if policy.key is None or list(map(str, path)) not in record.plain:
        return False
    return is_mark_of(record.written.get(dotted(path)), policy.key, value)


def _may_be(handler: Handler, change: Change) -> bool:
    """Whether what was read may be another word for what is declared."""
    incomparable = None if change.before is MISSING else handler.incomparable(change.path, change.before)
    return incomparable is not None and change.after in incomparable.may_be
