"""Renaming: by the manifest, by a person, with a ledger that knows the id and without one."""

from __future__ import annotations

import pytest
from declare import account, connector, instance
from world import INSTANCES, World, actions, changed, results

from trueup.report.reasons import worded
from trueup.sandbox.presets import DEMO_CONNECTORS, DEMO_PROJECT


@pytest.mark.parametrize("targets", [(), ("den/ConnectorInstance/docs",)])
async def test_what_a_person_renamed_is_renamed_back_and_not_made_again(world: World, targets: tuple[str, ...]) -> None:
    wanted = [account(), instance("docs", status="active"), instance("other")]
    await world.apply(*wanted)
    identity = world.instance("docs")["id"]
    world.person("docs", name="their-name")
    plan = await world.plan(*wanted, targets=targets)
    assert actions(plan) == {"docs": "update"}
    assert changed(plan) == {"name": ("their-name", "docs")}
    assert (await world.apply(*wanted, targets=targets)).exit_code == 0
    assert world.row(INSTANCES, id=identity)["name"] == "docs"
    assert len(world.rows(INSTANCES)) == 4


async def test_another_name_in_the_manifest_is_a_rename(world: World) -> None:
    await world.apply(account(), instance("docs", name="docs", config={"a": 1}))
    identity = world.instance("docs")["id"]
    report = await world.apply(account(), instance("docs", name="handbook", config={"a": 1}))
    assert report.exit_code == 0
    assert world.row(INSTANCES, id=identity)["name"] == "handbook"


async def test_names_that_change_hands_are_not_confused(world: World) -> None:
    """One takes the name that another one gives up, in one change of the manifest: each keeps its own id."""
    await world.apply(account(), instance("one", name="alpha"), instance("two", name="beta"))
    first, second = world.instance("alpha")["id"], world.instance("beta")["id"]
    await world.apply(account(), instance("one", name="gamma"), instance("two", name="alpha"))
    assert world.row(INSTANCES, id=first)["name"] == "gamma"
    assert world.row(INSTANCES, id=second)["name"] == "alpha"
    assert len(world.rows(INSTANCES)) == 4, "and nothing was made anew"


async def test_what_a_person_renamed_stays_what_it_was_although_another_one_has_that_name_now(world: World) -> None:
    await world.apply(account(), instance("docs"))
    first = world.instance("docs")["id"]
    world.person("docs", name="handbook")
    wanted = [account(), instance("docs"), instance("handbook")]
    assert actions(await world.plan(*wanted)) == {"docs": "update", "handbook": "create"}
    assert (await world.apply(*wanted)).exit_code == 0
    assert world.instance("docs")["id"] == first
    assert await world.in_sync(*wanted)


async def test_what_was_removed_is_made_again_although_the_ledger_knows_its_id(world: World) -> None:
    await world.apply(account(), instance("docs"))
    gone = world.instance("docs")["id"]
    world.upstream("person", kind="connector-instance", name="docs", remove=True)
    for targets in ((), ("den/ConnectorInstance/docs",)):
        assert actions(await world.plan(account(), instance("docs"), targets=targets)) == {"docs": "create"}
    assert results(await world.apply(account(), instance("docs"))) == {"docs": "done"}
    assert world.instance("docs")["id"] != gone
    assert await world.in_sync(account(), instance("docs"))


async def test_without_a_ledger_a_renamed_one_is_another_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUEUP_LEDGER", "off")
    await world.apply(account(), instance("docs"))
    identity = world.instance("docs")["id"]
    world.person("docs", name="their-name")
    assert actions(await world.plan(account(), instance("docs"))) == {"docs": "create"}
    assert changed(await world.plan(account(), instance("docs", id=identity))) == {"name": ("their-name", "docs")}


async def test_a_name_that_is_taken_is_told_and_nothing_else_is_touched(world: World) -> None:
    await world.apply(account(), instance("docs", name="docs"))
    report = await world.apply(account(), instance("docs", name="old-wiki"))
    assert report.exit_code != 0
    assert len(world.rows(INSTANCES)) == 3
    assert world.instance("docs")["status"] == "active"


async def test_a_renamed_connector_is_refused_with_its_new_name(world: World) -> None:
    loader = {"source": "mongodb", "batchSize": 10, "auth": {"username": "reader"}}
    wanted = connector("crm", DEMO_PROJECT, status="active", dataLoaderConfig=loader)
    await world.apply(wanted)
    world.upstream("connector-renamed", system="wexa", connectorID=DEMO_CONNECTORS["crm"], sourceName="crm2")
    plan = await world.plan(wanted)
    assert actions(plan) == {"crm": "refuse"}
    assert "crm2" in worded(plan.steps[0].why)


async def test_a_disconnected_account_is_told(world: World) -> None:
    await world.apply(account(), instance("docs"))
    world.upstream("installation-deleted", installationId=1001)
    plan = await world.plan(account())
    assert (plan.has_drift, plan.unverifiable) == (False, 1)
    assert "disconnected" in worded(plan.steps[0].unverifiable[0].why)
