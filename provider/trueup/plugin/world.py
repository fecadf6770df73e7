"""The state of a configured provider: a client for each system, what was read through it, and the ledger."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Self

from trueup.core.errors import LedgerError, SafetyError, SecretError, UsageError
from trueup.core.paths import home
from trueup.core.progress import duration
from trueup.core.records import stamp
from trueup.core.secrets import reveal
from trueup.engine.connections import opened, outside, with_embedded
from trueup.engine.options import SystemClock
from trueup.ledger.place import STATE
from trueup.plugin.memory import Memory, Writer
from trueup.plugin.reads import Reads
from trueup.report.reasons import PULUMI, worded
from trueup.systems.registry import SYSTEMS
from trueup.transport.client import PATIENCE
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from trueup.core.kinds import ResourceKind
    from trueup.ledger.store import Hold, Ledger
    from trueup.plugin.config import Config
    from trueup.plugin.host import Host
    from trueup.transport.client import Client


def _patience() -> float:
    """Return the seconds during which an unreachable server is retried. Raises UsageError."""
    text = os.environ.get("TRUEUP_RETRY_FOR", "").strip()
    try:
        return duration(text).total_seconds() if text else PATIENCE
    except ValueError:
        problem = f'TRUEUP_RETRY_FOR is "{plain(text, 40)}", which is not a duration.'
        raise UsageError(problem, hint="Write 90s or 10m.") from None


class World:
    """The state of a configured provider. `async with World(config, host, folder) as world`."""

    def __init__(self, config: Config, host: Host, folder: Path) -> None:
        self.config = config
        self.host = host
        self.clock = SystemClock()
        self.stop = asyncio.Event()
        self.writing: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """A lock for each parent, so that its children are written one at a time, and one for each other resource."""
        self.warned: set[str] = set()
        """Resources with a shown warning that a name in the program no longer resolves to the same object."""
        self._state = Path(home(os.environ.get("TRUEUP_STATE", "")) or folder / STATE)
        self._open = contextlib.AsyncExitStack()
        self._clients: dict[str, Client] = {}
        self._reads: dict[str, Reads] = {}
        self._memories: dict[str, asyncio.Task[Memory]] = {}
        self._ledger: asyncio.Task[Ledger | None] | None = None
        self._no_ledger: LedgerError | None = None
        self._writer = Writer(stamp(self.clock.now()))
        self._hold: Hold | None = None
        self._releasing: asyncio.Task[None] | None = None
        self._locking = asyncio.Lock()
        self._tenants: dict[str, str] = {}
        """The one tenant of each credential that acts in one alone, as far as it is known."""

    async def __aenter__(self) -> Self:
        try:
            systems = await with_embedded(self.config.systems, self._state, self._open)
            for name, one in systems.items():
                client = opened(one, self.clock, self.host, self.stop, patience=_patience())
                self._open.push_async_callback(client.aclose)
                self._clients[name] = client
                self._reads[name] = Reads(client)
            self._scopes = {name: one.scope for name, one in systems.items()}
        except BaseException:
            await self._open.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients.values():
            if client.window.unshared:
                await client.share()
        if self._releasing is not None:
            self._releasing.cancel()
        if self._hold is not None:
            await self._hold.release()
        for task in self._memories.values():
            with contextlib.suppress(Exception):
                await (await task).aclose()
        await self._open.aclose()

    def client(self, system: str) -> Client:
        """Return the client of a system. Raises SecretError when the provider has no key for it."""
        if system not in self._clients:
            raise SecretError(
                f"no API key for {system}.",
                hint=f"Set trueup:{system}ApiKey, or TRUEUP_{system.upper()}_API_KEY.",
            )
        return self._clients[system]

    def reads(self, system: str) -> Reads:
        """Return the reads of a system. Raises SecretError as `client` does."""
        self.client(system)
        return self._reads[system]

    async def probe(self) -> None:
        """Verify each key that acts in a single tenant, so that a refused key is reported once and before planning.

        A key that was accepted for the expected tenant within the last day is not verified again.
        Raises ApiError, and SafetyError when the key belongs to another tenant.
        """
        for system, client in self._clients.items():
            if SYSTEMS[system].tenant.alone:
                await self._verify(system, client)

    async def _verify(self, system: str, client: Client) -> None:
        key = client.credential.key
        credential = key.reveal() if key else ""
        memory = await self.memory(system)
        known = memory.accepted(credential)
        meant = self.config.systems[system].tenant
        if known is None or (meant is not None and known != meant):
            self._tenants[system] = await SYSTEMS[system].tenant.of(client)
            await memory.accept(credential, self._tenants[system])
            return
        self._tenants[system] = known
        if client.guard is not None:
            client.guard.vouch()

    def outside(self, kind: ResourceKind, spec: Mapping[str, Any]) -> str:
        """Return why a resource is outside the tenant that this provider manages; empty when it is inside."""
        settings = self.config.systems.get(kind.system)
        other = outside(settings, spec) if settings is not None else ""
        return f"it {other}." if other else ""

    async def may_write(self, kind: ResourceKind, spec: Mapping[str, Any]) -> None:
        """Return once the resource that a spec describes may be written.

        The first write to an organisation or project takes its lock. Other Pulumi programs share that lock; the command
        does not. Raises SafetyError, and Locked while the command writes there.
        """
        if why := self.outside(kind, reveal(dict(spec))):
            raise SafetyError(f"this {kind.name} cannot be written: {why}")
        await (await self.memory(kind.system)).holders.flush(all_of_it=False)
        if self._hold is None:
            return  # there is no ledger
        async with self._locking:
            if not self._hold.over:
                await self._hold.take([f"{self._scopes[kind.system]} {await self._tenant(kind, spec)}"])

    async def _tenant(self, kind: ResourceKind, spec: Mapping[str, Any]) -> str:
        """Return the tenant to lock for a resource: the one that it names, or that of the credential."""
        tenant = SYSTEMS[kind.system].tenant
        if tenant.field:
            return str(reveal(dict(spec))[tenant.field])
        if not self._tenants.get(kind.system):
            self._tenants[kind.system] = await tenant.of(self._clients[kind.system])
        return self._tenants[kind.system]

    def _lost(self) -> None:
        if self._hold is not None:
            self.host.warn(
                f"{worded(self._hold.over, PULUMI)} Run pulumi up --refresh when no other run is in progress."
            )

    def cancel(self) -> None:
        """Interrupt waits. Requests in flight finish, no more are sent, and the lock is released."""
        self.stop.set()
        if self._hold is not None and self._releasing is None:
            self._releasing = asyncio.ensure_future(self._hold.release_when_idle())

    async def memory(self, system: str) -> Memory:
        """Return what the ledger recorded of a system. Raises LedgerError."""
        task = self._memories.get(system)
        if task is None:
            task = self._memories[system] = asyncio.ensure_future(self._remembered(system))
        return await asyncio.shield(task)

    async def _remembered(self, system: str) -> Memory:
        if self._ledger is None:
            self._ledger = asyncio.ensure_future(self._opened())
        ledger = await asyncio.shield(self._ledger)
        memory = Memory(ledger, self._scopes[system], self.clock.now, self._writer, self._no_ledger)
        await memory.load()
        return memory

    async def _opened(self) -> Ledger | None:
        from trueup.ledger.place import is_there, ledger_place
        from trueup.ledger.store import Ledger

        place = ledger_place(self._state)
        if place is None:
            return None
        try:
            ledger = await self._open.enter_async_context(await Ledger.open(place))
        except LedgerError as error:
            if is_there(place):
                raise
            self._no_ledger = error  # A preview works without a ledger; recording in it will fail with this error.
            return None
        for note in ledger.notes:
            self.host.note(note)
        from trueup.ledger.windows import SharedWindow

        for name, client in self._clients.items():
            if client.credential.key is not None:
                client.shared = SharedWindow(ledger, self._scopes[name], client.credential.key.reveal())
                await client.share()
        self._hold = ledger.sharing(self._writer.run, self._lost)
        for client in self._clients.values():
            client.lease = self._hold  # The lease lets no write pass before the lock is taken.
        return ledger
