"""Den's sync events are read truly and followed, over HTTP against the sandbox; time is moved, and nobody waits."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from events_world import WINDOW, a_target, add, den, drop, ids, post, put
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moving_list import ACTIONS, Action, Den
from world import World

from trueup.core.errors import Forbidden, NotFound, Stopped, UsageError
from trueup.report.reasons import explained
from trueup.sandbox.den.ids import new_id
from trueup.systems.den import lists, named, sync_events
from trueup.systems.den.sync_events import Event, EventList, Follower

LIST = f"GET {sync_events.ROUTE}"


# Reading


async def test_all_pages_are_read_and_each_event_comes_once(world: World) -> None:
    rows = add(world, 250)
    async with den(world) as client:
        found = await sync_events.read(client, {})
        assert client.sent == 4  # three pages, and the head again
    assert ids(found.events) == [row["id"] for row in rows]
    assert not found.more


@pytest.mark.parametrize(
    ("limit", "requests"), [(1, 1), (50, 1), (99, 1), (100, 1), (101, 3), (150, 3), (250, 4), (251, 4), (1000, 4)]
)
async def test_the_newest_so_many(limit: int, requests: int, world: World) -> None:
    rows = add(world, 250)
    async with den(world) as client:
        found = await sync_events.read(client, {}, most=limit)
        assert client.sent == requests
    assert ids(found.events) == [row["id"] for row in rows[:limit]]
    assert found.more is (limit < 250)


@pytest.mark.parametrize(("minutes", "count", "requests"), [(30, 30, 1), (99.5, 100, 3), (150, 150, 3), (9999, 250, 4)])
async def test_since_a_time(minutes: float, count: int, requests: int, world: World) -> None:
    rows = add(world, 250)
    since = sync_events.stamp_of(datetime.now(UTC) - timedelta(minutes=minutes))
    async with den(world) as client:
        found = await sync_events.read(client, {}, since=since)
        assert client.sent == requests
    assert ids(found.events) == [row["id"] for row in rows if row["startedAt"] >= since]
    assert abs(len(found.events) - count) <= 1
    assert not found.more


async def test_since_and_limit_together(world: World) -> None:
    rows = add(world, 250)
    since = sync_events.stamp_of(datetime.now(UTC) - timedelta(minutes=60.5))
    async with den(world) as client:
        few = await sync_events.read(client, {}, since=since, most=20)
        many = await sync_events.read(client, {}, since=since, most=200)
    assert (ids(few.events), few.more) == ([row["id"] for row in rows[:20]], True)
    assert (ids(many.events), many.more) == ([row["id"] for row in rows[:61]], False)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"status": "failed"}, {"failed"}),
        ({"eventType": "repository"}, {"renamed"}),
        ({"q": "DELIVERY-OF-failed"}, {"failed"}),
        ({"connectorTargetId": "target"}, {"targeted"}),
        ({"connectorInstanceId": "other"}, {"other"}),
    ],
)
async def test_every_filter_is_the_servers(query: dict[str, str], wanted: set[str], world: World) -> None:
    one = a_target(world)
    rows = {
        "failed": add(world, 1, status="failed", externalEventRef="delivery-of-FAILED")[0],
        "renamed": add(world, 1, eventType="repository")[0],
        "targeted": add(world, 1, connectorTargetId=one["id"])[0],
        "other": add(world, 1, name="release-notes-2019")[0],
    }
    meant = {"target": one["id"], "other": rows["other"]["connectorInstanceId"]}
    async with den(world) as client:
        found = await sync_events.read(client, {key: meant.get(value, value) for key, value in query.items()})
    assert set(ids(found.events)) == {rows[name]["id"] for name in wanted}


@pytest.mark.parametrize("bounds", [{}, {"since": "2020"}, {"most": 220}, {"since": "2020", "most": 240}])
@pytest.mark.parametrize("place", [99, 120, 199, -1])
async def test_what_is_retried_while_it_is_read_is_neither_missed_nor_told_twice(
    place: int, bounds: dict[str, Any], world: World
) -> None:
    """The cursor itself, what lies behind it, and the last of all: each moves to the front."""
    rows = add(world, 250)
    wanted = rows[place]["id"]

    def meddle(method: str, route: str, status: str) -> None:
        world.progress.on_request = None
        post(world, f"{sync_events.ROUTE}/{wanted}/retry")

    world.progress.on_request = meddle
    async with den(world) as client:
        found = await sync_events.read(client, {}, **bounds)
        assert client.sent <= 9
    assert len(set(ids(found.events))) == len(found.events) == bounds.get("most", 250)
    assert found.events[0].id == wanted
    rest = [row["id"] for row in rows if row["id"] != wanted]
    assert ids(found.events)[1:] == rest[: len(found.events) - 1]


async def test_a_cursor_that_vanishes_while_it_is_read_restarts_nothing(world: World) -> None:
    rows = add(world, 250)

    def meddle(method: str, route: str, status: str) -> None:
        world.progress.on_request = None
        drop(world, rows[99]["id"])

    world.progress.on_request = meddle
    async with den(world) as client:
        found = await sync_events.read(client, {}, most=200)
    # What went while it was read may still be among them; nothing that is there may be missing.
    assert set(ids(found.events)) >= {row["id"] for row in rows[:200] if row is not rows[99]}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 32),
    st.lists(ACTIONS.map(lambda actions: [one for one in actions if not one[0].startswith("remove")]), max_size=10),
    st.booleans(),
    st.one_of(st.none(), st.integers(1, 40)),
    st.integers(0, 40),
)
def test_the_upper_end_of_a_list_is_true_whatever_others_write(
    count: int, schedule: list[list[Action]], ties: bool, most: int | None, since: int
) -> None:
    """Over a model of the list with pages of four: all that belongs there, each once, and nothing else."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lists, "PAGE", 4)
        server = Den(count, schedule, ties=ties)
        floor = f"{1000 + since:09d}"
        read = sync_events.newest(server, "/v1/things", {}, "updatedAt", since=floor, most=most)  # type: ignore[arg-type]
        found, more = asyncio.run(read)
    keys = [item["id"] for item in found]
    assert len(keys) == len(set(keys)) <= (most or len(keys))
    assert all(item["updatedAt"] >= floor for item in found)
    for item in found:
        if item["id"] in server.throughout:
            assert item["version"] >= server.at_last_look.get(item["id"], 0)
    lowest = min(((item["updatedAt"], item["id"]) for item in found), default=(floor, ""))
    full = most is not None and len(found) == most
    for key in server.throughout - set(keys):
        at, version = server.items[key]
        if version == server.at_last_look.get(key, 0):  # as it was when the head was looked at last
            place = (f"{at:09d}", key)
            assert place < lowest if full else place[0] < floor
    assert not more or full


async def test_a_spent_window_is_waited_for(world: World) -> None:
    rows = add(world, 150)
    world.fault(system="den", route=sync_events.ROUTE, status=401, nth=2)
    world.fault(system="den", route="/api/auth/get-session", status=429, body=WINDOW, times=1)
    async with den(world) as client:
        found = await sync_events.read(client, {})
    assert ids(found.events) == [row["id"] for row in rows]
    assert [seconds for _, seconds in world.progress.waits] == [50.5]


# Names


async def test_an_instance_is_found_by_its_name_whatever_the_case(world: World) -> None:
    wanted = world.instance("old-wiki")
    async with den(world) as client:
        found = await named.instance_of(client, " Old-WIKI ")
        assert (found.id, found.name, client.sent) == (wanted["id"], "old-wiki", 1)
        assert (await named.instance_of(client, wanted["id"])).id == wanted["id"]
        assert client.sent == 1  # an id is taken as it is
        assert (await named.known(client, named.Named(wanted["id"]))).name == "old-wiki"


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("old", 'Did you mean "old-wiki"?'),
        ("old-wiky", 'Did you mean "old-wiki"?'),
        ("acme-archive/old-wiki", 'Did you mean "old-wiki"?'),
        ("zzz", "There are"),
        ("x" * 300, "There are"),
        ("cin_nope", "There are"),
        ("  ", "trueup plan"),
        ("a\x1b[31mb", "There are"),
    ],
)
async def test_an_instance_that_is_not_there_names_near_ones(given: str, hint: str, world: World) -> None:
    async with den(world) as client:
        with pytest.raises(UsageError) as caught:
            await named.instance_of(client, given)
    assert hint in explained(caught.value)[1]
    assert caught.value.message.isprintable()


async def test_an_instance_among_a_thousand_is_one_request(thousand: World) -> None:
    async with den(thousand) as client:
        name = thousand.rows("den.connectorInstances")[500]["name"]
        assert (await named.instance_of(client, name)).name == name
        assert client.sent == 1


async def test_names_are_read_one_by_one_when_few_and_from_the_list_when_many(thousand: World) -> None:
    rows = thousand.rows("den.connectorInstances")
    unknown = new_id("cin", datetime.now(UTC))
    async with den(thousand) as client:
        few = await named.names_of(client, [rows[0]["id"], rows[1]["id"], unknown, None, "../../evil"])
        assert few == {row["id"]: row["name"] for row in rows[:2]}
        assert client.sent == 3
        many = await named.names_of(client, [row["id"] for row in rows[:50]])
        assert many == {row["id"]: row["name"] for row in rows[:50]}
        assert client.sent == 3 + 11


async def test_names_that_cannot_be_had_are_no_failure(world: World) -> None:
    world.fault(system="den", route="/v1/connector-instances/*", status=503)
    async with den(world) as client:
        assert await named.names_of(client, [world.instance("old-wiki")["id"]]) == {}


async def test_a_target_is_found_by_its_remote_id_within_its_instance(world: World) -> None:
    one, other = a_target(world), a_target(world, "acme-archive/other", "release-notes-2019")
    instance = named.Named(world.instance("old-wiki")["id"], "old-wiki")
    async with den(world) as client:
        assert (await named.target_of(client, "ACME-archive/old-wiki", instance)).id == one["id"]
        assert (await named.target_of(client, one["id"], instance)).id == one["id"]
        assert (await named.target_of(client, other["id"], None)).id == other["id"]
        for given, words in (
            ("acme-archive/old", 'It has "acme-archive/old-wiki"'),
            (other["id"], "Leave the instance out"),
            (new_id("ctg", datetime.now(UTC)), "Ids keep their case"),
        ):
            with pytest.raises(UsageError) as caught:
                await named.target_of(client, given, instance)
            assert words in caught.value.hint
        with pytest.raises(UsageError, match="within an instance"):
            await named.target_of(client, "acme-archive/old-wiki", None)
        empty = named.Named(world.instance("release-notes-2019")["id"])
        await named.target_of(client, "acme-archive/other", empty)


# Following


Step = Callable[[], Any]


async def followed(
    world: World, steps: list[Step], query: dict[str, Any] | None = None, **more: Any
) -> list[list[Event]]:
    """What is told at each look that has something, when before each look one of those things happens."""
    told: list[list[Event]] = []
    left = list(steps)

    async def look(seconds: float) -> None:
        if not left:
            raise Stopped("enough")
        left.pop(0)()

    async with den(world) as client:
        begun = await sync_events.read(client, query or {}, most=lists.PAGE, **more)
        follower = Follower(client, query or {}, begun, more.get("since"))
        client.pause = look  # type: ignore[method-assign]
        with contextlib.suppress(Stopped):
            async for fresh in follower.changes():
                told.append(fresh)
    return told


def nothing() -> None:
    """A look without anything new."""


async def test_new_events_and_changes_are_told_once_and_in_order(world: World) -> None:
    add(world, 3)
    row = add(world, 1, status="queued", every=0, nextAttemptAt="2999-01-01T00:00:00.000Z")[0]

    def two() -> None:
        add(world, 2, every=1)

    def change(**fields: Any) -> Step:
        return lambda: put(world, {**row, **fields})

    told = await followed(
        world,
        [
            nothing,
            change(status="running"),
            nothing,
            two,
            nothing,
            change(status="queued", attemptCount=1),
            change(status="failed", attemptCount=2),
            nothing,
        ],
    )
    assert [[one.status for one in fresh] for fresh in told] == [
        ["running"],
        ["completed", "completed"],
        ["queued"],
        ["failed"],
    ]
    assert told[1][0].started < told[1][1].started


async def test_a_look_is_one_request_however_long_the_list(world: World) -> None:
    add(world, 250)
    world.forget()
    assert await followed(world, [nothing] * 20) == []
    assert world.routes()[LIST] == 1 + 20


async def test_more_events_than_a_page_between_two_looks_are_all_told(world: World) -> None:
    add(world, 30, ago=60)
    new: list[str] = []

    def many() -> None:
        new.extend(row["id"] for row in add(world, 260, every=0.01))

    told = await followed(world, [many, nothing])
    assert [ids(fresh) for fresh in told] == [new[::-1]]


async def test_an_old_event_that_comes_into_sight_is_no_news(world: World) -> None:
    """When something was removed, the page shows one more of what was there all the time."""
    rows = add(world, 250)
    told = await followed(world, [lambda: drop(world, *(row["id"] for row in rows[:20])), nothing])
    assert told == []


async def test_what_began_before_since_is_no_news(world: World) -> None:
    rows = add(world, 20)
    assert await followed(world, [nothing], since=rows[4]["startedAt"]) == []


async def test_with_a_status_an_event_is_told_when_it_gets_it(world: World) -> None:
    row = add(world, 1, status="running", every=500)[0]
    add(world, 3)
    told = await followed(
        world, [nothing, lambda: put(world, {**row, "status": "failed"}), nothing], {"status": "failed"}
    )
    assert [ids(fresh) for fresh in told] == [[row["id"]]]


async def test_following_goes_on_after_a_failure_and_a_spent_window(world: World) -> None:
    told: list[Event] = []
    async with den(world) as client:
        follower = Follower(client, {}, EventList([]))
        world.fault(system="den", route=sync_events.ROUTE, status=503, times=6)
        world.fault(system="den", route=sync_events.ROUTE, status=401, nth=8)
        world.fault(system="den", route="/api/auth/get-session", status=429, body=WINDOW, times=1)
        row = add(world, 1)[0]
        async for fresh in follower.changes():
            told += fresh
            break
        add(world, 1, every=0)
        async for fresh in follower.changes():
            told += fresh
            break
    assert told[0].id == row["id"]
    assert len(told) == 2
    waits = [why for why, _ in world.progress.waits]
    assert any("Looking again" in why for why in waits)
    assert any("window for this key is spent" in why for why in waits)


async def test_a_follower_forgets_what_is_long_past(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_events, "_REMEMBERED", 50)
    add(world, 90)
    assert await followed(world, [nothing] * 3) == []


# Retrying


async def test_a_retry_queues_and_may_be_sent_twice(world: World) -> None:
    row = add(world, 1, status="failed")[0]
    route = f"{sync_events.ROUTE}/{{connectorSyncEventId}}/retry"
    world.fault(system="den", method="POST", route=route, reset="after", times=1)
    async with den(world) as client:
        await sync_events.retry(client, row["id"])
        found = await sync_events.get(client, row["id"])
    assert found.started > row["startedAt"]
    assert len(world.writes()) == 2


async def test_a_retry_that_may_not_be_says_why(world: World) -> None:
    row = add(world, 1)[0]
    async with den(world) as client:
        with pytest.raises(NotFound, match="there is no sync event cse_"):
            await sync_events.retry(client, new_id("cse", datetime.now(UTC)))
        world.fault(system="den", method="POST", status=403, body={"error": "forbidden", "message": "Missing editor"})
        with pytest.raises(Forbidden) as caught:
            await sync_events.retry(client, row["id"])
    assert "role of an editor" in caught.value.hint


# Times


def test_times_compare_as_the_servers_do() -> None:
    moment = datetime(2026, 11, 20, 8, 51, tzinfo=UTC)
    assert sync_events.stamp_of(moment) == "2026-11-20T08:51:00.000Z"
    chance = random.Random(1)
    moments = sorted(moment + timedelta(milliseconds=chance.randrange(10**9)) for _ in range(200))
    stamps = [sync_events.stamp_of(one) for one in moments]
    assert stamps == sorted(stamps)
