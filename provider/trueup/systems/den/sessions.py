"""How old a person's session is: Den refuses the writes of an owner's or admin's when it is over 15 minutes old.

Facts: a refused write is `403 {"error":"reauth"}`, and so is reading an access list (cases `reauth.*`); API keys are
not asked. The newest servers refuse neither. `GET /api/auth/get-session` has the time at which a session was started;
its answer holds the session in clear, so that nothing else of it leaves this module.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from trueup.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trueup.transport.dialect import ApiClient

_FRESH: Final = timedelta(minutes=15)
_ROUTE: Final = "/api/auth/get-session"


async def stale(api: ApiClient, denied: Iterable[Reason], *, writes: bool) -> Reason | None:
    """Return the warning that this session may no longer write; None when it may, or is none.

    `denied` is why parts could not be read, which may say so already. Otherwise one request asks when
    the session was started, and only if something is to be written. Raises ApiError.
    """
    credential = api.credential
    if credential.key is not None or credential.token is None:
        return None
    if any("reauth" in str(why.facts.get("said")) for why in denied):
        return Reason("den/session-refused")
    if not writes:
        return None
    started = await _started(api)
    if started is None or api.clock.now() - started <= _FRESH:
        return None
    return Reason("den/session-old", started=f"{started:%H:%M}")


async def _started(api: ApiClient) -> datetime | None:
    status, body = await api.probe(_ROUTE)
    session = body.get("session") if status == 200 and isinstance(body, dict) else None
    text = session.get("createdAt") if isinstance(session, dict) else None
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
