"""Clock and Progress: time and observation as parameters, so that a test never waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from trueup.core.reasons import Reason

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Clock(Protocol):
    """Time as a parameter, so that a test never waits."""

    def now(self) -> datetime:
        """Return the time, in UTC."""

    def monotonic(self) -> float:
        """Return monotonic seconds."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


PAGE: Final = 0.15
OTHER: Final = 0.006
"""Seconds, measured on the real server on loopback: 0.1 to 0.2 for a page of a list, 4 to 9 ms for other requests."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that a request takes in a run, by kind of call, with other requests in flight."""

    page: float = PAGE
    """A page of a list of the whole organisation."""
    get: float = OTHER
    """Any other read."""
    write: float = OTHER


class Progress(Protocol):
    """An observer of a run: a terminal, a log, the Pulumi engine. Every method returns at once."""

    def phase(self, name: str, total: int | None = None) -> None:
        """Start a phase: `reading`, `applying`, `verifying`; `total` is its number of steps if known."""

    def advance(self, text: str = "") -> None:
        """Count one more step of the phase as done; `text` is a line to print, or empty."""

    def request(self, method: str, route: str, status: str, seconds: float, request_id: str) -> None:
        """Report a request that was answered or failed: `status` is its number or a word."""

    def decision(self, text: str) -> None:
        """Report a decision that explains what follows: a retry, a second read."""

    def note(self, reason: Reason) -> None:
        """Report what the user should know now: the expected duration, or an earlier run that was interrupted."""

    def waiting(self, why: str, seconds: float) -> None:
        """Report that nothing is sent for that long. `lasting` joins the two arguments."""


def duration(text: str) -> timedelta:
    """Return a length of time such as `90s`, `10m`, `24h`, `7d`, `1w` or `1h30m`. Raises ValueError."""
    import re

    parts = re.findall(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([smhdw])", text)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != text:
        raise ValueError(text)
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))


def lasting(why: str, length: str) -> str:
    """Return a wait with its length: `why: 47 s`, or `…, again in 3 s` where `why` ends with ` in`."""
    return f"{why} {length}" if why.endswith(" in") else f"{why}: {length}"


class Quiet:
    """A Progress that ignores everything."""

    def phase(self, name: str, total: int | None = None) -> None:
        """Ignore it."""

    def advance(self, text: str = "") -> None:
        """Ignore it."""

    def request(self, method: str, route: str, status: str, seconds: float, request_id: str) -> None:
        """Ignore it."""

    def decision(self, text: str) -> None:
        """Ignore it."""

    def note(self, reason: Reason) -> None:
        """Ignore it."""

    def waiting(self, why: str, seconds: float) -> None:
        """Ignore it."""
