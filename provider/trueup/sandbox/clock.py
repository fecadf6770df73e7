"""The servers' time: real time plus an offset."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class MovableClock:
    """A clock shared by all servers of a sandbox. It can be moved forward, which wakes sleepers that are due."""

    def __init__(self, advanced: float = 0.0) -> None:
        self.advanced = advanced
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        """Return the current time, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.advanced)

    def advance(self, seconds: float) -> None:
        """Move the clock forward and wake the sleepers that are due."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self.advanced += seconds
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Sleep in this clock's time, which `advance` shortens."""
        until = self.now() + timedelta(seconds=seconds)
        while (left := (until - self.now()).total_seconds()) > 0:
            try:
                await asyncio.wait_for(self._moved.wait(), left)
            except TimeoutError:
                return
