"""A lock that is held: waits for it, confirms it while the work goes on, tells when it was lost, and gives it back."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

from trueup.errors import LedgerError, Locked
from trueup.ledger import locks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from trueup.ledger.store import Ledger
    from trueup.records import Lease, Run

POLL: Final = 1.0
"""Seconds from one look at a lock that somebody else holds to the next."""
_AGAIN: Final = 0.01
"""Seconds until the next look when somebody else was quicker."""
_GRACE: Final = 1.0
"""Seconds that a last attempt to confirm may take: a machine that was asleep may find that nobody took the lock."""


@contextlib.asynccontextmanager
async def held(
    ledger: Ledger,
    names: Sequence[str],
    run: Run,
    patience: float,
    on_lost: Callable[[], None],
    waiting: Callable[[Lease], None] | None,
) -> AsyncIterator[None]:
    """Holds the locks of those names while the block lasts. Raises Locked."""
    if not names:
        yield
        return
    taken = True
    try:
        try:
            await _taken(ledger, names, run, patience, waiting)
        except Locked:
            taken = False
            raise
        beating = asyncio.create_task(_beat(ledger, names, run, on_lost))
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.wait({beating})
    finally:
        # Also when taking it was interrupted, since it may have been taken all the same. A lock that cannot be given
        # back is free before long, and what was done under it was done.
        if taken:
            with contextlib.suppress(LedgerError):
                await ledger.work(lambda: locks.drop(ledger.database, run.id, names))


async def _taken(
    ledger: Ledger, names: Sequence[str], run: Run, patience: float, waiting: Callable[[Lease], None] | None
) -> None:
    until = time.monotonic() + patience
    told: set[tuple[str, str]] = set()
    while True:
        try:
            blocking = await ledger.work(lambda: locks.take(ledger.database, names, run, ledger.dead_after))
        except locks.Beaten:
            await asyncio.sleep(_AGAIN)
            continue
        if not blocking:
            return
        left = until - time.monotonic()
        if left <= 0:
            raise _locked(blocking, ledger.dead_after)
        first = blocking[0]
        if waiting and (first.name, first.run) not in told:
            told.add((first.name, first.run))
            waiting(first)
        await asyncio.sleep(min(ledger.poll, left))


async def _beat(ledger: Ledger, names: Sequence[str], run: Run, on_lost: Callable[[], None]) -> None:
    """Confirms until it is cancelled, or the lock is somebody else's or could be."""
    confirmed = time.monotonic()
    while True:
        left = confirmed + ledger.dead_after - time.monotonic()
        await asyncio.sleep(max(0.0, min(ledger.heartbeat, left)))
        began = time.monotonic()
        left = confirmed + ledger.dead_after - began
        ours = await _confirmed(ledger, names, run, max(left, _GRACE))
        if ours:
            confirmed = began
        elif ours is False or time.monotonic() - confirmed >= ledger.dead_after:
            on_lost()
            return


async def _confirmed(ledger: Ledger, names: Sequence[str], run: Run, patience: float) -> bool | None:
    """Whether the lock is still ours; None when the database did not answer, which says nothing of the lock."""
    attempt = asyncio.create_task(ledger.work(lambda: locks.confirm(ledger.database, names, run.id)))
    try:
        # Not wait_for: where that is cancelled just as the answer comes, Python 3.11 forgets that it was.
        await asyncio.wait({attempt}, timeout=patience)
        return attempt.result() if attempt.done() else None
    except Exception:  # whatever it was, confirming goes on: a lock that nobody confirms is lost without a word
        return None
    finally:
        attempt.cancel()


def _locked(blocking: Sequence[Lease], dead_after: float) -> Locked:
    first = blocking[0]
    names = ", ".join(one.name for one in blocking if one.run == first.run)
    return Locked(
        f"{names} is locked by {first.holder} (run {first.run}), since {first.since}, last heartbeat "
        f"{first.age:.0f} s ago.",
        hint=f"Wait for it with --lock-timeout. A run that was killed gives way {dead_after:.0f} s after its last "
        f"heartbeat; one that is gone for sure can be passed over before that: trueup unlock {first.run}",
    )
