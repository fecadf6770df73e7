"""How long requests take, by kind of call: seconds in which any of a kind was under way, shared out among them.

So a kind that is sent eight at a time counts an eighth of what each of them takes, as it will the next time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from trueup.core.progress import OTHER, PAGE, Pace

if TYPE_CHECKING:
    from collections.abc import Mapping

Sort = Literal["page", "get", "write"]
_SHARE: Final = 20
"""A page takes so many times as long as another request, until one was measured: a distant server is slow in both."""


_DOUBT: Final = 4
"""So many measured requests weigh as much as a guess: a single one may have been the first of its connection."""


def sort_of(method: str, route: str, query: Mapping[str, str]) -> Sort:
    """Return the kind of a call: a page of a whole list, any other reading, or a write."""
    if method != "GET":
        return "write"
    return "page" if "limit" in query and "{" not in route else "get"


class Meter:
    """Measures the calls of one client."""

    def __init__(self) -> None:
        self._open: dict[Sort, int] = {}
        self._since: dict[Sort, float] = {}
        self._busy: dict[Sort, float] = {}
        self._count: dict[Sort, int] = {}

    def started(self, sort: Sort, now: float) -> None:
        """Note that one is sent."""
        if not self._open.get(sort):
            self._since[sort] = now
        self._open[sort] = self._open.get(sort, 0) + 1

    def ended(self, sort: Sort, now: float) -> None:
        """Note that it was answered, or failed."""
        self._open[sort] -= 1
        self._busy[sort] = self._busy.get(sort, 0.0) + now - self._since[sort]
        self._since[sort] = now
        self._count[sort] = self._count.get(sort, 0) + 1

    @property
    def pace(self) -> Pace:
        """The seconds of each sort of request: as measured, or estimated while few are measured."""
        pages = self._count.get("page", 0)
        page = self._busy["page"] / pages if pages else PAGE
        guess = max(OTHER, page / _SHARE) if pages else OTHER
        get = self._each("get", guess)
        return Pace(page, get, self._each("write", get))

    def _each(self, sort: Sort, guess: float) -> float:
        return (self._busy.get(sort, 0.0) + _DOUBT * guess) / (self._count.get(sort, 0) + _DOUBT)
