"""How much of a credential's request window is spent, by this run and by others that share a ledger with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from trueup.core.records import Use, Used

if TYPE_CHECKING:
    from trueup.core.progress import Clock

EVERY: Final = 100
"""Counted requests after which the other runs are let know."""
RECENT: Final = 3600.0
"""Seconds after its last use for which a key that worked in another run is taken to be good."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one credential: `requests` in a window that closes after `silence` seconds without any."""

    requests: int | None = None
    silence: float = 0.0


class Shared(Protocol):
    """Where runs that share a ledger note what they spend."""

    async def note(self, use: Use) -> Used | None:
        """Add what this run spent and return what all have; None when it cannot be noted now."""


class Window:
    """The count of requests since the last silence that was long enough to close the window."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.limits = limits
        self.used = 0
        """Requests, of all runs that are known of."""
        self.own = 0
        """Those of this run."""
        self.known = False
        """Whether the other runs' are among them."""
        self._clock = clock
        self._fresh = 0
        self._first = self._last = clock.monotonic()

    @property
    def left(self) -> int:
        """How many more there are at most."""
        return max(0, (self.limits.requests or 0) - self.used)

    @property
    def unshared(self) -> bool:
        """Whether this run sent anything that the others do not know of."""
        return self._fresh > 0

    @property
    def due(self) -> bool:
        """Whether the other runs should be let know."""
        return self._fresh >= EVERY

    @property
    def quiet(self) -> float:
        """Seconds since the last request that was counted."""
        return self._clock.monotonic() - self._last

    def sent(self) -> None:
        """Count a request that is about to be sent."""
        if self.limits.silence and self.quiet > self.limits.silence:
            self.closed()
        if not self._fresh:
            self._first = self._clock.monotonic()
        self.used += 1
        self.own += 1
        self._fresh += 1

    def answered(self, *, counted: bool) -> None:
        """Note that it was answered, or failed; one that the server refused for its credential was not counted."""
        if counted:
            self._last = self._clock.monotonic()
            return
        self.used, self.own, self._fresh = (max(0, count - 1) for count in (self.used, self.own, self._fresh))

    def closed(self) -> None:
        """Note that a silence has closed the window."""
        self.used = self.own = self._fresh = 0

    async def share(self, shared: Shared) -> Used | None:
        """Let the other runs know what this one spent, and learn what they did."""
        now = self._clock.monotonic()
        use = Use(self._fresh, now - self._first, now - self._last, self.limits.silence, self._clock.now().timestamp())
        self._fresh = 0
        found = await shared.note(use)
        if found is not None:
            self.known = True
            self.used = found.requests + self._fresh  # and those that were sent meanwhile
        return found
