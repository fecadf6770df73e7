"""Locks that a run holds: waiting for them, renewing them, checking them before each write, releasing them.

A lease lasts for its term, 30 s from when its last renewal was sent. A write starts only while the lease is known to
hold, and is cut off when the term ends without renewal; only a request already on the wire may still take effect.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from trueup.core.errors import LedgerError, Locked, Stopped
from trueup.core.reasons import Reason
from trueup.ledger import clock, locks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from trueup.core.records import Lease, Run
    from trueup.ledger.database import Database

POLL: Final = 1.0
"""Seconds between checks of a lock that another run holds."""
_AGAIN: Final = 0.01
"""Seconds until the next check when another run was faster."""
_PAUSE: Final = 0.5
"""Seconds until the next attempt to renew a lease when a write waits for it and the database did not answer."""
_GRACE: Final = 5.0
"""Seconds for a last renewal: a machine that was asleep may find that no one took the lock."""
_LOST: Final = Reason("lock-lost")
_RELEASED: Final = Reason("lock-released")

_T = TypeVar("_T")


class Leasing(Protocol):
    """The part of a ledger that locks are taken from. Its times are in seconds."""

    @property
    def database(self) -> Database:
        """The database that holds the locks."""

    @property
    def heartbeat(self) -> float:
        """The time from one confirmation of a lock to the next."""

    @property
    def dead_after(self) -> float:
        """The term of a lock that is not confirmed."""

    @property
    def poll(self) -> float:
        """The time from one look at a lock of another run to the next."""

    async def work(self, job: Callable[[], _T]) -> _T:
        """Run a job in the thread of the database. Raises LedgerError."""


class Hold:
    """The locks of one run. It holds none before `take`; `release` releases all of them."""

    def __init__(self, ledger: Leasing, run: Run, on_lost: Callable[[], None], *, shared: bool = False) -> None:
        self.run = run
        self.shared = shared
        self.names: list[str] = []
        self.token = 0
        self.over: Reason | None = None
        """Why nothing may be written under it any more; None while writing is allowed."""
        self.used = False
        """Whether something was sent, or recorded, under it."""
        self._ledger = ledger
        self._on_lost = on_lost
        self._confirmed = clock.reading()
        self._beating: asyncio.Task[None] | None = None
        self._confirming: asyncio.Task[None] | None = None
        self._under_way: dict[asyncio.Timeout, float] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    # Taking and releasing

    async def take(
        self, names: Sequence[str], patience: float = 0.0, waiting: Callable[[Lease], None] | None = None
    ) -> None:
        """Take those locks in addition, waiting at most `patience` seconds. Raises Locked and LedgerError."""
        ledger = self._ledger
        if not (names := [name for name in names if name not in self.names]):
            return
        until = time.monotonic() + patience
        reported: set[tuple[str, str]] = set()
        while True:
            began = clock.reading()
            try:
                taken = await ledger.work(
                    lambda: locks.take(
                        ledger.database, names, self.run, ledger.dead_after, shared=self.shared, token=self.token
                    )
                )
            except locks.Beaten:
                await asyncio.sleep(_AGAIN)
                continue
            if not taken.blocking:
                break
            left = until - time.monotonic()
            if left <= 0:
                raise _locked(taken.blocking, ledger.dead_after)
            first = taken.blocking[0]
            if waiting and (first.name, first.run) not in reported:
                reported.add((first.name, first.run))
                waiting(first)
            await asyncio.sleep(min(ledger.poll, left))
        if not self.names:
            self._confirmed = began
        self.names, self.token = sorted({*self.names, *names}), taken.token
        if self._beating is None:
            self._beating = asyncio.create_task(self._beat())

    async def release(self, names: Sequence[str] | None = None) -> None:
        """Release the locks, including those of `names` that may have been taken. One that stays expires by itself."""
        for task in (self._beating, self._confirming):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        held = names if names is not None else self.names
        self.over = self.over or _RELEASED
        if held:
            with contextlib.suppress(LedgerError):
                await self._ledger.work(lambda: locks.drop(self._ledger.database, self.run.id, held))

    async def release_when_idle(self) -> None:
        """Start no further write, and release the locks once none is in flight."""
        self.over = self.over or _RELEASED
        await self._idle.wait()
        await self.release()

    # Checks before a write

    def ready(self) -> bool:
        """Return whether a write may start: the lease is confirmed, and enough of its term is left."""
        return bool(self.names) and not self.over and clock.since(self._confirmed) < self._ledger.dead_after / 2

    def holds(self) -> bool:
        """Return whether the lease is within its term: checked just before a write is sent."""
        return bool(self.names) and not self.over and clock.since(self._confirmed) < self._ledger.dead_after

    async def confirm(self) -> None:
        """Return once a write may start. Raises Stopped when none may start any more."""
        while not self.ready():
            if self.over or not self.names:
                raise Stopped(self.over or Reason("no-lock"))
            await self._attempt()
            if not self.over and not self.ready():
                await asyncio.sleep(min(_PAUSE, self._ledger.heartbeat))

    @contextlib.asynccontextmanager
    async def within(self, seconds: float) -> AsyncIterator[None]:
        """Limit a write to that many seconds, and to the term of the lease. Raises TimeoutError."""
        self.used = True
        end = asyncio.get_running_loop().time() + seconds
        async with asyncio.timeout_at(self._end(end)) as limit:
            self._under_way[limit] = end
            self._idle.clear()
            try:
                yield
            finally:
                del self._under_way[limit]
                if not self._under_way:
                    self._idle.set()

    def lost(self) -> None:
        """Record that another run holds the locks, as the ledger found."""
        self._lose(_LOST)

    # Renewing

    def _end(self, end: float) -> float:
        left = self._ledger.dead_after - clock.since(self._confirmed)
        return min(end, asyncio.get_running_loop().time() + left)

    async def _beat(self) -> None:
        """Renew until cancelled, or until another run has or may have the lock."""
        while not self.over:
            left = self._ledger.dead_after - clock.since(self._confirmed)
            await asyncio.sleep(max(0.0, min(self._ledger.heartbeat, left)))
            await self._attempt()

    async def _attempt(self) -> None:
        """Renew once, shared by all who wait for it."""
        if self._confirming is None:
            self._confirming = asyncio.create_task(self._once())
        await asyncio.wait({self._confirming})

    async def _once(self) -> None:
        try:
            began = clock.reading()
            left = self._ledger.dead_after - clock.since(self._confirmed)
            standing = await self._standing(max(left, _GRACE))
            if standing is None:
                if clock.since(self._confirmed) >= self._ledger.dead_after:
                    self._lose(Reason("lock-unconfirmed"))
            elif standing.state == "held":
                self._confirmed = began
                for limit, end in self._under_way.items():
                    limit.reschedule(self._end(end))
            elif standing.state == "lost":
                self._lose(_LOST)
            else:
                self._lose(Reason("lock-asked-for", by=standing.by))
                await self._given_way()
        finally:
            self._confirming = None

    async def _standing(self, patience: float) -> locks.Standing | None:
        """Return the state of the lock; None when the database did not answer, which proves nothing about the lock."""
        ledger, names, token = self._ledger, list(self.names), self.token
        attempt = asyncio.create_task(
            ledger.work(lambda: locks.confirm(ledger.database, names, self.run.id, token)),
        )
        try:
            # Not wait_for: if cancelled just as the answer arrives, Python 3.11 loses the cancellation.
            await asyncio.wait({attempt}, timeout=patience)
            return attempt.result() if attempt.done() else None
        except Exception:  # renewing continues after any error: an unrenewed lock would be lost silently
            return None
        finally:
            attempt.cancel()

    async def _given_way(self) -> None:
        """Release revoked locks at once when there is nothing to record of what was done under them."""
        if self.used and not self.shared:
            return  # the run ends now, and releases them after it has recorded what it did
        await self._idle.wait()
        with contextlib.suppress(LedgerError):
            await self._ledger.work(lambda: locks.drop(self._ledger.database, self.run.id, self.names))

    def _lose(self, why: Reason) -> None:
        if not self.over:
            self.over = why
            self._on_lost()


@contextlib.asynccontextmanager
async def held(
    ledger: Leasing,
    names: Sequence[str],
    run: Run,
    patience: float,
    on_lost: Callable[[], None],
    waiting: Callable[[Lease], None] | None,
) -> AsyncIterator[Hold | None]:
    """Hold the locks of those names while the block runs. Raises Locked."""
    if not names:
        yield None
        return
    hold = Hold(ledger, run, on_lost)
    try:
        await hold.take(names, patience, waiting)
        yield hold
    except Locked:
        if not hold.names:
            names = ()  # another run holds them, which may have the same id
        raise
    finally:
        # Also when taking was interrupted, since it may have succeeded. A lock that cannot be released expires soon,
        # and what was done under it stays done.
        await hold.release(names)


def _locked(blocking: Sequence[Lease], dead_after: float) -> Locked:
    first = blocking[0]
    names = ", ".join(dict.fromkeys(lease.name for lease in blocking if lease.run == first.run))
    who = f"{first.holder} (run {first.run})"
    state = f"since {first.since}, last heartbeat {first.age:.0f} s ago"
    if first.revoked:
        state += f"; {first.revoker} asked for it at {first.revoked}"
    message = f"{names} {'are' if ',' in names else 'is'} locked by {who}, {state}."
    return Locked(message, hint=Reason("wait-for-the-lock", term=round(dead_after), run=first.run))
