"""One run, from opening to closing: connections, ledger and lock, the plan, and what becomes of it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from trueup import connections, embedded
from trueup.apply import Applier, Journal, Report
from trueup.client import Client, Manner
from trueup.errors import LedgerError, SafetyError, SecretError, UsageError
from trueup.manifest import Manifest
from trueup.match import place_of
from trueup.model import DEFAULT_CONNECTION
from trueup.observe import Wanted, guard, observe, realms_of
from trueup.options import Options
from trueup.plan import Plan, Policy, Reading, build, forbid, judge, price
from trueup.plan.strict import undeclared
from trueup.records import Record, Run
from trueup.resume import resume
from trueup.secrets import Reference, Secret, mentions, resolve
from trueup.select import Selection, select
from trueup.sweep import Sweep
from trueup.systems.den.below import together
from trueup.systems.den.manner import DenManner
from trueup.systems.den.organization import organization
from trueup.systems.wexa.manner import WexaManner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from trueup.ledger import Ledger
    from trueup.match import Matches
    from trueup.model import Declared
    from trueup.plan import Step
    from trueup.records import Intent, Lease

    Connection = tuple[str, str]
    Unfinished = Sequence[tuple[Run, Sequence[Intent]]]

_MANNERS: Final[dict[str, type[Manner]]] = {"den": DenManner, "wexa": WexaManner}


@dataclass
class Session:
    """One run: what is open as long as it lasts. `async with Session(desired) as session`."""

    desired: Manifest
    options: Options = field(default_factory=Options)
    systems: tuple[str, ...] = ()
    """Systems that are to be reached although nothing of them is declared: `den` for whoever only asks."""

    async def __aenter__(self) -> Self:
        options = self.options
        self.stopping = asyncio.Event()
        self._open = contextlib.AsyncExitStack()
        self._ledger: Ledger | None = None
        self._run: Run | None = None
        self._records: dict[Connection, dict[str, Record]] = {}
        self._realms: dict[Connection, str] = {}
        found = connections.redirect(self.desired.resources, self.desired.connections, options.connection)
        selection = Selection(options.targets, options.labels)
        self.narrowed = bool(selection)
        self.resources = select(found, selection) if selection else list(found)
        self._left_out = len(found) - len(self.resources)
        self._check(options)
        needed = connections.needed_by(self.resources)
        needed |= {(system, options.connection or DEFAULT_CONNECTION) for system in self.systems}
        self.settings = await asyncio.to_thread(connections.settings_for, needed, self.desired.connections)
        try:
            if any(one.url == connections.SANDBOX for one in self.settings.values()):
                servers = await self._open.enter_async_context(embedded.running(options.state / "sandbox"))
                for key, one in self.settings.items():
                    self.settings[key] = _embedded(one, servers)
            self.clients = {key: self._client(one) for key, one in self.settings.items()}
        except BaseException:
            await self._open.aclose()
            raise
        for client in self.clients.values():
            self._open.push_async_callback(client.aclose)
        self._scopes = {key: one.scope for key, one in self.settings.items()}
        self._realms |= {key: one.organization for key, one in self.settings.items() if one.organization}
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def plan(self) -> Plan:
        """Reads what is live and compares. Raises ApiError, SafetyError, SecretError, LedgerError."""
        options, clock = self.options, self.options.clock
        started, sent = clock.monotonic(), self._sent()
        options.progress.phase("reading")
        resources = await asyncio.to_thread(_with_secrets, self.resources)
        ledger = await self._ledger_if(create=False)
        if ledger and self._run is None:
            await self._reload(ledger)  # somebody may have been at work since this session was opened
        key = ledger.key if ledger else None if self._place() is None else os.urandom(32)
        unfinished = await self._unfinished(ledger) if ledger else []
        if options.prune and ledger is None:
            raise UsageError(
                "--prune removes only what the ledger says is ours, and there is no ledger.",
                hint="Set TRUEUP_LEDGER, or apply once without --prune.",
            )
        sweep = await self._sweep(resources, ledger, key)
        choose = sweep.choose if sweep else None
        wanted = Wanted(resources, self._records, self._owned(unfinished), not self.narrowed, choose)
        matches = await observe(wanted, self.clients)
        expected = {name: one.organization for (_, name), one in self.settings.items() if one.organization}
        await guard(matches, self.clients, expected)
        self._locate(matches)
        if ledger and unfinished:
            await self._resume(ledger, unfinished, matches)
        owned = {key: self._ours(key, held.values()) for key, held in self._records.items() if not self.narrowed}
        owned = {key: found for key, found in owned.items() if key in {place_of(one)[:2] for one in self.resources}}
        plan = build(
            resources, matches, self._records, Policy(key, options.resend, options.prune, options.disconnect), owned
        )
        plan.left_out = self._left_out
        if options.strict:
            undeclared(plan)
        await self._weigh(plan, owned)
        if key is None:
            plan.off.append(
                "no ledger (TRUEUP_LEDGER=off): nothing is pruned, locked or resumed, and what cannot be read back is "
                "only sent with --resend"
            )
        elif ledger is None:
            plan.off.append(
                "no ledger is there yet: nothing is known to be ours, and what cannot be read back counts as never sent"
            )
        price(plan, self._reading(self._sent() - sent, clock.monotonic() - started))
        if ledger:
            await self._remember(ledger, plan, sweep.saw(plan, matches) if sweep else [])
        return plan

    async def apply(self, plan: Plan) -> Report:
        """Makes the calls of a plan of this session, and looks again. Raises SafetyError and Locked."""
        if plan.unsafe:
            raise SafetyError(plan.unsafe, hint="Nothing was sent.")
        if self._run is None and self._place() is not None:
            async with self.exclusively():
                return await self._apply(plan)
        return await self._apply(plan)

    @contextlib.asynccontextmanager
    async def exclusively(self) -> AsyncIterator[None]:
        """While the block lasts no other run with this ledger is at work on the same organisations and projects.

        Raises Locked. Without a ledger there is no lock.
        """
        ledger = await self._ledger_if(create=True)
        if ledger is None:
            yield
            return
        from trueup.ledger import holder, new_run_id

        names = await self._lock_names()
        run = Run(new_run_id(), self._stamp(), holder())
        timeout = self.options.lock_timeout
        async with ledger.locked(names, run, timeout=timeout, on_lost=self._lost, waiting=self._waits):
            self._run = run
            await self._reload(ledger)  # what another run has written until now
            try:
                yield
            finally:
                self._run = None

    @property
    def servers(self) -> dict[str, str]:
        """The servers by connection (`den/default`), as the ledger knows them."""
        return {"/".join(connection): scope for connection, scope in self._scopes.items()}

    def stop(self) -> None:
        """Lets what is in flight finish and sends nothing more."""
        self.stopping.set()

    async def _apply(self, plan: Plan) -> Report:
        options = self.options
        ledger = await self._ledger_if(create=self._run is not None)
        key = ledger.key if ledger else os.urandom(32)  # without a ledger a run has to know what it wrote itself
        journal = Journal(key, options.clock, self._scopes, self._records, ledger, self._run, self._realms)
        return await Applier(self.clients, options.clock, options.progress, journal, options.fail_fast).apply(plan)

    def _check(self, options: Options) -> None:
        if options.max_requests and options.max_age is None:
            raise UsageError("--max-requests goes with --max-age.", hint="Say what may be taken from the ledger: 24h.")
        if not options.prune:
            return
        if self.narrowed:
            raise UsageError(
                "a run that is narrowed by --target or -l removes nothing.",
                hint="Leave --prune out, or let it look at everything.",
            )
        if not self.resources:
            raise SafetyError(
                "nothing is declared here, and --prune would remove everything that is ours.",
                hint="Nothing was sent. Is it the right folder? The last resource is removed by hand.",
            )

    def _owned(self, unfinished: Unfinished) -> dict[Connection, list[Record]]:
        """What is to be looked for although nobody may declare it.

        Without --prune that costs no request: only what is listed anyway.
        """
        declared = {place_of(one) for one in self.resources}
        systems = {place[:2] for place in declared}
        found: dict[Connection, list[Record]] = {}
        for connection, held in self._records.items():
            if self.narrowed or connection not in systems:
                continue
            found[connection] = [
                record
                for record in held.values()
                if self.options.prune or ((*connection, record.kind) in declared and not record.parent)
            ]
            if any(record.policy == "disconnect" for record in found[connection]) and self.options.prune:
                found[connection].append(Record("", "", "", "ConnectorInstance"))  # what would be deleted with it
        by_scope = {scope: connection for connection, scope in self._scopes.items()}
        for _, intents in unfinished:
            for one in intents:
                if one.scope in by_scope:
                    stand_in = Record(one.scope, one.id, one.address, one.kind, one.realm, one.parent)
                    found.setdefault(by_scope[one.scope], []).append(stand_in)
        return found

    def _ours(self, connection: Connection, records: Iterable[Record]) -> list[Record]:
        """Those that are of the organisation that was read: of another one nothing can be told."""
        realm = self._realms.get(connection)
        return [one for one in records if one.id and (one.realm == realm or connection[0] != "den")]

    def _locate(self, matches: Matches) -> None:
        """Notes which organisation each of Den's connections turned out to belong to."""
        for connection in self._scopes:
            seen = realms_of(matches, connection[1]) if connection[0] == "den" else set()
            if len(seen) == 1:
                self._realms.setdefault(connection, seen.pop())
            # What an older version wrote knows no organisation; what is listed here belongs here.
            for place, index in matches.indexes.items():
                if place[:2] == connection and connection in self._realms:
                    for record in self._records.get(connection, {}).values():
                        if not record.realm and record.id in index.by_id:
                            record.realm = self._realms[connection]

    async def _unfinished(self, ledger: Ledger) -> Unfinished:
        """The runs that did not end, without those at work, and of their calls what this run may lock and look at."""
        alive = {lease.run for lease in await ledger.leases() if not lease.gone}
        found = await ledger.unfinished(set(self._scopes.values()))
        names = set(await self._lock_names()) if found else set()
        mine: list[tuple[Run, Sequence[Intent]]] = []
        for run, intents in found:
            if not (ours := [one for one in intents if not one.realm or f"{one.scope} {one.realm}" in names]):
                continue
            if run.id in alive:
                self.options.progress.note(f"Run {run.id} ({run.holder}, begun {run.began}) is at work now.")
            else:
                mine.append((run, ours))
        return mine

    async def _resume(self, ledger: Ledger, unfinished: Unfinished, matches: Matches) -> None:
        """Finds out what became of the calls of a run that did not end; notes it only while nobody else is at work."""
        by_scope = {scope: connection for connection, scope in self._scopes.items()}
        seeing = {connection for connection in self._scopes if await self._sees_all(connection)}
        found = resume(unfinished, matches, by_scope, self._records, ledger.key, seeing)
        for run, intents in unfinished:
            self.options.progress.note(
                f"Run {run.id} ({run.holder}, begun {run.began}) did not end: {len(intents):,} "
                f"call{'' if len(intents) == 1 else 's'} had no outcome."
            )
        told = [f"{found.happened:,} had happened", f"{found.absent:,} had not"]
        told += [f"{found.unknown:,} were about what was not read now"] if found.unknown else []
        self.options.progress.note(f"Looked: {', '.join(told)}.")
        if self._run is None:
            return
        await ledger.write(records=found.records, forgotten=found.forgotten, outcomes=found.outcomes)
        await self._reload(ledger)

    async def _sees_all(self, connection: Connection) -> bool:
        """Whether its lists hold all there is: from others than admins Den keeps what they have no grant for."""
        return connection[0] != "den" or (await organization(self.clients[connection])).is_admin

    async def _weigh(self, plan: Plan, owned: dict[Connection, list[Record]]) -> None:
        """What a role forbids, what goes with what is removed, and whether it is too much for one run."""
        for connection, client in self.clients.items():
            missing = [one for one in plan.left if one.live is None and one.record.scope == self._scopes[connection]]
            if missing and not await self._sees_all(connection):
                plan.left = [one for one in plan.left if one not in missing]
                plan.off.append(f"{len(missing):,} of ours cannot be seen with this credential, and may be there")
            asking = [step for step in plan.pending if place_of(step.declared)[:2] == connection]
            if connection[0] == "den" and any(call.admin for step in asking for call in step.calls):
                known = await organization(client)
                if not known.is_admin:
                    forbid(plan, connection, ", ".join(sorted(known.roles)))
        plan.unsafe = judge(plan, sum(map(len, owned.values())), self.options.limit)
        if not plan.unsafe:
            await together(self._losses(step) for step in plan.pending if step.action in ("delete", "replace"))

    async def _losses(self, step: Step) -> None:
        verbs = step.declared.kind.verbs
        if step.live is not None and verbs is not None:
            client = self.clients[place_of(step.declared)[:2]]
            step.lost += await verbs.goes_with(client, step.live, step.calls)

    async def _sweep(self, resources: Sequence[Declared], ledger: Ledger | None, key: bytes | None) -> Sweep | None:
        options = self.options
        if ledger is None or key is None:
            if options.max_age is not None:
                raise UsageError(
                    "--max-age takes from the ledger what was seen not long ago, and there is no ledger.",
                    hint="Set TRUEUP_LEDGER, or leave --max-age out.",
                )
            return None
        seen = await ledger.seen(set(self._scopes.values())) if options.max_age is not None else {}
        return Sweep(
            resources,
            self._scopes,
            key,
            options.clock.now(),
            seen=seen,
            records=self._records,
            max_age=options.max_age,
            budget=options.max_requests,
        )

    async def _remember(self, ledger: Ledger, plan: Plan, seen: list[Any]) -> None:
        """What a plan comes to know: how the server says what we wrote, and what was seen when."""
        for one in plan.learned:
            one.record.read_back[one.path] = one.read_back
            one.record.settling.remove(one.path)
        with contextlib.suppress(LedgerError):  # a plan that cannot note this is right all the same
            # Records are whole rows, and somebody at work may have changed theirs: they are noted under the lock alone.
            records = [one.record for one in plan.learned] if self._run else []
            await ledger.write(records=records, seen=seen)

    async def _lock_names(self) -> list[str]:
        """What one run at a time may work on: Den's organisations, and Wexa's projects."""
        names: list[str] = []
        for connection, scope in self._scopes.items():
            if connection[0] == "den":
                if connection not in self._realms:
                    self._realms[connection] = (await organization(self.clients[connection])).id
                names.append(f"{scope} {self._realms[connection]}")
                continue
            projects = {one.spec["projectId"] for one in self.resources if place_of(one)[:2] == connection}
            if self.options.prune:
                projects |= {record.parent for record in self._records.get(connection, {}).values() if record.parent}
            names += [f"{scope} {project}" for project in sorted(projects)]
        return names

    def _lost(self) -> None:
        self.options.progress.note("The lock was lost to another run, or removed by hand: nothing more is sent.")
        self.stop()

    def _waits(self, lease: Lease) -> None:
        self.options.progress.note(f"Waiting for run {lease.run} ({lease.holder}, since {lease.since}) to end.")

    def _stamp(self) -> str:
        return self.options.clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")

    def _client(self, one: connections.Settings) -> Client:
        options = self.options
        concurrency = options.parallelism or one.concurrency
        manner = _MANNERS[one.system]()
        return Client(
            one.url,
            manner,
            one.credential,
            options.clock,
            options.progress,
            timeout=one.timeout,
            concurrency=concurrency,
            stop=self.stopping,
        )

    def _sent(self) -> int:
        return sum(client.sent for client in self.clients.values())

    def _reading(self, requests: int, seconds: float) -> Reading:
        limited = [client for client in self.clients.values() if client.manner.limits.requests]
        if not limited:
            return Reading(requests, seconds)
        fullest = max(limited, key=lambda client: client.window)
        limits = fullest.manner.limits
        left = max(0, (limits.requests or 0) - fullest.window)
        return Reading(requests, seconds, left, limits.requests, limits.silence)

    def _place(self) -> Path | str | None:
        from trueup.ledger.place import ledger_place

        return ledger_place(self.options.state)

    async def _ledger_if(self, *, create: bool) -> Ledger | None:
        """The ledger, opened when it is there or may be made."""
        place = self._place()
        if self._ledger is None and place is not None:
            if not create and isinstance(place, Path) and not await asyncio.to_thread(place.exists):
                return None
            from trueup.ledger import Ledger

            ledger = await self._open.enter_async_context(await Ledger.open(place))
            await self._reload(ledger)
            self._ledger = ledger
        return self._ledger

    async def _reload(self, ledger: Ledger) -> None:
        found = await ledger.records(set(self._scopes.values()))
        for connection, scope in self._scopes.items():
            held = self._records.setdefault(connection, {})
            held.clear()
            held.update({key: record for (where, key), record in found.items() if where == scope})


async def key_of(state: Path, *, create: bool) -> bytes | None:
    """The key of keyed digests: TRUEUP_FINGERPRINT_KEY, or the ledger's own. None when there is neither.

    Raises LedgerError.
    """
    from trueup.ledger import Ledger
    from trueup.ledger.place import ledger_place

    if shared := os.environ.get("TRUEUP_FINGERPRINT_KEY"):
        return os.fsencode(shared)
    place = ledger_place(state)
    if place is None or (isinstance(place, Path) and not create and not await asyncio.to_thread(place.exists)):
        return None
    async with await Ledger.open(place) as ledger:
        return ledger.key


def _embedded(one: connections.Settings, servers: embedded.Embedded) -> connections.Settings:
    if one.url != connections.SANDBOX:
        return one
    where = servers.systems[one.system]
    credential = one.credential
    if credential.key is None and credential.token is None:
        credential = dataclasses.replace(credential, key=Secret(where["apiKey"]), origin="the sandbox's own")
    return dataclasses.replace(one, url=where["url"], credential=credential, scope=f"{one.system}:sandbox")


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
