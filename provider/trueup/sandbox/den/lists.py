"""Pages of a list. The cursor is the id of the last item, and nobody remembers where that item was.

So a walk beside which something writes can skip an item, repeat some, or begin again: a cursor that is not in the list
(any more, or under this filter) gives the first page (cases `drift.A`, `drift.B`, `drift.C`, `*.cursor-*`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from trueup.sandbox.den.validate import Id, Maybe, OneOf, Shape, Text, Whole
from trueup.sandbox.store import Row

_DEFAULT = 50
PAGING: dict[str, Shape] = {
    "cursor": Maybe(Text()),
    "limit": Maybe(Whole(least=1, most=100, coerced=True)),
}


def filters(**shapes: OneOf | Id | Text) -> dict[str, Shape]:
    """The query of a list: a page, and these filters."""
    return PAGING | {name: Maybe(shape) for name, shape in shapes.items()}


def page(
    rows: Iterable[Row], query: dict[str, Any], view: Callable[[Row], Row], dated: str = "updatedAt"
) -> dict[str, Any]:
    """One page of the rows that passed the filters: newest by `dated` first, then by id, the greater first."""
    ordered = sorted(rows, key=lambda row: (row[dated], row["id"]), reverse=True)
    places = {row["id"]: place for place, row in enumerate(ordered)} if "cursor" in query else {}
    start = places.get(query.get("cursor"), -1) + 1
    end = start + query.get("limit", _DEFAULT)
    items = ordered[start:end]
    following = items[-1]["id"] if len(ordered) > end else None
    return {"items": [view(row) for row in items], "nextCursor": following}


def matches(query: dict[str, Any], row: Row, *fields: str) -> bool:
    """Whether the row has the value that the query asks for, in every one of these fields that it names."""
    return all(name not in query or row[name] == query[name] for name in fields)


def mentions(query: dict[str, Any], *texts: str | None) -> bool:
    """Whether `q` is in one of the texts, whatever the case."""
    return "q" not in query or query["q"].lower() in "\n".join(text or "" for text in texts).lower()
