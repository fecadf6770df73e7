"""Lists of children, one a parent: what is below undeclared parents costs nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from trueup.core.errors import Forbidden, NotFound
from trueup.core.reasons import Reason
from trueup.core.tasks import together
from trueup.core.values import Listing, Live

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trueup.core.api import Api

Rows = Callable[[str], Awaitable[list[dict[str, Any]]]]
"""Reads the list of one parent."""
ToLive = Callable[[dict[str, Any], str], Live | None]
"""Makes a Live of a row and its parent's id; None of what has ended."""


def not_found(parent: str) -> Reason:
    """Return the reason of a parent that is not there, as far as an API says."""
    return Reason("parent-not-found", id=parent)


async def read(
    api: Api,
    parents: Sequence[str],
    rows: Rows,
    live: ToLive,
    *,
    missing: Callable[[str], Reason] = not_found,
) -> Listing:
    """Return the children of all parents, read in parallel.

    A parent that is gone has no children; one that this credential may not read is listed in `denied`. `missing`
    returns what a 404 of the list of a parent means. Raises ApiError.
    """
    denied: dict[str, Reason] = {}
    gone: set[str] = set()

    async def below(parent: str) -> list[Live]:
        try:
            found = [live(row, parent) for row in await rows(parent)]
        except NotFound:
            denied[parent] = missing(parent)
            gone.add(parent)
            return []
        except Forbidden as error:
            denied[parent] = Reason("parent-forbidden", id=parent, said=error.message)
            return []
        api.progress.advance()
        return [child for child in found if child is not None]

    listings = await together(below(parent) for parent in dict.fromkeys(parents))
    items = [child for found in listings for child in found]
    return Listing(items, parents=frozenset(parents), denied=denied, gone=gone)


async def reread(api: Api, lives: Sequence[Live], parent: str, rows: Rows, live: ToLive) -> dict[str, Live]:
    """Return those that still exist, by id: one list for each parent, whose id is in the field `parent` of their specs.

    Raises ApiError, and Forbidden of a parent that may not be read: what is below it is neither there nor gone.
    """
    wanted = {child.id for child in lives}
    forbidden: list[Forbidden] = []

    async def looked(key: str) -> list[dict[str, Any]]:
        try:
            return await rows(key)
        except Forbidden as error:
            forbidden.append(error)
            raise

    listing = await read(api, [child.spec[parent] for child in lives], looked, live)
    if forbidden:
        raise forbidden[0]
    return {child.id: child for child in listing.items if child.id in wanted}
