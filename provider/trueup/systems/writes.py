"""Writes: creating exactly once where an API knows no idempotency keys, renaming, and merging declared keys.

A create whose outcome is unknown is looked for by its natural key before it is sent again. Where a database alone
enforces that names are unique, a taken one may be answered with the same 500 as any fault (so in Den: recorded cases
`*.create.duplicate*`).
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from trueup.core.compare import overlay
from trueup.core.errors import Ambiguous, ApiError, Malformed, Refused, Stopped

if TYPE_CHECKING:
    from trueup.core.api import Answer, Api
    from trueup.core.changes import Path
    from trueup.core.kinds import Handler
    from trueup.core.values import Desired, Live

Look = Callable[[], Awaitable["Live | None"]]
_SENDS: Final = 4
LOOKED: Final = 2
"""Near names that are looked at again, each by its id."""


def merged(live: Any, desired: Desired, name: str) -> dict[str, Any]:
    """Return the live mapping with the declared keys over it, without those that left the manifest."""
    found = live if isinstance(live, dict) else {}
    result: dict[str, Any] = copy.deepcopy(overlay(found, desired.spec.get(name, {})))
    for path in desired.removed:
        if path[0] == name and len(path) > 1:
            _take(result, path[1:], desired.spec.get(name, {}))
    return result


def _take(value: Any, path: Path, declared: Any) -> None:
    """Remove the value at a path, and what is empty because of that and declared nowhere."""
    if not isinstance(value, dict) or path[0] not in value:
        return
    if len(path) == 1:
        del value[path[0]]
        return
    below = declared.get(path[0]) if isinstance(declared, dict) else None
    _take(value[path[0]], path[1:], below)
    if value[path[0]] == {} and below is None:
        del value[path[0]]


async def nothing() -> None:
    """Look for nothing."""


async def create_once(
    api: Api,
    send: Callable[[], Awaitable[Live]],
    find: Look,
    what: str,
    in_the_way: Look = nothing,
) -> Live:
    """Send a create until it is known to have happened, and return what it made.

    `find` looks for it by its natural key after an answer was lost; what had to be looked for is marked as found, since
    someone else may have created it meanwhile. Where it is not there after a 500, `in_the_way` looks for what has a
    name that the database takes for the same. Raises Refused for such a name, Ambiguous when nothing can be found out.
    """
    unknown: ApiError | None = None
    happened = False
    for sent in range(_SENDS):
        try:
            if not happened:
                return await send()
        except Stopped as error:
            error.maybe = error.maybe or unknown is not None
            raise
        except Refused as error:
            if unknown is None:
                await _explain(api, error, in_the_way, find)
            raise
        except Ambiguous as error:
            unknown = error
            happened = error.status is not None and error.status < 300  # then it is looked for, and not sent again
        except Malformed as error:
            if error.status is None or error.status >= 300:
                raise
            unknown, happened = error, True  # it says that it happened, and not what
        assert unknown is not None
        api.progress.decision(f"{unknown.message} Looking for {what}.")
        try:
            found = await find()
            if found is None and sent == 0 and _is_500(unknown) and (other := await _seen(in_the_way)) is not None:
                raise _taken(api, unknown, f"{what} was not made", other)
            if found is None and sent + 1 < _SENDS:
                await api.pause(0.5 * 2**sent)
        except Stopped as error:
            error.maybe = True
            raise
        except _Taken:
            raise
        except ApiError as error:
            error.maybe = True
            error.message = f"{unknown.message} Looking for {what} failed as well: {error.message}"
            raise
        if found is not None:
            return dataclasses.replace(found, found=True)
    assert unknown is not None
    lost = Ambiguous(
        f"{unknown.message} {what[0].upper()}{what[1:]} is not to be found, after {_SENDS} looks.",
        method=unknown.method,
        route=unknown.route,
        status=unknown.status,
        request_id=unknown.request_id,
        hint=f"{api.title} answers 500 to a name that is taken as well: something that this credential cannot see may "
        "have it."
        if _is_500(unknown)
        else "",
    )
    lost.at, lost.correlation = unknown.at, unknown.correlation
    raise lost


async def create(
    api: Api,
    handler: Handler,
    route: str,
    spec: dict[str, Any],
    body: dict[str, Any],
    *,
    read: Callable[[Answer], Live],
    siblings: Callable[[], Awaitable[Iterable[Live]]],
    noun: str,
    what: str,
    in_the_way: Look = nothing,
    params: Mapping[str, str] | None = None,
) -> Live:
    """POST a resource exactly once, and return it. After a lost answer it is looked for among its siblings.

    `read` makes a Live of an answer. `noun` is the kind in a message, and `what` this one. Raises as `create_once`.
    """
    key = handler.key(spec)

    async def send() -> Live:
        answer = await api.request("POST", route, params=params, body=body, repeatable=False)
        made = read(answer)
        if handler.key(made.spec) != key:
            raise answer.malformed(f"another {noun} than was to be created")
        return made

    async def find() -> Live | None:
        return next((live for live in await siblings() if handler.key(live.spec) == key), None)

    return await create_once(api, send, find, what, in_the_way)


def in_the_way(handler: Handler, lives: Iterable[Live], spec: dict[str, Any], own: str = "") -> Live | None:
    """Return the resource whose name a database may take for that of a spec; `own` is the id of one to be renamed."""
    others = (live for live in lives if live.id != own)
    return next((live for live in others if collides(handler, live, spec, renamed=bool(own))), None)


def collides(handler: Handler, other: Live, spec: dict[str, Any], *, renamed: bool = False) -> bool:
    """Return whether a database may take both names for the same; equal ones were looked for, unless it is a rename."""
    if handler.near(other.spec) != handler.near(spec):
        return False
    return renamed or handler.key(other.spec) != handler.key(spec)


async def rename(api: Api, send: Callable[[bool], Awaitable[Live]], what: str, in_the_way: Look) -> Live:
    """Send a change of a unique name: once, and, unless something is in the way, again until there is an answer."""
    try:
        return await send(False)
    except Refused as error:
        await _explain(api, error, in_the_way)
        raise
    except Ambiguous as error:
        if _is_500(error) and (other := await _seen(in_the_way)) is not None:
            raise _taken(api, error, what, other) from None
    return await send(True)


async def _explain(api: Api, error: Refused, *looks: Look) -> None:
    """Name in the error of a conflict what has the name: a proxy, or another server, may say 409 where Den says 500."""
    if error.status != HTTPStatus.CONFLICT:
        return
    for look in looks:
        if (other := await _seen(look)) is not None:
            error.message = f"{error.message} {_known(api, other)}"
            error.hint = _choose(other)
            return


async def _seen(in_the_way: Look) -> Live | None:
    """Return what is in the way; None when that cannot be read, since it would only explain the failure."""
    try:
        return await in_the_way()
    except ApiError:
        return None


class _Taken(Refused):
    """A name that is taken, as a database sees it."""


def _taken(api: Api, unknown: ApiError, what: str, other: Live) -> _Taken:
    taken = _Taken(
        f"{unknown.method} {unknown.route} answered {unknown.status}: {what}. {_known(api, other)}",
        method=unknown.method,
        route=unknown.route,
        status=unknown.status,
        request_id=unknown.request_id,
        hint=_choose(other),
    )
    taken.at, taken.correlation = unknown.at, unknown.correlation
    return taken


def _known(api: Api, other: Live) -> str:
    return (
        f"{api.title} has {other.name} ({other.id}), and to a database that ignores case, accents and width both names "
        "are the same."
    )


def _choose(other: Live) -> str:
    return f"Choose another name, rename {other.id}, or declare that one by its own name."


def _is_500(error: ApiError) -> bool:
    return error.status == HTTPStatus.INTERNAL_SERVER_ERROR
