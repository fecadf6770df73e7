"""Options of a run: its selection, its permissions, and its observer."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from trueup.core.paths import home
from trueup.core.progress import Clock, Progress, Quiet
from trueup.engine.plan.policy import Limit
from trueup.ledger.place import STATE


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a run."""

    connection: str | None = None
    """Run the same manifests against the Connection of that name."""
    targets: tuple[str, ...] = ()
    """Addresses to narrow the run to; the resources that they refer to are included."""
    labels: tuple[str, ...] = ()
    """Labels to narrow the run to: `team=platform`, `team!=sales`, `team`; all of them have to match."""
    parallelism: int | None = None
    """Maximum concurrent writes, instead of the connections' own figure."""
    fail_fast: bool = False
    resend: bool = False
    """Send write-only values again."""
    prune: bool = False
    """Delete managed resources that are no longer declared, each by its deletionPolicy."""
    disconnect: bool = False
    """Allow accounts to be disconnected whose manifest requests it."""
    strict: bool = False
    """Also report live fields of declared resources that are declared nowhere."""
    limit: Limit = field(default_factory=Limit)
    """Limits on deletions and changes of one run."""
    max_age: timedelta | None = None
    """Take younger readings from the ledger, where each reading costs a request."""
    max_requests: int = 0
    """With `max_age`: number of requests to spend on reading the oldest of them nevertheless."""
    lock_timeout: float = 0.0
    """Seconds to wait for another run to finish."""
    retry_for: float = 120.0
    """Seconds to retry when a server stops answering during the run."""
    state: Path = STATE
    """The folder of the ledger and the embedded servers."""
    ledger: str | None = None
    """Path or URL of the ledger, or `off`; TRUEUP_LEDGER takes precedence."""
    stack: str = ""
    """The name of the set of manifests: resources of other sets in the ledger are left alone."""
    take_from: str | None = None
    """A set from which the resources declared here move into this one; empty for resources without a set."""
    clock: Clock = field(default_factory=SystemClock)
    progress: Progress = field(default_factory=Quiet)

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", Path(home(str(self.state))))
