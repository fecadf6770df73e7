"""The core loop on one screen, and the Python API.

    from trueup.api import apply, blocking, drift, load, plan

    desired = load("examples/quickstart")
    found = blocking(plan(desired))            # a Plan: steps, cost, summary()
    report = blocking(apply(desired))          # plans, applies, looks again
    assert not blocking(drift(desired)).has_drift

`plan`, `apply` and `drift` are coroutines; `blocking` runs one where there is no event loop. Whoever does several
things in a row opens a Session, which keeps connections, ledger and embedded servers open.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from trueup.engine.options import STATE, Options, SystemClock
from trueup.engine.session import Session
from trueup.manifest import Manifest
from trueup.manifest import load as load_files

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from trueup.engine.apply import Report
    from trueup.engine.plan import Plan

__all__ = ["STATE", "Options", "Session", "SystemClock", "apply", "blocking", "drift", "load", "plan"]

_T = TypeVar("_T")


def load(*paths: str | Path) -> Manifest:
    """The manifests of files, folders and globs; by default of the current folder. Raises ManifestError."""
    return load_files(paths or (".",))


async def plan(desired: Manifest, options: Options | None = None) -> Plan:
    """What would be done to bring what is live to what is declared."""
    async with Session(desired, options or Options()) as session:
        return await session.plan()


async def drift(desired: Manifest, options: Options | None = None) -> Plan:
    """The same plan, for whoever wants to know and not to apply: `has_drift`, `steps`."""
    return await plan(desired, options)


async def apply(desired: Manifest, options: Options | None = None) -> Report:
    """Plans, makes the calls, and looks again, while no other run is at work. Raises Locked and SafetyError."""
    async with Session(desired, options or Options()) as session, session.exclusively():
        return await session.apply(await session.plan())


def blocking(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """The result of a coroutine, for callers without an event loop."""
    results: list[_T] = []

    async def run() -> None:
        results.append(
            await coroutine
        )  # asyncio.run asks for the repr of what a task returns: of a large plan, seconds

    asyncio.run(run())
    return results[0]
