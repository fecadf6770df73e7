"""Requests of `pulumi refresh` of a stack with 1,000 instances, counted at the server."""

from __future__ import annotations

from bench.figure import Figure
from bench.stack import stack

GOAL = 12
FLOOR = 11
"""Ten pages of a hundred and the account: everything once, with no look at what moved meanwhile."""


def measure() -> Figure:
    """One refresh by the real engine; it has to find everything in sync."""
    with stack() as found:
        found.refresh()
        sent = found.servers.sent()
    return Figure("pulumi-refresh", sent, FLOOR, GOAL, "requests", "figure", "the floor reads everything once")
