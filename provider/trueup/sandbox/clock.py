"""The servers' time: real time plus what was advanced."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class MovableClock:
    """One clock for all servers of a sandbox; it can be moved forward, and whoever sleeps on it wakes in its time."""

    def __init__(self, advanced: float = 0.0) -> None:
        self.advanced = advanced
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        """Current time, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.advanced)

    def advance(self, seconds: float) -> None:
        """Moves the clock forward and wakes sleepers whose time has come."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self.advanced += seconds
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Sleeps in this clock's time: `advance` shortens it."""
        until = self.now() + timedelta(seconds=seconds)
        while (left := (until - self.now()).total_seconds()) > 0:
            try:
                await asyncio.wait_for(self._moved.wait(), left)
            except TimeoutError:
                return
