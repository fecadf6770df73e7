"""Pages of a list. The cursor is the id of the last item; the position of that item is not stored.

So a walk during writes can skip items, repeat some, or start again: a cursor that is not in the list (any more, or
under this filter) returns the first page (cases `drift.A`, `drift.B`, `drift.C`, `*.cursor-*`).
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


def pick(rows: Iterable[Row], query: dict[str, Any], exactly: tuple[str, ...], texts: tuple[str, ...]) -> list[Row]:
    """Return the rows that match the filters of a query.

    `exactly` names the fields that must equal a value of the query, if it is given; `texts` the fields of which one
    must contain `q`, in any case.
    """
    wanted = [(name, query[name]) for name in exactly if name in query]
    found = [row for row in rows if all(row[name] == value for name, value in wanted)] if wanted else list(rows)
    if "q" not in query:
        return found
    sought = query["q"].lower()
    return [row for row in found if sought in "\n".join(row[name] or "" for name in texts).lower()]
