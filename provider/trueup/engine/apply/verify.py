"""Verify after the writes: read touched resources again, learn normalised values, retry what was undone."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from typing import TYPE_CHECKING

from trueup.core import texts
from trueup.core.changes import MISSING, at, dotted
from trueup.core.compare import same
from trueup.core.kinds import Declared
from trueup.core.secrets import fingerprint
from trueup.core.values import ConnectionId, Incomparable, Listing, ListKey, Live
from trueup.engine.apply.journal import written
from trueup.engine.match import matched
from trueup.engine.plan.compare import compared
from trueup.engine.plan.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from trueup.core.kinds import Handler
    from trueup.core.progress import Progress
    from trueup.core.values import Address, Desired
    from trueup.engine.apply.journal import Journal
    from trueup.engine.apply.outcome import Outcome, Report
    from trueup.engine.plan.steps import Step
    from trueup.transport.client import Client


class Verifier:
    """Reads and compares the touched resources."""

    def __init__(
        self,
        clients: Mapping[ConnectionId, Client],
        progress: Progress,
        journal: Journal,
        lives: dict[Address, Live],
        again: Callable[[Sequence[Outcome]], Awaitable[None]],
    ) -> None:
        self._clients = clients
        self._progress = progress
        self._journal = journal
        self._lives = lives
        self._again = again

    async def verify(self, report: Report) -> None:
        """Read the touched resources, learn, and retry once what someone else undid."""
        touched = [outcome for outcome in report.outcomes if outcome.made]
        undone = await self._look(touched)
        # A resource created by this run is never created again: it may exist and not be listed yet.
        again = [(outcome, step) for outcome, step in undone if step is not None and step.action == "update"]
        if again and not report.stopped:
            self._progress.decision(f"{len(again)} undone meanwhile; once more")
            for outcome, step in again:
                # The plan stays as it was; the outcome reports the retry.
                outcome.step = dataclasses.replace(
                    outcome.step, live=step.live, calls=step.calls, desired=step.desired, changes=step.changes
                )
                outcome.result = "contended"
                outcome.answered.clear()
            await self._again([outcome for outcome, _ in again])
            retried = {id(outcome) for outcome, _ in again}
            undone = [pair for pair in undone if id(pair[0]) not in retried]
            undone += await self._look([outcome for outcome, _ in again if outcome.result == "done"])
        for outcome, remaining in undone:
            outcome.result, outcome.verified = "contended", False
            if remaining is not None:
                outcome.touched_at = remaining.live.updated_at if remaining.live else None
                outcome.step = dataclasses.replace(outcome.step, changes=remaining.changes)

    async def _look(self, touched: Sequence[Outcome]) -> list[tuple[Outcome, Step | None]]:
        """Read the touched resources again; return those that differ, each with the step that would correct it."""
        touched = [outcome for outcome in touched if outcome.live is not None]
        if not touched:
            return []
        self._progress.phase("verifying", None)
        groups: dict[ListKey, list[Outcome]] = defaultdict(list)
        for outcome in touched:
            groups[outcome.step.declared.address.list_key].append(outcome)
        undone: list[tuple[Outcome, Step | None]] = []
        for list_key, outcomes in groups.items():
            handler = outcomes[0].step.declared.kind.handler
            self._answered_whole(list_key, outcomes)
            outcomes = [outcome for outcome in outcomes if not outcome.verified]
            if not outcomes:
                continue
            lives = await handler.reread(
                self._clients[list_key.connection_id], [self._touched(one) for one in outcomes]
            )
            staying = []
            for outcome in outcomes:
                live = lives.get(outcome.existing.id)
                if outcome.step.action == "delete":
                    outcome.verified = outcome.result == "done" and handler.ended(live)
                    if outcome.result == "done" and not outcome.verified:
                        outcome.touched_at = live.updated_at if live else None
                        undone.append((outcome, None))
                    continue
                staying.append(outcome)
                if live is not None:
                    self._lives[outcome.address] = live
                    self._learn(handler, outcome, live)
            undone += self._remaining(list_key, staying, lives)
        return undone

    def _answered_whole(self, list_key: ListKey, outcomes: Sequence[Outcome]) -> None:
        """Mark as verified the creations whose answer holds all that was declared.

        A resource that was found rather than made may be someone else's, and is read.
        """
        made = {
            outcome.existing.id: outcome
            for outcome in outcomes
            if outcome.step.answers_for_itself and outcome.result == "done" and not outcome.existing.found
        }
        if made:
            self._remaining(list_key, list(made.values()), {key: one.existing for key, one in made.items()})

    def _touched(self, outcome: Outcome) -> Live:
        """The live one as it was written; what was removed was touched now: no list is read down to its time."""
        live = outcome.existing
        removed = outcome.step.action == "delete" and live is outcome.step.live
        return dataclasses.replace(live, updated_at=self._journal.stamp()) if removed and live.updated_at else live

    def _learn(self, handler: Handler, outcome: Outcome, live: Live) -> None:
        """Learn the values that read back otherwise than written, where that is the server's normal form."""
        declared = outcome.step.declared
        record = self._journal.known(declared, outcome.live)
        if record is None or live.found or outcome.existing.found:
            return  # a resource that was found may belong to someone else, and so may its values
        desired = resolved(outcome.step, self._lives)
        before = outcome.before.spec if outcome.before else {}
        fields = declared.kind.by_name
        for name in {path for call in outcome.step.calls for path in call.paths if path in desired.spec}:
            for path, value in written(desired.spec, name):
                seen = at(live.spec, path)
                key = dotted(path)
                incomparable: Incomparable | None = None
                hidden = live.hides(path)
                if key in record.settling:
                    record.settling.remove(key)  # it was looked at
                    self._journal.keep(declared, record)
                if key not in record.written or same(seen, value) or hidden:
                    continue
                if outcome.answered:
                    # The answer itself said it so, and so does the server still.
                    said = at(outcome.answered, path)
                    # What was live before is what a write that did nothing leaves behind.
                    learned = not same(said, value) and same(said, seen) and not same(seen, at(before, path))
                    if not fields[name].owned_by_key:
                        learned = learned and texts.tidied(seen, value)
                elif (incomparable := handler.incomparable(path, seen)) is not None:
                    if incomparable.settling and key not in record.settling:
                        record.settling.append(key)
                        self._journal.keep(declared, record)
                    learned = not incomparable.settling and not incomparable.final
                else:
                    # Someone may have changed it just now: if a second write reads back the same, it is learned.
                    mark = fingerprint(self._journal.key, seen)
                    learned = outcome.seen.get(key) == mark and seen is not MISSING
                    outcome.seen[key] = mark
                if learned and not fields[name].is_plain(seen):
                    outcome.learned = outcome.learned or incomparable is None
                    record.read_back[key] = fingerprint(self._journal.key, seen)
                    self._journal.keep(declared, record)

    def _remaining(
        self, list_key: ListKey, outcomes: Sequence[Outcome], lives: Mapping[str, Live]
    ) -> list[tuple[Outcome, Step | None]]:
        policy = Policy(self._journal.key)
        known = self._journal.records.get(list_key.connection_id, {})
        undone: list[tuple[Outcome, Step | None]] = []
        for outcome in outcomes:
            live = lives.get(outcome.existing.id)
            declared = _with_ids(outcome.step.declared, resolved(outcome.step, self._lives))
            listing = Listing([live] if live is not None else [], complete=False)
            record = {live.id: known[live.id]} if live is not None and live.id in known else {}
            records = {list_key.connection_id: record}
            steps = compared([declared], matched([declared], {list_key: listing}, records), records, policy)[0].steps
            step = next((one for one in steps if one.action != "no-op"), None)
            # What cannot be read back is not verified, nor is what was learned just now.
            outcome.verified = not steps and outcome.result == "done" and not outcome.learned
            if step is not None and outcome.result == "done":
                undone.append((outcome, step))
        return undone


def resolved(step: Step, lives: Mapping[Address, Live]) -> Desired:
    """Return the desired result of a step, with the ids of the resources that it waited for, where they are live."""
    known = {name: lives[need].id for name, need in step.desired.waits.items() if need in lives}
    return dataclasses.replace(step.desired, spec={**step.desired.spec, **known}) if known else step.desired


def _with_ids(declared: Declared, desired: Desired) -> Declared:
    return Declared(declared.address, declared.kind, desired.spec, declared.where, locator=declared.locator)
