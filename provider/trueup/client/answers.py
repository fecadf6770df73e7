"""Status, headers and body of a response to an Answer, or to the error that it means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trueup.client.call import Again, Call
from trueup.client.values import Answer
from trueup.errors import Forbidden, Malformed, NotFound, Refused, Unavailable
from trueup.wire import parsed, plain, retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueup.client.client import Client


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
            raise call.error(Refused, status, request_id, f"answered {status}, but failed: {plain(reason)}.")
        return answer
    words = "" if broken else plain(client.manner.words(body))
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
