"""The loop on one screen: plan, apply and drift, as coroutines. `trueup.aio` is this module."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from trueup.engine.options import Options
from trueup.engine.session import Session
from trueup.manifest import load as load_files
from trueup.manifest.values import Manifest

if TYPE_CHECKING:
    from trueup.engine.apply.outcome import Report
    from trueup.engine.plan.steps import Plan

    Desired = Manifest | str | Path | Iterable[str | Path]

__all__ = ["Options", "Session", "apply", "drift", "load", "plan"]


def load(*paths: str | Path) -> Manifest:
    """Return the manifests of files, folders and globs; by default of the current folder. Raises ManifestError."""
    return load_files(paths or (".",))


async def plan(desired: Desired, options: Options | None = None) -> Plan:
    """Return the plan that brings the live resources to the declared ones: loaded manifests, or their paths.

    Raises ManifestError, UsageError, ApiError, SafetyError, SecretError and LedgerError.
    """
    async with Session(_loaded(desired), options or Options()) as session:
        return await session.plan()


async def drift(desired: Desired, options: Options | None = None) -> Plan:
    """Return the same plan, to be shown and not applied: `has_drift`, `steps`."""
    return await plan(desired, options)


async def apply(desired: Desired, options: Options | None = None) -> Report:
    """Plan, make the calls and verify, holding the lock. Raises Locked, and the errors of `plan`."""
    async with Session(_loaded(desired), options or Options()) as session, session.exclusively():
        return await session.apply(await session.plan())


def _loaded(desired: Desired) -> Manifest:
    if isinstance(desired, Manifest):
        return desired
    return load(*([desired] if isinstance(desired, str | Path) else desired))
