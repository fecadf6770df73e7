"""What is there already: adopted by name, by id or by the name it had, and never made twice."""

from __future__ import annotations

import pytest
from declare import access, account, instance, mapping, target
from world import INSTANCES, World, actions, changed, names, results

from trueup.core.kinds import RENAMED_FROM, Declared
from trueup.report.reasons import worded


def renamed(one: Declared, former: str) -> Declared:
    one.annotations = {RENAMED_FROM: former}
    return one


@pytest.mark.parametrize("ledger", ["", "off"])
@pytest.mark.parametrize("targets", [(), ("den/ConnectorInstance/handbook",)])
async def test_the_annotation_renames_rather_than_makes_a_second(
    world: World, targets: tuple[str, ...], ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ledger:
        monkeypatch.setenv("TRUEUP_LEDGER", ledger)
    await world.apply(account(), instance("docs"))
    former = world.instance("docs")
    wanted = [account(), renamed(instance("handbook"), "Docs ")]
    plan = await world.plan(*wanted, targets=targets)
    assert changed(plan) == {"name": ("docs", "handbook")}
    await world.apply(*wanted, targets=targets)
    assert world.instance("handbook")["id"] == former["id"]
    assert await world.in_sync(*wanted)  # the annotation may stay
    if not ledger:
        assert (await world.plan(*wanted, prune=True)).left == ()


async def test_what_still_goes_by_its_old_name_elsewhere_is_not_taken(world: World) -> None:
    await world.apply(account(), instance("docs"))
    plan = await world.plan(account(), instance("docs"), renamed(instance("handbook"), "docs"))
    assert actions(plan) == {"handbook": "create"}


async def test_both_names_are_there(world: World) -> None:
    await world.apply(account(), instance("docs"), instance("handbook"))
    plan = await world.plan(account(), renamed(instance("handbook"), "docs"))
    assert not plan.has_changes
    assert [left.record.address for left in plan.left] == ["den/ConnectorInstance/docs"]


async def test_a_second_apply_finds_everything_also_without_a_ledger(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUEUP_LEDGER", "off")
    wanted = [account(), instance("docs"), target("main"), mapping("skills"), access("all", organization=True)]
    await world.apply(*wanted)
    world.forget()
    report = await world.apply(*wanted)
    assert report.outcomes == []
    assert world.writes() == []


async def test_another_metadata_name_adopts_what_is_there(world: World) -> None:
    await world.apply(account(), instance("docs"), target("main", remoteId="acme/docs"))
    report = await world.apply(account(), instance("docs"), target("release", remoteId="acme/docs"))
    assert report.outcomes == []
    assert (await world.plan(account(), instance("docs"), prune=True)).left[0].record.address.endswith("/release")


async def test_a_match_that_is_claimed_twice_lists_both(world: World) -> None:
    await world.apply(account(), instance("docs"))
    key = world.instance("docs")["id"]
    plan = await world.plan(account(), instance("docs"), instance("other", id=key))
    (step,) = plan.steps
    assert step.action == "refuse"
    assert key in worded(step.why)
    assert "den/ConnectorInstance/docs" in worded(step.why)


async def test_adopting_writes_nothing_and_is_counted(world: World) -> None:
    archive = account("acme-archive", remoteId="1002")
    wanted = [archive, *(instance(name, connectorAccount="acme-archive") for name in names(world.rows(INSTANCES)))]
    world.forget()
    report = await world.apply(*wanted)
    assert (results(report), report.adopted, report.exit_code) == ({}, 3, 0)
    assert world.writes() == []
    assert (await world.apply(*wanted)).adopted == 0


async def test_a_former_name_may_be_anothers_now(world: World) -> None:
    """One document has a former name, and a new document takes that name: each matches its own instance."""
    await world.apply(account(), instance("docs", config={"is": "old"}))
    former = world.instance("docs")["id"]
    wanted = [account(), renamed(instance("handbook", config={"is": "old"}), "docs"), instance("pages", name="docs")]
    assert actions(await world.plan(*wanted)) == {"handbook": "update", "pages": "create"}
    assert (await world.apply(*wanted, prune=True)).exit_code == 0
    assert world.instance("handbook")["id"] == former
    assert world.instance("docs")["instanceConfigJson"] in (None, {})
    assert await world.in_sync(*wanted)


async def test_a_former_name_that_was_carried_out_takes_nothing_once_more(world: World) -> None:
    await world.apply(account(), instance("docs"))
    handbook = renamed(instance("handbook"), "docs")
    await world.apply(account(), handbook)
    await world.apply(account(), handbook, instance("first", name="docs"))
    former = world.instance("docs")["id"]
    world.upstream("person", kind="connector-instance", name="handbook", remove=True)
    report = await world.apply(account(), handbook, instance("second", name="docs"))
    assert results(report) == {"handbook": "done"}
    assert world.instance("docs")["id"] == former


async def test_what_was_refused_was_not_taken_over(world: World) -> None:
    """An instance of another account has the name: when its declaration changes, it is not managed, nor archived."""
    report = await world.apply(account(), instance("old-wiki"), instance("docs"))
    assert results(report) == {"acme": "done", "docs": "done", "old-wiki": "refused"}
    assert report.adopted == 0
    report = await world.apply(account(), instance("our-wiki"), instance("docs"), prune=True)
    assert results(report) == {"our-wiki": "done"}
    assert world.instance("old-wiki")["status"] == "active"


async def test_what_the_ledger_knows_as_something_refused_is_not_taken_by_its_name(world: World) -> None:
    """Two documents declare one name, so one is refused: a third must not match the instance of the refused one."""
    await world.apply(account(), instance("one", name="a"), instance("two", name="b", config={"is": "two"}))
    before = world.instance("b")
    wanted = [account(), instance("one", name="a"), instance("two", name="A"), instance("new", name="b")]
    report = await world.apply(*wanted)
    assert results(report) == {"two": "refused", "new": "refused"}
    assert world.instance("b") == before


async def test_a_former_name_is_that_of_the_ledger_when_a_person_renamed_it_meanwhile(world: World) -> None:
    await world.apply(account(), instance("docs"))
    former = world.instance("docs")["id"]
    world.person("docs", name="theirs")
    wanted = [account(), renamed(instance("handbook"), "docs")]
    assert results(await world.apply(*wanted, prune=True)) == {"handbook": "done"}
    assert (world.instance("handbook")["id"], world.instance("handbook")["status"]) == (former, "active")
    assert await world.in_sync(*wanted)
