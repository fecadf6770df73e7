"""What goes over the wire and comes back, as values: routes filled in, bodies parsed, a server's words made plain."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from trueup.secrets import scrub

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueup.progress import Clock

_LONGEST_RETRY_AFTER = 300.0


def parsed(raw: bytes) -> Any:
    """The JSON of a body; ValueError or RecursionError for what is none, NaN and Infinity included."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(raw, parse_constant=refuse)


def retry_after(headers: Mapping[str, str], clock: Clock) -> float | None:
    """Seconds to wait: a number, or an HTTP date; None when the header is absent or unusable."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        from email.utils import parsedate_to_datetime

        try:
            seconds = (parsedate_to_datetime(text) - clock.now()).total_seconds()
        except (TypeError, ValueError):
            return None
    if not 0 <= seconds < float("inf"):
        return None
    return min(seconds, _LONGEST_RETRY_AFTER) + random.uniform(0, 0.1)  # noqa: S311 - jitter


def filled(route: str, params: Mapping[str, str]) -> str:
    """A route pattern such as `/v1/things/{id}` with its parameters, none of which can lead elsewhere."""
    from urllib.parse import quote

    for name, value in params.items():
        route = route.replace("{" + name + "}", quote(value, safe=""))
    return route


def plain(text: str, longest: int = 300) -> str:
    """A server's words on one line, without secrets of ours and without anything that could steer a terminal."""
    line = " ".join("".join(char if char.isprintable() else " " for char in scrub(str(text))).split())
    return (line if len(line) <= longest else line[: longest - 1] + "…").rstrip(".")
