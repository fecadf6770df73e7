"""Cursors that a newer server refuses with 400: a walk goes on from the head, wherever that happens, and ends."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest
from hostile import Request, answer, client, serving

from trueup.core.errors import Refused, Unavailable
from trueup.core.values import Live
from trueup.systems.den import lists, sync_events

ROUTE = "/v1/things"


class Pages:
    """A list of 250 rows, 150 of which are written while it is read; some of its cursors are refused."""

    def __init__(self, refused: set[int], stamp: str = "updatedAt", *, opaque: bool = False, busy: int = 2) -> None:
        self.refused = refused
        self.opaque = opaque
        self.stamp = stamp
        self.busy = busy
        self.rows = {f"cin_{number:026}": f"2026-08-01T00:00:{number:06}Z" for number in range(250)}
        self.cursors = 0

    async def __call__(self, request: Request, _: asyncio.StreamWriter) -> bytes:
        query = parse_qs(urlsplit(request.path).query)
        if request.number == self.busy:
            for number in range(150):
                self.rows[f"cin_{number:026}"] = f"2026-08-01T01:00:{number:06}Z"
        order = sorted(self.rows, key=lambda key: (self.rows[key], key), reverse=True)
        start = 0
        if "cursor" in query:
            self.cursors += 1
            (cursor,) = query["cursor"]
            known = cursor.startswith("page:") if self.opaque else cursor in order
            if self.cursors in self.refused or not known:
                return answer(400, {"error": "invalid_request", "message": "Invalid cursor."})
            start = order.index(cursor.removeprefix("page:")) + 1
        shown = order[start : start + 100]
        more = len(order) > start + 100
        after = (f"page:{shown[-1]}" if self.opaque else shown[-1]) if more else None
        items = [{"id": key, self.stamp: self.rows[key]} for key in shown]
        return answer(body={"items": items, "nextCursor": after})


@pytest.mark.parametrize("opaque", [False, True])
@pytest.mark.parametrize("refused", [{1}, {2}, {3}, {4}, {1, 2, 3}, {2, 4, 6}])
async def test_every_row_is_read_whatever_cursor_is_refused(refused: set[int], opaque: bool) -> None:
    pages = Pages(refused, opaque=opaque)
    async with serving(pages) as server, client(server.url) as api:
        found = await lists.read_all(api, ROUTE)
    assert {row["id"]: row["updatedAt"] for row in found} == pages.rows
    assert pages.cursors > 1


@pytest.mark.parametrize("refused", [{1}, {2}, {1, 2}])
async def test_a_head_is_read_whatever_cursor_is_refused(refused: set[int]) -> None:
    pages = Pages(refused, busy=0)
    wanted = {
        f"cin_{number:026}": Live("x", f"cin_{number:026}", "", {}, "2026-08-01T01:00:000000Z") for number in range(150)
    }
    async with serving(pages) as server, client(server.url) as api:
        found = await lists.reread(api, ROUTE, "thingId", wanted)
    assert found.keys() == wanted.keys()


@pytest.mark.parametrize("refused", [{1}, {2}, {1, 2}])
async def test_events_are_read_whatever_cursor_is_refused(refused: set[int]) -> None:
    pages = Pages(refused, "startedAt")
    async with serving(pages) as server, client(server.url) as api:
        found = await sync_events.read(api, {}, most=220)
    assert [one.started for one in found.events] == sorted(pages.rows.values(), reverse=True)[:220]


async def test_a_server_that_refuses_every_cursor_is_given_up() -> None:
    pages = Pages(set(range(10_000)))
    async with serving(pages) as server, client(server.url) as api:
        with pytest.raises(Unavailable, match="does not come to rest"):
            await lists.read_all(api, ROUTE)
        with pytest.raises(Unavailable, match="does not come to rest"):
            await lists.read_head(api, ROUTE, {"cin_missing"}, "2026-08-01T00:00:000000Z")
        assert len(server.requests) < 300


async def test_a_first_page_that_is_refused_is_an_error() -> None:
    async def respond(request: Request, _: asyncio.StreamWriter) -> bytes:
        return answer(400, {"error": "invalid_request"})

    async with serving(respond) as server, client(server.url) as api:
        with pytest.raises(Refused):
            await lists.read_all(api, ROUTE)
        assert len(server.requests) == 1
