"""What became of a plan, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from trueup.core.errors import TrueupError
    from trueup.core.values import Address, Live
    from trueup.engine.plan import Step

Result = Literal["done", "failed", "skipped", "stopped", "refused", "contended"]


@dataclass(slots=True)
class Outcome:
    """What became of one step."""

    step: Step
    result: Result
    live: Live | None = None
    error: TrueupError | None = None
    made: list[str] = field(default_factory=list)
    """The verbs of the calls that succeeded, also when a later one failed."""
    before: Live | None = None
    """What was live when it was planned."""
    learned: bool = False
    """Something read back otherwise than it was written, and was taken for the server's own way to say it."""
    maybe: bool = False
    """A call failed that may have happened all the same."""
    seconds: float = 0.0
    verified: bool = False
    answered: dict[str, Any] = field(default_factory=dict)
    """What the answers to our writes said of what was written, by field."""
    seen: dict[str, str] = field(default_factory=dict)
    """What read back otherwise at the first look, as fingerprints by path: twice the same is the server's own way."""
    touched_at: str | None = None
    """When the API says that a contended resource was last touched."""

    @property
    def address(self) -> Address:
        """The address of the resource."""
        return self.step.address


@dataclass(slots=True)
class Report:
    """What became of a plan."""

    outcomes: list[Outcome] = field(default_factory=list)
    run: str = ""
    """The id of the run in the ledger; empty without one."""
    requests: int = 0
    seconds: float = 0.0
    stopped: bool = False
    adopted: int = 0
    """Resources that are ours from now on without having been written."""
    released: int = 0
    """Resources that were ours and are not any more, without having been removed."""
    unverified: str = ""
    """Why the look afterwards could not be had; empty when it was."""
    unrecorded: str = ""
    """Why the ledger does not know of it all; empty when it does."""

    def count(self, *results: Result) -> int:
        """How many outcomes have one of those results."""
        return sum(outcome.result in results for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        """0 when all was done; 4 when a part was, or it was stopped; 3 or 1 when nothing was, by the reason."""
        bad = self.count("failed", "skipped", "stopped", "contended")
        refused = [outcome for outcome in self.outcomes if outcome.result == "refused"]
        if not bad and not refused and not self.unverified and not self.unrecorded:
            return 0
        touched = any(outcome.made or outcome.maybe for outcome in self.outcomes)
        if touched or self.stopped:
            return 4
        return 3 if not bad and refused and not any(outcome.step.error for outcome in refused) else 1
