"""Status, headers and body of a response to an Answer, or to the error that it means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from trueup.core.api import Answer
from trueup.core.errors import Forbidden, Malformed, NoRoute, NotFound, Refused, Unavailable
from trueup.core.redaction import touches, without_known_pieces, without_pieces
from trueup.transport.call import Again, Request
from trueup.transport.wire import parsed, plain, recognised, retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueup.transport.dialect import ApiClient

_PAGE: Final = "a login page or another web page may stand in the way"
_FRONT: Final = (502, 503, 504)
"""The statuses of a proxy in front of a server while that is restarted."""


def is_down(status: int, raw: bytes) -> bool:
    """Whether an answer is that of a proxy in front of the server: the API itself says what is wrong in JSON."""
    if status not in (*_FRONT, 404):
        return False
    try:
        body = parsed(raw) if raw.strip() else None
    except (ValueError, RecursionError):
        return True
    if status == 404:
        return False
    error = body.get("error") if isinstance(body, dict) else None
    return not (isinstance(error, str) and _CODE.match(error))


WITHHELD: Final = "its own words are not shown, since a secret took part"
_CODE: Final = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*\Z")
"""The form of an error of the API: `internal_server_error`, and not `Service Unavailable`."""
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z", re.IGNORECASE)


_LOOKED_AT: Final = 4000
"""Characters of a server's words of which some are shown."""


def request_id_of(api: ApiClient, call: Request, headers: Mapping[str, str]) -> str:
    """Return what the server calls a request; where a secret took part only what has the form of a UUID."""
    found = _plain(api, headers.get("x-request-id", ""), 64)
    return "" if call.guarded and not (_ID.match(found) and not touches(found)) else found


def _plain(api: ApiClient, words: str, longest: int = 300) -> str:
    """A server's words on one line, without pieces of the credential that it was sent, and of the secrets of this run.

    It may have those from a run before, and show them although no request of this one held them yet.
    """
    words = words[:_LOOKED_AT]
    for secret in (api.credential.key, api.credential.token):
        if secret is not None:
            words = without_pieces(words, secret.reveal())
    return plain(without_known_pieces(words), longest)


def _shown(api: ApiClient, call: Request, words: str) -> str:
    """The words of a server as they may be shown."""
    if not call.guarded or not words:
        return _plain(api, words)
    known = recognised(words, api.dialect.vocabulary | _keys(call.body))
    return f"{known}; {WITHHELD}" if known else WITHHELD


def _keys(body: Any) -> set[str]:
    """The names of the fields that were sent."""
    if isinstance(body, dict):
        return {str(key) for key in body}.union(*map(_keys, body.values()))
    return set().union(*map(_keys, body)) if isinstance(body, list) else set()


def answer_of(
    api: ApiClient, call: Request, status: int, raw: bytes, headers: Mapping[str, str], request_id: str
) -> Answer:
    """Return the answer of a 2xx that did not fail. Raises ApiError, and Again where a further try may help."""
    body: Any = None
    broken = False
    if raw.strip():
        try:
            body = parsed(raw)
        except (ValueError, RecursionError):
            broken = True
    page = broken and "html" in headers.get("content-type", "").lower()
    if 200 <= status < 300:
        if page:
            raise _web_page(api, call, status, request_id)
        if broken:
            raise call.uncertain(api, "the answer is not JSON", status, request_id)
        answer = Answer(status, body, request_id, call.method, call.route, call.at, call.correlation)
        if reason := api.dialect.failed(answer):
            said = f"answered {status}, but failed: {_shown(api, call, reason) or WITHHELD}."
            raise call.error(Refused, status, request_id, said)
        return answer
    words = "" if broken else _shown(api, call, api.dialect.words(body))
    said = f"answered {status}" + (f": {words}." if words else " with a web page." if page else ".")
    wait = retry_after(headers, api.clock) if status == 429 or status >= 500 else None
    why = f"asks to wait ({status})" if wait is not None else said.rstrip(".")
    if status == 429:
        raise Again(call.error(Unavailable, status, request_id, said), why, wait=wait)
    if status == 503 and (reason := api.dialect.unstarted(body)):
        failure = call.unavailable(api, said.rstrip("."), status, request_id, f"{api.title} says that {reason}.")
        raise Again(failure, why, wait=wait)
    if status >= 500:
        doubt = call.uncertain(api, said.rstrip("."), status, request_id, wait=wait, down=is_down(status, raw))
        if isinstance(doubt, Again):
            doubt.why = why
        raise doubt
    if status == 404:
        if broken and api.answered:  # a router in front that has no server at the moment
            raise Again(_no_route(api, call, request_id, said), said.rstrip("."), down=True)
        if broken or api.dialect.unrouted(body):
            raise _no_route(api, call, request_id, said)
        raise call.error(NotFound, status, request_id, said)
    if status == 403:
        raise call.error(Forbidden, status, request_id, said)
    if 300 <= status < 400:
        raise _redirect(api, call, status, request_id, headers.get("location", ""))
    raise call.error(Refused, status, request_id, said)


def _web_page(api: ApiClient, call: Request, status: int, request_id: str) -> Exception:
    """A 2xx with HTML: what gave it is not the API, and gives the same the next time."""
    why = f"the answer is a web page, not JSON: {_PAGE}"
    hint = f'Check the url of connection "{api.credential.name}" ({api.url}), and open it in a browser.'
    if call.method == "GET":
        failure = call.error(Malformed, status, request_id, f"of {api.url} answered {status}, but {why}.")
        failure.hint = hint
        return failure
    return call.uncertain(api, why, status, request_id, hint=hint)


def _no_route(api: ApiClient, call: Request, request_id: str, said: str) -> NoRoute:
    said = f"of {api.dialect.system} at {api.url} {said.rstrip('.')}; there is no such route."
    failure = call.error(NoRoute, 404, request_id, said)
    path = urlsplit(api.url).path.rstrip("/")
    also = f'it ends in "{path}", behind which trueup puts {call.route}.' if path else "is it that of the API?"
    failure.hint = f'Check the url of connection "{api.credential.name}" and its path: {also}'
    return failure


def _redirect(api: ApiClient, call: Request, status: int, request_id: str, location: str) -> Malformed:
    try:
        parts = urlsplit(location)
        host = (parts.hostname or "") if "%" not in parts.netloc else ""
        where = f"{parts.scheme}://{host}" if parts.scheme and host else host
    except ValueError:
        where = ""
    where = f" to {_plain(api, where, 120)}" if where and not call.guarded else ""
    failure = call.error(Malformed, status, request_id, f"answered {status}: a redirect{where}, which is not followed.")
    failure.hint = f'Check the url of connection "{api.credential.name}" ({api.url}): it may have moved, or {_PAGE}.'
    return failure
