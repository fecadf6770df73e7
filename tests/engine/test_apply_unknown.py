"""Applying when answers are lost: what may have happened is looked for, and nothing is made twice."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from declare import DEN, account, declared_connection, instance, mapping, target
from waiting import until
from world import ACCOUNTS, INSTANCES, Recorder, World, names, results

from trueup.core.errors import Unavailable
from trueup.core.reasons import Reason
from trueup.core.secrets import Reference
from trueup.engine.options import SystemClock
from trueup.report.reasons import worded


def impatient(world: World, timeout: float = 0.4) -> Any:
    """A Connection whose requests may take that many seconds."""
    key = Reference("env", "TRUEUP_DEN_API_KEY")
    url = world.sandbox.ready["den"]["url"]
    return declared_connection(DEN, "default", url=url, apiKey=key, timeout=timeout)


# A create that may have happened

UNKNOWN_OUTCOMES = {
    "reset-after": {"reset": "after"},
    "reset-before": {"reset": "before"},
    "500-after": {"status": 500, "after": True},
    "500-before": {"status": 500},
    "truncated": {"truncate": True},
    "too-late": {"delay": 0.8},
    "too-late-after": {"delay": 0.8, "after": True},
    "not-json": {"status": 201, "after": True, "body": "<html>"},
    "no-item": {"status": 201, "after": True, "body": {"ok": True}},
}


@pytest.mark.parametrize("route", ["/v1/connector-accounts", "/v1/connector-instances"])
@pytest.mark.parametrize("fault", UNKNOWN_OUTCOMES.values(), ids=UNKNOWN_OUTCOMES)
async def test_a_create_of_unknown_outcome_makes_exactly_one(world: World, fault: dict[str, Any], route: str) -> None:
    world.fault(system="den", method="POST", route=route, times=1, **fault)
    wanted = [account(), instance("docs", config={"branch": "main"}, status="disabled")]
    connections = (impatient(world),) if "delay" in fault else ()
    report = await world.apply(*wanted, connections=connections)
    world.settle()
    assert (results(report), report.exit_code) == ({"acme": "done", "docs": "done"}, 0)
    assert len([row for row in world.rows(ACCOUNTS) if row["remoteId"] == "1001"]) == 1
    assert len([row for row in world.rows(INSTANCES) if row["name"] == "docs"]) == 1
    assert world.instance("docs")["status"] == "disabled"


async def test_a_create_that_the_server_will_not_have_is_refused_after_a_few_tries(world: World) -> None:
    world.fault(system="den", method="POST", route="/v1/connector-instances", status=500)
    report = await world.apply(account(), instance("docs"))
    assert results(report) == {"acme": "done", "docs": "failed"}
    error = str(report.outcomes[1].error)
    assert "docs" in error
    assert "500" in error
    sent = world.routes()
    assert sent["POST /v1/connector-instances"] == 4
    assert report.exit_code == 4


async def test_a_name_that_something_unseen_holds_is_told(world: World) -> None:
    await world.apply(account())
    hidden: dict[str, Any] = {"items": [], "nextCursor": None}
    world.fault(system="den", method="GET", route="/v1/connector-instances", status=200, body=hidden)
    report = await world.apply(account(), instance("old-wiki"))
    assert results(report) == {"old-wiki": "failed"}
    assert "cannot see" in str(report.outcomes[0].error)


async def test_what_is_found_in_place_of_a_create_is_brought_to_what_is_declared(world: World) -> None:
    """Somebody else created it between plan and apply: its values are theirs, and nothing to learn from."""
    wanted = instance("docs", remoteId="acme/docs", config={"branch": "main"}, autoImportNewPlugins=False)
    await world.apply(account())
    async with world.session(account(), wanted) as session:
        plan = await session.plan()
        mine = world.row(ACCOUNTS, remoteId="1001")["id"]
        body = {"connectorAccountId": mine, "connectorType": "github", "name": "Docs", "remoteId": "acme/other"}
        assert world.sandbox.den.post("/v1/connector-instances", json={**body, "config": {"branch": "x"}}).is_success
        report = await session.apply(plan)
    row = world.row(INSTANCES, connectorAccountId=mine)
    assert (row["name"], row["remoteId"]) == ("docs", "acme/docs")
    assert row["instanceConfigJson"] == {"branch": "main", "autoImportNewPlugins": False}
    assert report.exit_code == 0
    assert await world.in_sync(account(), wanted)


async def test_what_is_found_teaches_nothing_although_a_later_call_of_the_step_is_answered(world: World) -> None:
    wanted = instance("docs", status="disabled", config={"branch": "main"})
    await world.apply(account())
    async with world.session(account(), wanted) as session:
        plan = await session.plan()
        mine = world.row(ACCOUNTS, remoteId="1001")["id"]
        body = {"connectorAccountId": mine, "connectorType": "github", "name": "docs", "config": {"branch": "x"}}
        assert world.sandbox.den.post("/v1/connector-instances", json=body).is_success
        report = await session.apply(plan)
    row = world.instance("docs")
    assert (row["status"], row["instanceConfigJson"]) == ("disabled", {"branch": "main"})
    assert report.exit_code == 0


async def test_an_account_found_in_place_of_a_create_is_not_taken_for_ours(world: World) -> None:
    async with world.session(account(displayName="ours")) as session:
        plan = await session.plan()
        body = {"connectorType": "github", "remoteId": "1001", "displayName": "theirs"}
        assert world.sandbox.den.post("/v1/connector-accounts", json=body).is_success
        report = await session.apply(plan)
    assert report.exit_code != 0, "the account cannot be changed, so the run did not do what it was asked"
    plan = await world.plan(account(displayName="ours"))
    assert [step.action for step in plan.steps] == ["refuse"]


async def test_a_name_taken_in_another_account_meanwhile_is_refused(world: World) -> None:
    await world.apply(account())
    async with world.session(account(), instance("docs")) as session:
        plan = await session.plan()
        other = world.row(ACCOUNTS, remoteId="1002")["id"]
        body = {"connectorAccountId": other, "connectorType": "github", "name": "docs"}
        assert world.sandbox.den.post("/v1/connector-instances", json=body).is_success
        report = await session.apply(plan)
    assert results(report) == {"docs": "failed"}
    assert world.instance("docs")["id"] in str(report.outcomes[0].error)


# A bad day


@pytest.mark.parametrize("seed", range(3))
async def test_a_third_of_the_answers_lost_ends_converged_and_without_doubles(world: World, seed: int) -> None:
    wanted = [account(), *(instance(f"repo-{n}", status="disabled", config={"n": n}) for n in range(15))]
    faults: list[dict[str, Any]] = [
        {"status": 500},
        {"status": 503, "after": True},
        {"reset": "after"},
        {"reset": "before"},
        {"truncate": True},
    ]
    for number, fault in enumerate(faults):
        world.fault(system="den", probability=0.06, seed=10 * seed + number, **fault)
    for _ in range(6):
        try:
            report = await world.apply(*wanted, connections=(impatient(world, 5),))
        except Unavailable:
            continue  # a reading may be out of luck as well, and says so
        if report.exit_code == 0:
            break
    else:
        pytest.fail("six runs did not converge")
    world.calm()
    assert names(world.rows(INSTANCES)) == sorted([*(f"repo-{n}" for n in range(15)), "old-wiki", "release-notes-2019"])
    assert len(world.rows(ACCOUNTS)) == 2
    assert await world.in_sync(*wanted)


async def test_two_runs_at_once_end_converged(world: World) -> None:
    wanted = [account(), *(instance(f"repo-{n}", status="disabled", config={"n": n}) for n in range(10))]

    async def run(folder: str) -> Any:
        return await world.apply(*wanted, state=world.folder / folder, progress=Recorder())

    reports = await asyncio.gather(run("one"), run("two"))
    assert len(world.rows(ACCOUNTS)) == 2
    assert len(world.rows(INSTANCES)) == 12
    assert {report.exit_code for report in reports} == {0}
    assert await world.in_sync(*wanted)


async def test_a_run_that_another_one_overtakes_does_not_claim_what_it_lost(world: World) -> None:
    labels = [f"repo-{number}" for number in range(5)]
    await world.apply(account(), *(instance(label) for label in labels))

    def other() -> None:
        """Another run, from another machine, between our writes and our look at them."""
        wanted = [account(), *(instance(label, status="archived") for label in labels)]
        run = world.apply(*wanted, state=world.folder / "other", progress=Recorder(), clock=SystemClock())
        thread = threading.Thread(target=asyncio.run, args=(run,))
        thread.start()
        thread.join()

    world.progress = Recorder()
    world.progress.on_look = other
    report = await world.apply(account(), *(instance(label, status="disabled") for label in labels))
    assert results(report) == dict.fromkeys(labels, "contended")
    assert report.exit_code == 4
    assert {world.instance(label)["status"] for label in labels} == {"archived"}


async def test_a_create_in_doubt_that_is_stopped_is_looked_for_by_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was sent, nobody knows what became of it, and Ctrl-C ends the looking: then it stays open in the ledger."""
    await world.apply(account())
    world.fault(system="den", method="POST", route="/v1/connector-instances", reset="after", times=1)
    async with world.session(account(), instance("docs"), clock=SystemClock()) as session:
        plan = await session.plan()
        world.fault(system="den", method="GET", status=503)
        applying = asyncio.ensure_future(session.apply(plan))
        await until(world.fired)
        session.stop()
        report = await applying
    assert results(report) == {"docs": "stopped"}
    world.calm()
    said: list[Reason] = []
    monkeypatch.setattr(world.progress, "note", said.append)
    plan = await world.plan(account(), instance("docs"))
    assert not plan.has_changes
    assert any(worded(one).endswith("with 1 call open: 1 had taken effect, 0 had not.") for one in said)


async def test_a_mapping_is_looked_for_below_a_target_that_was_not_read(world: World) -> None:
    """Its target is dropped with it, and another one is declared: neither counts as missing."""
    base = [account(), instance("docs"), instance("other")]
    await world.apply(*base, target("main"))
    world.fault(system="den", method="POST", route="*/mappings", reset="after")
    world.fault(system="den", method="GET", route="*/mappings", reset="before", nth=list(range(2, 40)))
    assert results(await world.apply(*base, target("main"), mapping("lost"))) == {"lost": "failed"}
    world.calm()
    other = [target("there", connectorInstance="other"), mapping("new", connectorTarget="there")]
    for prune in (False, True):
        async with world.session(*base, *other, prune=prune) as session, session.exclusively():
            assert (await session.apply(await session.plan())).exit_code == 0
    assert "with 1 call open: 1 had taken effect, 0 had not." in world.progress.said
    assert [row["selector"] for row in world.rows("den.connectorMappings")] == ["new/**"]
