"""What was renamed is recognised by the id that the ledger knows, and not made a second time."""

from __future__ import annotations

from declare import account, connector, instance
from world import World, actions, changed, results

DEMO_PROJECT = "68063653fc2e1fb859700001"


async def test_an_instance_renamed_by_a_person_is_named_as_declared_again(world: World) -> None:
    wanted = [account(), instance("docs", remoteId="acme/docs")]
    await world.apply(*wanted)
    before = world.instance("docs")["id"]
    world.person("docs", name="documents")
    plan = await world.plan(*wanted)
    assert (actions(plan), changed(plan)) == ({"docs": "update"}, {"name": ("documents", "docs")})
    assert results(await world.apply(*wanted)) == {"docs": "done"}
    assert world.instance("docs")["id"] == before


async def test_another_name_in_the_manifest_renames_what_is_there(world: World) -> None:
    await world.apply(account(), instance("docs", remoteId="acme/docs"))
    before = world.instance("docs")["id"]
    await world.apply(account(), instance("docs", remoteId="acme/docs", name="Documents"))
    assert world.instance("Documents")["id"] == before


async def test_what_another_document_names_is_not_taken_for_the_renamed_one(world: World) -> None:
    await world.apply(account(), instance("docs", remoteId="acme/docs"))
    world.person("docs", name="documents")
    plan = await world.plan(account(), instance("docs"), instance("documents"))
    assert actions(plan) == {"docs": "create"}


async def test_without_a_ledger_another_name_is_another_instance(world: World, monkeypatch: object) -> None:
    wanted = [account(), instance("docs")]
    await world.apply(*wanted)
    world.person("docs", name="documents")
    (world.folder / "ledger.db").unlink()
    assert actions(await world.plan(*wanted)) == {"docs": "create"}


async def test_a_renamed_connector_is_refused_with_its_new_name(world: World) -> None:
    loader = {"source": "mongodb", "batchSize": 10, "auth": {"username": "reader"}}
    wanted = connector("crm", DEMO_PROJECT, status="active", dataLoaderConfig=loader)
    await world.apply(wanted)
    key = "68063653fc2e1fb859700011"
    world.upstream("connector-renamed", system="wexa", connectorID=key, sourceName="crm2")
    plan = await world.plan(wanted)
    assert actions(plan) == {"crm": "refuse"}
    assert "crm2" in plan.steps[0].why


async def test_a_disconnected_account_is_told(world: World) -> None:
    await world.apply(account(), instance("docs"))
    world.upstream("installation-deleted", installationId=1001)
    plan = await world.plan(account())
    assert (plan.has_drift, plan.unverifiable) == (False, 1)
    assert "disconnected" in plan.steps[0].unverifiable[0].why


async def test_a_renamed_connector_is_refused_with_its_new_name(world: World) -> None:
    loader = {"source": "mongodb", "batchSize": 10, "auth": {"username": "reader"}}
    wanted = connector("crm", DEMO_PROJECT, status="active", dataLoaderConfig=loader)
    await world.apply(wanted)
    world.upstream("connector-renamed", system="wexa", connectorID=DEMO_CONNECTORS["crm"], sourceName="crm2")
    plan = await world.plan(wanted)
    assert actions(plan) == {"crm": "refuse"}
    assert "crm2" in plan.steps[0].why


async def test_a_disconnected_account_is_told(world: World) -> None:
    await world.apply(account(), instance("docs"))
    world.upstream("installation-deleted", installationId=1001)
    plan = await world.plan(account())
    assert (plan.has_drift, plan.unverifiable) == (False, 1)
    assert "disconnected" in plan.steps[0].unverifiable[0].why
