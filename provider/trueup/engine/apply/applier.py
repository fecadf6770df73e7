"""Make the calls of a plan: wave by wave, deletions last, one writer for each resource."""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from trueup.core.changes import MISSING
from trueup.core.errors import ApiError, Refused, Stopped, TrueupError
from trueup.core.reasons import Reason
from trueup.core.values import DELETES, WITH_ALL_BELOW, Address, Call, ConnectionId, Desired, Live
from trueup.engine.apply.outcome import Outcome, Report
from trueup.engine.apply.turns import Order, Turns
from trueup.engine.apply.verify import Verifier, resolved
from trueup.engine.match import depths_of
from trueup.systems.registry import RESOURCES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trueup.core.progress import Clock, Progress
    from trueup.engine.apply.journal import Journal
    from trueup.engine.plan.steps import Plan, Step
    from trueup.transport.client import Client

_WAVE: Final = 128
"""Steps whose intents are written in one transaction."""


@dataclass
class Applier:
    """Makes the calls of a plan."""

    clients: Mapping[ConnectionId, Client]
    clock: Clock
    progress: Progress
    journal: Journal
    fail_fast: bool = False

    _lives: dict[Address, Live] = field(default_factory=dict, init=False)
    _there: set[str] = field(default_factory=set, init=False)
    """Ids of the resources that existed before anything was sent."""
    _aside: set[str] = field(default_factory=set, init=False)
    """Ids of the resources that have a temporary name now."""
    _failed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._slots = {key: asyncio.Semaphore(client.concurrency) for key, client in self.clients.items()}

    async def apply(self, plan: Plan) -> Report:
        """Make the calls, verify, and retry once what was undone. A failed step raises nothing."""
        started = self.clock.monotonic()
        before = sum(client.sent for client in self.clients.values())
        self._lives = {address: live for address, (_, live) in plan.matched.items()}
        self._there = {live.id for live in self._lives.values()} | {live.id for _, live in plan.unmanaged}
        report = Report()
        report.outcomes = [
            Outcome(step, "refused" if step.action == "refuse" else "skipped", before=step.live)
            for step in plan.steps
            if step.action != "no-op"
        ]
        sending = [one for one in report.outcomes if one.result != "refused"]
        order = Order(report.outcomes)
        late = order.behind_removals()
        last = {id(outcome) for outcome in late}
        await self._step_aside([one for one in sending if one.step.aside])
        first = [one for one in sending if one.step.action != "delete" and id(one) not in last]
        await self._calls(first, "applying", self.fail_fast, order)
        await self._removals([one for one in sending if one.step.action == "delete"])
        await self._calls(late, "applying", self.fail_fast, order)
        report.stopped = any(client.stop.is_set() for client in self.clients.values())
        verifier = Verifier(self.clients, self.progress, self.journal, self._lives, self._again)
        try:
            await verifier.verify(report)
        except Stopped:
            report.stopped, report.unverified = True, Reason("stopped-before-verification")
        except TrueupError as error:
            report.unverified = Reason("not-verified", error=str(error), remedy=error.remedy)
        except Exception as error:  # what was done is reported and recorded nevertheless
            report.unverified = Reason("not-verified-by-a-bug", error=type(error).__name__)
        self._account(plan, report)
        await self.journal.end("stopped" if report.stopped else "failed" if report.exit_code else "done")
        report.run = self.journal.run
        report.unrecorded = self.journal.failure
        report.requests = sum(client.sent for client in self.clients.values()) - before
        report.seconds = self.clock.monotonic() - started
        return report

    async def _again(self, outcomes: Sequence[Outcome]) -> None:
        await self._calls(outcomes, "once more", fail_fast=False)

    async def _step_aside(self, outcomes: Sequence[Outcome]) -> None:
        """Assign the temporary names, to free the present ones for other resources."""
        trials: list[Outcome] = []
        for outcome in outcomes:
            step = outcome.step
            naming = step.declared.kind.handler.naming
            spec = {**step.desired.spec, naming: step.aside}
            first = dataclasses.replace(
                step,
                calls=(Call("patch", 1, (naming,)),),
                desired=dataclasses.replace(step.desired, spec=spec, removed=()),
                needs=(),
                after=(),
            )
            trials.append(Outcome(first, "skipped", before=step.live))
        await self._calls(trials, "giving temporary names", self.fail_fast, shown=False)
        for outcome, trial in zip(outcomes, trials, strict=True):
            outcome.made, outcome.live, outcome.seconds = trial.made, trial.live, trial.seconds
            if trial.result == "done":
                self._aside.add(trial.existing.id)
            else:
                outcome.result, outcome.error, outcome.maybe = trial.result, trial.error, trial.maybe

    async def _removals(self, outcomes: Sequence[Outcome]) -> None:
        """Delete last, children before parents, and only when no step failed before."""
        depths = depths_of(set(RESOURCES))
        for depth in sorted(set(depths.values()), reverse=True):
            wave = [outcome for outcome in outcomes if depths[outcome.step.declared.kind] == depth]
            if self._failed:
                for outcome in wave:
                    outcome.error = ApiError(Reason("nothing-removed-after-a-failure"))
            else:
                await self._calls(wave, "removing", self.fail_fast)

    async def _calls(
        self,
        outcomes: Sequence[Outcome],
        phase: str,
        fail_fast: bool,
        order: Order | None = None,
        *,
        shown: bool = True,
    ) -> None:
        """Run the steps, each once its dependencies exist and the name that it takes is free.

        A wave consists of the ready steps when the writers are about to run out of work. The intents of one wave are
        one transaction, which is written while the calls of the wave before are sent.
        Completed steps are shown; of a step's first half (`shown=False`) only failures.
        """
        if not outcomes:
            return
        self.progress.phase(phase, len(outcomes))
        order = order or Order(outcomes)
        turns = Turns(outcomes, order, self._aside)
        ready = turns.ready
        enough = sum(client.concurrency for client in self.clients.values())
        running: dict[asyncio.Task[None], Outcome] = {}
        ended: asyncio.Queue[asyncio.Task[None]] = asyncio.Queue()  # asyncio.wait would go over all of them each time
        while ready or running:
            try:
                if ready and len(running) <= enough:
                    for start in range(0, len(ready), _WAVE):
                        wave = [one for one in ready[start : start + _WAVE] if self._may(one)]
                        await self.journal.intend([(one.step, resolved(one.step, self._lives)) for one in wave])
                        for one in wave:
                            task = asyncio.create_task(self._one(one, fail_fast, shown=shown))
                            task.add_done_callback(ended.put_nowait)
                            running[task] = one
                    ready = []
                if not running:
                    break
                done = [await ended.get()]
            except BaseException:  # the caller that cancels this releases the lock: nothing may continue without it
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)
                await asyncio.shield(self.journal.flush())
                raise
            while not ended.empty():
                done.append(ended.get_nowait())
            for task in done:
                outcome = running.pop(task)
                task.result()
                ready += turns.after(outcome)
            if self.journal.crowded:
                await self.journal.flush()

    def _may(self, outcome: Outcome) -> bool:
        return outcome.error is None and not self.clients[outcome.step.declared.address.connection_id].stop.is_set()

    async def _one(self, outcome: Outcome, fail_fast: bool, *, shown: bool) -> None:
        try:
            async with self._slots[outcome.step.declared.address.connection_id]:
                if fail_fast and self._failed:
                    outcome.error = ApiError(Reason("stopped-at-the-first-failure"))
                    self.journal.settled(outcome.step, 0, maybe=False)
                    return
                await self._step(outcome)
        finally:
            if outcome.result in ("done", "failed") or outcome.made:  # steps that did not start are reported at the end
                self.progress.advance(_line(outcome) if shown or outcome.result != "done" else "")

    async def _step(self, outcome: Outcome) -> None:
        step = outcome.step
        client = self.clients[step.declared.address.connection_id]
        if client.stop.is_set():
            outcome.result = "stopped"
            self.journal.settled(step, 0, maybe=False)
            return
        handler = step.declared.kind.handler
        desired = resolved(step, self._lives)
        live = step.live
        started = self.clock.monotonic()
        outcome.error = None
        done = 0
        try:
            for call in step.calls:
                answer = await handler.perform(client, call, live, desired)
                done += 1
                outcome.made.append(call.verb)
                if answer is not None:
                    self._never_another(step, answer)
                    live = answer
                    for name in () if answer.found else call.paths:
                        outcome.answered[name] = answer.spec.get(name, MISSING)
            outcome.result = "done"
        except Stopped as error:
            outcome.result, outcome.error, outcome.maybe = "stopped", error, error.maybe
        except TrueupError as error:
            outcome.result, outcome.error, self._failed = "failed", error, True
            outcome.maybe = isinstance(error, ApiError) and error.maybe
        except Exception as error:  # the other steps continue, and what they did is reported and recorded
            wrong = TrueupError(f"unexpected {type(error).__name__}; this is a bug in trueup.", code="E999")
            outcome.result, outcome.error, outcome.maybe, self._failed = "failed", wrong, True, True
        outcome.live = live
        outcome.seconds = self.clock.monotonic() - started
        await self._note(outcome, desired, done)

    def _never_another(self, step: Step, answer: Live) -> None:
        """Refuse a resource found by its name after a creation, if it was there before: it is another one."""
        former = step.live.id if step.live is not None else ""
        if answer.found and answer.id in self._there and answer.id != former:
            raise Refused(
                f"its name is taken by {answer.id}, which was there before. Nothing was written to that.",
                hint="Rename one of the two, and apply again.",
            )

    async def _note(self, outcome: Outcome, desired: Desired, done: int) -> None:
        """Record the created resource for its dependents and for the ledger."""
        step, live = outcome.step, outcome.live
        connection = step.declared.address.connection_id
        self.journal.settled(step, done, maybe=outcome.maybe)
        at_once = False
        if step.live is not None and any(call.verb in WITH_ALL_BELOW for call in step.calls[:done]):
            for key in step.along:
                self.journal.forget(connection, self.journal.scope(connection), key)
            self.journal.forget_below(connection, {step.live.id, *step.along})
        if step.declared.gone:
            if outcome.result == "done" and (record := self.journal.known(step.declared, step.live)) is not None:
                if all(call.verb not in DELETES for call in step.calls):
                    self.journal.rest_below(connection, record.id)
                self.journal.forget(connection, record.scope, record.id)
        elif live is not None:
            self._lives[step.address] = live
            if done:
                paths = [path for call in step.calls[:done] for path in call.paths]
                at_once = self.journal.wrote(step.declared, desired, live, paths)
            if step.live is not None and live.id != step.live.id:  # it was replaced
                former = self.journal.known(step.declared, step.live)
                if former is not None:
                    self.journal.forget(connection, former.scope, former.id)
        if at_once or self.journal.crowded:
            await self.journal.flush()

    def _account(self, plan: Plan, report: Report) -> None:
        """Update the ownership: declared resources are managed; resources no longer declared that stay are released."""
        refused = {step.address for step in plan.steps if step.action == "refuse" and not step.declared.gone}
        for address, (declared, live) in plan.matched.items():
            now = self._lives.get(address, live)
            if address in refused and self.journal.known(declared, now) is None:
                continue  # it was there before, and was not adopted: pruning would remove it
            if now.seen_at or address not in plan.specs or address in plan.apart:
                continue  # not read, or what is declared stands for nothing: what the ledger knows stays
            report.adopted += self.journal.adopt(declared, plan.specs.get(address, declared.spec), now)
        for left in plan.left:
            if left.unread or (left.live is not None and not left.why):
                continue  # it was not asked to go
            connection = next((key for key, held in self.journal.records.items() if left.record.id in held), None)
            if connection is not None:
                if left.live is not None:
                    self.journal.rest_below(connection, left.record.id)
                self.journal.forget(connection, left.record.scope, left.record.id)
                report.released += left.live is not None


def _line(outcome: Outcome) -> str:
    symbols = {"create": "+", "update": "~", "replace": "-/+", "delete": "-"}
    symbol = symbols.get(outcome.step.action, "!")
    if outcome.result == "done":
        return f"{symbol} {outcome.address}  {', '.join(outcome.made)}  {outcome.seconds:.1f} s"
    return f"! {outcome.address}  {outcome.result}"  # the reason is printed at the end
