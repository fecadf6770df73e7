"""Names that change hands where Den's database ignores accents: ordered as it compares them, and where it does not."""

from __future__ import annotations

import itertools

import pytest
from declare import account, instance, target
from renaming import held, made, moved, own
from world import World, actions, results

from trueup.engine.plan.names import PREFIX

ACUTE, GRAVE, PLAIN = "caf\xe9", "caf\xe8", "cafe"
TARGETS = "den.connectorTargets"


@pytest.fixture(params=["accents", "case"], autouse=True)
def collation(request: pytest.FixtureRequest, world: World) -> str:
    """Return how the names of Den's database are compared."""
    found: str = request.param
    world.den(collation=found)
    return found


@pytest.mark.parametrize("order", list(itertools.permutations("ab")))
@pytest.mark.parametrize(("old", "new"), [(PLAIN, ACUTE), (ACUTE, PLAIN), (ACUTE, GRAVE), ("\uff43afe", PLAIN)])
async def test_a_chain(world: World, order: tuple[str, ...], old: str, new: str) -> None:
    """One takes nearly the name that the other gives up, whichever is declared first."""
    assert (await world.apply(account(), own("a", name="one"), own("b", name=old))).exit_code == 0
    ids = {row[2]["is"]: key for key, row in held(world).items()}
    names = {"a": new, "b": "else"}
    await moved(world, {one: ids[one] for one in order}, names)


@pytest.mark.parametrize(
    "names", [{"a": "na\xefve", "b": ACUTE}, {"a": "naive", "b": PLAIN}, {"a": "naive", "b": ACUTE}]
)
async def test_a_swap_goes_through_one_temporary_name(world: World, names: dict[str, str]) -> None:
    assert (await world.apply(account(), own("a", name=PLAIN), own("b", name="na\xefve"))).exit_code == 0
    ids = {row[2]["is"]: key for key, row in held(world).items()}
    plan = await world.plan(account(), *(own(label, name=name) for label, name in names.items()))
    assert sum(step.aside.startswith(PREFIX) for step in plan.steps) == 1
    assert plan.warnings == ()
    await moved(world, ids, names)


async def test_a_circle_of_same_and_near_names(world: World) -> None:
    """A circle that needs both: two take the very name of another, one only nearly."""
    before = {"a": PLAIN, "b": "naive", "c": "role"}
    assert (await world.apply(account(), *(own(key, name=name) for key, name in before.items()))).exit_code == 0
    ids = {row[2]["is"]: key for key, row in held(world).items()}
    await moved(world, ids, {"a": "naive", "b": "r\xf4le", "c": PLAIN})


async def test_a_new_one_waits_for_nearly_its_name(world: World) -> None:
    ids = await made(world, PLAIN)
    await moved(world, ids, {PLAIN: "else"}, own("fresh", name=ACUTE))


async def test_nearly_its_name_is_given_up_by_a_removal(world: World) -> None:
    await world.apply(account(), own("a"), own("old", name=PLAIN, deletionPolicy="remove"))
    report = await world.apply(account(), own("a", name=ACUTE), prune=True)
    assert (results(report), report.exit_code) == ({"a": "done", "old": "done"}, 0)


async def test_targets(world: World) -> None:
    await world.apply(account(), instance("docs"), target("a", remoteId=PLAIN), target("b", remoteId="na\xefve"))
    ids = {row["remoteId"]: row["id"] for row in world.rows(TARGETS)}
    wanted = [account(), instance("docs"), target("a", remoteId="naive"), target("b", remoteId=ACUTE)]
    assert (await world.apply(*wanted)).exit_code == 0
    assert world.row(TARGETS, id=ids[PLAIN])["remoteId"] == "naive"
    assert world.row(TARGETS, id=ids["na\xefve"])["remoteId"] == ACUTE
    assert await world.in_sync(*wanted)


async def test_nearly_a_name_that_is_kept_is_a_warning_and_no_refusal(world: World, collation: str) -> None:
    await made(world, PLAIN, "a")
    wanted = [account(), own(PLAIN), own("a", name=ACUTE)]
    plan = await world.plan(*wanted)
    assert actions(plan) == {"a": "update"}
    assert len(plan.warnings) == 1
    report = await world.apply(*wanted)
    assert results(report) == {"a": "done" if collation == "case" else "failed"}


async def test_nearly_a_name_of_what_is_refused_is_a_warning_and_no_refusal(world: World) -> None:
    await made(world, PLAIN, "a")
    plan = await world.plan(account(), own(PLAIN, name="old-wiki"), own("a", name=ACUTE))
    assert actions(plan) == {PLAIN: "refuse", "a": "update"}
    assert len(plan.warnings) == 1
