"""Requests that are held back at their boundary, before or after their effect, until somebody lets them go."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

LONGEST = 30.0
"""Real seconds after which a request goes on by itself."""
_PATIENCE = 5.0
"""Real seconds for which whoever lets requests go waits until they are dealt with."""


class Held:
    """One request that is held. Whoever holds it tells when it was dealt with, whatever became of it."""

    def __init__(self, method: str, path: str) -> None:
        self.request = (method, path)
        self.go = asyncio.Event()
        self.over = asyncio.Event()


class Holds:
    """The requests that one fault holds, in the order in which they came."""

    def __init__(self) -> None:
        self._held: dict[Held, None] = {}

    async def park(self, method: str, path: str) -> Held:
        """Returns when the request may go on: when it was let go, or after LONGEST."""
        held = Held(method, path)
        self._held[held] = None
        try:
            async with asyncio.timeout(LONGEST):
                await held.go.wait()
        except TimeoutError:
            pass
        except asyncio.CancelledError:
            held.over.set()
            raise
        finally:
            self._held.pop(held, None)
        return held

    def release(self) -> list[Held]:
        """Lets all of them go; which ones."""
        gone = list(self._held)
        self._held.clear()
        for held in gone:
            held.go.set()
        return gone

    def view(self) -> list[dict[str, Any]]:
        """`[{method, path, count}]`, in the order in which they came."""
        counts = Counter(held.request for held in self._held)
        return [{"method": method, "path": path, "count": count} for (method, path), count in counts.items()]


async def settled(gone: list[Held]) -> None:
    """Returns when those that were let go have had their effect, or at last when patience ends."""
    if gone:
        waiting = [asyncio.ensure_future(held.over.wait()) for held in gone]
        _, late = await asyncio.wait(waiting, timeout=_PATIENCE)
        for task in late:
            task.cancel()
