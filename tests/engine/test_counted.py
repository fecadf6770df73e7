"""The figures of a plan or report count every request of a run, including those that determine what to lock."""

from __future__ import annotations

import json

import pytest
from declare import access, account, connector, instance
from world import World

from trueup.report import drift, text
from trueup.report import json as report
from trueup.report.page import Page
from trueup.sandbox.presets import DEMO_PROJECT


@pytest.mark.parametrize("first", [True, False])
async def test_what_is_asked_for_the_lock_is_counted(world: World, first: bool) -> None:
    wanted = [account(), instance("docs"), access("team", team="Platform"), connector("crm", DEMO_PROJECT)]
    if not first:
        await world.apply(*wanted[:2])
    world.forget()
    async with world.session(*wanted) as session, session.exclusively():
        plan = await session.plan()
        report = await session.apply(plan)
    assert world.routes()["GET /v1/org"] == 1
    assert plan.reading.requests + report.requests == world.asked()


async def test_several_plans_of_a_session_count_their_own(world: World) -> None:
    async with world.session(account(), instance("docs")) as session:
        counts = []
        for _ in range(2):
            world.forget()
            plan = await session.plan()
            counts.append(plan.reading.requests)
            assert plan.reading.requests == world.asked()
        world.forget()
        report = await session.apply(plan)
        assert report.requests == world.asked()


@pytest.mark.parametrize(("target", "left"), [("den/ConnectorInstance/docs", 1), ("den/ConnectorAccount/acme", 2)])
async def test_a_narrowed_run_counts_nothing_as_unmanaged(target: str, left: int, world: World) -> None:
    """It looked at a part alone, also where it read all there is of a kind; JSON and text agree."""
    wanted = [account(), instance("docs"), instance("other")]
    await world.apply(*wanted)
    whole = await world.plan(*wanted)
    part = await world.plan(*wanted, targets=(target,))
    for plan, unmanaged, left_out in ((whole, 3, 0), (part, 0, left)):
        now = world.clock.now()
        for document in (json.loads(report.render(plan)), json.loads(drift.render_json(drift.Drift(plan, now, str)))):
            assert document["summary"]["unmanaged"] == len(document["unmanaged"]) == unmanaged
            assert document["left_out"] == left_out
        assert ("unmanaged" in text.render(plan, Page())) == bool(unmanaged)
