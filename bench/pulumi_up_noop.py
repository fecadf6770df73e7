"""Requests of `pulumi up` of a stack with 1,000 instances when nothing changed, counted at the server."""

from __future__ import annotations

from bench.figure import Figure
from bench.stack import stack

GOAL = 0
WITH_REFRESH = 12


def measure() -> Figure:
    """One run by the real engine, and one with --refresh, of which the detail tells."""
    with stack() as found:
        found.up()
        sent = found.servers.sent()
        found.servers.forget()
        found.up("--refresh")
        refreshed = found.servers.sent()
    detail = f"with --refresh {refreshed}, of which at most {WITH_REFRESH} are wanted"
    return Figure("pulumi-up-noop", sent, 0, GOAL, "requests", "figure", detail)
