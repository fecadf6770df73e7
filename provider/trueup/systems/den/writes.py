"""Creating at Den exactly once, although it knows no idempotency keys.

Facts: what is unique is enforced by the database alone, and breaking it answers the same 500 as any fault (recorded
cases `*.create.duplicate*`). So a create whose outcome is unknown is looked for by its natural key before it is sent
again.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from trueup.errors import Ambiguous, ApiError, Malformed, Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trueup.client import Client
    from trueup.model import Live

_SENDS: Final = 4


async def create_once(
    api: Client, send: Callable[[], Awaitable[Live]], find: Callable[[], Awaitable[Live | None]], what: str
) -> Live:
    """Sends a create until it is known to have happened; raises Refused when the server will not have it.

    What had to be looked for is marked as found: somebody else may have created it meanwhile.
    """
    unknown: ApiError
    for sent in range(_SENDS):
        try:
            return await send()
        except Ambiguous as error:
            unknown = error
        except Malformed as error:
            if error.status is None or error.status >= 300:
                raise
            unknown = error  # it says that it happened, and not what
        api.progress.decision(f"{unknown.message} Looking for {what}.")
        found = await find()
        if found is not None:
            return dataclasses.replace(found, found=True)
        if sent + 1 < _SENDS:
            await api.pause(0.5 * 2**sent)
    raise Refused(
        f"{unknown.message} It was sent {_SENDS} times, and {what} is still not to be found.",
        method=unknown.method,
        route=unknown.route,
        status=unknown.status,
        request_id=unknown.request_id,
        hint="Den answers 500 to a name that is taken as well: something that this credential cannot see may have it.",
    )
