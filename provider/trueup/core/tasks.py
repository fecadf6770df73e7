"""Coroutines: run for callers without an event loop, and several of them side by side."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine, Iterable

_T = TypeVar("_T")


def blocking(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Return the result of a coroutine, in an event loop of its own. Raises RuntimeError where one is running."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        coroutine.close()
        raise RuntimeError("an event loop is running here: await the coroutine of the same name in trueup.aio.")
    results: list[_T] = []

    async def run() -> None:
        # asyncio.run asks for the repr of what a task returns: of a large plan, seconds
        results.append(await coroutine)

    asyncio.run(run())
    return results[0]


async def together(work: Iterable[Awaitable[_T]]) -> list[_T]:
    """Return the results, in order; the first failure ends the others and is raised as it is."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
