"""Targets, mappings and grants of Den: created, changed, renamed, replaced and revoked, with the fewest lists."""

from __future__ import annotations

from typing import Any

import pytest
from declare import access, account, instance, mapping, target
from world import World, actions, both_versions, changed, results

from trueup.core.kinds import Declared
from trueup.engine.plan import Plan
from trueup.report.reasons import worded

TARGETS, MAPPINGS, GRANTS = "den.connectorTargets", "den.connectorMappings", "den.accessGrants"


def whole() -> list[Declared]:
    """An instance with everything below it."""
    return [
        account(),
        instance("docs"),
        target("main", remoteId="acme/docs", externalTargetRef="main", config={"branch": "main"}),
        mapping("skills"),
        mapping("agents", objectType="agent", autoAddToPlugin=False),
        access("everybody", organization=True),
        access("member", "editor", member="member@example.test"),
    ]


def reasons(plan: Plan) -> dict[str, str]:
    return {step.address.name: worded(step.why) for step in plan.steps if step.action == "refuse"}


@both_versions
async def test_all_kinds_are_created_in_the_order_of_their_needs_and_are_then_in_sync(world: World) -> None:
    report = await world.apply(*whole())
    assert set(results(report).values()) == {"done"}, [str(one.error) for one in report.outcomes]
    assert all(outcome.verified for outcome in report.outcomes)
    assert await world.in_sync(*whole())
    (row,) = world.rows(TARGETS)
    assert (row["remoteId"], row["externalTargetRef"]) == ("acme/docs", "main")
    assert row["targetConfigJson"] == {"branch": "main"}
    assert {row["selector"]: row["objectType"] for row in world.rows(MAPPINGS)} == {
        "skills/**": "skill",
        "agents/**": "agent",
    }


async def test_what_is_below_undeclared_instances_costs_no_request(world: World) -> None:
    await world.apply(*whole())
    world.forget()
    assert await world.in_sync(account("acme-archive", remoteId="1002"), *whole())
    assert world.routes() == {
        "GET /v1/connector-accounts": 1,
        "GET /v1/connector-instances": 1,
        "GET /v1/connector-instances/{connectorInstanceId}/targets": 1,
        "GET /v1/connector-targets/{connectorTargetId}/mappings": 1,
        "GET /v1/connector-instances/{connectorInstanceId}/access": 1,
        "GET /v1/org": 1,
    }


async def test_a_long_reading_is_told_of_before_it_begins(thousand: World) -> None:
    names = [f"repo-{number:04}" for number in range(1, 101)]
    wanted = [target(f"{name}-main", connectorInstance=thousand.instance(name)["id"]) for name in names]
    await thousand.plan(*wanted)
    assert thousand.progress.notes == ["Reading ConnectorTargets of 100 ConnectorInstances: 100 requests."]


@both_versions
async def test_the_cost_is_what_the_servers_count(world: World) -> None:
    async with world.session(*whole()) as session, session.exclusively():
        plan = await session.plan()
        world.forget()
        await session.apply(plan)
    assert world.asked() == plan.cost.requests


async def test_keys_of_the_server_are_carried_over(world: World) -> None:
    await world.apply(*whole())
    (row,) = world.rows(TARGETS)
    theirs = {"branch": "main", "discoveryCache": {"files": ["a", "b"]}, "repositoryId": 7}
    world.upstream("person", kind="connector-target", id=row["id"], set={"config": theirs})
    assert await world.in_sync(*whole())
    other = whole()
    other[2] = target("main", remoteId="acme/docs", externalTargetRef="main", config={"branch": "release"})
    plan = await world.plan(*other)
    assert changed(plan) == {"config.branch": ("main", "release")}
    assert plan.steps[0].kept == 2
    await world.apply(*other)
    (row,) = world.rows(TARGETS)
    assert row["targetConfigJson"] == {**theirs, "branch": "release"}


async def test_a_key_of_ours_that_left_the_manifest_is_removed(world: World) -> None:
    wanted = [account(), instance("docs"), target("main", config={"branch": "main", "depth": 3})]
    await world.apply(*wanted)
    wanted[2] = target("main", config={"branch": "main"})
    await world.apply(*wanted)
    (row,) = world.rows(TARGETS)
    assert row["targetConfigJson"] == {"branch": "main"}


async def test_a_target_that_was_renamed_here_is_renamed_there(world: World) -> None:
    await world.apply(*whole())
    (row,) = world.rows(TARGETS)
    other = whole()
    other[2] = target("main", remoteId="acme/docs-2", externalTargetRef="main", config={"branch": "main"})
    assert changed(await world.plan(*other)) == {"remoteId": ("acme/docs", "acme/docs-2")}
    await world.apply(*other)
    assert [one["id"] for one in world.rows(TARGETS)] == [row["id"]]
    assert await world.in_sync(*other)


async def test_another_kind_of_mapping_is_another_mapping(world: World) -> None:
    wanted = [account(), instance("docs"), target("main"), mapping("skills")]
    await world.apply(*wanted)
    (former,) = world.rows(MAPPINGS)
    wanted[3] = mapping("skills", mappingKind="custom")
    plan = await world.plan(*wanted)
    assert actions(plan) == {"skills": "replace"}
    assert not plan.steps[0].desired.removed
    report = await world.apply(*wanted)
    assert report.outcomes[0].made == ["delete", "create"]
    (row,) = world.rows(MAPPINGS)
    assert (row["mappingKind"], row["id"] == former["id"]) == ("custom", False)
    assert await world.in_sync(*wanted)


async def test_a_mapping_that_changes_is_patched(world: World) -> None:
    wanted = [account(), instance("docs"), target("main"), mapping("skills", config={"a": 1})]
    await world.apply(*wanted)
    (former,) = world.rows(MAPPINGS)
    wanted[3] = mapping("skills", selector="better/**", autoAddToPlugin=True, config={"a": 2})
    report = await world.apply(*wanted)
    assert report.outcomes[0].made == ["patch"]
    (row,) = world.rows(MAPPINGS)
    assert (row["id"], row["selector"], row["autoAddToPlugin"]) == (former["id"], "better/**", True)
    assert row["mappingConfigJson"] == {"a": 2}


@both_versions
async def test_a_grant_changes_its_role_and_comes_back_after_it_was_revoked(world: World) -> None:
    wanted = [account(), instance("docs"), access("member", "viewer", member="MEMBER@example.test")]
    await world.apply(*wanted)
    docs = world.instance("docs")["id"]
    granted = world.row(GRANTS, connectorInstanceId=docs, role="viewer")
    wanted[2] = access("member", "editor", member="member@example.test")
    plan = await world.plan(*wanted)
    assert changed(plan) == {"role": ("viewer", "editor")}
    await world.apply(*wanted)
    assert world.row(GRANTS, id=granted["id"])["role"] == "editor"
    world.upstream("person", kind="access-grant", id=granted["id"], remove=True)
    assert actions(await world.plan(*wanted)) == {"member": "create"}
    await world.apply(*wanted)
    assert await world.in_sync(*wanted)


@pytest.mark.parametrize(
    ("whom", "said"),
    [
        ({"member": "nobody@example.test"}, "no member of this organisation has the e-mail nobody@example.test"),
        ({"team": "Nobody"}, "no team of this organisation is called Nobody"),
    ],
)
async def test_nobody_of_that_name_is_told(world: World, whom: dict[str, Any], said: str) -> None:
    plan = await world.plan(account(), instance("docs"), access("who", **whom))
    assert said in reasons(plan)["who"]
    assert plan.steps[-1].error


async def test_what_is_below_something_that_is_not_there_is_told(world: World) -> None:
    gone = "cin_" + "0" * 26
    plan = await world.plan(account(), target("main", connectorInstance=gone))
    (step,) = [step for step in plan.steps if step.address.name == "main"]
    assert "is not there" in worded(step.unverifiable[0].why)


@both_versions
async def test_an_exclusive_instance_revokes_what_nobody_declares_but_never_its_own_member(world: World) -> None:
    await world.apply(*whole())
    wanted = [
        account(),
        instance("docs", access={"exclusive": True}),
        access("member", "editor", member="member@example.test"),
    ]
    plan = await world.plan(*wanted)
    assert {step.address.name: step.action for step in plan.steps} == {"docs:organization": "delete"}
    assert plan.has_drift
    report = await world.apply(*wanted)
    assert set(results(report).values()) == {"done"}
    assert report.outcomes[0].verified
    docs = world.instance("docs")["id"]
    left = [row for row in world.rows(GRANTS) if row["removedAt"] is None and row["connectorInstanceId"] == docs]
    assert sorted(row["role"] for row in left) == ["editor", "manager"]
    assert await world.in_sync(*wanted)


async def test_a_colleague_who_changes_a_target_is_seen(world: World) -> None:
    await world.apply(*whole())
    (row,) = world.rows(TARGETS)
    world.upstream("person", kind="connector-target", id=row["id"], set={"externalTargetRef": "dev"})
    plan = await world.plan(*whole())
    assert changed(plan) == {"externalTargetRef": ("dev", "main")}
    await world.apply(*whole())
    assert await world.in_sync(*whole())


@pytest.mark.parametrize("table", [TARGETS, MAPPINGS])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_create_whose_answer_is_lost_is_not_made_twice(world: World, table: str, when: str) -> None:
    part = "targets" if table == TARGETS else "mappings"
    world.fault(system="den", method="POST", route=f"/v1/*/{part}", reset=when, times=1)
    report = await world.apply(*whole())
    assert set(results(report).values()) == {"done"}
    rows = world.rows(table)
    assert len(rows) == len({(row.get("selector"), row.get("remoteId")) for row in rows})
    assert await world.in_sync(*whole())
