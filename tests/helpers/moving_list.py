"""A model of Den's lists, with others that write between any two requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from trueup.core.errors import NotFound
from trueup.core.progress import Quiet
from trueup.transport import Answer

ROUTE = "/v1/things"
PAGE = 4
"""Of the model, unless a test says otherwise: small, so that few writes turn a whole page over."""
Action = tuple[str, int]
"""A change by another user, and the place of its item in the list, counted from the end when negative."""


class Den:
    """The list route of a server, as far as the reader sees it, and the writers beside it."""

    def __init__(self, count: int, schedule: list[list[Action]], *, ties: bool = False, page: int = PAGE) -> None:
        self.progress = Quiet()
        self.page = page
        self.ties = ties
        self.now = 1000
        self.made = 0
        self.items: dict[str, tuple[int, int]] = {}
        """Time of the last write and number of writes, by id."""
        self.schedule: Iterator[list[Action]] = iter(schedule)
        self.requests = 0
        self.cursors: list[str | None] = []
        self.at_last_look: dict[str, int] = {}
        for _ in range(count):
            self.create()
            self.now += not ties
        self.now += 1
        self.throughout = set(self.items)
        """The ids that existed all the time."""

    @property
    def order(self) -> list[str]:
        return sorted(self.items, key=lambda key: (self.items[key][0], key), reverse=True)

    def create(self) -> None:
        self.made += 1
        self.items[f"{self.made * 7919 % 10007:05d}"] = (self.now, 0)

    def act(self, action: Action) -> None:
        kind, place = action
        cursor = self.cursors[-1]
        aimed = [cursor] if kind.endswith("cursor") else self.order[place : place + 1 or None]
        if kind == "create":
            self.create()
        elif aimed and aimed[0] in self.items:
            if kind.startswith("remove"):
                self.throughout.discard(aimed[0])
                del self.items[aimed[0]]
            else:
                self.items[aimed[0]] = (self.now, self.items[aimed[0]][1] + 1)
        self.now += not self.ties

    async def get(self, route: str, query: dict[str, Any] | None = None, **params: str) -> Answer:
        self.now += 1
        self.requests += 1
        cursor = (query or {}).get("cursor")
        self.cursors.append(cursor)
        if self.requests > 1:
            for action in next(self.schedule, []):
                self.act(action)
        self.now += 1
        if params:
            key = params["thingId"]
            if key not in self.items:
                raise NotFound("gone")
            return self.answer({"item": self.shown(key)})
        if cursor is None:
            self.at_last_look = {key: version for key, (_, version) in self.items.items()}
        order = self.order
        start = order.index(cursor) + 1 if cursor in self.items else 0
        page = order[start : start + self.page]
        following = page[-1] if len(order) > start + self.page else None
        return self.answer({"items": [self.shown(key) for key in page], "nextCursor": following})

    def shown(self, key: str) -> dict[str, Any]:
        stamp, version = self.items[key]
        return {"id": key, "updatedAt": f"{stamp:09d}", "version": version}

    @staticmethod
    def answer(body: Any) -> Answer:
        return Answer(200, body, "req_1", "GET", ROUTE)


WRITES = st.sampled_from(["write", "write", "write", "create", "remove", "write-cursor", "remove-cursor"])
ACTIONS = st.lists(st.tuples(WRITES, st.integers(-2 * PAGE, 2 * PAGE)), max_size=2 * PAGE)
