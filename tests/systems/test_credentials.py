"""Credentials of every kind against the sandbox's Den: what each may do, and what is said when it may not."""

from __future__ import annotations

from typing import Any

import pytest
from declare import DEN, account, declared_connection, instance
from world import ACCOUNTS, INSTANCES, World, actions, both_versions, results

from trueup.core.errors import Unauthorized
from trueup.core.kinds import Declaration


def connection(world: World, **credential: Any) -> tuple[Declaration]:
    return (declared_connection(DEN, "default", url=world.sandbox.ready["den"]["url"], **credential),)


def session(world: World, name: str) -> str:
    """The token of a person's session."""
    headers = world.sandbox.control.get("/principals").json()[name]
    return str(headers["authorization"].removeprefix("Bearer "))


def edit_key(world: World, **fields: Any) -> str:
    """Changes the row of the owner's key in the server's state; the key."""
    state = world.sandbox.control.get("/state").json()
    key = world.sandbox.ready["den"]["apiKey"]
    row = next(row for row in state["tables"]["den.apiKeys"].values() if row["key"] == key)
    row.update(fields)
    assert world.sandbox.control.put("/state", json=state).status_code == 200
    return str(key)


@pytest.mark.parametrize(
    ("key", "why"),
    [("den_" + "x" * 80, "does not exist or has expired"), ("den_too-short", "too short")],
    ids=["unknown", "short"],
)
async def test_a_key_that_is_none_of_theirs(world: World, key: str, why: str) -> None:
    with pytest.raises(Unauthorized, match=why) as raised:
        await world.plan(account(), connections=connection(world, apiKey=key))
    assert key not in str(raised.value)
    assert world.clock.slept == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [({"enabled": False}, "it is disabled"), ({"expiresAt": "2020-01-01T00:00:00.000Z"}, "has expired")],
    ids=["disabled", "expired"],
)
async def test_a_key_that_is_no_longer_good(world: World, fields: dict[str, Any], why: str) -> None:
    key = edit_key(world, **fields)
    with pytest.raises(Unauthorized, match=why) as raised:
        await world.plan(account(), instance("docs"))
    assert "TRUEUP_DEN_API_KEY" in str(raised.value)
    assert key not in str(raised.value) + world.progress.said


async def test_a_key_that_is_switched_off_in_the_middle_ends_the_run_and_tells_what_was_done(world: World) -> None:
    wanted = [account(), *(instance(f"repo-{n}") for n in range(30))]

    def switch_off(line: str) -> None:
        if "repo-5 " in line:
            edit_key(world, enabled=False)

    world.progress.on_advance = switch_off
    # One at a time: the key is edited by putting back all that the server knows, also what is made meanwhile.
    report = await world.apply(*wanted, parallelism=1)
    assert report.exit_code == 4
    assert report.unverified
    done = {name for name, result in results(report).items() if result == "done"}
    there = {row["name"] for row in world.rows(INSTANCES)} - {"old-wiki", "release-notes-2019"}
    assert done - {"acme"} == there
    assert 0 < len(there) < 30
    assert world.routes()["GET /api/auth/get-session"] == 1, "one probe tells it for all"


async def test_a_window_spent_by_somebody_else_is_waited_out(world: World) -> None:
    edit_key(world, requestCount=598, lastRequest=world.sandbox.control.get("/clock").json()["now"])
    report = await world.apply(account(), *(instance(f"repo-{n}") for n in range(5)))
    assert (report.exit_code, report.count("done")) == (0, 6)
    assert world.progress.waits
    assert all("window" in why for why, _ in world.progress.waits)


async def test_what_was_waited_for_while_reading_is_not_foretold_for_every_request(world: World) -> None:
    edit_key(world, requestCount=599, lastRequest=world.sandbox.control.get("/clock").json()["now"])
    plan = await world.plan(account(), *(instance(f"repo-{n}") for n in range(5)))
    assert plan.reading.seconds > plan.reading.waited > 50  # real time is silence too
    assert plan.cost.requests > 5
    assert plan.cost.seconds < 60


@both_versions
async def test_a_session_of_an_owner_plans_and_applies(world: World) -> None:
    connections = connection(world, token=session(world, "owner-session"))
    report = await world.apply(account(), instance("docs", status="disabled"), connections=connections)
    assert report.exit_code == 0


async def test_a_session_that_is_too_old_reads_and_is_told_to_sign_in_again(world: World) -> None:
    connections = connection(world, token=session(world, "stale-owner-session"))
    report = await world.apply(account(), connections=connections)
    assert results(report) == {"acme": "failed"}
    assert "sign in again" in str(report.outcomes[0].error)
    assert len(world.rows(ACCOUNTS)) == 1


@both_versions
async def test_a_member_without_grants_does_no_harm(world: World) -> None:
    """What it may not see looks absent; creating takes an admin, so that nothing comes of it."""
    theirs = world.row(ACCOUNTS, remoteId="1002")
    wanted = [account("archive", remoteId="1002", displayName=theirs["displayName"]), instance("old-wiki")]
    wanted[1].spec["connectorAccount"] = "archive"
    connections = connection(world, token=session(world, "member-session"))
    assert actions(await world.plan(*wanted, connections=connections)) == {"old-wiki": "refuse"}
    report = await world.apply(*wanted, connections=connections)
    assert results(report) == {"old-wiki": "refused"}
    assert len(world.rows(INSTANCES)) == 2


async def test_a_newer_server_says_nothing_of_a_spent_window_and_all_is_made(world: World) -> None:
    world.den(version="2026-09")
    edit_key(world, requestCount=560, lastRequest=world.sandbox.control.get("/clock").json()["now"])
    wanted = [account(), *(instance(f"repo-{n}") for n in range(60))]
    report = await world.apply(*wanted)
    assert (report.exit_code, report.count("done")) == (0, 61)
    assert len({row["name"] for row in world.rows(INSTANCES)}) == len(world.rows(INSTANCES)) == 62
    assert any("presumed to be spent" in why for why, _ in world.progress.waits)
    assert world.routes()["GET /api/auth/get-session"] == len(world.progress.waits) == 1


async def test_a_key_that_a_newer_server_refuses_from_then_on_ends_the_run_after_one_silence(world: World) -> None:
    world.den(version="2026-09")
    wanted = [account(), *(instance(f"repo-{n}") for n in range(30))]

    def switch_off(line: str) -> None:
        if "repo-5 " in line:
            edit_key(world, enabled=False)

    world.progress.on_advance = switch_off
    report = await world.apply(*wanted, parallelism=1)
    assert report.exit_code == 4
    done = {name for name, result in results(report).items() if result == "done"}
    there = {row["name"] for row in world.rows(INSTANCES)} - {"old-wiki", "release-notes-2019"}
    assert done - {"acme"} == there
    assert 0 < len(there) < 30
    assert world.routes()["GET /api/auth/get-session"] == len(world.progress.waits) == 1
    failed = [str(outcome.error) for outcome in report.outcomes if outcome.result == "failed"]
    assert any("worked before" in error for error in failed)
