"""Requests and seconds that plans predict, against those of their applies: ten plans of all kinds of changes."""

from __future__ import annotations

import os

from bench import manifests_mixed
from bench.figure import Figure
from bench.servers import Servers, serving
from trueup.core.tasks import blocking
from trueup.engine.loop import Session, load
from trueup.engine.plan import Cost, Limit

GOAL = 10.0
"""Per cent."""


def measure() -> Figure:
    """Ten applies, one after the other; the worst deviation of the ten."""
    os.environ["CRM_PASSWORD"] = "a-password-of-somebody"
    with serving("demo") as servers:
        project, other = _two_projects(servers)
        counted = [(_counted(servers, text), what) for what, text in manifests_mixed.stages(project, other)]
    worst, told, times = 0.0, [], []
    for (cost, sent, seconds), what in counted:
        assert sent, what
        off = 100 * (cost.requests / sent - 1)
        worst = max(worst, abs(off))
        told.append(f"{cost.requests}/{sent}")
        times.append(f"{cost.seconds:.1f}/{seconds:.1f}")
    detail = f"predicted/sent: {', '.join(told)}; the floor is that all agree. Seconds: {', '.join(times)}"
    return Figure("prediction", worst, 0, GOAL, "per cent", "figure", detail)


def _counted(servers: Servers, text: str) -> tuple[Cost, int, float]:
    """Return the predicted requests of an apply, those sent, and its seconds after the plan, with the window open."""
    path = servers.folder / "manifests.yaml"
    path.write_text(text)
    servers.fresh_window()
    options = servers.options(prune=servers.rows("den.connectorInstances")[2:] != [], limit=Limit(60))

    async def applied() -> tuple[Cost, int, float]:
        async with Session(load(path), options) as session, session.exclusively():
            plan = await session.plan()
            servers.forget()
            report = await session.apply(plan)
            assert report.exit_code == 0, [(str(one.address), str(one.error), one.result) for one in report.outcomes]
            return plan.cost, servers.sent(), report.seconds

    return blocking(applied())


def _two_projects(servers: Servers) -> tuple[str, str]:
    """Puts the other project into the same organisation, with a connector of its own; the ids of both."""
    state = servers.state()
    tables = state["tables"]
    events = next(row for row in tables["wexa.connectors"].values() if row["sourceName"] == "events")
    home = tables["wexa.projects"][events["projectID"]]
    other = next(row for row in tables["wexa.projects"].values() if row is not home)
    other["orgId"] = home["orgId"]
    events["projectID"] = other["_id"]
    servers.restore(state)
    return home["_id"], other["_id"]
