"""Time, and whoever watches, as parameters: a test never waits, and a terminal, a log or an engine can look on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from datetime import datetime

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Clock(Protocol):
    """Time as a parameter, so that a test never waits."""

    def now(self) -> datetime:
        """The time, in UTC."""

    def monotonic(self) -> float:
        """Seconds that only grow."""

    async def sleep(self, seconds: float) -> None:
        """Waits."""


PAGE: Final = 0.15
OTHER: Final = 0.006
"""Seconds, measured of the real server on loopback: 0.1 to 0.2 for a page of a list, 4 to 9 ms for other requests."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that a request takes in a run, by kind of call, with others under way beside it."""

    page: float = PAGE
    """A page of a list of the whole organisation."""
    get: float = OTHER
    """Any other reading."""
    write: float = OTHER


class Progress(Protocol):
    """Whoever wants to know how a run goes: a terminal, a log, the Pulumi engine. Every method returns at once."""

    def phase(self, name: str, total: int | None = None) -> None:
        """A new phase begins: `reading`, `applying`, `verifying`; `total` steps if that is known."""

    def advance(self, text: str = "") -> None:
        """One more of the phase is done; `text` is a line for people, or empty."""

    def request(self, method: str, route: str, status: str, seconds: float, request_id: str) -> None:
        """A request was answered, or failed: `status` is its number or a word."""

    def decision(self, text: str) -> None:
        """Something was decided that explains what comes next: a retry, a second look."""

    def note(self, text: str) -> None:
        """Something that whoever waits should know now: how long it will take, or that a run before did not end."""

    def waiting(self, why: str, seconds: float) -> None:
        """Nothing is sent for that long. `lasting` puts the two together."""


def duration(text: str) -> timedelta:
    """A length of time such as `90s`, `10m`, `24h`, `7d`, `1w` or `1h30m`. Raises ValueError."""
    import re

    parts = re.findall(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([smhdw])", text)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != text:
        raise ValueError(text)
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))


def lasting(why: str, length: str) -> str:
    """A wait with its length: `why: 47 s`, or `…, again in 3 s` where `why` ends with that."""
    return f"{why} {length}" if why.endswith(" in") else f"{why}: {length}"


class Quiet:
    """The Progress of whoever does not want to know."""

    def phase(self, name: str, total: int | None = None) -> None:
        """Ignored."""

    def advance(self, text: str = "") -> None:
        """Ignored."""

    def request(self, method: str, route: str, status: str, seconds: float, request_id: str) -> None:
        """Ignored."""

    def decision(self, text: str) -> None:
        """Ignored."""

    def note(self, text: str) -> None:
        """Ignored."""

    def waiting(self, why: str, seconds: float) -> None:
        """Ignored."""
