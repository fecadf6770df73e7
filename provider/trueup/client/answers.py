"""Status, headers and body of a response to an Answer, or to the error that it means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from trueup.client.call import Again, Call
from trueup.client.values import Answer
from trueup.errors import Forbidden, Malformed, NotFound, Refused, Unavailable
from trueup.redaction import touches
from trueup.wire import parsed, plain, recognised, retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueup.client.client import Client


WITHHELD: Final = "its own words are not shown, since a secret took part"
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z", re.IGNORECASE)


def request_id_of(call: Call, headers: Mapping[str, str]) -> str:
    """Return what the server calls a request; where a secret took part only what has the form of a UUID."""
    found = plain(headers.get("x-request-id", ""), 64)
    return "" if call.guarded and not (_ID.match(found) and not touches(found)) else found


def _shown(client: Client, call: Call, words: str) -> str:
    """The words of a server as they may be shown."""
    if not call.guarded or not words:
        return plain(words)
    known = recognised(words, client.manner.vocabulary | _keys(call.body))
    return f"{known}; {WITHHELD}" if known else WITHHELD


def _keys(body: Any) -> set[str]:
    """The names of the fields that were sent."""
    if isinstance(body, dict):
        return {str(key) for key in body}.union(*map(_keys, body.values()))
    return set().union(*map(_keys, body)) if isinstance(body, list) else set()


def judge(client: Client, call: Call, status: int, raw: bytes, headers: Mapping[str, str], request_id: str) -> Answer:
    """Return the answer of a 2xx that did not fail. Raises ApiError, and Again where a further try may help."""
    body: Any = None
    broken = False
    if raw.strip():
        try:
            body = parsed(raw)
        except (ValueError, RecursionError):
            broken = True
    if 200 <= status < 300:
        if broken:
            raise call.uncertain(client, "the answer is not JSON", status, request_id)
        answer = Answer(status, body, request_id, call.method, call.route)
        if reason := client.manner.failed(answer):
            said = f"answered {status}, but failed: {_shown(client, call, reason) or WITHHELD}."
            raise call.error(Refused, status, request_id, said)
        return answer
    words = "" if broken else _shown(client, call, client.manner.words(body))
    said = f"answered {status}" + (f": {words}." if words else ".")
    if status == 429:
        failure = call.error(Unavailable, status, request_id, said)
        raise Again(failure, wait=retry_after(headers, client.clock))
    if status >= 500:
        raise call.uncertain(client, said.rstrip("."), status, request_id, wait=retry_after(headers, client.clock))
    if status == 404:
        raise call.error(NotFound, status, request_id, said)
    if status == 403:
        raise call.error(Forbidden, status, request_id, said)
    if 300 <= status < 400:
        raise call.error(Malformed, status, request_id, f"answered {status}: a redirect, which is not followed.")
    raise call.error(Refused, status, request_id, said)
