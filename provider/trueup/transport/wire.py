"""Requests and answers as values: fill in routes, parse bodies, sanitise server text."""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING, Any

from trueup.core.redaction import touches
from trueup.core.secret_forms import without_forms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from trueup.core.progress import Clock

_LONGEST_RETRY_AFTER = 300.0
_SAID = """
already exists, already in use, bad gateway, bad request, cannot be empty, conflict, could not be changed,
could not be made, could not be read, could not be saved, does not exist, duplicate, expired,
field required, forbidden, gateway timeout, internal server error, internal_server_error, invalid, invalid value,
invalid_request, is required, malformed, missing, must not be empty, not a valid, not allowed, not an object,
not authorized, not found, not permitted, not supported, not_found, payload too large, permission denied, rate limit,
rate limit exceeded, reauth, required, service unavailable, temporarily unavailable, timed out, timeout, too large,
too long, too many requests, too short, too small, unauthorized, unknown, unsupported, validation error,
validation failed, wrong
"""
_PHRASES = frozenset(" ".join(phrase.split()) for phrase in _SAID.split(","))
"""The phrases that describe failures in any API."""
_LOOKED_AT = 2000
_SHORTEST_PHRASE = 4
_MOST = 8
"""Words of one answer that are recognised."""


def parsed(raw: bytes) -> Any:
    """The JSON of a body; ValueError or RecursionError for what is none, NaN and Infinity included."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(raw, parse_constant=refuse)


def retry_after(headers: Mapping[str, str], clock: Clock) -> float | None:
    """Seconds to wait: a number, or an HTTP date; None when the header is absent or unusable.

    A date is measured against the Date of the same answer, since the server's clock need not be ours.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        until = _date(text)
        if until is None:
            return None
        sent = headers.get("date", "").rpartition("GMT, ")[2]  # of several, the last: a server may add one of its own
        seconds = (until - (_date(sent) or clock.now())).total_seconds()
    if not 0 <= seconds < float("inf"):
        return None
    return min(seconds, _LONGEST_RETRY_AFTER) + random.uniform(0, 0.1)  # noqa: S311 - jitter


def _date(text: str) -> datetime | None:
    """The time of an HTTP date in any of its three forms, each of which is in UTC."""
    from datetime import UTC
    from email.utils import parsedate_to_datetime

    try:
        found = parsedate_to_datetime(text.strip())
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def filled(route: str, params: Mapping[str, str]) -> str:
    """A route pattern such as `/v1/things/{id}` with its parameters, none of which can lead elsewhere."""
    from urllib.parse import quote

    for name, value in params.items():
        route = route.replace("{" + name + "}", quote(value, safe=""))
    return route


def plain(text: str, longest: int = 300) -> str:
    """A server's words on one line, without secrets of ours and without anything that could steer a terminal."""
    line = " ".join("".join(char if char.isprintable() else " " for char in without_forms(str(text))).split())
    return (line if len(line) <= longest else line[: longest - 1] + "…").rstrip(".")


def recognised(text: str, words: Iterable[str]) -> str:
    """Return of a server's text only phrases that are known beforehand, of failures and of `words`, in their order.

    For an answer to a request that held a secret: whatever else there is may be a piece of it.
    """
    lowered = text[:_LOOKED_AT].lower()
    found: list[tuple[int, int, str]] = []
    for phrase in {*_PHRASES, *words}:
        if len(phrase) < _SHORTEST_PHRASE:
            continue
        match = re.search(rf"(?<![\w-]){re.escape(phrase.lower())}(?![\w-])", lowered)
        if match and not touches(phrase):
            found.append((match.start(), -len(phrase), phrase))
    kept: list[str] = []
    end = -1
    for start, negative, phrase in sorted(found):
        if start >= end:
            kept.append(phrase)
            end = start - negative
    return ", ".join(kept[:_MOST])
