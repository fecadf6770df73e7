"""Plan -> calls: ordered by what needs what, side by side where nothing does, never two writes of one resource.

After the calls everything that was touched is read again. What reads back otherwise is either how the server says what
we wrote (learned), on its way, or undone by somebody meanwhile (contended): that is tried once more and then reported.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from trueup.diff import MISSING, Path, at, dotted, leaves, same
from trueup.errors import ApiError, LedgerError, Stopped, TrueupError
from trueup.model import Address, Clock, Declared, Desired, Doubt, Listing, Live, Verbs
from trueup.plan import Place, Policy, Step, build, place_of
from trueup.records import Record
from trueup.secrets import fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trueup.client import Client
    from trueup.ledger import Ledger
    from trueup.model import Progress
    from trueup.plan import Plan

Result = Literal["done", "failed", "skipped", "stopped", "refused", "contended"]


@dataclass(slots=True)
class Outcome:
    """What became of one step."""

    step: Step
    result: Result
    live: Live | None = None
    error: TrueupError | None = None
    made: list[str] = field(default_factory=list)
    """The verbs whose calls succeeded, also when a later one failed."""
    before: Live | None = None
    """What was live when it was planned."""
    learned: bool = False
    """Something read back otherwise than it was written, and was taken for the server's own way to say it."""
    maybe: bool = False
    """A call failed that may have happened all the same."""
    seconds: float = 0.0
    verified: bool = False
    answered: dict[str, Any] = field(default_factory=dict)
    """What the answers to our writes said of what was written, by field."""
    seen: dict[str, str] = field(default_factory=dict)
    """What read back otherwise at the first look, as fingerprints by path: twice the same is the server's own way."""

    @property
    def address(self) -> Address:
        """The address of the resource."""
        return self.step.address


@dataclass(slots=True)
class Report:
    """What became of a plan."""

    outcomes: list[Outcome] = field(default_factory=list)
    requests: int = 0
    seconds: float = 0.0
    stopped: bool = False
    unverified: str = ""
    """Why the look afterwards could not be had; empty when it was."""
    unrecorded: str = ""
    """Why the ledger does not know of it all; empty when it does."""

    def count(self, *results: Result) -> int:
        """How many outcomes have one of those results."""
        return sum(outcome.result in results for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        """0 when all was done; 4 when a part was, or it was stopped; 3 or 1 when nothing was, by the reason."""
        bad = self.count("failed", "skipped", "stopped", "contended")
        refused = [outcome for outcome in self.outcomes if outcome.result == "refused"]
        if not bad and not refused and not self.unverified and not self.unrecorded:
            return 0
        touched = any(outcome.made or outcome.maybe for outcome in self.outcomes)
        if touched or self.stopped:
            return 4
        return 3 if not bad and refused and not any(outcome.step.error for outcome in refused) else 1


@dataclass
class Applier:
    """Makes the calls of a plan."""

    clients: Mapping[tuple[str, str], Client]
    scopes: Mapping[tuple[str, str], str]
    clock: Clock
    progress: Progress
    ledger: Ledger | None = None
    records: dict[tuple[str, str], dict[str, Record]] = field(default_factory=dict)
    """What the ledger holds, by system and connection, then by id; kept up to date."""
    fail_fast: bool = False

    def __post_init__(self) -> None:
        # Without a ledger a run still has to know what it wrote itself.
        self._key = self.ledger.key if self.ledger else os.urandom(32)
        self._lives: dict[Address, Live] = {}
        self._slots = {key: asyncio.Semaphore(client.concurrency) for key, client in self.clients.items()}
        self._failed = False
        self._unrecorded = ""

    async def apply(self, plan: Plan) -> Report:
        """Makes the calls, looks, tries once more what was undone. Raises nothing that a step can fail with."""
        started = self.clock.monotonic()
        before = sum(client.sent for client in self.clients.values())
        self._lives = {address: live for address, (_, live) in plan.matched.items()}
        report = Report()
        report.outcomes = [
            Outcome(step, "refused" if step.action == "refuse" else "skipped", before=step.live)
            for step in plan.steps
            if step.action != "no-op"
        ]
        await self._calls([one for one in report.outcomes if one.result != "refused"], "applying", self.fail_fast)
        report.stopped = any(client.stop.is_set() for client in self.clients.values())
        try:
            await self._verify(report)
        except Stopped:
            report.stopped, report.unverified = True, "stopped before what was written could be looked at again"
        except TrueupError as error:
            report.unverified = str(error)
        except Exception as error:  # what was done is told and recorded all the same
            report.unverified = f"error[E999]: unexpected {type(error).__name__}; this is a bug in trueup."
        held = [self._known(outcome) for outcome in report.outcomes if outcome.made]
        await self._record([record for record in held if record is not None])
        report.unrecorded = self._unrecorded
        report.requests = sum(client.sent for client in self.clients.values()) - before
        report.seconds = self.clock.monotonic() - started
        return report

    async def _calls(self, outcomes: Sequence[Outcome], phase: str, fail_fast: bool) -> None:
        self.progress.phase(phase, len(outcomes))
        ended = {outcome.address: asyncio.Event() for outcome in outcomes}
        by_address = {outcome.address: outcome for outcome in outcomes}

        async def one(outcome: Outcome) -> None:
            try:
                for need in outcome.step.needs:
                    if need in ended:
                        await ended[need].wait()
                        if by_address[need].result != "done":
                            outcome.error = ApiError(f"it needs {need}, which was not made.")
                            return
                async with self._slots[place_of(outcome.step.declared)[:2]]:
                    if fail_fast and self._failed:
                        outcome.error = ApiError("an earlier step failed, and --fail-fast is set.")
                        return
                    await self._step(outcome)
            finally:
                ended[outcome.address].set()
                if outcome.result in ("done", "failed") or outcome.made:  # what was never begun is told at the end
                    self.progress.advance(_line(outcome))

        await asyncio.gather(*(one(outcome) for outcome in outcomes))

    async def _step(self, outcome: Outcome) -> None:
        step = outcome.step
        client = self.clients[place_of(step.declared)[:2]]
        if client.stop.is_set():
            outcome.result = "stopped"
            return
        verbs = cast("Verbs", step.declared.kind.verbs)
        desired = self._resolved(step)
        live = step.live
        started = self.clock.monotonic()
        outcome.error = None
        try:
            for call in step.calls:
                answer = await verbs.perform(client, call, live, desired)
                outcome.made.append(call.verb)
                if answer is not None:
                    live = answer
                    for name in () if answer.found else call.paths:
                        outcome.answered[name] = answer.spec.get(name, MISSING)
            outcome.result = "done"
        except Stopped as error:
            outcome.result, outcome.error = "stopped", error
        except TrueupError as error:
            outcome.result, outcome.error, self._failed = "failed", error, True
            outcome.maybe = isinstance(error, ApiError) and error.maybe
        except Exception as error:  # the other steps go on, and what they did is told and recorded
            wrong = TrueupError(f"unexpected {type(error).__name__}; this is a bug in trueup.", code="E999")
            outcome.result, outcome.error, outcome.maybe, self._failed = "failed", wrong, True, True
        outcome.live = live
        outcome.seconds = self.clock.monotonic() - started
        if live is not None:
            self._lives[step.address] = live
            if outcome.made:
                await self._remember(outcome, desired, live)

    def _resolved(self, step: Step) -> Desired:
        desired = step.desired
        known = {name: self._lives[need].id for name, need in desired.waits.items() if need in self._lives}
        return dataclasses.replace(desired, spec={**desired.spec, **known})

    def _known(self, outcome: Outcome) -> Record | None:
        if outcome.live is None:
            return None
        return self.records.get(place_of(outcome.step.declared)[:2], {}).get(outcome.live.id)

    async def _remember(self, outcome: Outcome, desired: Desired, live: Live) -> None:
        """Notes what was written; at once where it cannot be read back, so that a crash does not send it again."""
        step = outcome.step
        made = {path for call in step.calls if call.verb in outcome.made for path in call.paths}
        traits = step.declared.kind.by_name
        connection = place_of(step.declared)[:2]
        held = self.records.setdefault(connection, {})
        record = held.setdefault(live.id, Record(self.scopes[connection], live.id, str(step.address)))
        record.address = str(step.address)
        record.at = self.clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")
        for name in made:
            for path, value in _leaves(desired.spec, name):
                key = dotted(path)
                record.written[key] = fingerprint(self._key, value)
                record.read_back.pop(key, None)
                if key in record.settling:
                    record.settling.remove(key)
        record.owned = [path for path in record.owned if path[0] not in made] + [
            [str(part) for part in path]
            for name, value in desired.spec.items()
            if name in made and traits[name].owned_by_key and isinstance(value, dict)
            for path, _, _ in leaves({}, value, (name,))
        ]
        await self._record([record])  # at once: a crash must not send it again, nor forget which keys are ours

    async def _record(self, records: Sequence[Record]) -> None:
        """Writes to the ledger; one that fails does not hide what was done, nor stop what is to be done."""
        if self.ledger is None or self._unrecorded:
            return
        try:
            await self.ledger.put(records)
        except LedgerError as error:
            self._unrecorded = str(error)

    async def _verify(self, report: Report) -> None:
        """Looks at what was touched, learns, and tries once more what somebody undid."""
        touched = [outcome for outcome in report.outcomes if outcome.made]
        undone = await self._look(touched)
        # What this run has made is never made again: it may be there and not to be seen yet.
        again = [(outcome, step) for outcome, step in undone if step.action == "update"]
        if again and not report.stopped:
            self.progress.decision(f"{len(again)} undone meanwhile; once more")
            for outcome, step in again:
                # The plan stays as it was; what is tried again is told by the outcome.
                outcome.step = dataclasses.replace(
                    outcome.step, live=step.live, calls=step.calls, desired=step.desired, changes=step.changes
                )
                outcome.result = "contended"
                outcome.answered.clear()
            await self._calls([outcome for outcome, _ in again], "once more", fail_fast=False)
            retried = {id(outcome) for outcome, _ in again}
            undone = [pair for pair in undone if id(pair[0]) not in retried]
            undone += await self._look([outcome for outcome, _ in again if outcome.result == "done"])
        for outcome, step in undone:
            outcome.result, outcome.verified = "contended", False
            outcome.step = dataclasses.replace(outcome.step, changes=step.changes)

    async def _look(self, touched: Sequence[Outcome]) -> list[tuple[Outcome, Step]]:
        """Reads what was touched again; those that are not as they should be, with the step that would mend them."""
        touched = [outcome for outcome in touched if outcome.live is not None]
        if not touched:
            return []
        self.progress.phase("verifying", None)
        groups: dict[Place, list[Outcome]] = defaultdict(list)
        for outcome in touched:
            groups[place_of(outcome.step.declared)].append(outcome)
        undone: list[tuple[Outcome, Step]] = []
        for place, outcomes in groups.items():
            verbs = cast("Verbs", outcomes[0].step.declared.kind.verbs)
            lives = await verbs.reread(self.clients[place[:2]], [cast("Live", one.live) for one in outcomes])
            for outcome in outcomes:
                live = lives.get(cast("Live", outcome.live).id)
                if live is not None:
                    self._lives[outcome.address] = live
                    self._learn(verbs, outcome, live)
            undone += self._remaining(place, outcomes, lives)
        return undone

    def _learn(self, verbs: Verbs, outcome: Outcome, live: Live) -> None:
        """Notes what reads back otherwise than it was written, where that is the server's own way to say it."""
        record = self._known(outcome)
        if record is None or live.found or cast("Live", outcome.live).found:
            return  # what was found may be somebody else's, and then its values are theirs
        desired = self._resolved(outcome.step)
        before = outcome.before.spec if outcome.before else {}
        traits = outcome.step.declared.kind.by_name
        for name in {path for call in outcome.step.calls for path in call.paths if path in desired.spec}:
            for path, value in _leaves(desired.spec, name):
                seen = at(live.spec, path)
                key = dotted(path)
                doubt: Doubt | None = None
                hidden = any(path[: len(one)] == one for one in live.unreadable)
                if key not in record.written or same(seen, value) or hidden:
                    continue
                if outcome.answered:
                    # The answer itself said it so, and so does the server still.
                    said = at(outcome.answered, path)
                    # What was live before is what a write that did nothing leaves behind.
                    learned = not same(said, value) and same(said, seen) and not same(seen, at(before, path))
                    if not traits[name].owned_by_key:
                        learned = learned and _alike(seen, value)
                elif (doubt := verbs.doubt(path, seen)) is not None:
                    if doubt.settling and key not in record.settling:
                        record.settling.append(key)
                    learned = not doubt.settling and not doubt.final
                else:
                    # Somebody may have changed it just now: what comes back the same after a second write is learned.
                    mark = fingerprint(self._key, seen)
                    learned = outcome.seen.get(key) == mark and seen is not MISSING
                    outcome.seen[key] = mark
                if learned and not traits[name].is_plain(seen):
                    outcome.learned = outcome.learned or doubt is None
                    record.read_back[key] = fingerprint(self._key, seen)

    def _remaining(
        self, place: Place, outcomes: Sequence[Outcome], lives: Mapping[str, Live]
    ) -> list[tuple[Outcome, Step]]:
        policy = Policy(self._key)
        undone = []
        for outcome in outcomes:
            live = lives.get(cast("Live", outcome.live).id)
            declared = _with_ids(outcome.step.declared, self._resolved(outcome.step))
            listing = Listing([live] if live is not None else [], complete=False)
            steps = build([declared], {place: listing}, self.records, policy).steps
            step = next((one for one in steps if one.action != "no-op"), None)
            # What cannot be read back is not verified, nor is what was learned just now.
            outcome.verified = not steps and outcome.result == "done" and not outcome.learned
            if step is not None and outcome.result == "done":
                undone.append((outcome, step))
        return undone


def _with_ids(declared: Declared, desired: Desired) -> Declared:
    return Declared(declared.address, declared.kind, desired.spec, declared.where, locator=declared.locator)


def _alike(one: Any, other: Any) -> bool:
    """Whether two texts differ in blanks at the ends or in case alone, as servers tidy names."""
    return isinstance(one, str) and isinstance(other, str) and one.strip().casefold() == other.strip().casefold()


def _leaves(spec: Mapping[str, Any], name: str) -> list[tuple[Path, Any]]:
    if name not in spec:
        return []
    value = spec[name]
    if isinstance(value, dict) and value:
        return [(path, after) for path, _, after in leaves(MISSING, value, (name,))]
    return [((name,), value)]


def _line(outcome: Outcome) -> str:
    symbol = {"create": "+", "update": "~"}.get(outcome.step.action, "!")
    if outcome.result == "done":
        return f"{symbol} {outcome.address}  {', '.join(outcome.made)}  {outcome.seconds:.1f} s"
    return f"! {outcome.address}  {outcome.result}"  # why is told at the end
