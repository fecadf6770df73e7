"""Unique names that change hands: a step that takes a name waits for the one that gives it up.

Names that only change places go through a temporary one. A step that takes a name which nothing gives up is refused:
no object is written over another one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from trueup.core.kinds import Handler
from trueup.core.reasons import Reason
from trueup.core.values import DELETES, ConnectionId, Live
from trueup.engine.plan.steps import SENDS, Step

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

    from trueup.core.values import Address, Call
    from trueup.engine.match import Matches, Records
    from trueup.engine.plan.steps import Left, Plan

PREFIX: Final = "trueup-renaming-"
"""How a temporary name begins; the id of what has it follows."""


def ordered(plan: Plan, matches: Matches, claimed: Mapping[str, Address], others: Records) -> Plan:
    """Return the plan, where each step knows which others have to give up its name before.

    Those whose name stays taken are refused. `claimed` are the owners of what is live, by id.
    """
    steps = _Order(plan, matches, claimed, others).ordered()
    return plan if steps is None else replace(plan, steps=tuple(steps))


def without_vain(steps: Sequence[Step]) -> list[Step]:
    """Return the steps; refused where one needs something that is refused, or waits for the name of it."""
    steps = list(steps)
    found = True
    while found:
        found = False
        refused = [step for step in steps if step.action == "refuse"]
        holders = {step.live.id: step for step in refused if step.live}
        missing = {step.address for step in refused if not step.declared.gone}
        for number, step in enumerate(steps if refused else ()):
            if step.action not in SENDS:
                continue
            holder = next((holders[key] for key in step.after if key in holders), None)
            need = next((one for one in step.needs if one in missing), None)
            if need is not None:
                steps[number] = step.refused(Reason("need-refused", need=str(need)), error=True)
            elif holder is not None:
                steps[number] = step.refused(Reason("holder-refused", holder=str(holder.address)))
            found = found or holder is not None or need is not None
    return steps


def temporary(live: Live) -> str:
    """A name for something while its own two are both taken: as unique as its id."""
    return f"{PREFIX}{live.id}"


class _Order:
    def __init__(self, plan: Plan, matches: Matches, claimed: Mapping[str, Address], others: Records) -> None:
        self.plan = plan
        self.matches = matches
        self.claimed = claimed
        self.others = others
        """The records of other sets of manifests, by connection and id."""
        self.steps = list(plan.steps)
        """As they are until now."""
        self.owners: dict[Address, int] = {}
        """The steps of what is declared, by their number in the list."""
        self.ending: dict[str, int] = {}
        """The steps after which something is not there any more, by its id."""

    def ordered(self) -> list[Step] | None:
        """Return the steps; None when no name changes hands."""
        taking = [(number, *found) for number, step in enumerate(self.steps) if any(found := self._holders(step))]
        if not taking:
            return None
        for number, step in enumerate(self.steps):
            if not step.declared.gone:
                self.owners[step.address] = number
            elif step.live and any(call.verb in DELETES for call in step.calls):
                self.ending |= dict.fromkeys((step.live.id, *step.along), number)
        for number, holders, _ in taking:
            self._wait(number, holders)
        self.steps = without_vain(self.steps)
        for number, _, near in taking:
            step = self.steps[number]
            if step.action != "refuse":
                self.steps[number] = replace(step, after=tuple(sorted({*step.after, *self._leaving(step, near)})))
        for cycle in self._cycles([number for number, *_ in taking if self.steps[number].action != "refuse"]):
            self._step_aside(cycle)
        return without_vain(self.steps)

    def _wait(self, number: int, holders: Sequence[Live]) -> None:
        """Let a step wait for those that give up its name; refuse it when one keeps it."""
        step = self.steps[number]
        for live in holders:
            if why := self._kept(live, step.declared.address.connection_id):
                taken = Reason("name-taken", name=live.name, id=live.id, why=why)
                step = self.steps[number] = step.refused(taken)
        if step.action != "refuse":
            after = sorted({self._giver(live) for live in holders})
            self.steps[number] = replace(step, after=tuple(after))

    def _holders(self, step: Step) -> tuple[list[Live], list[Live]]:
        """Return the other live resources, of those read, that have the name that a step takes, or nearly that one."""
        if step.declared.gone or step.action not in ("create", "update", "replace"):
            return [], []
        handler = step.declared.kind.handler
        index = self.matches.indexes.get(step.declared.address.list_key)
        if index is None or not handler.follows or step.declared.kind.parent in step.desired.waits:
            return [], []
        own = step.live.id if step.live else ""
        spec = _after(step)
        same = [live for live in index.by_key.get(handler.key(spec), ()) if live.id != own]
        if step.live is not None and handler.key(step.live.spec) == handler.key(spec):
            return same, []
        if (near := handler.near(spec)) is None:
            return same, []
        others = {own, *(live.id for live in same)}
        return same, [live for live in index.near(near) if live.id not in others]

    def _leaving(self, step: Step, near: Iterable[Live]) -> Iterable[str]:
        """Yield the ids of what has nearly the name that a step takes, and gives it up.

        What keeps it may be in the way or not, by the collation of the database: a warning of the plan.
        """
        handler = step.declared.kind.handler
        for live in near:
            if self._kept(live, step.declared.address.connection_id):
                continue
            giving = self._giving(live)
            if giving.action == "delete" or handler.near(_after(giving)) != handler.near(live.spec):
                yield self._giver(live)

    def _giving(self, live: Live) -> Step:
        number = self.ending.get(live.id)
        return self.steps[number if number is not None else self.owners[self.claimed[live.id]]]

    def _giver(self, live: Live) -> str:
        """Return the id of the live resource whose step gives up the name of another one, mostly its own."""
        giving = self._giving(live).live
        return giving.id if giving is not None else live.id

    def _step_of(self, owner: Address) -> Step | None:
        number = self.owners.get(owner)
        return self.steps[number] if number is not None else None

    def _kept(self, live: Live, connection: ConnectionId) -> Reason | None:
        """Return why what has a name keeps it; None when it gives it up."""
        if live.id in self.ending:
            return None
        owner = self.claimed.get(live.id)
        if owner is None:
            return self._unclaimed(live, connection)
        step = self._step_of(owner)
        if step is not None and step.action == "refuse":
            return Reason("holder-is-refused", holder=str(owner))
        if step is None or step.live is None or step.action not in ("update", "replace"):
            return Reason("holder-keeps-it", holder=str(owner))
        index = self.matches.indexes[step.declared.address.list_key]
        if _name_of(step, index.handler) == index.handler.key(live.spec):
            return Reason("holder-keeps-it", holder=str(owner))
        return None

    def _unclaimed(self, live: Live, connection: ConnectionId) -> Reason:
        archiving = next(
            (one for one in self.plan.steps if one.declared.gone and one.live and one.live.id == live.id), None
        )
        if archiving is not None:
            return Reason("holder-is-archived-now", holder=str(archiving.address))
        left: Left | None = next((one for one in self.plan.left if one.record.id == live.id), None)
        if left is not None:
            if live.spec.get("status") == "archived":
                return Reason("holder-is-archived", holder=left.record.address)
            return Reason("holder-is-no-longer-declared", holder=left.record.address)
        if owner := self.matches.owner(live.id, connection):
            return self._owned(owner)
        if (record := self.others.get(connection, {}).get(live.id)) is not None:
            return Reason("holder-is-of-a-set", holder=record.address, stack=record.stack)
        return Reason("holder-is-not-managed", id=live.id)

    def _owned(self, owner: str) -> Reason:
        """Why what the ledger knows by that address keeps its name, though nothing declared here was found to be it."""
        number = next((number for address, number in self.owners.items() if str(address) == owner), None)
        if number is not None and self.steps[number].action == "refuse":
            return Reason("holder-by-the-ledger-is-refused", holder=owner)
        declared = next((address for address in self.plan.specs if str(address) == owner), None)
        if declared is not None:
            return Reason("holder-was-another", holder=owner)
        return Reason("holder-is-left-out", holder=owner)

    def _step_aside(self, cycle: Sequence[int]) -> None:
        """One of a cycle takes a temporary name first, and so gives up its own."""
        steps = [self.steps[number] for number in cycle]
        for number, step in zip(cycle, steps, strict=True):
            handler = step.declared.kind.handler
            index = self.matches.indexes[step.declared.address.list_key]
            if step.action == "update" and step.live is not None and handler.naming:
                name, calls = temporary(step.live), _naming(step.calls, handler.naming)
                if calls and not index.by_key.get(handler.key({**step.live.spec, handler.naming: name})):
                    self.steps[number] = replace(step, aside=name, calls=calls)
                    return
        why = Reason("names-exchanged", names=[str(step.address) for step in steps])
        for number, step in zip(cycle, steps, strict=True):
            self.steps[number] = step.refused(why)

    def _cycles(self, numbers: Sequence[int]) -> Iterator[list[int]]:
        """Yield steps that wait for one another in a circle, until there are none.

        Before the next are found one of them has to be put aside, or all be refused.
        """
        by_id = {live.id: number for number in numbers if (live := self.steps[number].live)}
        settled: set[int] = set()
        for start in numbers:
            while cycle := self._cycle_from(start, by_id, settled):
                yield cycle

    def _cycle_from(self, start: int, by_id: Mapping[str, int], settled: set[int]) -> list[int]:
        """Return a circle that can be reached from there, if any; `settled` are the steps that lead to none."""

        def waits_for(number: int) -> Iterator[int]:
            for key in self.steps[number].after:
                before = by_id.get(key)
                if before is None or before in settled:
                    continue
                if not self.steps[before].aside and self.steps[before].action != "refuse":
                    yield before

        path, ways = [start], [waits_for(start)]
        depth = {start: 0}
        while path:
            number = next(ways[-1], None)
            if number is None:
                settled.add(path[-1])
                del depth[path.pop()], ways[-1]
            elif number in depth:
                return path[depth[number] :]
            else:
                depth[number] = len(path)
                path.append(number)
                ways.append(waits_for(number))
        return []


def _naming(calls: Sequence[Call], naming: str) -> tuple[Call, ...]:
    """Return the calls with one that gives the name, also where what is unique has other fields beside; else none."""
    if any(naming in call.paths for call in calls):
        return tuple(calls)
    number = next((number for number, call in enumerate(calls) if call.verb == "patch"), None)
    if number is None:
        return ()
    patch = calls[number]
    return (*calls[:number], replace(patch, paths=(naming, *patch.paths)), *calls[number + 1 :])


def _after(step: Step) -> dict[str, Any]:
    """Return the fields that a resource has behind its step."""
    return {**(step.live.spec if step.live else {}), **step.desired.spec}


def _name_of(step: Step, handler: Handler) -> Hashable:
    """Return the natural key that a resource has behind its step."""
    return handler.key(_after(step))
