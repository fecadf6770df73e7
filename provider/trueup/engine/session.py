"""One run, from opening to closing: connections, ledger and lock, the plan, and what becomes of it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from trueup.core.errors import LedgerError, SafetyError, SecretError, UsageError
from trueup.core.reasons import Reason
from trueup.core.records import Run, stamp
from trueup.core.secrets import Reference, Secret, mentions
from trueup.core.values import DEFAULT_CONNECTION, ConnectionId
from trueup.engine import connections
from trueup.engine.apply.applier import Applier
from trueup.engine.apply.journal import Journal
from trueup.engine.apply.outcome import Report
from trueup.engine.facts import facts_for
from trueup.engine.freshness import Freshness
from trueup.engine.options import Options
from trueup.engine.ownership import Ownership
from trueup.engine.plan.inputs import Budget, Inputs
from trueup.engine.plan.planning import concluded, draft
from trueup.engine.plan.policy import Policy
from trueup.engine.plan.steps import Plan, Reading
from trueup.engine.read import Wanted, guard, observe
from trueup.engine.references import resolve
from trueup.engine.select import Selection, select
from trueup.manifest.values import Manifest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from trueup.core.kinds import Declared
    from trueup.core.records import Lease, Record
    from trueup.engine.connections import Settings
    from trueup.ledger.store import Hold, Ledger
    from trueup.transport.client import Client


@dataclass
class Session:
    """One run: what is open as long as it lasts. `async with Session(desired) as session`."""

    desired: Manifest
    options: Options = field(default_factory=Options)
    systems: tuple[str, ...] = ()
    """Systems that are to be reached although nothing of them is declared: `den` for commands that only read."""

    resources: list[Declared] = field(default_factory=list, init=False)
    """The declared resources that the run covers."""
    narrowed: bool = field(default=False, init=False)
    settings: dict[ConnectionId, Settings] = field(default_factory=dict, init=False)
    clients: dict[ConnectionId, Client] = field(default_factory=dict, init=False)
    stopping: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _left_out: list[Declared] = field(default_factory=list, init=False)
    _ours: Ownership = field(init=False)
    _ledger: Ledger | None = field(default=None, init=False)
    """Open once it is there and was needed."""
    _run: Run | None = field(default=None, init=False)
    """The run in the ledger while the lock is held, and that lock."""
    _hold: Hold | None = field(default=None, init=False)
    _shown: int = field(default=0, init=False)
    """The requests that a plan or report has shown."""
    _open: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack, init=False)

    async def __aenter__(self) -> Self:
        options = self.options
        found = connections.redirect(self.desired.resources, self.desired.connections, options.connection)
        selection = Selection(options.targets, options.labels)
        self.narrowed = bool(selection)
        self.resources = select(found, selection) if selection else list(found)
        chosen = {one.address for one in self.resources}
        self._left_out = [one for one in found if one.address not in chosen]
        self._check(options)
        needed = connections.needed_by(self.resources)
        needed |= {ConnectionId(system, options.connection or DEFAULT_CONNECTION) for system in self.systems}
        self.settings = await asyncio.to_thread(connections.settings_for, needed, self.desired.connections)
        connections.of_other_tenants(self.resources, self.settings)
        try:
            self.settings = await connections.with_embedded(self.settings, options.state, self._open)
            self.clients = {
                key: connections.opened(
                    one, options.clock, options.progress, self.stopping, options.parallelism, options.retry_for
                )
                for key, one in self.settings.items()
            }
        except BaseException:
            await self._open.aclose()
            raise
        for client in self.clients.values():
            self._open.push_async_callback(client.aclose)
        scopes = {key: one.scope for key, one in self.settings.items()}
        self._ours = Ownership(scopes, self.clients, self.resources, options.prune, self.narrowed)
        self._ours.stack, self._ours.take_from = options.stack, options.take_from
        self._ours.meant = {key: one.tenant for key, one in self.settings.items() if one.tenant}
        if self.systems:  # a run that only asks has no other use for the ledger
            await self._share_aside()
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self.clients.values():
            if client.window.unshared:
                await client.share()
        await self._open.aclose()

    async def plan(self) -> Plan:
        """Reads what is live and compares. Raises ApiError, SafetyError, SecretError, LedgerError."""
        options, clock = self.options, self.options.clock
        started = clock.monotonic()
        waited = {key: client.waited for key, client in self.clients.items()}
        options.progress.phase("reading")
        resources = await asyncio.to_thread(_with_secrets, self.resources)
        ledger = await self._ledger_if(create=False)
        if ledger and self._run is None:
            await self._ours.reload(ledger)  # another run may have written since this session was opened
        key = ledger.key if ledger else None if self._place() is None else os.urandom(32)
        own = self._run.id if self._run else ""
        unfinished = await self._ours.unfinished(ledger, options.progress, own) if ledger else []
        if options.prune and ledger is None:
            raise UsageError(Reason("prune-without-ledger"))
        freshness = await self._freshness(resources, ledger, key)
        choose = freshness.choose if freshness else None
        records = self._ours.records
        wanted = Wanted(resources, records, self._ours.sought(unfinished), not self.narrowed, self._left_out, choose)
        matches = await observe(wanted, self.clients)
        await guard(self.clients.values())
        self._ours.locate(matches)
        await self._ours.identify()
        if ledger and unfinished:
            await self._ours.recover(ledger, options.progress, unfinished, matches, note=bool(own), under=self._hold)
        inputs = Inputs(
            resources,
            matches,
            records,
            self._policy(key),
            self._ours.owned(),
            self._ours.others,
            left_out=len(self._left_out),
            narrowed=self.narrowed,
            unseen=self.desired.unseen,
        )
        drafted = draft(inputs)
        facts = await facts_for(drafted, inputs, matches, self.clients, self._ours.scopes)
        off = await self._limits(ledger, key)
        for client in self.clients.values():
            await client.share()
        took = clock.monotonic() - started
        # Connections are read side by side, and so wait side by side.
        waits = max((client.waited - waited[key] for key, client in self.clients.items()), default=0.0)
        reading = self._reading(self._newly_sent(), took, waits)
        facts = dataclasses.replace(facts, off=off, reading=reading, budgets=self._budgets())
        plan = concluded(drafted, inputs, facts)
        if ledger:
            await self._remember(ledger, plan, freshness.saw(plan, matches) if freshness else [])
        return plan

    async def apply(self, plan: Plan) -> Report:
        """Makes the calls of a plan of this session, and looks again. Raises SafetyError and Locked."""
        if plan.unsafe:
            raise SafetyError(plan.unsafe, hint="Nothing was sent.")
        if self._run is None and self._place() is not None:
            async with self.exclusively():
                report = await self._apply(plan)
        else:
            report = await self._apply(plan)
        report.requests = self._newly_sent()
        return report

    @contextlib.asynccontextmanager
    async def exclusively(self) -> AsyncIterator[None]:
        """While the block lasts no other run with this ledger is at work on the same organisations and projects.

        Raises Locked. Without a ledger there is no lock.
        """
        ledger = await self._ledger_if(create=True)
        if ledger is None:
            yield
            return
        from trueup.ledger.identity import holder, new_run_id

        names = await self._ours.locks()
        run = Run(new_run_id(), stamp(self.options.clock.now()), holder())
        timeout = self.options.lock_timeout
        async with ledger.locked(names, run, timeout=timeout, on_lost=self._lost, waiting=self._waits) as hold:
            self._run = run
            self._under(hold)
            await self._ours.reload(ledger)  # what another run has written until now
            try:
                yield
            finally:
                self._run = None
                self._under(None)

    async def records(self, connection: ConnectionId) -> tuple[dict[str, Record], dict[str, Record]]:
        """Return the records of a connection's server, by id: of the set at hand or of none, and of other sets.

        Raises LedgerError.
        """
        if await self._ledger_if(create=False) is None:
            return {}, {}
        return self._ours.records[connection], self._ours.others[connection]

    @property
    def servers(self) -> dict[str, str]:
        """The servers by connection (`den/default`), as the ledger knows them."""
        return {"/".join(connection): scope for connection, scope in self._ours.scopes.items()}

    def stop(self) -> None:
        """Lets what is in flight finish and sends nothing more."""
        self.stopping.set()

    async def _apply(self, plan: Plan) -> Report:
        options = self.options
        ledger = await self._ledger_if(create=self._run is not None)
        key = ledger.key if ledger else os.urandom(32)  # without a ledger a run has to know what it wrote itself
        ours = self._ours
        journal = Journal(
            key, options.clock, ours.scopes, ours.records, ledger, self._run, ours.tenants, options.stack, self._hold
        )
        return await Applier(self.clients, options.clock, options.progress, journal, options.fail_fast).apply(plan)

    def _check(self, options: Options) -> None:
        if options.max_requests and options.max_age is None:
            raise UsageError(Reason("max-requests-alone"))
        if not options.prune:
            return
        if self.narrowed:
            raise UsageError(Reason("prune-narrowed"))
        if not self.resources:
            raise SafetyError(Reason("prune-everything"))

    def _policy(self, key: bytes | None) -> Policy:
        options = self.options
        return Policy(
            key,
            resend=options.resend,
            prune=options.prune,
            disconnect=options.disconnect,
            stack=options.stack,
            take_from=options.take_from,
            strict=options.strict,
            limit=options.limit,
        )

    async def _limits(self, ledger: Ledger | None, key: bytes | None) -> list[Reason]:
        """Return what this run cannot do for want of a ledger, or of anything declared. Raises LedgerError."""
        if key is None:
            return [Reason("ledger-off")]
        if ledger is None:
            return [Reason("no-ledger-yet")]
        if not self.options.prune:
            return []
        return await self._ours.elsewhere(
            ledger, connections.known_scopes(self.desired.connections, set(self.settings))
        )

    async def _freshness(
        self, resources: Sequence[Declared], ledger: Ledger | None, key: bytes | None
    ) -> Freshness | None:
        options = self.options
        if ledger is None or key is None:
            if options.max_age is not None:
                raise UsageError(Reason("max-age-without-ledger"))
            return None
        seen = await ledger.seen(set(self._ours.scopes.values())) if options.max_age is not None else {}
        return Freshness(
            resources,
            self._ours.scopes,
            key,
            options.clock.now(),
            seen=seen,
            records=self._ours.records,
            max_age=options.max_age,
            budget=options.max_requests,
        )

    async def _remember(self, ledger: Ledger, plan: Plan, seen: list[Any]) -> None:
        """Record what a plan learned: normalised values, and the times of readings."""
        for one in plan.learned:
            one.record.read_back[one.path] = one.read_back
            one.record.settling.remove(one.path)
        with contextlib.suppress(LedgerError):  # a plan that cannot note this is right all the same
            # Records are whole rows, and a run in progress may have changed them: they are written only under the lock.
            records = [one.record for one in plan.learned] if self._run else []
            await ledger.write(records=records, seen=seen, under=self._hold)

    def _under(self, hold: Hold | None) -> None:
        """From here on every write asks those locks, and the ledger goes by them."""
        self._hold = hold
        for client in self.clients.values():
            client.lease = hold

    def _lost(self) -> None:
        if self._hold is not None and self._hold.over is not None:
            self.options.progress.note(self._hold.over)
        self.stop()

    def _waits(self, lease: Lease) -> None:
        reason = Reason("waits-for-run", run=lease.run, holder=lease.holder, since=lease.since)
        self.options.progress.note(reason)

    def _newly_sent(self) -> int:
        """The number of requests that no plan or report has shown yet: also those that find out what to lock."""
        sent = sum(client.sent for client in self.clients.values())
        shown, self._shown = self._shown, sent
        return sent - shown

    def _reading(self, requests: int, seconds: float, waited: float) -> Reading:
        limited = [client for client in self.clients.values() if client.limits.requests]
        if not limited:
            return Reading(requests, seconds)
        fullest = max(limited, key=lambda client: client.window.used)
        limits, window = fullest.limits, fullest.window
        return Reading(requests, seconds, window.left, limits.requests, limits.silence, waited, window.known)

    def _budgets(self) -> dict[ConnectionId, Budget]:
        return {
            connection: Budget(client.window.left, limits.requests, limits.silence, client.meter.pace)
            for connection, client in self.clients.items()
            for limits in [client.limits]
        }

    async def _share_aside(self) -> None:
        from trueup.ledger.place import is_there

        place = self._place()
        if place is None or not any(client.limits.requests for client in self.clients.values()):
            return
        with contextlib.suppress(LedgerError):  # it only makes figures truer
            if await asyncio.to_thread(is_there, place):
                from trueup.ledger.store import Ledger

                await self._share_windows(await self._open.enter_async_context(await Ledger.open(place)))

    async def _share_windows(self, ledger: Ledger) -> None:
        """Count what other runs spend of the credentials' windows, and let them count what this one does."""
        from trueup.ledger.windows import SharedWindow

        for connection, client in self.clients.items():
            if client.credential.key is not None:
                client.shared = SharedWindow(ledger, self.settings[connection].scope, client.credential.key.reveal())
                await client.share()

    def _place(self) -> Path | str | None:
        from trueup.ledger.place import ledger_place

        return ledger_place(self.options.state, self.options.ledger)

    async def _ledger_if(self, *, create: bool) -> Ledger | None:
        """The ledger, opened when it is there or may be made."""
        from trueup.ledger.place import is_there

        place = self._place()
        if self._ledger is None and place is not None:
            if not create and not await asyncio.to_thread(is_there, place):
                return None
            from trueup.ledger.store import Ledger

            ledger = await self._open.enter_async_context(await Ledger.open(place))
            for note in ledger.notes:
                self.options.progress.note(note)
            await self._ours.reload(ledger)
            self._ledger = ledger
            if not self.systems:  # they were shared when the session was opened
                await self._share_windows(ledger)
        return self._ledger


async def key_of(state: Path, configured: str | None = None, *, create: bool) -> bytes | None:
    """The key of keyed digests: TRUEUP_FINGERPRINT_KEY, or the ledger's own. None when there is neither.

    Raises LedgerError.
    """
    from trueup.ledger.place import is_there, ledger_place
    from trueup.ledger.store import Ledger

    if shared := os.environ.get("TRUEUP_FINGERPRINT_KEY"):
        return os.fsencode(shared)
    place = ledger_place(state, configured)
    if place is None or (not create and not await asyncio.to_thread(is_there, place)):
        return None
    async with await Ledger.open(place) as ledger:
        return ledger.key


def _with_secrets(resources: Iterable[Declared]) -> list[Declared]:
    """The resources with their secrets resolved: each reference once. Raises SecretError, which names all that fail."""
    known: dict[Reference, Secret] = {}
    resolved: list[Declared] = []
    failed: list[SecretError] = []
    for one in resources:
        if mentions(one.spec):
            try:
                one = dataclasses.replace(one, spec=resolve(one.spec, known))
            except SecretError as error:
                failed.append(error)
        resolved.append(one)
    if failed:
        raise SecretError.all(failed)
    return resolved
