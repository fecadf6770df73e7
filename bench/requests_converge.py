"""Requests to converge 100 of 1,000 instances that drifted in status, and to verify them."""

from __future__ import annotations

from bench.figure import Figure
from bench.thousand import COUNT, thousand
from trueup.core.tasks import blocking
from trueup.engine.loop import apply, load, plan

GOAL = 115
DRIFTED = 100
FLOOR = 11 + DRIFTED
"""Everything read once, and one write each: nothing is looked at again."""


def measure() -> Figure:
    """Every tenth instance is disabled by hand, and then set right; all of them have to be verified."""
    with thousand() as servers:
        desired = load(servers.manifests)
        for number in range(0, COUNT, COUNT // DRIFTED):
            servers.disable(f"repo-{number:04d}")
        servers.forget()
        report = blocking(apply(desired, servers.options))
        sent = servers.sent()
        after = blocking(plan(desired, servers.options))
    verified = sum(outcome.verified for outcome in report.outcomes)
    assert (report.exit_code, verified, after.has_changes) == (0, DRIFTED, False), (report.exit_code, verified)
    detail = "the floor reads everything once and writes, without a look afterwards"
    return Figure("requests-converge", sent, FLOOR, GOAL, "requests", "figure", detail)
