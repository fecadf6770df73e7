"""Coroutines for callers without an event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

_T = TypeVar("_T")


def blocking(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Return the result of a coroutine, in an event loop of its own. Raises RuntimeError where one is running."""
    results: list[_T] = []

    async def run() -> None:
        # asyncio.run asks for the repr of what a task returns: of a large plan, seconds
        results.append(await coroutine)

    asyncio.run(run())
    return results[0]
