"""Requests of a plan of 1,000 instances, 3,000 targets and 1,000 grants in sync, against the routes' minimum."""

from __future__ import annotations

from bench.figure import Figure
from bench.imported import imported
from bench.servers import serving
from trueup.core.tasks import blocking
from trueup.engine.loop import load, plan

GOAL = 1.02
COUNT = 1000
PAGE = 100
FLOOR = 1 + 1 + COUNT // PAGE + COUNT + COUNT
"""The accounts, the organisation, the pages of the instances, and of each instance its targets and its grants."""


def measure() -> Figure:
    """One plan with the window of 600 requests, in time that passes at once; it has to find everything in sync."""
    with serving("large") as servers:
        desired = load(imported(servers, "targets", "access"))
        servers.fresh_window()
        servers.forget()
        before = servers.clock.waits
        found = blocking(plan(desired, servers.options()))
        sent, waits = servers.sent(), servers.clock.waits - before
    counts: dict[str, int] = {}
    for one in desired.resources:
        counts[one.kind.name] = counts.get(one.kind.name, 0) + 1
    # What is imported has the grant of each instance's creator as well.
    assert (counts["ConnectorInstance"], counts["ConnectorTarget"]) == (COUNT, 3 * COUNT), counts
    assert counts["ConnectorAccess"] >= COUNT, counts
    assert not found.has_changes, found.summary()
    detail = f"accounts 1, organisation 1, {COUNT // PAGE} pages, {COUNT:,} lists of targets, {COUNT:,} of grants; "
    detail += f"{waits} waits for the window are in the figure"
    return Figure("requests-org", sent, FLOOR, GOAL, "requests", "ratio", detail)
