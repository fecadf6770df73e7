"""`--max-age`: what was seen in sync not long ago is taken from the ledger, told with its age, and never written."""

from __future__ import annotations

import dataclasses
import json as jsons
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from commands import inside, parsed
from declare import access, account, instance, mapping, target
from world import World, actions

from trueup.core.errors import UsageError
from trueup.core.kinds import Declared
from trueup.core.records import Record
from trueup.engine.options import SystemClock
from trueup.engine.plan import Plan
from trueup.ledger.store import Ledger
from trueup.report import drift, json, text
from trueup.report.page import Page
from trueup.report.reasons import explained, worded

DAY = timedelta(hours=24)
TARGETS = "GET /v1/connector-instances/{connectorInstanceId}/targets"
GRANTS = "GET /v1/connector-instances/{connectorInstanceId}/access"
MAPPINGS = "GET /v1/connector-targets/{connectorTargetId}/mappings"
INSTANCES = "GET /v1/connector-instances"
GRANTS_OF = "/v1/connector-instances/{}/access"
BELOW = (TARGETS, GRANTS, MAPPINGS)


def wanted(**docs: Any) -> list[Declared]:
    """Two instances with a target each; one of those has a mapping, and its instance a grant."""
    return [
        account(),
        instance("docs", **docs),
        instance("wiki"),
        target("main", externalTargetRef="main"),
        target("other", connectorInstance="wiki", externalTargetRef="main"),
        mapping("skills"),
        access("all", organization=True),
    ]


def changed(resources: list[Declared], label: str, **spec: Any) -> list[Declared]:
    """The same, with other values for one of them."""
    return [
        dataclasses.replace(one, spec={**one.spec, **spec}) if one.address.name == label else one for one in resources
    ]


def exclusive(one: Declared) -> Declared:
    """The instance, whose grants are those alone that are declared."""
    return dataclasses.replace(one, spec={**one.spec, "access": {"exclusive": True}})


async def seen(world: World, resources: list[Declared]) -> None:
    """Makes it all, and looks at it all a minute later."""
    report = await world.apply(*resources)
    assert report.exit_code == 0, report.outcomes
    assert await world.in_sync(*resources)
    await world.clock.sleep(61)


async def aged(world: World, *resources: Declared, **more: Any) -> tuple[Plan, dict[str, int]]:
    """A plan with a largest age, and how often each list below something was read for it."""
    world.forget()
    plan = await world.plan(*resources, **{"max_age": DAY, **more})
    routes = world.routes()
    return plan, {route: routes[route] for route in BELOW if routes[route]}


def names(plan: Plan) -> set[str]:
    """What was taken as it was seen."""
    return {address.name for address in plan.aged}


async def test_what_was_seen_in_sync_is_not_read_again(world: World) -> None:
    await seen(world, wanted())
    plan, read = await aged(world, *wanted())
    assert read == {}
    assert names(plan) == {"main", "other", "skills", "all"}
    assert not plan.has_changes
    assert plan.unchanged == 7


async def test_instances_are_always_read(world: World) -> None:
    await seen(world, wanted(status="active"))
    world.person("docs", status="disabled")
    plan, read = await aged(world, *wanted(status="active"))
    assert actions(plan) == {"docs": "update"}
    assert read == {}
    assert world.routes()[INSTANCES] == 1


async def test_what_is_declared_otherwise_since_is_read(world: World) -> None:
    await seen(world, wanted())
    plan, read = await aged(world, *changed(wanted(), "main", externalTargetRef="next"))
    assert actions(plan) == {"main": "update"}
    assert read == {TARGETS: 1}
    assert names(plan) == {"other", "skills", "all"}
    plan, read = await aged(world, *wanted(), target("more"))
    assert (actions(plan), read) == ({"more": "create"}, {TARGETS: 1})


async def test_what_is_declared_no_more_is_read_as_well(world: World) -> None:
    await seen(world, [*wanted(), mapping("more")])
    plan, read = await aged(world, *wanted(), prune=True)
    assert (actions(plan), read) == ({"more": "delete"}, {MAPPINGS: 1})


async def test_what_drifted_when_it_was_seen_is_read_until_it_is_in_sync(world: World) -> None:
    await seen(world, wanted())
    world.person("acme/main", "connector-target", externalTargetRef="theirs")
    assert actions(await world.plan(*wanted())) == {"main": "update"}
    for _ in range(2):
        plan, read = await aged(world, *wanted())
        assert (actions(plan), read) == ({"main": "update"}, {TARGETS: 1})
        assert "main" not in names(plan)
    world.person("acme/main", "connector-target", externalTargetRef="main")
    assert (await aged(world, *wanted()))[1] == {TARGETS: 1}
    assert (await aged(world, *wanted()))[1] == {}


async def test_what_was_seen_too_long_ago_is_read(world: World) -> None:
    await seen(world, wanted())
    plan, read = await aged(world, *wanted(), max_age=timedelta(seconds=60))
    assert read == {TARGETS: 2, GRANTS: 1, MAPPINGS: 1}
    assert not plan.aged
    assert (await aged(world, *wanted(), max_age=timedelta(seconds=60)))[1] == {}


async def test_a_time_to_come_is_not_believed(world: World) -> None:
    await seen(world, wanted())
    world.clock.slept.append(-3600)
    assert (await aged(world, *wanted()))[1] == {TARGETS: 2, GRANTS: 1, MAPPINGS: 1}


async def test_the_budget_reads_the_oldest_first(world: World) -> None:
    await seen(world, wanted())
    newer = changed(wanted(), "main", targetKind="repository_branch")
    assert (await aged(world, *newer))[1] == {TARGETS: 1}  # so that is the newest
    await world.clock.sleep(60)
    plan, read = await aged(world, *newer, max_requests=1)
    assert sum(read.values()) == 1
    plan, read = await aged(world, *newer, max_requests=2)
    assert sum(read.values()) == 2
    plan, read = await aged(world, *newer, max_requests=1)
    assert (read, "main" in names(plan)) == ({TARGETS: 1}, False)


async def test_the_budget_is_not_spent_on_what_is_read_anyway(world: World) -> None:
    await seen(world, wanted())
    others = changed(wanted(), "main", externalTargetRef="next")
    plan, read = await aged(world, *others, max_requests=1)
    assert sum(read.values()) == 2
    assert actions(plan) == {"main": "update"}
    await seen(world, wanted())
    fewer = [one for one in wanted() if one.address.name != "other"]
    assert sum((await aged(world, *fewer, max_requests=3))[1].values()) == 3


async def test_the_budget_for_everything_reads_everything(world: World) -> None:
    await seen(world, wanted())
    plan, read = await aged(world, *wanted(), max_requests=50)
    assert read == {TARGETS: 2, GRANTS: 1, MAPPINGS: 1}
    assert not plan.aged


async def test_nothing_is_written_or_verified_from_an_aged_value(world: World) -> None:
    """Somebody changes the target, nobody looks, and what an apply does is about what was read alone."""
    resources = wanted(status="active")
    await seen(world, resources)
    world.person("acme/main", "connector-target", externalTargetRef="theirs")
    world.person("docs", status="disabled")
    world.forget()
    report = await world.apply(*resources, max_age=DAY)
    assert [str(outcome.address) for outcome in report.outcomes] == ["den/ConnectorInstance/docs"]
    assert world.writes() == [f"POST /v1/connector-instances/{world.instance('docs')['id']}/enable"]
    assert world.row("den.connectorTargets", remoteId="acme/main")["externalTargetRef"] == "theirs"
    assert report.adopted == 0
    plan = await world.plan(*resources)
    assert actions(plan) == {"main": "update"}


async def test_the_ledger_keeps_what_it_knew_of_what_nobody_read(world: World) -> None:
    async def held() -> dict[str, Record]:
        async with await Ledger.open(world.folder / "ledger.db") as ledger:
            found = await ledger.records()
        return {key: one for (_, key), one in found.items() if one.kind != "ConnectorInstance"}

    resources = wanted(status="active")
    await seen(world, resources)
    before = await held()
    assert len(before) == 5
    world.person("docs", status="disabled")
    assert (await world.apply(*resources, max_age=DAY)).exit_code == 0
    assert await held() == before


async def test_after_an_apply_its_parent_is_read_again(world: World) -> None:
    await seen(world, wanted())
    others = changed(wanted(), "main", externalTargetRef="next")
    assert (await world.apply(*others, max_age=DAY)).exit_code == 0
    for resources in (others, wanted()):
        plan, read = await aged(world, *resources)
        assert read == {TARGETS: 1}
        assert "other" in names(plan)
        assert "main" not in names(plan)


async def test_every_aged_value_tells_its_age(world: World) -> None:
    await seen(world, wanted())
    plan, _ = await aged(world, *wanted())
    (at,) = set(plan.aged.values())
    note = f"Taken from the ledger, not read: 4 resources, the oldest read at {at}."
    assert note in text.render(plan, Page())
    assert note in drift.render(drift.Drift(plan, SystemClock().now(), lambda _: ""), Page())
    changes = jsons.loads(json.render(plan))["resource_changes"]
    shown = {one["name"]: one.get("seen_at") for one in changes}
    assert shown == {"acme": None, "docs": None, "wiki": None, "main": at, "other": at, "skills": at, "all": at}


async def test_without_a_ledger_it_is_an_error_that_says_what_to_do(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="max-age-without-ledger") as raised:
        await world.plan(*wanted(), max_age=DAY)
    assert "omit --max-age" in explained(raised.value)[1]
    await seen(world, wanted())
    monkeypatch.setenv("TRUEUP_LEDGER", "off")
    with pytest.raises(UsageError, match="max-age-without-ledger"):
        await world.plan(*wanted(), max_age=DAY)


async def test_exclusive_access_is_read_once_it_is_claimed(world: World) -> None:
    await seen(world, wanted())
    plan, read = await aged(world, *changed(wanted(), "docs", access={"exclusive": True}))
    assert read == {GRANTS: 1}
    plan, read = await aged(world, *changed(wanted(), "docs", access={"exclusive": True}))
    assert read == {}
    assert "all" in names(plan)


async def test_a_claim_that_moves_to_another_instance_is_read_there(world: World) -> None:
    """The grants of both were seen while one of them was exclusive; a stranger's grant of the other one was left."""
    both = [*wanted(), access("wiki", connectorInstance="wiki", organization=True)]
    await seen(world, both)
    team = world.sandbox.den.get("/v1/org").json()["teams"][0]["id"]
    body = {"teamId": team, "role": "viewer"}
    world.sandbox.den.post(GRANTS_OF.format(world.instance("wiki")["id"]), json=body).raise_for_status()
    assert await world.in_sync(*changed(both, "docs", access={"exclusive": True}))
    moved = [exclusive(one) if one.address == instance("wiki").address else one for one in both]
    plan, _ = await aged(world, *moved)
    assert [step.action for step in plan.steps] == ["delete"]


async def test_mappings_below_an_aged_target_are_read_and_made(world: World) -> None:
    await seen(world, wanted())
    resources = [*wanted(), mapping("more")]
    plan, read = await aged(world, *resources)
    assert (actions(plan), read) == ({"more": "create"}, {MAPPINGS: 1})
    assert "main" in names(plan)
    report = await world.apply(*resources, max_age=DAY)
    assert (report.exit_code, [outcome.verified for outcome in report.outcomes]) == (0, [True])
    assert await world.in_sync(*resources)


async def test_mappings_of_an_aged_target_that_is_gone_are_not_taken_for_gone(world: World) -> None:
    await seen(world, wanted())
    world.upstream("person", kind="connector-target", name="acme/main", remove=True)
    plan, _ = await aged(world, *wanted(), mapping("more"))
    assert {step.action for step in plan.steps} == {"no-op"}
    assert all("is not there" in worded(step.unverifiable[0].why) for step in plan.steps)
    assert "main" in actions(await world.plan(*wanted()))


async def test_a_narrowed_run_does_not_hide_the_others(world: World) -> None:
    await seen(world, [*wanted(), target("second")])
    world.person("acme/second", "connector-target", externalTargetRef="theirs")
    resources = [*wanted(), changed([target("second")], "second", externalTargetRef="main")[0]]
    await world.plan(*resources, targets=("den/ConnectorTarget/main",))
    plan, _ = await aged(world, *resources)
    assert actions(plan) == {"second": "update"}


MANIFESTS = """\
apiVersion: den.trueup.dev/v1
kind: ConnectorAccount
metadata: {name: acme}
spec: {remoteId: "1001", displayName: acme}
---
apiVersion: den.trueup.dev/v1
kind: ConnectorInstance
metadata: {name: docs}
spec: {connectorAccount: acme, remoteId: acme/docs, status: active}
---
apiVersion: den.trueup.dev/v1
kind: ConnectorTarget
metadata: {name: main}
spec: {connectorInstance: docs, remoteId: acme/main, externalTargetRef: main}
"""
MAPPING = """---
apiVersion: den.trueup.dev/v1
kind: ConnectorMapping
metadata: {name: skills}
spec: {connectorTarget: main, mappingKind: path, selector: a/**, objectType: skill}
"""


def test_a_saved_plan_keeps_the_ages_and_its_apply_rests_on_none(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "all.yaml").write_text(MANIFESTS)
    assert inside("apply", "--auto-approve").returncode == 0
    assert inside("plan").returncode == 0
    world.person("docs", status="disabled")
    saved = inside("plan", "--max-age", "24h", "--out", "plan.json")
    assert saved.returncode == 0, saved.stderr
    assert "Taken from the ledger, not read" in saved.stdout
    assert "Taken from the ledger, not read" in inside("show", "plan.json").stdout
    shown = parsed(inside("show", "plan.json", "-o", "json"))
    assert [bool(one.get("seen_at")) for one in shown["resource_changes"] if one["name"] == "main"] == [True]
    done = inside("apply", "plan.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert world.instance("docs")["status"] == "active"
    (tmp_path / "all.yaml").write_text(MANIFESTS + MAPPING)
    saved = inside("plan", "--max-age", "24h", "--out", "plan.json")
    assert "Taken from the ledger, not read" in saved.stdout, saved.stderr
    world.forget()
    assert inside("apply", "plan.json").returncode == 0
    assert world.routes()[TARGETS] == 1
    assert len(world.rows("den.connectorMappings")) == 1
