"""The Python API, reached as `import trueup`: each function runs an event loop of its own until it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trueup.core.tasks import blocking
from trueup.engine import loop
from trueup.engine.loop import Options, Session, load

if TYPE_CHECKING:
    from trueup.engine.apply.outcome import Report
    from trueup.engine.loop import Desired
    from trueup.engine.plan.steps import Plan

__all__ = ["Options", "Session", "apply", "drift", "load", "plan"]


def plan(desired: Desired, options: Options | None = None) -> Plan:
    """Return what would be done to bring what is live to what is declared: manifests that were loaded, or their paths.

    Raises ManifestError, UsageError, ApiError, SafetyError, SecretError and LedgerError.
    """
    return blocking(loop.plan(desired, options))


def drift(desired: Desired, options: Options | None = None) -> Plan:
    """Return the same plan, to be looked at and not applied: `has_drift`, `steps`."""
    return blocking(loop.drift(desired, options))


def apply(desired: Desired, options: Options | None = None) -> Report:
    """Plan, make the calls, and look again, while no other run holds the lock. Raises Locked, and as `plan`."""
    return blocking(loop.apply(desired, options))
