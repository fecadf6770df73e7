"""How a run goes about it: what it is narrowed to, what it may do, and who follows it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from trueup.core.paths import home
from trueup.core.progress import Clock, Progress, Quiet
from trueup.engine.plan import Limit

STATE: Final = Path(".trueup")


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Options:
    """How a run goes about it."""

    connection: str | None = None
    """Run the same manifests against the Connection of that name."""
    targets: tuple[str, ...] = ()
    """Addresses to narrow the run to; what they refer to comes along."""
    labels: tuple[str, ...] = ()
    """Labels to narrow the run to: `team=platform`, `team!=sales`, `team`; all of them have to fit."""
    parallelism: int | None = None
    """Writes under way at once, in place of the connections' own figure."""
    fail_fast: bool = False
    resend: bool = False
    """Send again what cannot be verified."""
    prune: bool = False
    """Remove what is ours and declared no more, each by its deletionPolicy."""
    disconnect: bool = False
    """Let accounts be disconnected whose manifest asked for it."""
    strict: bool = False
    """Also tell what is live and not declared of the fields of what is."""
    limit: Limit = field(default_factory=Limit)
    """How much one run may remove and change."""
    max_age: timedelta | None = None
    """Take from the ledger what was seen more recently, where reading costs a request for each."""
    max_requests: int = 0
    """With `max_age`: how many requests are spent on reading the oldest of that all the same."""
    lock_timeout: float = 0.0
    """Seconds to wait for another run to end."""
    retry_for: float = 120.0
    """Seconds to try again when a server that answered earlier in this run does not."""
    state: Path = STATE
    """The folder of the ledger and the embedded servers."""
    ledger: str | None = None
    """A path or URL of the ledger, or `off`, unless TRUEUP_LEDGER says so."""
    stack: str = ""
    """The name of the set of manifests: what others hold in the same ledger is left alone."""
    take_from: str | None = None
    """A set out of which what is declared here is moved into this one; empty for those without a name."""
    clock: Clock = field(default_factory=SystemClock)
    progress: Progress = field(default_factory=Quiet)

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", Path(home(str(self.state))))
