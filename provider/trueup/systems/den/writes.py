"""Creating at Den exactly once, although it knows no idempotency keys.

Facts: what is unique is enforced by the database alone, and breaking it answers the same 500 as any fault (recorded
cases `*.create.duplicate*`). So a create whose outcome is unknown is looked for by its natural key before it is sent
again.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from trueup.errors import Ambiguous, ApiError, Malformed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trueup.client import Client
    from trueup.model import Live

_SENDS: Final = 4


async def create_once(
    api: Client, send: Callable[[], Awaitable[Live]], find: Callable[[], Awaitable[Live | None]], what: str
) -> Live:
    """Sends a create until it is known to have happened; raises Ambiguous when that is not to be found out.

    What had to be looked for is marked as found: somebody else may have created it meanwhile.
    """
    unknown: ApiError
    happened = False
    for sent in range(_SENDS):
        try:
            if not happened:
                return await send()
        except Ambiguous as error:
            unknown = error
            happened = error.status is not None and error.status < 300  # then it is looked for, and not sent again
        except Malformed as error:
            if error.status is None or error.status >= 300:
                raise
            unknown, happened = error, True  # it says that it happened, and not what
        api.progress.decision(f"{unknown.message} Looking for {what}.")
        try:
            found = await find()
        except ApiError as error:
            error.maybe = True
            error.message = f"{unknown.message} Looking for {what} failed as well: {error.message}"
            raise
        if found is not None:
            return dataclasses.replace(found, found=True)
        if sent + 1 < _SENDS:
            await api.pause(0.5 * 2**sent)
    raise Ambiguous(
        f"{unknown.message} {what[0].upper()}{what[1:]} is not to be found, after {_SENDS} looks.",
        method=unknown.method,
        route=unknown.route,
        status=unknown.status,
        request_id=unknown.request_id,
        hint="Den answers 500 to a name that is taken as well: something that this credential cannot see may have it.",
    )
