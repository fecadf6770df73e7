"""Requests that are held before or after their effect until they are released."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

LONGEST = 30.0
"""Real seconds after which a held request continues by itself."""
_PATIENCE = 5.0
"""Real seconds for which a release waits until the released requests are handled."""


class Held:
    """A held request. Its holder reports when it was handled, whatever the outcome."""

    def __init__(self, method: str, path: str) -> None:
        self.request = (method, path)
        self.go = asyncio.Event()
        self.over = asyncio.Event()


class Holds:
    """The requests that one fault holds, in the order in which they came."""

    def __init__(self) -> None:
        self._held: dict[Held, None] = {}

    async def park(self, method: str, path: str) -> Held:
        """Wait until the request may continue: until its release, or for LONGEST."""
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
        """Release all of them and return them."""
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
    """Wait until the released requests have had their effect, or the patience ends."""
    if gone:
        waiting = [asyncio.ensure_future(held.over.wait()) for held in gone]
        _, late = await asyncio.wait(waiting, timeout=_PATIENCE)
        for task in late:
            task.cancel()
