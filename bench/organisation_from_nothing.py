"""Requests of an apply of 1,000 instances with three targets and a grant each, from nothing and through one key.

With TRUEUP_BENCH_REAL=1 in real time, which takes about twelve minutes.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from bench import many
from bench.figure import Figure
from bench.servers import serving
from trueup.core.tasks import blocking
from trueup.engine.apply import Report
from trueup.engine.loop import Options, Session, load, plan
from trueup.engine.options import SystemClock
from trueup.engine.plan import Plan
from trueup.manifest import Manifest

GOAL = 1.05
"""Requests per write. The answer to a creation verifies its children; the rest is first pages of lists, and waits."""
TARGETS = 3
EACH = 1 + TARGETS + 1
FLOOR = 1 + many.COUNT * EACH
"""One write each, and the account: nothing is read, waited for, or looked at again."""
NEAR = 10.0
"""Per cent that the prediction may be off."""


def measure() -> Figure:
    """The apply with the window of 600 requests; every step has to be done and verified, and nothing be left to do."""
    real = os.environ.get("TRUEUP_BENCH_REAL") == "1"
    with serving("golden") as servers:
        desired = load(many.write(servers.folder / "manifests", targets=TARGETS, access=True))
        options = servers.options(clock=SystemClock()) if real else servers.options()
        servers.forget()
        before, report, sent = blocking(_applied(desired, options, servers.sent))
        if not real:
            servers.fresh_window()
        after = blocking(plan(desired, options))
        waits = servers.clock.waits
    verified = sum(outcome.verified for outcome in report.outcomes)
    assert (report.exit_code, verified, after.has_changes) == (0, FLOOR, False), (report.exit_code, verified)
    off = 100 * (before.cost.requests / sent - 1)
    assert abs(off) <= NEAR, (before.cost.requests, sent)
    took = f"in real time {report.seconds:.0f} s" if real else f"{waits} waits passed at once"
    detail = f"{verified:,} steps verified; predicted {before.cost.requests:,}, {off:+.1f} %; {took}"
    return Figure("organisation-from-nothing", sent, FLOOR, GOAL, "requests", "ratio", detail)


async def _applied(desired: Manifest, options: Options, count: Callable[[], int]) -> tuple[Plan, Report, int]:
    """The plan, the report, and the requests from after the plan to the end of the look."""
    async with Session(desired, options) as session, session.exclusively():
        found = await session.plan()
        before = count()
        report = await session.apply(found)
        return found, report, count() - before
