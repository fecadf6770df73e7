"""What left the manifests: removed by its own policy when that is asked for, told otherwise, and never too much."""

from __future__ import annotations

import pytest
from declare import access, account, connector, instance, mapping, target
from world import ACCOUNTS, INSTANCES, World, actions, both_versions, names, results

from trueup.core.errors import SafetyError, UsageError
from trueup.core.kinds import PROTECT, Declared
from trueup.engine.plan import Limit
from trueup.report.reasons import worded
from trueup.sandbox.presets import DEMO_CONNECTORS, DEMO_PROJECT

TARGETS, MAPPINGS, GRANTS = "den.connectorTargets", "den.connectorMappings", "den.accessGrants"


def protected(one: Declared) -> Declared:
    one.annotations = {PROTECT: "true"}
    return one


@both_versions
async def test_an_instance_is_archived_and_let_go(world: World) -> None:
    await world.apply(account(), instance("docs"), instance("old"))
    plan = await world.plan(account(), instance("docs"))
    assert [str(left.record.address) for left in plan.left] == ["den/ConnectorInstance/old"]
    assert not plan.has_changes
    plan = await world.plan(account(), instance("docs"), prune=True)
    assert actions(plan) == {"old": "delete"}
    assert not plan.has_drift
    report = await world.apply(account(), instance("docs"), prune=True)
    assert report.outcomes[0].made == ["archive"]
    assert report.outcomes[0].verified
    assert world.instance("old")["status"] == "archived"
    plan = await world.plan(account(), instance("docs"), prune=True)
    assert not plan.has_changes
    assert plan.left == ()


async def test_what_was_archived_so_is_taken_up_again_rather_than_made_anew(world: World) -> None:
    await world.apply(account(), instance("docs"), instance("old"))
    await world.apply(account(), instance("docs"), prune=True)
    former = world.instance("old")
    plan = await world.plan(account(), instance("docs"), instance("old"))
    (step,) = plan.steps
    assert (step.action, [call.verb for call in step.calls]) == ("update", ["enable"])
    await world.apply(account(), instance("docs"), instance("old"))
    assert world.instance("old")["id"] == former["id"]
    assert world.instance("old")["status"] == "active"


async def test_what_a_person_archived_stays_so_when_no_status_is_declared(world: World) -> None:
    await world.apply(account(), instance("docs"))
    world.person("docs", status="archived")
    assert await world.in_sync(account(), instance("docs"))


async def test_each_policy(world: World) -> None:
    kept = [account(), instance("docs")]
    going = [
        instance("archived"),
        instance("removed", deletionPolicy="remove"),
        instance("retained", deletionPolicy="retain"),
    ]
    await world.apply(*kept, *going)
    plan = await world.plan(*kept, prune=True)
    assert actions(plan) == {"archived": "delete", "removed": "delete"}
    assert [(left.record.address, worded(left.why)) for left in plan.left] == [
        ("den/ConnectorInstance/retained", "its deletionPolicy is retain")
    ]
    (lost,) = next(step.lost for step in plan.steps if step.address.name == "removed")
    assert worded(lost).startswith("0 mappings, 0 imported objects")
    report = await world.apply(*kept, prune=True)
    assert report.released == 1
    assert "removed" not in names(world.rows(INSTANCES))
    assert world.instance("retained")["status"] == "active"
    assert (await world.plan(*kept, prune=True)).left == ()


async def test_only_what_is_ours_is_pruned(world: World) -> None:
    await world.apply(account(), instance("docs"))
    before = {row["id"] for row in world.rows(INSTANCES)}
    plan = await world.plan(account(), instance("docs"), prune=True)
    assert not plan.has_changes
    assert {row["id"] for row in world.rows(INSTANCES)} == before


async def test_what_was_only_adopted_is_ours_as_well(world: World) -> None:
    archive = account("acme-archive", remoteId="1002")
    wiki = instance("old-wiki", connectorAccount="acme-archive")
    report = await world.apply(archive, wiki)
    assert (report.outcomes, report.adopted) == ([], 2)
    assert actions(await world.plan(archive, prune=True)) == {"old-wiki": "delete"}


@both_versions
async def test_children_go_first_and_what_goes_along_is_told(world: World) -> None:
    kept = [account(), instance("docs"), target("main")]
    below = [
        instance("other", deletionPolicy="remove"),
        target("there", connectorInstance="other"),
        mapping("far", connectorTarget="there"),
        access("everybody", connectorInstance="other", organization=True),
    ]
    await world.apply(*kept, *below, mapping("skills"), access("who", organization=True))
    plan = await world.plan(*kept, prune=True)
    assert [(step.address.kind, step.address.name) for step in plan.steps] == [
        ("ConnectorMapping", "skills"),
        ("ConnectorAccess", "who"),
        ("ConnectorInstance", "other"),
    ]
    lost = plan.steps[-1].lost
    assert {"den/ConnectorMapping/far", "den/ConnectorAccess/everybody"} <= set(lost)
    report = await world.apply(*kept, prune=True)
    assert set(results(report).values()) == {"done"}
    assert len(world.rows(MAPPINGS)) == 0
    assert (await world.plan(*kept, prune=True)).left == ()


async def test_a_target_cannot_be_deleted_and_that_is_told_once(world: World) -> None:
    await world.apply(account(), instance("docs"), target("main"))
    plan = await world.plan(account(), instance("docs"), prune=True)
    assert not plan.has_changes
    assert "ends when its instance is removed" in worded(plan.left[0].why)
    await world.apply(account(), instance("docs"), prune=True)
    assert (await world.plan(account(), instance("docs"), prune=True)).left == ()
    assert len(world.rows(TARGETS)) == 1


async def test_an_account_is_disconnected_only_when_the_manifest_and_a_flag_ask_for_it(world: World) -> None:
    gone = account("labs", remoteId="1003", deletionPolicy="disconnect")
    kept = [account(), instance("docs")]
    await world.apply(*kept, gone, instance("lab", connectorAccount="labs"))
    world.sandbox.den.post(
        "/v1/connector-instances",
        json={
            "connectorAccountId": world.row(ACCOUNTS, remoteId="1003")["id"],
            "connectorType": "github",
            "name": "by-hand",
        },
    ).raise_for_status()
    plan = await world.plan(*kept, prune=True)
    assert actions(plan)["labs"] == "refuse"
    plan = await world.plan(*kept, prune=True, disconnect=True)
    (step,) = plan.steps
    assert step.action == "delete"
    assert any("by-hand" in worded(line) for line in step.lost)
    assert any("lab" in worded(line) for line in step.lost)
    await world.apply(*kept, prune=True, disconnect=True)
    assert names(world.rows(INSTANCES)) == ["docs", "old-wiki", "release-notes-2019"]


async def test_an_account_with_a_declared_instance_is_not_disconnected(world: World) -> None:
    gone = account("labs", remoteId="1003", deletionPolicy="disconnect")
    await world.apply(account(), gone, instance("lab", connectorAccount="labs"))
    key = world.row(ACCOUNTS, remoteId="1003")["id"]
    plan = await world.plan(account(), instance("lab", connectorAccount=key), prune=True, disconnect=True)
    assert actions(plan) == {"labs": "refuse"}
    assert "den/ConnectorInstance/lab is declared" in worded(plan.steps[0].why)


async def test_the_annotation_refuses_removal_and_replacement(world: World) -> None:
    await world.apply(account(), instance("docs"), protected(instance("old", deletionPolicy="remove")))
    plan = await world.plan(account(), instance("docs"), prune=True)
    assert actions(plan) == {"old": "refuse"}
    assert PROTECT in worded(plan.steps[0].why)
    other = account("labs", remoteId="1003")
    moved = instance("old", deletionPolicy="remove", connectorAccount="labs")
    plan = await world.plan(account(), other, instance("docs"), protected(moved))
    assert actions(plan) == {"labs": "create", "old": "refuse"}
    assert PROTECT in worded(plan.steps[-1].why)


@both_versions
async def test_another_account_replaces_an_instance_that_may_be_removed_with_all_below_it(world: World) -> None:
    wanted = [account(), account("labs", remoteId="1003")]
    below = [target("main"), mapping("skills"), access("who", organization=True)]
    await world.apply(*wanted, instance("docs", deletionPolicy="remove"), *below)
    former = world.instance("docs")
    moved = instance("docs", deletionPolicy="remove", connectorAccount="labs")
    plan = await world.plan(*wanted, moved, *below)
    assert actions(plan) == {"docs": "replace", "main": "create", "skills": "create", "who": "create"}
    assert worded(plan.steps[0].lost[0]).startswith("1 mapping, ")
    report = await world.apply(*wanted, moved, *below)
    assert set(results(report).values()) == {"done"}
    assert world.instance("docs")["id"] != former["id"]
    assert len(world.rows(TARGETS)) == len(world.rows(MAPPINGS)) == 1
    assert await world.in_sync(*wanted, moved, *below)
    assert (await world.plan(*wanted, moved, *below, prune=True)).left == ()
    refused = instance("docs", connectorAccount="acme")
    assert actions(await world.plan(*wanted, refused, *below)) == {"docs": "refuse"}


async def test_nothing_is_pruned_when_nothing_is_declared(world: World) -> None:
    await world.apply(account(), instance("docs"))
    with pytest.raises(SafetyError, match="prune-everything"):
        await world.plan(prune=True)


async def test_a_system_of_which_nothing_is_declared_is_left_alone(world: World) -> None:
    crm = connector("crm", DEMO_PROJECT, deletionPolicy="remove")
    await world.apply(account(), crm)
    plan = await world.plan(account(), prune=True)
    assert not plan.has_changes
    (note,) = map(worded, plan.off)
    assert note.startswith("nothing is declared for wexa/default, so --prune removes nothing there")
    assert note.endswith("kept: 1")
    assert (await world.plan(account())).off == ()


async def test_connectors_are_retained_unless_their_manifest_says_otherwise(world: World) -> None:
    kept = connector("crm", DEMO_PROJECT)
    await world.apply(
        kept, connector("events", DEMO_PROJECT), connector("archive", DEMO_PROJECT, deletionPolicy="remove")
    )
    plan = await world.plan(kept, prune=True)
    assert actions(plan) == {"archive": "delete"}
    await world.apply(kept, prune=True)
    listed = world.sandbox.wexa.get(f"/connectors/{DEMO_PROJECT}").text
    assert DEMO_CONNECTORS["archive"] not in listed
    assert DEMO_CONNECTORS["events"] in listed


async def test_too_much_at_once_is_refused_and_named(world: World) -> None:
    many = [instance(f"i{number:02d}") for number in range(11)]
    await world.apply(account(), *many)
    plan = await world.plan(account(), *many[:5], prune=True)
    assert all(f"den/ConnectorInstance/i{number:02d}" in worded(plan.unsafe) for number in range(5, 11))
    with pytest.raises(SafetyError, match="too-many-removals"):
        await world.apply(account(), *many[:5], prune=True)
    assert all(row["status"] == "active" for row in world.rows(INSTANCES))
    assert not (await world.plan(account(), *many[:5], prune=True, limit=Limit(deletes=50))).unsafe
    plan = await world.plan(account(), *many[:10], prune=True, limit=Limit(changes=0))
    assert "--max-changes" in worded(plan.unsafe)


async def test_few_are_pruned_whatever_the_share(world: World) -> None:
    await world.apply(account(), instance("docs"), instance("old"))
    assert not (await world.plan(account(), prune=True)).unsafe


async def test_a_narrowed_run_removes_nothing(world: World) -> None:
    await world.apply(account(), instance("docs"), instance("old"))
    with pytest.raises(UsageError, match="prune-narrowed"):
        await world.plan(account(), instance("docs"), prune=True, targets=("den/ConnectorInstance/docs",))


async def test_without_a_ledger_nothing_is_pruned(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUEUP_LEDGER", "off")
    await world.apply(account(), instance("docs"), instance("old"))
    with pytest.raises(UsageError, match="prune-without-ledger"):
        await world.plan(account(), instance("docs"), prune=True)
    assert any("nothing is pruned" in worded(line) for line in (await world.plan(account())).off)


async def test_removals_come_last_and_not_after_a_failure(world: World) -> None:
    await world.apply(account(), instance("docs"), instance("old"))
    world.fault(system="den", method="POST", route="/v1/connector-instances", status=400)
    report = await world.apply(account(), instance("docs"), instance("new"), prune=True)
    assert results(report) == {"new": "failed", "old": "skipped"}
    assert world.instance("old")["status"] == "active"


async def test_another_organisation_on_the_same_server_is_not_taken_for_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.apply(account(), instance("docs"), instance("old"))
    other = world.sandbox.control.get("/principals").json()["other-org-api-key"]["x-api-key"]
    monkeypatch.setenv("TRUEUP_DEN_API_KEY", other)
    await world.apply(account(), prune=True)
    monkeypatch.setenv("TRUEUP_DEN_API_KEY", world.sandbox.ready["den"]["apiKey"])
    assert actions(await world.plan(account(), instance("docs"), prune=True)) == {"old": "delete"}


async def test_what_somebody_removed_already_is_forgotten(world: World) -> None:
    await world.apply(account(), instance("docs"), instance("old"))
    world.upstream("person", kind="connector-instance", name="old", remove=True)
    plan = await world.plan(account(), instance("docs"))
    assert [left.live for left in plan.left] == [None]
    await world.apply(account(), instance("docs"))
    assert (await world.plan(account(), instance("docs"), prune=True)).left == ()


async def test_what_comes_back_after_its_removal_is_contended(world: World) -> None:
    await world.apply(account(), instance("docs"), instance("old"))
    world.progress.on_look = lambda: world.person("old", status="active")
    report = await world.apply(account(), instance("docs"), prune=True)
    assert results(report) == {"old": "contended"}
    assert report.exit_code == 4


async def test_a_connector_of_a_project_that_is_not_read_is_not_taken_for_gone(world: World) -> None:
    """Two sets of manifests, one project each, one ledger: neither forgets what is the other's."""
    await world.apply(connector("crm", DEMO_PROJECT))
    other = "68063653fc2e1fb8597fffff"
    state = world.sandbox.control.get("/state").json()
    projects = state["tables"]["wexa.projects"]
    projects[other] = {**projects[DEMO_PROJECT], "_id": other}
    world.sandbox.control.put("/state", json=state)
    await world.apply(connector("events", other, connectorId=DEMO_CONNECTORS["events"]))
    plan = await world.plan(account("acme-archive", remoteId="1002"), connector("events", DEMO_PROJECT))
    assert [left.record.address for left in plan.left] == ["wexa/Connector/crm"]
    assert plan.left[0].live is not None


async def test_a_grant_whose_instance_somebody_removed_is_forgotten(world: World) -> None:
    """There is nothing left to list it below."""
    await world.apply(account(), instance("docs"), access("grant", connectorInstance="docs", team="Platform"))
    world.upstream("person", kind="connector-instance", name="docs", remove=True)
    plan = await world.plan(account(), prune=True)
    assert not plan.has_changes
    await world.apply(account(), prune=True)
    assert (await world.plan(account(), prune=True)).left == ()
