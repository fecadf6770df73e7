"""Waiting for what another process or task brings about: the one place where a test polls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from sandboxes import PATIENCE

_STEP = 0.01


def wait_until(condition: Callable[[], object], why: Callable[[], object] = lambda: "it did not come about") -> None:
    """Return once the condition holds. Raises AssertionError with the reason when patience ends."""
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit, why()
        time.sleep(_STEP)


async def until(condition: Callable[[], object], why: Callable[[], object] = lambda: "it did not come about") -> None:
    """Let the loop go on until the condition holds. Raises AssertionError likewise."""
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit, why()
        await asyncio.sleep(_STEP)
