"""Two declared resources that turn out to be one: told before anything is sent, also where only ids show it."""

from __future__ import annotations

import pytest
from declare import access, account, instance
from world import World, actions, results

from trueup.core.kinds import RENAMED_FROM, Declared
from trueup.report.reasons import worded

OTHERS = ("Editor@Example.test", "om")


def renamed(one: Declared, former: str) -> Declared:
    one.annotations = {RENAMED_FROM: former}
    return one


@pytest.mark.parametrize("spelling", OTHERS)
@pytest.mark.parametrize("made", [False, True])
async def test_one_member_in_two_spellings(world: World, spelling: str, made: bool) -> None:
    if spelling == "om":
        members = world.sandbox.den.get("/v1/org").json()["members"]
        spelling = next(one["id"] for one in members if one["user"]["email"] == "editor@example.test")
    below = [account(), instance("docs")]
    if made:
        await world.apply(*below)
    twice = [
        access("first", member="editor@example.test", role="viewer"),
        access("second", member=spelling, role="manager"),
    ]
    plan = await world.plan(*below, *twice)
    assert actions(plan)["second"] == "refuse"
    (step,) = [step for step in plan.steps if step.action == "refuse"]
    assert "den/ConnectorAccess/first declares the same ConnectorAccess" in worded(step.why)
    report = await world.apply(*below, *twice)
    assert results(report)["second"] == "refused"
    assert len([one for one in world.writes() if one.endswith("/access")]) == 1


async def test_grants_below_two_instances_that_are_yet_to_be_made_are_two(world: World) -> None:
    both = [
        account(),
        instance("docs"),
        instance("handbook"),
        access("one", connectorInstance="docs", team="Platform"),
        access("two", connectorInstance="handbook", team="Platform"),
    ]
    report = await world.apply(*both)
    assert report.exit_code == 0


async def test_only_one_can_be_what_another_was(world: World) -> None:
    await world.apply(account(), instance("old"))
    plan = await world.plan(account(), renamed(instance("a"), "old"), renamed(instance("b"), "OLD"))
    assert actions(plan) == {"a": "update", "b": "refuse"}
    assert "also says that it was" in next(worded(step.why) for step in plan.steps if step.action == "refuse")
