"""The handler of a plain REST kind: what it sends, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from trueup.core.api import Answer
from trueup.core.changes import Change
from trueup.core.errors import Ambiguous, Forbidden, Malformed, NotFound
from trueup.core.fields import field
from trueup.core.kinds import Declared, Handler, Scope, kind
from trueup.core.progress import Progress, Quiet
from trueup.core.reasons import Reason
from trueup.core.values import Address, Call, Desired, Kept, Live, Refusal, Where
from trueup.systems.paging import pages
from trueup.systems.rest import RestHandler

_T = TypeVar("_T")


@dataclass(frozen=True)
class Page:
    """A page of a book."""

    book: str = field("Its book.", reference="Book", immutable=True)
    name: str = field("Its name.")
    size: str | None = field("Its size.", immutable=True)
    seal: str | None = field("What nobody reads.", secret=True, write_only=True)
    notes: dict[str, Any] | None = field("Notes.", owned_by_key=True)
    deletionPolicy: str | None = field("What becomes of it.", local=True)


PAGES = RestHandler(
    Page,
    listed="/books/{book}/pages",
    one="/pages/{id}",
    unique=("book", "name"),
    parent="book",
    computed={"madeAt": "When it was made."},
)
KIND = kind(Page, system="made", handler=PAGES, parent="book")
ROW = {"id": "p1", "name": "one", "size": "A5", "notes": {"a": 1, "theirs": 2}, "madeAt": "now", "updatedAt": "later"}


class Books:
    """An API that answers as it is told to: by method and route, each answer once, the last one for ever."""

    title = "Books"
    progress: Progress = Quiet()

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = answers
        self.sent: list[tuple[str, str, Any]] = []
        self.paused = 0

    async def get(self, route: str, query: Mapping[str, Any] | None = None, **params: str) -> Answer:
        return await self.request("GET", route, query=query, params=params)

    async def request(
        self,
        method: str,
        route: str,
        *,
        params: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        repeatable: bool = True,
        guarded: bool = False,
    ) -> Answer:
        given = query if body is None else body
        self.sent.append((method, route.format(**(params or {})), given))
        waiting = self.answers[method if method != "GET" or route != PAGES.one else "one"]
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, Exception):
            raise answer
        return Answer(200, answer, "", method, route)

    async def once(self, name: str, make: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        return await make()

    async def pause(self, seconds: float) -> None:
        self.paused += 1


def page(**spec: Any) -> Declared:
    return Declared(Address("made", "Page", "one"), KIND, {"book": "b1", "name": "one", **spec}, Where("", 0))


def live(**spec: Any) -> Live:
    return PAGES.live({**ROW, **spec}, "b1")


def desired(**spec: Any) -> Desired:
    return Desired({"book": "b1", "name": "one", **spec})


def only(calls: tuple[Call, ...] | Refusal | Kept) -> Call:
    assert isinstance(calls, tuple)
    (call,) = calls
    return call


async def test_a_list_is_read_to_its_end_each_id_once() -> None:
    api = Books(GET=[{"items": [ROW], "nextCursor": 7}, {"items": [ROW, {**ROW, "id": "p2"}]}])
    assert [row["id"] for row in await pages(api, "/pages")] == ["p1", "p2"]
    assert [given for *_, given in api.sent] == [{"cursor": None}, {"cursor": 7}]


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"items": {}}, {"items": ["p1"]}, {"items": [{"id": 1}]}, {"items": [{"id": "p1"}]}],
)
async def test_what_is_no_list_is_malformed(body: Any) -> None:
    with pytest.raises(Malformed):
        await pages(Books(GET=[body]), "/pages", needs=("name",))


async def test_a_list_that_goes_round_is_malformed() -> None:
    with pytest.raises(Malformed, match="a cursor that it gave before"):
        await pages(Books(GET=[{"items": [ROW], "nextCursor": "a"}]), "/pages")


async def test_children_are_listed_below_each_parent_and_a_refusal_is_noted() -> None:
    api = Books(GET=[{"items": [ROW]}, Forbidden("no", method="GET", route=""), NotFound("", method="GET", route="")])
    found = await PAGES.read(api, Scope(parents=("b1", "b2", "b3")))
    assert [route for _, route, _ in api.sent] == ["/books/b1/pages", "/books/b2/pages", "/books/b3/pages"]
    assert [child.spec["book"] for child in found.items] == ["b1"]
    assert (set(found.denied), found.gone) == ({"b2", "b3"}, {"b3"})


def test_a_row_shows_its_fields_and_what_it_leaves_out_is_unreadable() -> None:
    found = PAGES.live({"id": "p1", "name": "one", "notes": {}, "other": 1}, "b1")
    assert found.spec == {"book": "b1", "name": "one", "notes": {}}
    assert found.unreadable == {("size",), ("seal",)}
    assert (found.name, found.server) == ("one", {"madeAt": None})


async def test_few_are_read_again_by_id_and_many_by_list() -> None:
    api = Books(one=[ROW, NotFound("", method="GET", route="")], GET=[{"items": [ROW]}])
    assert set(await PAGES.reread(api, [live(), live(id="p2")])) == {"p1"}
    assert set(await PAGES.reread(api, [live(), live(id="p2"), live(id="p3")])) == {"p1"}
    assert [route for _, route, _ in api.sent] == ["/pages/p1", "/pages/p2", "/books/b1/pages"]
    assert [PAGES.reread_cost([None] * count, 1) for count in (1, 2, 3)] == [1, 2, 1]


async def test_a_create_whose_answer_is_lost_is_looked_for_and_sent_once() -> None:
    lost = Ambiguous("no answer", method="POST", route="/books/{book}/pages")
    call = only(PAGES.creation(page(seal="x", deletionPolicy="retain"), ()))
    with pytest.raises(Ambiguous):
        await PAGES.perform(Books(POST=[lost], GET=[{"items": []}]), call, None, desired(seal="x"))
    api = Books(POST=[lost], GET=[{"items": [ROW]}])
    made = await PAGES.perform(api, call, None, desired(seal="x"))
    assert made is not None
    assert made.found
    assert api.sent[0] == ("POST", "/books/b1/pages", {"name": "one", "seal": "x"})
    assert [method for method, *_ in api.sent] == ["POST", "GET"]


async def test_a_change_sends_what_changed_and_keeps_the_keys_of_others() -> None:
    changes = [Change(("notes", "a"), 1, 3), Change(("seal",), None, "x")]
    call = only(PAGES.calls(live(), desired(), changes))
    assert call == Call("patch", 2, ("notes", "seal"))
    api = Books(one=[{**ROW, "notes": {"a": 1, "theirs": 5}}], PATCH=[ROW])
    await PAGES.perform(api, call, live(), desired(notes={"a": 3}, seal="x"))
    assert api.sent[-1] == ("PATCH", "/pages/p1", {"notes": {"a": 3, "theirs": 5}, "seal": "x"})


def test_what_is_immutable_is_refused() -> None:
    found = PAGES.calls(live(), desired(), [Change(("size",), "A5", "A4")])
    assert isinstance(found, Refusal)
    assert found.why == Reason("fields-cannot-change", fields=["size"], kind="Page")


async def test_a_deletion_that_another_client_made_is_done() -> None:
    assert isinstance(PAGES.removal(live(), "retain"), Kept)
    call = only(PAGES.removal(live(), ""))
    api = Books(DELETE=[NotFound("", method="DELETE", route="")])
    assert await PAGES.perform(api, call, live(), desired()) is None


def test_a_capability_is_declared() -> None:
    with pytest.raises(TypeError, match="has canonical, which takes translates = True"):
        type("Odd", (Handler,), {"canonical": lambda *_: {}})
    type("Sound", (Handler,), {"canonical": lambda *_: {}, "translates": True})


def test_a_handler_without_what_it_needs_is_refused_when_it_is_made() -> None:
    half = type("Half", (Handler,), {"key": lambda *_: ()})
    with pytest.raises(TypeError, match=r"abstract methods? .*calls.*creation.*perform.*read.*reread_cost"):
        half()
