"""Applying over real HTTP: what is declared comes to be, at the cost that was told, with one writer a resource."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
from declare import account, connector, instance
from world import ACCOUNTS, INSTANCES, World, both_versions, names, results

from trueup.core.errors import LedgerError
from trueup.engine.loop import Session
from trueup.ledger.store import Ledger
from trueup.report.reasons import worded


class Writers:
    """Watches the requests of this process: how many writes of one resource are under way at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.under_way: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.together = 0
        send = httpx.AsyncHTTPTransport.handle_async_request

        async def watched(transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
            resource = "/".join(request.url.path.split("/")[:4])
            write = request.method != "GET"
            self.under_way[resource] += write
            self.most[resource] = max(self.most[resource], self.under_way[resource])
            self.together = max(self.together, self.under_way.total())
            try:
                return await send(transport, request)
            finally:
                self.under_way[resource] -= write

        monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", watched)


# What is declared comes to be


@both_versions
async def test_everything_from_nothing_and_then_nothing_more(world: World) -> None:
    wanted = [
        account(),
        instance("docs", remoteId="acme/docs", status="active", config={"branch": "main", "deep": {"a": [1, None]}}),
        instance("hb", name="handbook", status="disabled", autoImportNewPlugins=False),
        instance("old", status="archived", remoteId=None),
        connector(
            "crm",
            world.sandbox.ready["wexa"]["projectId"],
            status="active",
            dataLoaderConfig={"source": "mongodb", "batchSize": 10, "auth": {"username": "reader"}},
        ),
    ]
    report = await world.apply(*wanted)
    assert results(report) == dict.fromkeys(["acme", "docs", "hb", "old", "crm"], "done")
    assert all(outcome.verified for outcome in report.outcomes)
    assert report.exit_code == 0
    docs, handbook, old = (world.instance(name) for name in ("docs", "handbook", "old"))
    assert docs["instanceConfigJson"] == {"branch": "main", "deep": {"a": [1, None]}}
    assert (docs["status"], handbook["status"], old["status"]) == ("active", "disabled", "archived")
    assert handbook["instanceConfigJson"] == {"autoImportNewPlugins": False}
    assert {row["connectorAccountId"] for row in (docs, handbook, old)} == {world.row(ACCOUNTS, remoteId="1001")["id"]}
    world.forget()
    assert await world.in_sync(*wanted)
    assert world.writes() == []


async def test_the_order_of_declaration_does_not_matter(world: World) -> None:
    report = await world.apply(instance("docs"), account())
    assert results(report) == {"docs": "done", "acme": "done"}


@both_versions
async def test_each_field_is_brought_back_by_its_own_route(world: World) -> None:
    wanted = instance(
        "docs", remoteId="acme/docs", status="active", config={"branch": "main"}, autoImportNewPlugins=True
    )
    await world.apply(account(), wanted)
    world.person("docs", remoteId="acme/else", status="archived", config={"branch": "x", "autoImportNewPlugins": False})
    world.forget()
    report = await world.apply(account(), wanted)
    assert (results(report), report.exit_code) == ({"docs": "done"}, 0)
    row = world.instance("docs")
    assert (row["remoteId"], row["status"]) == ("acme/docs", "active")
    assert row["instanceConfigJson"] == {"branch": "main", "autoImportNewPlugins": True}
    assert [write.split("/")[-1] for write in world.writes()] == ["auto-import", row["id"], "enable"]


@pytest.mark.parametrize(("status", "verb"), [("active", "enable"), ("disabled", "disable"), ("archived", "archive")])
@pytest.mark.parametrize("before", ["active", "disabled", "archived", "error"])
async def test_every_status_is_left_and_reached(world: World, before: str, status: str, verb: str) -> None:
    await world.apply(account(), instance("docs"))
    world.person("docs", status=before)
    world.forget()
    report = await world.apply(account(), instance("docs", status=status))
    assert world.instance("docs")["status"] == status
    assert [write.split("/")[-1] for write in world.writes()] == ([] if before == status else [verb])
    assert report.exit_code == 0


async def test_an_instance_that_goes_out_of_service_does_so_before_it_is_changed(world: World) -> None:
    await world.apply(account(), instance("docs"))
    world.forget()
    await world.apply(account(), instance("docs", status="disabled", config={"branch": "next"}))
    assert [write.split("/")[-1] for write in world.writes()] == ["disable", world.instance("docs")["id"]]


@both_versions
async def test_an_instance_is_adopted_by_id_and_renamed(world: World) -> None:
    identity = world.instance("old-wiki")["id"]
    account_id = world.row(ACCOUNTS, remoteId="1002")["id"]
    report = await world.apply(instance("wiki", connectorAccount=account_id, id=identity, name="wiki"))
    assert report.exit_code == 0
    assert world.row(INSTANCES, id=identity)["name"] == "wiki"


# What it costs


def many(count: int = 1000, **spec: Any) -> list[Any]:
    common = {"status": "active", "config": {"branch": "main"}, **spec}
    return [account()] + [
        instance(f"repo-{number:04d}", remoteId=f"acme/repo-{number:04d}", **common) for number in range(count)
    ]


async def test_a_plan_of_a_thousand_takes_twelve_requests(thousand: World) -> None:
    plan = await thousand.plan(*many())
    assert not plan.has_changes
    assert plan.reading.requests == thousand.asked() <= 12


async def test_a_hundred_of_a_thousand_converge_within_115_requests(thousand: World) -> None:
    wanted = many()
    for number in range(0, 1000, 10):
        thousand.person(f"repo-{number:04d}", status="disabled")
    thousand.forget()
    report = await thousand.apply(*wanted)
    assert thousand.asked() <= 115
    assert (report.count("done"), report.exit_code) == (100, 0)
    assert all(outcome.verified for outcome in report.outcomes)
    assert {row["status"] for row in thousand.rows(INSTANCES)} == {"active"}


async def test_what_a_run_costs_is_told_within_a_tenth(world: World) -> None:
    wanted = [account(), *(instance(f"repo-{n}", status="disabled", config={"n": n}) for n in range(40))]
    for change in ({}, {"config": {"n": "other", "m": 1}}, {"status": "active", "autoImportNewPlugins": False}):
        wanted = [wanted[0], *(instance(one.address.name, **{**one.spec, **change}) for one in wanted[1:])]
        async with world.session(*wanted) as session:
            plan = await session.plan()
            world.forget()
            report = await session.apply(plan)
        assert report.exit_code == 0
        assert report.requests == world.asked()
        assert abs(plan.cost.requests - report.requests) <= report.requests / 10


@pytest.mark.parametrize(
    ("thousand", "exact"), [("2026-08", False), ("2026-08", True), ("2026-09", True)], indirect=["thousand"]
)
async def test_seven_hundred_writes_wait_for_the_window_and_finish(thousand: World, exact: bool) -> None:
    if exact:
        thousand.count_exactly()
    wanted = many(700, status="disabled")
    report = await thousand.apply(*wanted)
    assert (report.count("done"), report.exit_code) == (700, 0)
    assert sum(row["status"] == "disabled" for row in thousand.rows(INSTANCES)) == 700
    waits = [seconds for _, seconds in thousand.progress.waits]
    assert len(waits) == 1 if exact else len(waits) <= 1, "requests that overlap may not have been counted"
    assert all(seconds < 62 for seconds in waits), "what is left of 60 s of silence, and a margin"
    log = thousand.sandbox.control.get("/requests").json()["log"]
    times = [datetime.fromisoformat(one["time"]) for one in log if one["status"] < 400]
    silences = [later - before for before, later in pairwise(times) if later - before > timedelta(seconds=30)]
    assert [silence > timedelta(seconds=60) for silence in silences] == [True] * len(waits)


async def test_the_cost_in_time_counts_the_waits_for_the_window(thousand: World) -> None:
    plan = await thousand.plan(*many(700, status="disabled"))
    assert plan.cost.seconds > 60


# One writer a resource


async def test_no_two_writes_of_one_resource_are_ever_under_way(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = [f"repo-{number}" for number in range(12)]
    await world.apply(account(), *(instance(label) for label in labels))
    world.fault(system="den", method="POST", delay=0.02)
    world.fault(system="den", method="PATCH", delay=0.02)
    watch = Writers(monkeypatch)
    changes = {"status": "disabled", "autoImportNewPlugins": False, "config": {"branch": "next"}, "remoteId": "a/b"}
    report = await world.apply(account(), *(instance(label, **changes) for label in labels), parallelism=4)
    assert report.exit_code == 0
    per_instance = {path: count for path, count in watch.most.items() if "/cin_" in path}
    assert len(per_instance) == 12
    assert set(per_instance.values()) == {1}
    assert watch.together == 4, "independent ones go side by side, as many as is allowed"


async def test_parallelism_bounds_the_writes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Writers(monkeypatch)
    await world.apply(account(), *(instance(f"repo-{number}") for number in range(6)), parallelism=1)
    assert watch.together == 1


# A step that fails


@both_versions
async def test_a_failed_step_stops_only_what_needs_it(world: World) -> None:
    world.fault(system="den", method="POST", route="/v1/connector-accounts", status=400, body={"error": "no"}, times=1)
    report = await world.apply(
        account("bad", remoteId="1"), account(), instance("lost", connectorAccount="bad"), instance("docs")
    )
    assert results(report) == {"bad": "failed", "acme": "done", "lost": "skipped", "docs": "done"}
    assert report.exit_code == 4
    lost = next(one for one in report.outcomes if one.address.name == "lost")
    assert "den/ConnectorAccount/bad" in str(lost.error)
    assert names(world.rows(INSTANCES)) == ["docs", "old-wiki", "release-notes-2019"]


async def test_fail_fast_skips_what_has_not_begun(world: World) -> None:
    await world.apply(account(), *(instance(f"repo-{number}") for number in range(8)))
    world.fault(system="den", method="POST", route="*/disable", status=400, body={"error": "no"}, times=1)
    wanted = [instance(f"repo-{number}", status="disabled") for number in range(8)]
    report = await world.apply(account(), *wanted, fail_fast=True, parallelism=1)
    assert results(report)["repo-0"] == "failed"
    assert report.count("skipped") == 7
    assert report.exit_code == 1, "nothing was done"


async def test_a_step_of_which_a_part_was_done_says_which(world: World) -> None:
    await world.apply(account(), instance("docs"))
    world.fault(system="den", method="PATCH", status=400, body={"error": "no"})
    report = await world.apply(account(), instance("docs", status="disabled", config={"a": 1}))
    (outcome,) = report.outcomes
    assert (outcome.result, outcome.made, outcome.verified) == ("failed", ["disable"], False)
    assert report.exit_code == 4


async def test_a_key_to_be_removed_is_not_forgotten_when_its_write_fails(world: World) -> None:
    await world.apply(account(), instance("docs", config={"ours": 1, "more": 2}))
    fewer = instance("docs", status="disabled", config={"more": 2})
    world.fault(system="den", method="PATCH", status=400, body={"error": "no"})
    await world.apply(account(), fewer)
    world.calm()
    report = await world.apply(account(), fewer)
    assert report.exit_code == 0
    assert world.instance("docs")["instanceConfigJson"] == {"more": 2}


# What belongs to the server stays


async def test_a_patch_carries_over_what_the_server_added_since_the_plan(world: World) -> None:
    await world.apply(account(), instance("docs", config={"branch": "main", "nested": {"ours": 1}}))
    wanted = instance("docs", config={"branch": "next", "nested": {"ours": 2}})
    async with world.session(account(), wanted) as session:
        plan = await session.plan()
        theirs = {"branch": "main", "nested": {"ours": 1, "theirs": [1]}, "installationId": 7, "cache": {"k": None}}
        world.person("docs", config=theirs)
        report = await session.apply(plan)
    assert report.exit_code == 0
    assert world.instance("docs")["instanceConfigJson"] == {
        "branch": "next",
        "nested": {"ours": 2, "theirs": [1]},
        "installationId": 7,
        "cache": {"k": None},
    }


async def test_a_key_that_left_the_manifest_is_removed_and_no_other(world: World) -> None:
    await world.apply(account(), instance("docs", config={"ours": 1, "gone": {"a": 1, "b": 2}, "list": [1]}))
    kept = world.instance("docs")["instanceConfigJson"]
    world.person("docs", config={**kept, "theirs": 1, "gone": {**kept["gone"], "theirs": 3}})
    report = await world.apply(account(), instance("docs", config={"ours": 1, "gone": {"a": 1}}))
    assert report.exit_code == 0
    assert world.instance("docs")["instanceConfigJson"] == {"ours": 1, "theirs": 1, "gone": {"a": 1, "theirs": 3}}


async def test_config_that_left_the_manifest_altogether_is_removed(world: World) -> None:
    await world.apply(account(), instance("docs", config={"ours": 1}))
    world.person("docs", config={"ours": 1, "theirs": 2})
    wanted = [account(), instance("docs")]
    assert (await world.apply(*wanted)).exit_code == 0
    assert world.instance("docs")["instanceConfigJson"] == {"theirs": 2}
    assert await world.in_sync(*wanted)


async def test_without_a_ledger_nothing_is_removed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUEUP_LEDGER", "off")
    await world.apply(account(), instance("docs", config={"ours": 1, "gone": 2}))
    plan = await world.plan(account(), instance("docs", config={"ours": 1}))
    assert not plan.has_changes
    assert any("TRUEUP_LEDGER" in worded(line) for line in plan.off)


# What a failing ledger does


async def test_a_ledger_that_fails_midway_does_not_hide_what_was_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(self: Ledger, **_: Any) -> None:
        raise LedgerError("the ledger cannot be used: database or disk is full.")

    monkeypatch.setattr(Ledger, "write", full)
    project = world.sandbox.ready["wexa"]["projectId"]
    loader = {"source": "mongodb", "batchSize": 10, "auth": {"username": "reader"}}
    wanted = [connector("crm", project, status="active", dataLoaderConfig=loader), account(), instance("docs")]
    report = await world.apply(*wanted)
    assert set(results(report).values()) == {"done"}
    assert report.exit_code == 4
    assert "disk is full" in worded(report.unrecorded)


async def test_a_session_can_plan_again_after_it_applied(world: World) -> None:
    wanted = [account(), instance("docs", config={"a": 1})]
    session: Session
    async with world.session(*wanted) as session:
        await session.apply(await session.plan())
        assert not (await session.plan()).has_changes
