"""Lists of Den are read truly while others write: a model of the server, with writers between any two requests.

Time ticks with each request, and with a write or not: several writes may carry one time, as in bulk changes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from moving_list import ACTIONS, PAGE, ROUTE, Action, Den

from trueup.core.errors import Malformed, Unavailable
from trueup.core.progress import Quiet
from trueup.core.values import Live
from trueup.systems.den import lists
from trueup.transport import Answer


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "PAGE", PAGE)


def read(server: Any) -> list[dict[str, Any]]:
    return asyncio.run(lists.read_all(server, ROUTE))


def check(den: Den, found: list[dict[str, Any]]) -> None:
    """All that existed throughout, each once, each as new as when the head was looked at last."""
    ids = [item["id"] for item in found]
    assert len(ids) == len(set(ids))
    assert den.throughout <= set(ids)
    for item in found:
        if item["id"] in den.throughout:
            assert item["version"] >= den.at_last_look.get(item["id"], 0)


OVERTAKEN = [[], [("write", -1), ("write", 1), ("write", 2), ("write", 3), ("write", 4), ("remove-cursor", 0)]]
"""A page's worth of known items is written over one that was not seen, and then the cursor vanishes."""


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 8 * PAGE), st.lists(ACTIONS, max_size=12), st.booleans())
@example(6 * PAGE, OVERTAKEN, False)
@example(6 * PAGE, [[("write-cursor", 0)]] * 12, False)
@example(6 * PAGE, [[("remove-cursor", 0)]] * 12, False)
def test_nothing_that_stays_is_missed_whatever_others_write(
    count: int, schedule: list[list[Action]], ties: bool
) -> None:
    den = Den(count, schedule, ties=ties)
    found = read(den)  # the writers rest after twelve requests, so it has to come to an end
    check(den, found)
    assert den.requests <= 12 + 40 * (1 + (count + den.made) // PAGE)


@pytest.mark.parametrize("chunk", range(4))
def test_nothing_is_missed_in_thousands_of_restless_schedules(chunk: int) -> None:
    """Writers that never rest: either the truth, or an error that says that there was none to be had."""
    given_up = 0
    for seed in range(400 * chunk, 400 * (chunk + 1)):
        chance = random.Random(seed)
        kinds = ["write"] * chance.choice([4, 8, 30]) + ["create", "remove", "write-cursor", "remove-cursor"]
        busy = chance.choice([1, 2, PAGE, 2 * PAGE])
        size = chance.randrange(8 * PAGE)

        def acts(chance: random.Random = chance, kinds: list[str] = kinds, busy: int = busy) -> Iterator[list[Action]]:
            while True:
                count = chance.randrange(busy + 1)
                yield [(chance.choice(kinds), chance.randrange(-PAGE, 3 * PAGE)) for _ in range(count)]

        den = Den(size, [], ties=chance.random() < 0.3)
        den.schedule = acts()
        try:
            check(den, read(den))
        except Unavailable:
            given_up += 1
        assert den.requests < 1000
    assert given_up < 200, "it may give up, but not as a habit"


def test_an_item_that_a_page_of_later_writes_hides_is_found() -> None:
    den = Den(6 * PAGE, OVERTAKEN)
    check(den, read(den))


@pytest.mark.parametrize("count", [0, 1, PAGE - 1, PAGE])
@pytest.mark.parametrize("ties", [False, True])
def test_one_page_takes_one_request(count: int, ties: bool) -> None:
    den = Den(count, [], ties=ties)
    assert len(read(den)) == count
    assert den.requests == 1


@pytest.mark.parametrize("count", [PAGE + 1, 2 * PAGE - 1, 2 * PAGE, 2 * PAGE + 1, 10 * PAGE])
@pytest.mark.parametrize("ties", [False, True])
def test_without_writers_it_takes_the_pages_and_one_more(count: int, ties: bool) -> None:
    den = Den(count, [], ties=ties)
    assert len(read(den)) == count
    assert den.requests == -(-count // PAGE) + 1


def test_the_newest_come_first() -> None:
    den = Den(3 * PAGE, [[("write", 5)], [("write", 9)]])
    found = read(den)
    assert [item["id"] for item in found] == den.order


def test_it_asks_for_the_largest_page_and_passes_filters_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    asked: list[dict[str, Any]] = []

    class Server(Den):
        async def get(self, route: str, query: dict[str, Any] | None = None, **params: str) -> Answer:
            asked.append(query or {})
            return await super().get(route, query, **params)

    asyncio.run(lists.read_all(Server(150, [], page=100), ROUTE, {"q": "docs"}))  # type: ignore[arg-type]
    assert [query["limit"] for query in asked] == [100] * 3
    assert [query["q"] for query in asked] == ["docs"] * 3


# The three recorded cases


def test_drift_a_an_item_that_moved_ahead_of_the_walk_is_caught_up() -> None:
    den = Den(3 * PAGE, [[("write", -1)]])
    found = read(den)
    check(den, found)
    assert den.requests == 4, "three pages and the look at the head, which it was going to take anyway"


def test_drift_b_a_cursor_that_moved_to_the_head_costs_little() -> None:
    den = Den(6 * PAGE, [[], [("write-cursor", 0)]])
    found = read(den)
    check(den, found)
    assert den.requests <= 7 + 3, "it goes on from an earlier item, not from the beginning"


def test_drift_c_a_cursor_that_vanished_costs_little() -> None:
    den = Den(6 * PAGE, [[], [("remove-cursor", 0)]])
    found = read(den)
    check(den, found)
    assert den.requests <= 7 + 3


def test_many_items_that_moved_at_once_cost_few_steps_back() -> None:
    moved: list[Action] = [("write", 4 * PAGE - 1)] * (3 * PAGE)  # the last twelve that were passed, and the cursor
    den = Den(8 * PAGE, [[], [], [], moved])
    check(den, read(den))
    assert den.requests <= 8 + 4 + 8, "each step back is twice as long as the one before"


def test_what_was_removed_from_the_head_during_the_walk_is_not_shown() -> None:
    den = Den(3 * PAGE, [[("remove", 1)]])
    found = read(den)
    assert {item["id"] for item in found} == set(den.items)


# Servers that are not well


class Pages:
    """A server that answers what the function says, however often it is asked; it must not be asked for ever."""

    def __init__(self, body: Callable[[int, str | None], Any]) -> None:
        self.progress = Quiet()
        self.body = body
        self.requests = 0

    async def get(self, route: str, query: dict[str, Any] | None = None, **params: str) -> Answer:
        self.requests += 1
        assert self.requests < 20_000, "this is for ever"
        return Answer(200, self.body(self.requests, (query or {}).get("cursor")), "req_1", "GET", route)


def item(name: str, stamp: int = 5) -> dict[str, Any]:
    return {"id": name, "updatedAt": f"{stamp:09d}"}


ENDLESS: dict[str, Callable[[int, str | None], Any]] = {
    "always-the-same-page": lambda n, cursor: {"items": [item("a")], "nextCursor": "a"},
    "two-pages-in-turn": lambda n, cursor: {"items": [item("b" if cursor == "a" else "a")], "nextCursor": "ba"[n % 2]},
    "empty-pages": lambda n, cursor: {"items": [], "nextCursor": "x"},
    "new-items-for-ever": lambda n, cursor: {"items": [item(f"i{n}")], "nextCursor": f"i{n}"},
    "written-for-ever": lambda n, cursor: {"items": [item("a", n), item("b", n)], "nextCursor": "b"},
    "new-cursors-for-ever": lambda n, cursor: {"items": [item("a")], "nextCursor": f"c{n}"},
}


@pytest.mark.parametrize("body", ENDLESS.values(), ids=ENDLESS)
def test_a_list_without_an_end_is_given_up(body: Callable[[int, str | None], Any]) -> None:
    server = Pages(body)
    with pytest.raises(Unavailable, match="does not come to rest"):
        read(server)


MALFORMED: dict[str, Any] = {
    "null": None,
    "list": [],
    "no-items": {"nextCursor": None},
    "items-object": {"items": {}, "nextCursor": None},
    "item-text": {"items": ["a"], "nextCursor": None},
    "item-without-id": {"items": [{"updatedAt": "1"}], "nextCursor": None},
    "id-number": {"items": [{"id": 1, "updatedAt": "1"}], "nextCursor": None},
    "no-time": {"items": [{"id": "a"}], "nextCursor": None},
    "time-null": {"items": [{"id": "a", "updatedAt": None}], "nextCursor": None},
    "cursor-number": {"items": [], "nextCursor": 7},
    "cursor-list": {"items": [], "nextCursor": []},
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_page_that_is_none_is_malformed_and_nothing_is_concluded(body: Any) -> None:
    with pytest.raises(Malformed, match="Nothing was concluded"):
        read(Pages(lambda n, cursor: body))


def test_a_page_that_breaks_off_in_the_middle_is_malformed() -> None:
    den = Den(3 * PAGE, [])
    pages = iter([asyncio.run(den.get(ROUTE, {})).body])
    with pytest.raises(Malformed):
        read(Pages(lambda n, cursor: next(pages, {"error": "x"})))


# The look after the writes


def reread(den: Den, wanted: list[str], since: int) -> dict[str, Any]:
    lives = {key: Live("Thing", key, key, {}, f"{since:09d}") for key in wanted}
    return asyncio.run(lists.reread(den, ROUTE, "thingId", lives))  # type: ignore[arg-type]


def write_oldest(den: Den, count: int) -> list[str]:
    """Writes the oldest ones, each once; their ids."""
    oldest = den.order[::-1][:count]
    for key in oldest:
        den.items[key] = (den.now, den.items[key][1] + 1)
        den.now += not den.ties
    den.now += 1
    return oldest


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 6 * PAGE), st.integers(0, 3 * PAGE), st.lists(ACTIONS, max_size=8), st.booleans())
def test_what_was_written_is_read_again_whatever_others_write(
    count: int, written: int, schedule: list[list[Action]], ties: bool
) -> None:
    den = Den(count, schedule, ties=ties)
    since = den.now
    wanted = write_oldest(den, min(written, count))
    before = {key: den.items[key][1] for key in wanted}
    found = reread(den, wanted, since)
    assert den.throughout & set(wanted) <= found.keys() <= set(wanted)
    for key in den.throughout & set(wanted):
        assert found[key]["version"] >= before[key]


def test_what_was_written_stands_at_the_head() -> None:
    den = Den(10 * PAGE, [])
    since = den.now
    wanted = write_oldest(den, 2 * PAGE)
    assert reread(den, wanted, since).keys() == set(wanted)
    assert den.requests == 2 == lists.reread_cost(len(wanted))


@pytest.mark.parametrize("count", [1, 2])
def test_few_are_read_by_id(count: int) -> None:
    den = Den(10 * PAGE, [])
    wanted = den.order[-count:]
    assert reread(den, wanted, 0).keys() == set(wanted)
    assert den.requests == count == lists.reread_cost(count)


def test_what_was_removed_since_is_missing() -> None:
    den = Den(3 * PAGE, [])
    wanted = den.order[:3]
    del den.items[wanted[1]]
    assert reread(den, wanted, 0).keys() == {wanted[0], wanted[2]}
