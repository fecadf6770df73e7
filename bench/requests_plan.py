"""Requests of a plan of 1,000 instances that are in sync, counted at the server."""

from __future__ import annotations

from bench.figure import Figure
from bench.thousand import COUNT, thousand
from trueup.core.tasks import blocking
from trueup.engine.loop import load, plan

GOAL = 12
FLOOR = 11
"""Ten pages of a hundred and the accounts: everything once, with no look at what moved meanwhile."""


def measure() -> Figure:
    """One plan; it has to find everything in sync."""
    with thousand() as servers:
        servers.forget()
        found = blocking(plan(load(servers.manifests), servers.options))
        sent = servers.sent()
    assert (found.unchanged, found.has_changes) == (COUNT + 1, False), found.summary()
    return Figure("requests-plan", sent, FLOOR, GOAL, "requests", "figure", "the floor reads everything once")
