"""A first apply that is larger than the request window: it waits, nothing fails, and the plan has said so before."""

from __future__ import annotations

import pytest
from declare import access, account, instance, target
from world import World, both_versions, results

from trueup.core.kinds import Declared
from trueup.engine.apply import Report
from trueup.engine.plan import Plan

INSTANCES = 150
TARGETS = 3
WINDOW = 600
WITHIN = 0.1
WITHIN_TIME = 0.9


def organisation() -> list[Declared]:
    """An account, and instances with three targets and a grant each."""
    wanted = [account()]
    for number in range(INSTANCES):
        name = f"i-{number:03}"
        wanted.append(instance(name))
        wanted.append(access(f"{name}-all", connectorInstance=name, organization=True))
        for which in range(TARGETS):
            wanted.append(target(f"{name}-{which}", connectorInstance=name))
    return wanted


@pytest.mark.timeout(120)
@pytest.mark.parametrize("parallelism", [8])
@both_versions
async def test_a_first_apply_larger_than_the_window(parallelism: int, world: World) -> None:
    world.count_exactly()
    wanted = organisation()
    plan, report, counted = await _applied(world, wanted, parallelism)
    assert set(results(report).values()) == {"done"}
    assert (len(report.outcomes), report.exit_code, report.unverified) == (len(wanted), 0, None)
    assert all(outcome.verified for outcome in report.outcomes)
    assert plan.cost.requests == pytest.approx(counted, rel=WITHIN)
    assert report.requests == counted
    waited = world.clock.advanced
    assert waited > 50, "it was more than one window"  # real time is silence too
    assert plan.cost.seconds >= WITHIN_TIME * waited
    assert any("window" in why for why, _ in world.progress.waits)
    world.forget()
    assert await world.in_sync(*wanted)
    assert world.asked() <= 2 * INSTANCES + 20


async def _applied(world: World, wanted: list[Declared], parallelism: int) -> tuple[Plan, Report, int]:
    """The plan, what became of it, and how many requests of the apply the server counted."""
    async with world.session(*wanted, parallelism=parallelism) as session:
        plan = await session.plan()
        assert plan.reading.window == WINDOW
        assert plan.cost.requests > WINDOW
        async with session.exclusively():
            world.forget()
            return plan, await session.apply(plan), world.asked(system="den")
