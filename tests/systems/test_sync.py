"""Asking Den for a sync and waiting for it, over HTTP; the sandbox's worker is driven by moving its time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from events_world import WINDOW, a_target, add, den, drop, ids, passed, post, put
from hostile import answer, client, scripted, serving
from world import World

from trueup.core.errors import Ambiguous, ApiError, Forbidden, Malformed, Unavailable
from trueup.sandbox.den.ids import new_id
from trueup.systems.den import lists, sync_events
from trueup.systems.den.sync_events import Event, Queued, Watch

pytest_plugins = ("events_fixtures",)
NOW = "/v1/connector-instances/{connectorInstanceId}/sync-now"
RESYNC = "/v1/connector-targets/{connectorTargetId}/resync"


@pytest.fixture
def world(live: World) -> World:
    return live


def github(world: World, outcome: str) -> None:
    world.upstream("github-answers", outcome=outcome)


def instance(world: World) -> str:
    return str(world.instance("old-wiki")["id"])


async def sync(world: World) -> Queued:
    async with den(world) as api:
        return await sync_events.sync_now(api, instance(world))


async def waited(world: World, events: list[Event], seconds: float = 600.0) -> tuple[Watch, list[str]]:
    """The watch at its end, and each status that was told."""
    async with den(world) as api:
        watch = Watch(api, {"connectorInstanceId": instance(world)}, events, seconds)
        return watch, [one.status async for one in watch.changes()]


# Asking


async def test_each_idle_target_is_queued_and_what_was_queued_is_told(world: World) -> None:
    targets = [a_target(world, f"acme/{name}") for name in "ab"]
    add(world, 5, status="failed")
    async with den(world) as api:
        queued = await sync_events.sync_now(api, instance(world))
        assert api.sent == 3
    assert {one.target for one in queued.events} == {one["id"] for one in targets}
    assert {one.status for one in queued.events} == {"queued"}
    assert (queued.busy, queued.looked) == ([], "")


async def test_busy_targets_are_passed_over_and_told(world: World) -> None:
    targets = [a_target(world, f"acme/{name}") for name in "ab"]
    first = post(world, f"/v1/connector-targets/{targets[0]['id']}/resync")["job"]["id"]
    queued = await sync(world)
    assert [one.target for one in queued.events] == [targets[1]["id"]]
    assert ids(queued.busy) == [first]
    again = await sync(world)
    assert again.events == []
    assert {one.target for one in again.busy} == {one["id"] for one in targets}


async def test_one_that_hangs_since_long_is_found(world: World) -> None:
    one = a_target(world)
    hanging = add(world, 1, ago=90_000, status="running", connectorTargetId=one["id"])[0]
    add(world, 150)
    queued = await sync(world)
    assert (queued.events, ids(queued.busy)) == ([], [hanging["id"]])


async def test_without_targets_there_is_nothing(world: World) -> None:
    assert await sync(world) == Queued([], [])


async def test_more_targets_than_a_page_are_all_told(world: World) -> None:
    targets = [a_target(world, f"acme/{number}") for number in range(110)]
    assert {one.target for one in (await sync(world)).events} == {one["id"] for one in targets}


async def test_a_target_is_synced_also_beside_another_sync(world: World) -> None:
    one = a_target(world)
    async with den(world) as api:
        first = await sync_events.resync(api, one["id"])
        second = await sync_events.resync(api, one["id"])
    assert (first.events[0].target, first.busy) == (one["id"], [])
    assert ids(second.busy) == ids(first.events)
    assert ids(second.events) != ids(first.events)


LOST: dict[str, dict[str, Any]] = {
    "the connection is cut": {"reset": "after"},
    "a proxy gives up": {"status": 504, "after": True},
    "an answer that breaks off": {"truncate": True},
    "success without a word": {"status": 200, "body": {"ok": True}, "after": True},
    "success in no JSON": {"status": 200, "body": None, "after": True},
}


@pytest.mark.parametrize("route", [NOW, RESYNC])
@pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
async def test_an_answer_that_is_lost_is_not_asked_for_twice(route: str, fault: dict[str, Any], world: World) -> None:
    one = a_target(world)
    add(world, 3)
    world.forget()
    world.fault(system="den", method="POST", route=route, times=1, **fault)
    async with den(world) as api:
        if route == NOW:
            queued = await sync_events.sync_now(api, instance(world))
        else:
            queued = await sync_events.resync(api, one["id"])
    assert [event.target for event in queued.events] == [one["id"]]
    assert queued.looked
    assert len(world.writes()) == 1
    assert len([row for row in world.rows("den.syncEvents") if row["eventType"] == "manual_resync"]) == 1


@pytest.mark.parametrize("route", [NOW, RESYNC])
async def test_what_did_not_happen_is_not_sent_again_and_told_as_unknown(route: str, world: World) -> None:
    one = a_target(world)
    world.forget()
    world.fault(system="den", method="POST", route=route, status=503)
    async with den(world) as api:
        asked = sync_events.sync_now(api, instance(world)) if route == NOW else sync_events.resync(api, one["id"])
        with pytest.raises(Ambiguous) as caught:
            await asked
    assert "after 4 looks" in caught.value.message
    assert "not sent again" in caught.value.hint
    assert len(world.writes()) == 1


async def test_when_looking_fails_as_well_both_are_told(world: World) -> None:
    a_target(world)
    world.fault(system="den", method="POST", status=503)
    world.fault(system="den", method="GET", route=sync_events.ROUTE, status=404, nth=2)
    with pytest.raises(ApiError, match="Looking for new sync events failed as well") as caught:
        await sync(world)
    assert caught.value.maybe


async def test_one_that_is_refused_for_lack_of_a_role_says_which(world: World) -> None:
    a_target(world)
    world.fault(system="den", method="POST", status=403, body={"error": "forbidden"})
    with pytest.raises(Forbidden) as caught:
        await sync(world)
    assert "role of an editor" in caught.value.hint


async def test_a_spent_window_is_waited_for_before_it_is_sent(world: World) -> None:
    a_target(world)
    world.fault(system="den", method="POST", status=401, times=1)
    world.fault(system="den", route="/api/auth/get-session", status=429, body=WINDOW, times=1)
    assert len((await sync(world)).events) == 1


# Waiting


@pytest.mark.parametrize("outcome", ["completed", "partial", "failed"])
async def test_a_sync_is_waited_for(outcome: str, world: World) -> None:
    github(world, outcome)
    a_target(world)
    watch, told = await waited(world, (await sync(world)).events)
    assert told[-1] == outcome
    assert watch.open == []
    assert passed(world) < 60


async def test_many_are_waited_for_with_one_request_a_look(world: World) -> None:
    github(world, "completed")
    for number in range(20):
        a_target(world, f"acme/{number}")
    events = (await sync(world)).events
    world.forget()
    _, told = await waited(world, events)
    assert told.count("completed") == 20
    assert world.asked(system="den") < 12


async def test_those_that_the_head_does_not_show_are_asked_for_by_id(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "PAGE", 5)
    github(world, "completed")
    for number in range(12):
        a_target(world, f"acme/{number}")
    _, told = await waited(world, (await sync(world)).events)
    assert told.count("completed") == 12


async def test_a_failure_that_passes_is_waited_out_without_asking_in_between(world: World) -> None:
    github(world, "transient")
    a_target(world)
    events = (await sync(world)).events

    def mend(method: str, route: str, status: str) -> None:
        if any(row["attemptCount"] == 2 for row in world.rows("den.syncEvents")):
            github(world, "completed")

    world.progress.on_request = mend
    world.forget()
    watch, told = await waited(world, events)
    assert told[-1] == "completed"
    assert told.count("queued") == 2  # put off twice
    assert 90 < passed(world) < 150
    assert world.asked(system="den") < 25
    assert watch.open == []


async def test_one_that_hangs_is_waited_for_no_longer_than_said(world: World) -> None:
    github(world, "hangs")
    a_target(world)
    watch, told = await waited(world, (await sync(world)).events, seconds=120.0)
    assert told == ["running"]
    assert [one.status for one in watch.open] == ["running"]
    assert 118 < passed(world) <= 121  # some of it passes while it asks


async def test_one_that_is_removed_meanwhile_ends(world: World) -> None:
    github(world, "hangs")
    a_target(world)
    events = (await sync(world)).events
    drop(world, events[0].id)
    watch, told = await waited(world, events)
    assert told == [sync_events.REMOVED]
    assert watch.open == []


async def test_an_outage_while_waiting_is_outlived(world: World) -> None:
    github(world, "completed")
    a_target(world)
    events = (await sync(world)).events
    world.fault(system="den", method="GET", status=502, times=7)
    _, told = await waited(world, events)
    assert told[-1] == "completed"
    assert any("Looking again" in why for why, _ in world.progress.waits)


async def test_one_that_is_retried_meanwhile_is_still_the_same(world: World) -> None:
    github(world, "hangs")
    a_target(world)
    events = (await sync(world)).events
    done: list[bool] = []

    def again(method: str, route: str, status: str) -> None:
        if not done and world.rows("den.syncEvents")[0]["status"] == "running":
            done.append(True)
            github(world, "completed")
            post(world, f"{sync_events.ROUTE}/{events[0].id}/retry")

    world.progress.on_request = again
    _, told = await waited(world, events)
    assert told[-1] == "completed"
    assert done


# Servers that are not well


KEY = new_id("cse", datetime.now(UTC))
OTHER = new_id("cse", datetime.now(UTC))
STAMP = "2026-11-22T14:38:35.146Z"
EMPTY = answer(body={"items": [], "nextCursor": None})


def event(key: str = KEY, **more: Any) -> dict[str, Any]:
    return {"id": key, "startedAt": STAMP, "eventType": "manual_resync", "status": "queued", **more}


BAD_PAGES: dict[str, Any] = {
    "null": None,
    "no items": {"nextCursor": None},
    "an item without startedAt": {"items": [{"id": KEY, "updatedAt": STAMP}], "nextCursor": None},
    "a time that is a number": {"items": [event(startedAt=7)], "nextCursor": None},
    "an id that leads elsewhere": {"items": [event("../../org")], "nextCursor": None},
    "a cursor that is a number": {"items": [event()], "nextCursor": 7},
    "an item that is text": {"items": ["event", event()], "nextCursor": None},
}


@pytest.mark.parametrize("bounds", [{}, {"most": 1}, {"since": "2020"}])
@pytest.mark.parametrize("page", BAD_PAGES.values(), ids=BAD_PAGES)
async def test_a_page_that_is_none_is_malformed(page: Any, bounds: dict[str, Any]) -> None:
    async with serving(scripted(answer(body=page))) as server, client(server.url) as api:
        if page and page.get("nextCursor") and bounds.get("most"):
            assert len((await sync_events.read(api, {}, **bounds)).events) == 1  # where it ends no cursor is needed
            return
        with pytest.raises(Malformed, match="Nothing was concluded"):
            await sync_events.read(api, {}, **bounds)


@pytest.mark.parametrize("bounds", [{}, {"most": 500}, {"since": "2020"}])
async def test_a_list_that_goes_round_for_ever_is_given_up(bounds: dict[str, Any]) -> None:
    page = answer(body={"items": [event()], "nextCursor": KEY})
    async with serving(scripted(page)) as server, client(server.url) as api:
        with pytest.raises(Unavailable, match="does not come to rest"):
            await sync_events.read(api, {}, **bounds)
        assert len(server.requests) < 60


async def test_fields_of_other_types_are_as_if_they_were_not_there() -> None:
    odd: dict[str, Any] = {
        "status": 7,
        "eventType": None,
        "connectorInstanceId": ["cin"],
        "connectorTargetId": {},
        "remoteId": 1.5,
        "completedAt": True,
        "nextAttemptAt": 0,
        "attemptCount": "many",
        "summaryJson": "done",
    }
    page = answer(body={"items": [event(**odd)], "nextCursor": None})
    async with serving(scripted(page)) as server, client(server.url) as api:
        (found,) = (await sync_events.read(api, {})).events
    assert (found.status, found.kind, found.instance, found.target, found.remote) == ("unknown", "unknown", *[None] * 3)
    assert (found.completed, found.next_attempt, found.attempts, found.summary) == (None, None, 0, {})
    assert not found.ended
    assert not found.active


@pytest.mark.parametrize("body", [None, {}, {"item": None}, {"item": {"id": KEY}}, {"item": event(OTHER)}, [event()]])
async def test_an_event_that_is_another_or_none_is_malformed(body: Any) -> None:
    async with serving(scripted(answer(body=body))) as server, client(server.url) as api:
        with pytest.raises(Malformed):
            await sync_events.get(api, KEY)


@pytest.mark.parametrize("body", [None, {"ok": True}, {"job": KEY}, {"job": {"id": 7}}, {"job": {"id": OTHER}}])
async def test_a_retry_that_is_of_another_event_is_malformed(body: Any) -> None:
    async with serving(scripted(answer(202, body))) as server, client(server.url) as api:
        with pytest.raises(Malformed):
            await sync_events.retry(api, KEY)


@pytest.mark.parametrize("count", [None, "1", -1, True, 1.5, [1]])
async def test_a_count_that_is_none_makes_it_look(count: Any) -> None:
    new = answer(body={"items": [event(summaryJson={"trigger": "manual"})], "nextCursor": None})
    posted = answer(body={"ok": True, "item": {"enqueuedCount": count}})
    async with serving(scripted(EMPTY, posted, new)) as server, client(server.url) as api:
        queued = await sync_events.sync_now(api, "cin_1")
        assert [request.method for request in server.requests] == ["GET", "POST", "GET"]
    assert ids(queued.events) == [KEY]
    assert "no count" in queued.looked


async def test_a_job_whose_id_leads_elsewhere_is_looked_for_instead() -> None:
    new = answer(body={"items": [event(summaryJson={"queuedBy": "om_1"})], "nextCursor": None})
    posted = answer(202, {"ok": True, "job": {"id": "../../org"}})
    async with serving(scripted(EMPTY, posted, new)) as server, client(server.url) as api:
        queued = await sync_events.resync(api, "ctg_1")
        assert not any("org" in path for path in server.paths())
    assert ids(queued.events) == [KEY]


async def test_a_redirect_is_no_success() -> None:
    async with serving(scripted(EMPTY, answer(302, location="https://elsewhere"))) as server, client(server.url) as api:
        with pytest.raises(Malformed, match="redirect"):
            await sync_events.sync_now(api, "cin_1")
        assert len(server.requests) == 2


@pytest.mark.parametrize("later", ["never", "2999-01-01T00:00:00Z", "2026-11-22T14:38", ""])
async def test_waiting_ends_whatever_the_server_says_of_a_later_attempt(later: str) -> None:
    body = answer(body={"item": event(nextAttemptAt=later, attemptCount=1)})
    async with serving(scripted(body)) as server, client(server.url) as api:
        found = await sync_events.get(api, KEY)
        watch = Watch(api, {}, [found], 300.0)
        assert [one async for one in watch.changes()] == []
        assert len(server.requests) < 70
    assert watch.open == [found]


async def test_a_sync_that_had_ended_before_the_first_look_is_told(world: World) -> None:
    a_target(world)
    queued = await sync(world)
    _, told = await waited(world, queued.events)
    async with den(world) as api:
        found = [await sync_events.get(api, one.id) for one in queued.events]
    world.forget()
    watch, again = await waited(world, found)
    assert (again, watch.open, world.asked()) == (told[-1:], [], 0)


async def test_colleagues_who_ask_at_the_same_time_are_told_apart(world: World) -> None:
    """A lost answer of sync-now: beside its own event stands one that somebody asked for by hand."""
    one, other = a_target(world, "acme/a"), a_target(world, "acme/b")
    world.fault(system="den", method="POST", route=NOW, reset="after", times=1)
    posted: list[str] = []

    def colleague(method: str, route: str, status: str) -> None:
        if method == "POST" and not posted:
            posted.append(post(world, f"/v1/connector-targets/{one['id']}/resync")["job"]["id"])

    world.progress.on_request = colleague
    queued = await sync(world)
    assert posted[0] not in ids(queued.events)
    assert {event.target for event in queued.events} == {one["id"], other["id"]}


async def test_an_event_that_is_put_back_by_hand_is_not_taken_for_new(world: World) -> None:
    a_target(world)
    old = add(world, 1, ago=60, status="failed", eventType="manual_resync", summaryJson={"trigger": "manual"})[0]
    put(world, {**old, "status": "failed"})
    queued = await sync(world)
    assert old["id"] not in ids(queued.events)
