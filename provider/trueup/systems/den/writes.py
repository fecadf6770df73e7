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

from trueup.diff import overlay
from trueup.errors import Ambiguous, ApiError, Malformed, Stopped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trueup.client import Client
    from trueup.diff import Path
    from trueup.model import Desired, Live

_SENDS: Final = 4


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
    api: Client, send: Callable[[], Awaitable[Live]], find: Callable[[], Awaitable[Live | None]], what: str
) -> Live:
    """Sends a create until it is known to have happened; raises Ambiguous when that is not to be found out.

    What had to be looked for is marked as found: somebody else may have created it meanwhile.
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
            if found is None and sent + 1 < _SENDS:
                await api.pause(0.5 * 2**sent)
        except Stopped as error:
            error.maybe = True
            raise
        except ApiError as error:
            error.maybe = True
            error.message = f"{unknown.message} Looking for {what} failed as well: {error.message}"
            raise
        if found is not None:
            return dataclasses.replace(found, found=True)
    assert unknown is not None
    raise Ambiguous(
        f"{unknown.message} {what[0].upper()}{what[1:]} is not to be found, after {_SENDS} looks.",
        method=unknown.method,
        route=unknown.route,
        status=unknown.status,
        request_id=unknown.request_id,
        hint="Den answers 500 to a name that is taken as well: something that this credential cannot see may have it."
        if unknown.status == HTTPStatus.INTERNAL_SERVER_ERROR
        else "",
    )
