"""Read a Den list correctly even during concurrent writes.

Facts (recorded cases `drift.A`, `drift.B`, `drift.C`): the cursor is the id of the last item, the order is `updatedAt`
descending, and every write moves its item to the front. So a walk can skip an item that moved ahead of it, repeat
items, or start over when its cursor moved or vanished, and nothing in the answer says so. Here:

- items are kept once an id, the latest `updatedAt` winning;
- items only ever move up, so a page that does not lie below its cursor came round. The walk then goes on from an
  earlier item: any that kept its place is as good a cursor as the last one;
- at the end the head is read again, down to what was there when the walk began: what moved meanwhile is all above that;
- a list of one page is one answer, hence true as it is.

What this cannot see: a removal further down during the walk, since it moves nothing.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

from trueup.core.errors import Malformed, NotFound, Refused, Unavailable
from trueup.core.reasons import Reason
from trueup.core.texts import has_half

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

    from trueup.core.api import Answer, Api
    from trueup.core.progress import Progress
    from trueup.core.values import Live

PAGE: Final = 100
"""The largest page; the server checks the whole organisation for each page, whatever its size."""
_LONGEST_CURSOR: Final = 4096
_BY_ID: Final = 2
"""Up to that many are read by id: a page costs the server more than both."""
_RESTLESS: Final = 25
"""Pages without anything new before a list is given up as one that does not come to rest."""
_PATIENCE: Final = 10
"""Requests for each page that a list is long, before it is given up likewise."""
_MOST: Final = 5_000
"""Pages of one walk, however long the list: half a million items."""
_LOOKS: Final = 10
"""Looks at a head that is longer than a page before the list is given up."""

_STAMP: Final = "updatedAt"
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Nothing that could lead a URL elsewhere."""

Item = dict[str, Any]


class Reader(Protocol):
    """A client, as far as a list is read with it."""

    @property
    def progress(self) -> Progress:
        """The observer of the run."""

    async def get(self, route: str, query: Mapping[str, Any] | None = None, **params: str) -> Answer:
        """Send a GET. Raises ApiError."""


class _Walk:
    """One walk over a list: what it found, and whether it still gets anywhere."""

    def __init__(
        self,
        client: Reader,
        route: str,
        query: dict[str, Any],
        stamp: str,
        params: dict[str, str],
        needs: Sequence[str] = (),
    ) -> None:
        self.client = client
        self.route = route
        self.query = query
        self.stamp = stamp
        self.needs = needs
        self.params = params
        self.found: dict[str, Item] = {}
        self.fresh = 0
        self._idle = 0
        self._pages = 0

    async def page(self, cursor: str | None) -> tuple[list[Item], str | None]:
        """One page and the next cursor; sets `fresh`: how many items are new or newer."""
        answer = await self.client.get(self.route, {**self.query, "limit": PAGE, "cursor": cursor}, **self.params)
        items, after = _checked(answer, self.stamp, self.needs)
        self.fresh = 0
        for item in items:
            known = self.found.get(item["id"])
            if known is None or known[self.stamp] < item[self.stamp]:
                self.found[item["id"]] = item
                self.fresh += 1
        if cursor is None and items:
            self._forget_removed(items)
        self._idle = 0 if self.fresh else self._idle + 1
        self._pages += 1
        most = min(_MOST, _PATIENCE * (len(self.found) // PAGE + 10))
        if self._idle > _RESTLESS or self._pages > most:
            what = f"{_RESTLESS} pages brought nothing new and" if self._idle > _RESTLESS else f"{most:,} pages had"
            restless = Unavailable(
                f"GET {self.route} does not come to rest: {what} no end.",
                method="GET",
                route=self.route,
                request_id=answer.request_id,
                hint="Nothing was concluded from it. Try again.",
            )
            if not answer.request_id:
                restless.at, restless.correlation = answer.at, answer.correlation
            raise restless
        return items, after

    async def beyond(self, cursor: str) -> tuple[list[Item], str | None] | None:
        """The page behind a cursor; None when that is refused, since a newer server does not know it any more."""
        try:
            return await self.page(cursor)
        except Refused as error:
            if error.status != HTTPStatus.BAD_REQUEST:
                raise
            self._idle += 1
            return None

    def _forget_removed(self, head: list[Item]) -> None:
        # The head is one answer: what should stand on it and does not is gone.
        present = {item["id"] for item in head}
        lowest = head[-1][self.stamp]
        for key in [key for key, item in self.found.items() if item[self.stamp] > lowest and key not in present]:
            del self.found[key]

    async def down(self, items: list[Item], after: str | None) -> None:
        """From the first page and its cursor to the end of the list."""
        trail: dict[str, str] = {}  # times by id, of what lies above the cursor, in order
        back = 1
        self._pass(trail, items)
        while after is not None:
            page = await self.beyond(after)
            if page is not None and self._below(trail, page[0]):
                items, ahead = page
                self._pass(trail, items)
                after, back = ahead, 1
                continue
            self.client.progress.decision(f"GET {self.route} came round; going on from an earlier item")
            for _ in range(min(back, len(trail))):
                trail.popitem()
            back *= 2
            if trail:
                after = next(reversed(trail))
            else:  # nothing kept its place: from the head again
                items, after = await self.page(None)
                self._pass(trail, items)

    def _pass(self, trail: dict[str, str], items: list[Item]) -> None:
        for item in items:
            trail.pop(item["id"], None)
            trail[item["id"]] = item[self.stamp]

    def _below(self, trail: dict[str, str], items: list[Item]) -> bool:
        """Whether a page lies below the trail: not when its cursor moved up or vanished meanwhile."""
        if not items or not trail:
            return True
        first, lowest = items[0], trail[next(reversed(trail))]
        stamp: str = first[self.stamp]
        return stamp < lowest or (stamp == lowest and first["id"] not in trail)

    async def settle(self, began: str) -> None:
        """Reads the head down to what was there at `began`, until that takes one page: then nothing was skipped."""
        for _ in range(_LOOKS):
            pages, cursor, top = 0, None, began
            while True:
                page = await self.page(None) if cursor is None else await self.beyond(cursor)
                pages += 1
                if page is None:
                    top = began  # what stands below was not seen: another look
                    break
                items, after = page
                if pages == 1 and items:
                    top = items[0][self.stamp]
                if after is None or not items or items[-1][self.stamp] < began:
                    break
                if pages == 1 and top == began and not self.fresh:
                    break  # over a page of one and the same time, and nothing was written since
                cursor = after
            if pages == 1:
                return
            began = top
        raise Unavailable(
            f"GET {self.route} does not come to rest: over {PAGE} items changed during each of {_LOOKS} looks.",
            method="GET",
            route=self.route,
            hint="Nothing was concluded from it. Try again when less is going on.",
        )


async def read_all(
    client: Reader,
    route: str,
    query: dict[str, Any] | None = None,
    *,
    stamp: str = "updatedAt",
    needs: Sequence[str] = (),
    **params: str,
) -> list[Item]:
    """Every item of a list, each once, as true as the API allows; the head first. Raises ApiError.

    `needs` are texts that each item has to hold, since it is matched by them.
    """
    walk = _Walk(client, route, query or {}, stamp, params, needs)
    items, after = await walk.page(None)
    if after is not None:
        await walk.down(items, after)
        await walk.settle(items[0][stamp] if items else "")
    return sorted(walk.found.values(), key=lambda item: (item[stamp], item["id"]), reverse=True)


def missing(parent: str) -> Reason:
    """Return what a 404 of the list of a parent means."""
    return Reason("den/parent-not-found", id=parent)


async def read_children(client: Reader, route: str, needs: Sequence[str] = (), **params: str) -> list[Item]:
    """Return every item of a list of children. Raises Malformed when one says that it has another parent."""
    found = await read_all(client, route, None, needs=needs, **params)
    if any(item.get(name, value) != value for item in found for name, value in params.items()):
        hint = "Nothing was concluded from it."
        raise Malformed(f"GET {route} answered with what is below another one.", method="GET", route=route, hint=hint)
    return found


async def read_head(
    client: Reader, route: str, wanted: Set[str], since: str, *, needs: Sequence[str] = (), **params: str
) -> dict[str, Item]:
    """Those of the wanted ids that were touched at or after `since`, by id: what was written stands at the head."""
    walk = _Walk(client, route, {}, _STAMP, params, needs)
    cursor: str | None = None
    while True:
        page = await walk.page(None) if cursor is None else await walk.beyond(cursor)
        if page is None:
            cursor = None
            continue
        items, after = page
        if after is None or not items or walk.found.keys() >= wanted or items[-1][_STAMP] < since:
            return {key: walk.found[key] for key in wanted if key in walk.found}
        cursor = after


def _checked(answer: Answer, stamp: str, needs: Sequence[str]) -> tuple[list[Item], str | None]:
    body = answer.body
    if not isinstance(body, dict) or not isinstance(body.get("items"), list):
        raise answer.malformed("something that is not a list")
    for item in body["items"]:
        if not isinstance(item, dict) or not _sound(item, stamp):
            raise answer.malformed(f"an item without id or {stamp}")
        _complete(answer, item, needs)
    after = body.get("nextCursor")
    if after is not None and not isinstance(after, str):
        raise answer.malformed("a cursor that is not text")
    if after is not None and (len(after) > _LONGEST_CURSOR or has_half(after)):
        raise answer.malformed("a cursor that no URL can hold")
    return body["items"], after


async def reread(
    api: Api, route: str, parameter: str, wanted: Mapping[str, Live], needs: Sequence[str] = ()
) -> dict[str, Item]:
    """Read again what was just written, by id, in as few requests as possible; what is gone is missing.

    What was written stands at the head of the list, so a page shows a hundred of them.
    """
    found: dict[str, Item] = {}
    if len(wanted) > _BY_ID:
        since = min((live.updated_at or "" for live in wanted.values()), default="")
        found = await read_head(api, route, wanted.keys(), since, needs=needs)
    for key in wanted.keys() - found.keys():
        try:
            answer = await api.get(f"{route}/{{{parameter}}}", None, **{parameter: key})
        except NotFound:
            continue
        found[key] = item_of(answer, key, needs)
    return found


def reread_cost(count: int) -> int:
    """Requests that `reread` takes when nothing else is going on."""
    return count if count <= _BY_ID else -(-count // PAGE)


def item_of(answer: Answer, wanted: str | None = None, needs: Sequence[str] = ()) -> Item:
    """The item of an `{item}` or `{ok, item}` answer, which is about the wanted id. Raises Malformed."""
    body = answer.body
    return checked_item(answer, body.get("item") if isinstance(body, dict) else None, wanted, needs)


def checked_item(answer: Answer, item: Any, wanted: str | None = None, needs: Sequence[str] = ()) -> Item:
    """The same of an item that stands elsewhere in the answer."""
    if not isinstance(item, dict) or not _sound(item, _STAMP):
        raise answer.malformed("no item")
    if wanted is not None and item["id"] != wanted:
        raise answer.malformed(f"another item than {wanted}")
    _complete(answer, item, needs)
    found: Item = item
    return found


def _sound(item: dict[str, Any], stamp: str) -> bool:
    return isinstance(item.get("id"), str) and bool(_ID.fullmatch(item["id"])) and isinstance(item.get(stamp), str)


def _complete(answer: Answer, item: Item, needs: Sequence[str]) -> None:
    for name in needs:
        if not isinstance(item.get(name), str):
            raise answer.malformed(f"an item ({item['id']}) without its {name}")
