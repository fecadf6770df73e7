"""Writing to Den: creating exactly once, although it knows no idempotency keys, and laying our keys over its own.

Facts: what is unique is enforced by the database alone, and breaking it answers the same 500 as any fault (recorded
cases `*.create.duplicate*`). So a create whose outcome is unknown is looked for by its natural key before it is sent
again.
"""

from __future__ import annotations

import copy
import dataclasses
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from trueup.core.compare import overlay
from trueup.core.errors import Ambiguous, ApiError, Malformed, Refused, Stopped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trueup.core.api import Api
    from trueup.core.changes import Path
    from trueup.core.kinds import Handler
    from trueup.core.values import Desired, Live

_SENDS: Final = 4
LOOKED: Final = 2
"""Near names that are looked at again, each by its id."""


def laid(live: Any, desired: Desired, name: str) -> dict[str, Any]:
    """The live mapping with our keys laid over it, without those that we set once and no longer declare."""
    found = live if isinstance(live, dict) else {}
    result: dict[str, Any] = copy.deepcopy(overlay(found, desired.spec.get(name, {})))
    for path in desired.removed:
        if path[0] == name and len(path) > 1:
            _take(result, path[1:], desired.spec.get(name, {}))
    return result


def _take(value: Any, path: Path, declared: Any) -> None:
    """Takes out what stands at a path, and what is empty because of that and declared nowhere."""
    if not isinstance(value, dict) or path[0] not in value:
        return
    if len(path) == 1:
        del value[path[0]]
        return
    below = declared.get(path[0]) if isinstance(declared, dict) else None
    _take(value[path[0]], path[1:], below)
    if value[path[0]] == {} and below is None:
        del value[path[0]]


async def create_once(
    api: Api,
    send: Callable[[], Awaitable[Live]],
    find: Callable[[], Awaitable[Live | None]],
    what: str,
    in_the_way: Callable[[], Awaitable[Live | None]],
) -> Live:
    """Sends a create until it is known to have happened; raises Ambiguous when that is not to be found out.

    What had to be looked for is marked as found: someone else may have created it meanwhile. Where it is not there
    after a 500, `in_the_way` looks for what has a name that the database takes for the same; then raises Refused.
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
                await _explain(error, in_the_way, find)
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
                raise _taken(unknown, f"{what} was not made", other)
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
        hint="Den answers 500 to a name that is taken as well: something that this credential cannot see may have it."
        if _is_500(unknown)
        else "",
    )
    lost.at, lost.correlation = unknown.at, unknown.correlation
    raise lost


def collides(handler: Handler, other: Live, spec: dict[str, Any], *, renamed: bool = False) -> bool:
    """Whether a database may take both for the same; what is the same to us was looked for already, but by a rename."""
    if handler.near(other.spec) != handler.near(spec):
        return False
    return renamed or handler.key(other.spec) != handler.key(spec)


async def rename(
    send: Callable[[bool], Awaitable[Live]], what: str, in_the_way: Callable[[], Awaitable[Live | None]]
) -> Live:
    """Sends a change of a unique name: once, and, unless something is in the way, again until there is an answer."""
    try:
        return await send(False)
    except Refused as error:
        await _explain(error, in_the_way)
        raise
    except Ambiguous as error:
        if _is_500(error) and (other := await _seen(in_the_way)) is not None:
            raise _taken(error, what, other) from None
    return await send(True)


async def _explain(error: Refused, *looks: Callable[[], Awaitable[Live | None]]) -> None:
    """Name in the error of a conflict what has the name: a proxy, or another server, may say 409 where Den says 500."""
    if error.status != HTTPStatus.CONFLICT:
        return
    for look in looks:
        if (other := await _seen(look)) is not None:
            error.message = f"{error.message} {_known(other)}"
            error.hint = _choose(other)
            return


async def _seen(in_the_way: Callable[[], Awaitable[Live | None]]) -> Live | None:
    """Return what is in the way; None when that cannot be read, since it would only explain the failure."""
    try:
        return await in_the_way()
    except ApiError:
        return None


class _Taken(Refused):
    """A name that is taken, as a database sees it."""


def _taken(unknown: ApiError, what: str, other: Live) -> _Taken:
    taken = _Taken(
        f"{unknown.method} {unknown.route} answered {unknown.status}: {what}. {_known(other)}",
        method=unknown.method,
        route=unknown.route,
        status=unknown.status,
        request_id=unknown.request_id,
        hint=_choose(other),
    )
    taken.at, taken.correlation = unknown.at, unknown.correlation
    return taken


def _known(other: Live) -> str:
    return (
        f"Den has {other.name} ({other.id}), and to a database that ignores case, accents and width both names are the "
        "same."
    )


def _choose(other: Live) -> str:
    return f"Choose another name, rename {other.id}, or declare that one by its own name."


def _is_500(error: ApiError) -> bool:
    return error.status == HTTPStatus.INTERNAL_SERVER_ERROR
