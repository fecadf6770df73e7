"""The results of an apply, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from trueup.core.errors import TrueupError
    from trueup.core.reasons import Reason
    from trueup.core.values import Address, Live
    from trueup.engine.plan.steps import Step

Result = Literal["done", "failed", "skipped", "stopped", "refused", "contended"]


@dataclass(slots=True)
class Outcome:
    """The result of one step."""

    step: Step
    result: Result
    live: Live | None = None
    error: TrueupError | None = None
    made: list[str] = field(default_factory=list)
    """The verbs of the calls that succeeded, also when a later one failed."""
    before: Live | None = None
    """The live resource at planning time."""
    learned: bool = False
    """Whether a value read back otherwise than it was written and was learned as the server's normal form."""
    maybe: bool = False
    """Whether a failed call may have taken effect."""
    seconds: float = 0.0
    verified: bool = False
    answered: dict[str, Any] = field(default_factory=dict)
    """Values of the written fields in the answers to the writes, by field."""
    seen: dict[str, str] = field(default_factory=dict)
    """Fingerprints of values that read back otherwise at first, by path: the same value twice is normalised."""
    touched_at: str | None = None
    """When the API says that a contended resource was last touched."""

    @property
    def address(self) -> Address:
        """The address of the resource."""
        return self.step.address

    @property
    def existing(self) -> Live:
        """The live resource, of an outcome that has one."""
        assert self.live is not None
        return self.live


@dataclass(slots=True)
class Report:
    """The result of an apply."""

    outcomes: list[Outcome] = field(default_factory=list)
    run: str = ""
    """The id of the run in the ledger; empty without one."""
    requests: int = 0
    seconds: float = 0.0
    stopped: bool = False
    adopted: int = 0
    """Number of resources that became managed without a write."""
    released: int = 0
    """Number of managed resources that were released without deletion."""
    unverified: Reason | None = None
    """Why the verification failed; None when it succeeded."""
    unrecorded: Reason | None = None
    """Why the ledger is incomplete; None when it is complete."""

    def count(self, *results: Result) -> int:
        """Return the number of outcomes that have one of those results."""
        return sum(outcome.result in results for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        """0 when all was done; 4 when only a part was, or the run was stopped; 3 or 1 when nothing was."""
        bad = self.count("failed", "skipped", "stopped", "contended")
        refused = [outcome for outcome in self.outcomes if outcome.result == "refused"]
        if not bad and not refused and not self.unverified and not self.unrecorded:
            return 0
        touched = any(outcome.made or outcome.maybe for outcome in self.outcomes)
        if touched or self.stopped:
            return 4
        return 3 if not bad and refused and not any(outcome.step.error for outcome in refused) else 1
