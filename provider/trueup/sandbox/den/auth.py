"""Authentication: an API key with its window of requests, or a person's session.

The window is that of the library the real server uses: it closes only after more than its length without a counted
request, a request over it is refused and not counted, and the count is read, then written, so that requests that
overlap lose increments (cases `ratelimit.*`). A newer server counts exactly, and requires a session if the key is
invalid.
"""

from __future__ import annotations

import asyncio
import math
import re

from starlette.datastructures import Headers

from trueup.sandbox.den.caller import Caller, KeyTrouble
from trueup.sandbox.den.world import DenWorld
from trueup.sandbox.store import Row

_BEARER = re.compile(r"Bearer\s+(.+)", re.IGNORECASE)
_COOKIE = re.compile(r"(?:^|;\s*)(?:__Secure-)?better-auth\.session_token=([^;.]+)")
_SHORTEST = 64
"""Length of the shortest key that is looked up."""


_UNKNOWN = KeyTrouble(401, "INVALID_API_KEY", "Invalid API key.")


async def identify(world: DenWorld, headers: Headers) -> Caller:
    """Return the caller. A key decides alone, valid or not, unless `keys` lets an invalid one fall through."""
    text = headers.get("x-api-key", "").strip()
    if not text:
        return by_session(world, headers)
    caller = await _by_key(world, text)
    if caller.trouble and world.switches["keys"] == "fall-through":
        session = by_session(world, headers)
        return session if session.user else caller
    return caller


def by_session(world: DenWorld, headers: Headers) -> Caller:
    """Return the person of a session, ignoring any key. Cookies are accepted by newer servers."""
    bearer = _BEARER.fullmatch(headers.get("authorization", "").strip())
    tokens = [bearer[1].strip()] if bearer else []
    if world.switches["keys"] == "fall-through":
        tokens += _COOKIE.findall(headers.get("cookie", ""))
    for session in world.sessions.values():
        if session["token"] in tokens and world.age(session["expiresAt"]) < 0:
            return Caller(user=world.users.get(session["userId"]), session=session)
    return Caller()


async def _by_key(world: DenWorld, text: str) -> Caller:
    if world.switches["keys"] == "refused":
        return Caller(trouble=_UNKNOWN)
    if len(text) < _SHORTEST:
        return Caller(trouble=KeyTrouble(403, "INVALID_API_KEY", "Invalid API key."))
    key = next((row for row in world.api_keys.values() if row["key"] == text), None)
    if key is None:
        return Caller(trouble=_UNKNOWN)
    if not key["enabled"]:
        return Caller(trouble=KeyTrouble(401, "KEY_DISABLED", "API Key is disabled"))
    if key["expiresAt"] is not None and world.age(key["expiresAt"]) > 0:
        return Caller(trouble=_UNKNOWN)
    counted = await _count(world, key)
    if isinstance(counted, KeyTrouble):
        return Caller(trouble=counted)
    return Caller(user=world.users.get(counted["referenceId"]), key=counted)


async def _count(world: DenWorld, key: Row) -> Row | KeyTrouble:
    """Return the caller of a key and count the request against its window; or the caller of a spent window."""
    now = world.stamp()
    count = 1
    limit, window = key["rateLimitMax"], key["rateLimitTimeWindow"]
    if key["rateLimitEnabled"] and None not in (limit, window, key["lastRequest"]):
        silence = world.age(key["lastRequest"]) * 1000
        if silence <= window:
            if key["requestCount"] >= limit:
                left = math.ceil(window - silence)
                return KeyTrouble(429, "RATE_LIMITED", "Rate limit exceeded.", left)
            count = key["requestCount"] + 1
    if world.switches["window"] == "lossy":
        await asyncio.sleep(0)  # another request may read the same count now
    current = world.api_keys.get(key["id"])
    if current is None:
        return _UNKNOWN
    return world.put(world.api_keys, {**current, "requestCount": count, "lastRequest": now, "updatedAt": now})
