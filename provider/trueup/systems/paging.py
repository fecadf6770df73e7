"""Lists that are read by cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trueup.core.api import Answer, Api

Row = dict[str, Any]


async def pages(
    api: Api,
    route: str,
    query: Mapping[str, Any] | None = None,
    *,
    rows: str = "items",
    following: str = "nextCursor",
    cursor: str = "cursor",
    needs: Sequence[str] = (),
    params: Mapping[str, str] | None = None,
) -> list[Row]:
    """Return the rows of a list, each id once: all pages, or the one that there is. `params` fill the route.

    `rows` and `following` are the keys of an answer that hold the rows and the cursor of the next page, `cursor` is the
    query parameter that takes it. Each row needs a text `id`, and a text under each of `needs`. Raises ApiError, and
    Malformed for any other answer.
    """
    found: dict[str, Row] = {}
    after: Any = None
    seen: set[str] = set()
    while True:
        answer = await api.get(route, {**(query or {}), cursor: after}, **(params or {}))
        body = answer.body
        page = body.get(rows) if isinstance(body, dict) else None
        if not isinstance(page, list):
            raise answer.malformed("something that is not a list")
        found |= {row["id"]: row for row in (checked(answer, row, needs) for row in page)}
        after = body.get(following)
        if after is None:
            return list(found.values())
        if str(after) in seen:
            raise answer.malformed("a cursor that it gave before")
        seen.add(str(after))


def checked(answer: Answer, row: Any, needs: Sequence[str] = ()) -> Row:
    """Return a row, once it is sure to have an id and the texts that it needs. Raises Malformed."""
    if not isinstance(row, dict) or not isinstance(row.get("id"), str) or not row["id"]:
        raise answer.malformed("an item without an id")
    for name in needs:
        if not isinstance(row.get(name), str):
            raise answer.malformed(f"an item ({row['id']}) without its {name}")
    return row
