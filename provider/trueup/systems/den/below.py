"""Children in Den: the targets of an instance, the mappings of a target, the grants of an instance.

One list a parent, so that what is below undeclared parents costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from trueup.core.errors import Forbidden, Malformed, NotFound
from trueup.core.tasks import together
from trueup.core.values import Listing, Live
from trueup.systems.den import lists

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from trueup.core.api import Api

_T = TypeVar("_T")


async def read(
    api: Api,
    parents: Sequence[str],
    rows: Callable[[str], Awaitable[list[dict[str, Any]]]],
    live: Callable[[dict[str, Any], str], Live | None],
) -> Listing:
    """Return the children of all parents, read in parallel.

    `rows` reads one list and `live` turns a row into a Live, or None for what has ended. A parent that is gone has
    nothing below it; one that this credential may not read is listed in `denied`.
    """
    denied: dict[str, str] = {}
    gone: set[str] = set()

    async def one(parent: str) -> list[Live]:
        try:
            found = [live(item, parent) for item in await rows(parent)]
        except NotFound:
            denied[parent] = f"{parent} is not there, or belongs to another organisation"
            gone.add(parent)
            return []
        except Forbidden as error:
            denied[parent] = f"this credential may not look into {parent}: {error.message}"
            return []
        api.progress.advance()
        return [each for each in found if each is not None]

    listings = await together(one(parent) for parent in dict.fromkeys(parents))
    return Listing([each for found in listings for each in found], parents=frozenset(parents), denied=denied, gone=gone)


async def reread(
    api: Api,
    lives: Sequence[Live],
    parent: str,
    rows: Callable[[str], Awaitable[list[dict[str, Any]]]],
    live: Callable[[dict[str, Any], str], Live | None],
) -> dict[str, Live]:
    """Those that are still there, by id: one list for each parent, which `parent` names in their specs.

    Raises Forbidden: what may not be looked at is neither there nor gone.
    """
    wanted = {one.id for one in lives}
    forbidden: list[Forbidden] = []

    async def looked(key: str) -> list[dict[str, Any]]:
        try:
            return await rows(key)
        except Forbidden as error:
            forbidden.append(error)
            raise

    listing = await read(api, [one.spec[parent] for one in lives], looked, live)
    if forbidden:
        raise forbidden[0]
    return {one.id: one for one in listing.items if one.id in wanted}


async def page_of(api: Api, route: str, needs: Sequence[str] = (), **params: str) -> list[dict[str, Any]]:
    """Every item of a list below something. Raises Malformed when one says that it is elsewhere."""
    found = await lists.read_all(api, route, None, needs=needs, **params)
    if any(item.get(name, value) != value for item in found for name, value in params.items()):
        hint = "Nothing was concluded from it."
        raise Malformed(f"GET {route} answered with what is below another one.", method="GET", route=route, hint=hint)
    return found
