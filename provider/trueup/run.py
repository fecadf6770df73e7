"""The core loop on one screen, and the Python API.

    from trueup.run import apply, blocking, drift, load, plan

    desired = load("examples/quickstart")
    found = blocking(plan(desired))            # a Plan: steps, cost, summary()
    report = blocking(apply(desired))          # plans, applies, looks again
    assert not blocking(drift(desired)).has_drift

`plan`, `apply` and `drift` are coroutines; `blocking` runs one where there is no event loop. Whoever does several
things in a row opens a Session, which keeps connections, ledger and embedded servers open.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from trueup import connections, embedded
from trueup.apply import Applier, Report
from trueup.client import Client, Manner
from trueup.errors import SecretError
from trueup.manifest import Manifest
from trueup.manifest import load as load_files
from trueup.model import DEFAULT_CONNECTION, Clock, Progress, Quiet
from trueup.observe import guard, observe
from trueup.plan import Plan, Policy, Reading, build, price
from trueup.secrets import Reference, Secret, mentions, resolve
from trueup.systems.den.manner import DenManner
from trueup.systems.wexa.manner import WexaManner

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from trueup.ledger import Ledger
    from trueup.model import Declared
    from trueup.records import Record

_T = TypeVar("_T")
_MANNERS: Final[dict[str, type[Manner]]] = {"den": DenManner, "wexa": WexaManner}
STATE: Final = Path(".trueup")


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Options:
    """How a run goes about it."""

    connection: str | None = None
    """Run the same manifests against the Connection of that name."""
    targets: tuple[str, ...] = ()
    """Addresses to narrow the run to; what they refer to comes along."""
    parallelism: int | None = None
    """Writes under way at once, in place of the connections' own figure."""
    fail_fast: bool = False
    resend: bool = False
    """Send again what cannot be verified."""
    state: Path = STATE
    """The folder of the ledger and the embedded servers."""
    clock: Clock = field(default_factory=SystemClock)
    progress: Progress = field(default_factory=Quiet)


def load(*paths: str | Path) -> Manifest:
    """The manifests of files, folders and globs; by default of the current folder. Raises ManifestError."""
    return load_files(paths or (".",))


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
        self._records: dict[tuple[str, str], dict[str, Record]] = {}
        found = connections.redirect(self.desired.resources, self.desired.connections, options.connection)
        self.resources = list(_narrowed(found, options.targets))
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
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def plan(self) -> Plan:
        """Reads what is live and compares. Raises ApiError, SafetyError, SecretError."""
        clock = self.options.clock
        started, sent = clock.monotonic(), self._sent()
        self.options.progress.phase("reading")
        resources = await asyncio.to_thread(_with_secrets, self.resources)
        ledger = await self._ledger_if(_ledger_path(self.options.state), create=False)
        listings = await observe(resources, self.clients, self._records, whole=not self.options.targets)
        expected = {name: one.organization for (_, name), one in self.settings.items() if one.organization}
        await guard(listings, self.clients, expected)
        key = ledger.key if ledger else None if _ledger_path(self.options.state) is None else os.urandom(32)
        plan = build(resources, listings, self._records, Policy(key, self.options.resend))
        if key is None:
            plan.off.append("no ledger (TRUEUP_LEDGER=off): what cannot be read back is only sent with --resend")
        price(plan, self._reading(self._sent() - sent, clock.monotonic() - started))
        if ledger and plan.learned:
            await self._learn(ledger, plan)
        return plan

    async def apply(self, plan: Plan) -> Report:
        """Makes the calls of a plan of this session, and looks again."""
        options = self.options
        ledger = await self._ledger_if(_ledger_path(options.state), create=True) if plan.pending else None
        scopes = {key: one.scope for key, one in self.settings.items()}
        applier = Applier(
            self.clients, scopes, options.clock, options.progress, ledger, self._records, options.fail_fast
        )
        return await applier.apply(plan)

    def stop(self) -> None:
        """Lets what is in flight finish and sends nothing more."""
        self.stopping.set()

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

    async def _ledger_if(self, path: Path | None, *, create: bool) -> Ledger | None:
        if self._ledger is None and path is not None and (create or await asyncio.to_thread(path.exists)):
            from trueup.ledger import Ledger

            self._ledger = await self._open.enter_async_context(await Ledger.open(path))
            found = await self._ledger.records({one.scope for one in self.settings.values()})
            for connection, one in self.settings.items():
                held = self._records.setdefault(connection, {})
                held.update({key: record for (scope, key), record in found.items() if scope == one.scope})
        return self._ledger

    async def _learn(self, ledger: Ledger, plan: Plan) -> None:
        for learned in plan.learned:
            learned.record.read_back[learned.path] = learned.read_back
            learned.record.settling = [path for path in learned.record.settling if path != learned.path]
        await ledger.put(list({id(learned.record): learned.record for learned in plan.learned}.values()))


async def plan(desired: Manifest, options: Options | None = None) -> Plan:
    """What would be done to bring what is live to what is declared."""
    async with Session(desired, options or Options()) as session:
        return await session.plan()


async def drift(desired: Manifest, options: Options | None = None) -> Plan:
    """The same plan, for whoever wants to know and not to apply: `has_drift`, `steps`."""
    return await plan(desired, options)


async def apply(desired: Manifest, options: Options | None = None) -> Report:
    """Plans, makes the calls, and looks again."""
    async with Session(desired, options or Options()) as session:
        return await session.apply(await session.plan())


def blocking(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """The result of a coroutine, for callers without an event loop."""
    results: list[_T] = []

    async def run() -> None:
        results.append(
            await coroutine
        )  # asyncio.run asks for the repr of what a task returns: of a large plan, seconds

    asyncio.run(run())
    return results[0]


def _embedded(one: connections.Settings, servers: embedded.Embedded) -> connections.Settings:
    if one.url != connections.SANDBOX:
        return one
    where = servers.systems[one.system]
    credential = one.credential
    if credential.key is None and credential.token is None:
        credential = dataclasses.replace(credential, key=Secret(where["apiKey"]), origin="the sandbox's own")
    return dataclasses.replace(one, url=where["url"], credential=credential, scope=f"{one.system}:sandbox")


def _ledger_path(state: Path) -> Path | None:
    """Where the ledger is: TRUEUP_LEDGER, which may be `off`, or the state folder."""
    named = os.environ.get("TRUEUP_LEDGER", "")
    if named.lower() in ("off", "none"):
        return None
    return Path(named) if named else state / "ledger.db"


def _narrowed(resources: Iterable[Declared], targets: tuple[str, ...]) -> Iterable[Declared]:
    if not targets:
        return resources
    from trueup.select import select

    return select(resources, targets)


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
