"""Names that Den's database treats as equal: a warning of the plan, and named after the 500, with few requests."""

from __future__ import annotations

from typing import Any

import pytest
from declare import account, instance, mapping, target
from engine_rpc import Rpc, fails
from engine_rpc import account as rpc_account
from engine_rpc import rpc as rpc
from world import INSTANCES, World, results

from trueup.report import json as json_report
from trueup.report import text as text_report
from trueup.report.page import Page
from trueup.report.reasons import worded

ACUTE = "caf\xe9"
LIKE = [
    pytest.param("cafe", ACUTE, id="plain beside accents"),
    pytest.param(ACUTE, "cafe", id="accents beside plain"),
    pytest.param("CAFE\u0301", "cafe", id="apart and large"),
    pytest.param("\uff43afe", "cafe", id="wide"),
    pytest.param("cafe\u200b", "cafe", id="invisible"),
    pytest.param("stra\xdfe", "strasse", id="sharp s"),
]


@pytest.fixture(autouse=True)
def _collation(world: World) -> None:
    world.den(collation="accents")


def den(world: World, route: str, **body: Any) -> Any:
    answer = world.sandbox.den.post(route, json={"connectorType": "github", **body})
    assert answer.is_success, answer.text
    return answer.json()["item"]


@pytest.mark.parametrize(("wanted", "there"), LIKE)
async def test_the_instance_in_the_way_is_named(world: World, wanted: str, there: str) -> None:
    await world.apply(account())
    above = world.row("den.connectorAccounts", remoteId="1001")["id"]
    other = den(world, "/v1/connector-instances", connectorAccountId=above, name=there)
    async with world.session(account(), instance(wanted)) as session:
        plan = await session.plan()
        assert plan.warnings
        assert all(other["id"] in worded(one) for one in plan.warnings)
        assert other["id"] in "\n".join(text_report.notes(plan, Page()))
        assert other["id"] in json_report.render(plan)
        world.forget()
        report = await session.apply(plan)
    assert (results(report), report.exit_code) == ({wanted: "failed"}, 1)
    error = report.outcomes[0].error
    assert other["id"] in str(error)
    assert "cannot see" not in str(error)
    assert world.routes()["POST /v1/connector-instances"] == 1
    assert world.asked() <= 4
    assert [row["id"] for row in world.rows(INSTANCES) if row["connectorAccountId"] == above] == [other["id"]]


@pytest.mark.parametrize(("wanted", "there"), LIKE)
async def test_by_a_rename_as_well(world: World, wanted: str, there: str) -> None:
    await world.apply(account(), instance("docs"))
    above = world.row("den.connectorAccounts", remoteId="1001")["id"]
    other = den(world, "/v1/connector-instances", connectorAccountId=above, name=there)
    async with world.session(account(), instance("docs", name=wanted)) as session:
        plan = await session.plan()
        assert other["id"] in str(plan.warnings)
        world.forget()
        report = await session.apply(plan)
    assert results(report) == {"docs": "failed"}
    assert other["id"] in str(report.outcomes[0].error)
    assert world.routes()["PATCH /v1/connector-instances/{connectorInstanceId}"] == 1
    assert world.asked() <= 4
    assert world.instance("docs")


async def test_an_accent_of_its_own_may_change(world: World) -> None:
    await world.apply(account(), instance("cafe"))
    report = await world.apply(account(), instance("cafe", name=ACUTE))
    assert results(report) == {"cafe": "done"}
    assert world.instance(ACUTE)
    assert not (await world.plan(account(), instance("cafe", name=ACUTE))).warnings


@pytest.mark.parametrize("large", [False, True])
async def test_an_account_a_target_and_a_mapping_in_the_way_are_named(world: World, large: bool) -> None:
    wanted, there = ("ACME-X", "acme-x") if large else ("acme-\xfc", "acme-u")
    first = den(world, "/v1/connector-accounts", remoteId=there, displayName="x")
    report = await world.apply(account("other", remoteId=wanted))
    assert results(report) == {"other": "failed"}
    assert first["id"] in str(report.outcomes[0].error)

    await world.apply(account(), instance("docs"))
    docs = world.instance("docs")["id"]
    if large:
        return  # the other two do not compare case, so they are found
    aim = den(
        world, f"/v1/connector-instances/{docs}/targets", remoteId=there, targetKind="repository_branch", config={}
    )
    both = [account(), instance("docs")]
    world.forget()
    report = await world.apply(*both, target("main", remoteId=wanted))
    assert aim["id"] in str(report.outcomes[0].error)
    assert world.routes()["POST /v1/connector-instances/{connectorInstanceId}/targets"] == 1

    main = target("main", remoteId="acme/docs")
    await world.apply(*both, main)
    report = await world.apply(*both, target("main", remoteId=wanted))
    assert aim["id"] in str(report.outcomes[0].error)

    key = world.row("den.connectorTargets", remoteId="acme/docs")["id"]
    more = {"mappingKind": "path", "objectType": "skill"}
    made = den(world, f"/v1/connector-targets/{key}/mappings", selector=there, **more)
    report = await world.apply(*both, main, mapping("m", selector=wanted))
    assert made["id"] in str(report.outcomes[0].error)
    await world.apply(*both, main, mapping("m", selector="else"))
    report = await world.apply(*both, main, mapping("m", selector=wanted))
    assert made["id"] in str(report.outcomes[0].error)


async def test_two_that_are_declared_are_told_of_in_the_plan(world: World) -> None:
    plan = await world.plan(account(), instance("cafe"), instance(ACUTE), instance("other"))
    (warning,) = map(worded, plan.warnings)
    assert "den/ConnectorInstance/cafe" in warning
    assert ACUTE in warning
    assert plan.count("create") == 4


async def test_it_is_a_warning_alone_where_accents_count(world: World) -> None:
    world.den()
    both = [account(), instance("cafe"), instance(ACUTE)]
    assert len((await world.plan(*both)).warnings) == 1
    report = await world.apply(*both)
    assert report.exit_code == 0
    assert world.instance("cafe")["id"] != world.instance(ACUTE)["id"]
    plan = await world.plan(*both)
    assert (plan.has_changes, plan.warnings) == (False, ())


async def test_what_is_free_is_not_taken_for_taken(world: World) -> None:
    """A fault unrelated to names is retried, and its error mentions no other resource."""
    await world.apply(account(), instance("docs"))
    for method, wanted in (("POST", instance("handbook")), ("PATCH", instance("docs", name="guides"))):
        world.fault(system="den", method=method, route="/v1/connector-instances*", status=500, times=1)
        report = await world.apply(account(), *([instance("docs")] if method == "POST" else []), wanted)
        assert report.exit_code == 0, report
    assert world.instance("guides")


async def test_a_look_that_fails_hides_nothing(world: World) -> None:
    await world.apply(account(), instance("cafe"))
    async with world.session(account(), instance("cafe"), instance(ACUTE)) as session:
        plan = await session.plan()
        world.fault(
            system="den", method="GET", route="/v1/connector-instances", status=403, body={"error": "forbidden"}
        )
        report = await session.apply(plan)
    assert results(report) == {ACUTE: "failed"}


async def test_programs_are_told_as_well(rpc: Rpc, world: World) -> None:
    above = (await rpc_account(rpc)).id
    other = den(world, "/v1/connector-instances", connectorAccountId=above, name="cafe")
    checked, _ = await rpc.check("ConnectorInstance", ACUTE, {"connectorAccount": above})
    world.forget()
    await fails(rpc.create("ConnectorInstance", ACUTE, **checked), other["id"])
    assert world.asked() <= 5
    one = await rpc.create("ConnectorInstance", "docs", connectorAccount=above)
    await fails(rpc.update(one, **{**one.inputs, "name": ACUTE}), other["id"])


@pytest.mark.parametrize("by_rename", [False, True])
@pytest.mark.parametrize("status", [500, 409])
async def test_an_instance_of_another_account_is_named(world: World, status: int, by_rename: bool) -> None:
    """Den keeps the names of instances unique in the whole organisation."""
    both = [account(), account("other", remoteId="2002")]
    await world.apply(*both, *([instance("docs")] if by_rename else []))
    above = world.row("den.connectorAccounts", remoteId="2002")["id"]
    other = den(world, "/v1/connector-instances", connectorAccountId=above, name="cafe")
    if status == 409:
        method = "PATCH" if by_rename else "POST"
        world.fault(
            system="den", method=method, route="/v1/connector-instances*", status=409, body={"error": "conflict"}
        )
    world.forget()
    report = await world.apply(*both, instance("docs", name=ACUTE) if by_rename else instance(ACUTE))
    (error,) = [one.error for one in report.outcomes if one.error is not None]
    assert other["id"] in str(error)
    assert str(status) in str(error)
    assert len(world.writes()) == 1


@pytest.mark.parametrize("status", [500, 409])
async def test_targets_are_alike_below_one_instance_alone(world: World, status: int) -> None:
    both = [account(), instance("docs"), instance("guides")]
    await world.apply(*both, target("one", connectorInstance="guides", remoteId="acme-u"))
    again = [*both, target("one", connectorInstance="guides", remoteId="acme-u")]
    wanted = target("main", connectorInstance="docs", remoteId="acme-\xfc")
    assert (await world.plan(*again, wanted)).warnings == ()
    docs = world.instance("docs")["id"]
    more = {"targetKind": "repository_branch", "config": {}}
    aim = den(world, f"/v1/connector-instances/{docs}/targets", remoteId="acme-u", **more)
    if status == 409:
        route = "/v1/connector-instances/{connectorInstanceId}/targets"
        world.fault(system="den", method="POST", route=route, status=409, body={"error": "conflict"})
    report = await world.apply(*again, wanted)
    (error,) = [one.error for one in report.outcomes if one.error is not None]
    assert aim["id"] in str(error)


async def test_a_conflict_about_something_else_stays_what_it_is(world: World) -> None:
    await world.apply(account())
    world.fault(system="den", method="POST", route="/v1/connector-instances", status=409, body={"error": "frozen"})
    report = await world.apply(account(), instance("docs"))
    (error,) = [one.error for one in report.outcomes if one.error is not None]
    assert "409: frozen" in str(error)
    assert "Den has" not in str(error)
