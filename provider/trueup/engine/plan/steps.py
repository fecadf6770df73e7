"""A plan and its parts: steps, unverifiable fields, cost. Frozen values, for reports and apply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from trueup.core.changes import Change, Path
from trueup.core.kinds import Declared
from trueup.core.reasons import Reason
from trueup.core.records import Record
from trueup.core.values import Address, Call, Desired, ListKey, Live

FORMAT_VERSION: Final = "1.2"

Action = Literal["create", "update", "replace", "delete", "no-op", "refuse"]
SENDS: Final = ("create", "update", "replace", "delete")
"""The actions that send something."""
ENDS: Final = ("delete", "replace")
"""The actions after which an object does not exist any more."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The cost of the reading, and what is left of the credential's window, if it has one."""

    requests: int = 0
    seconds: float = 0.0
    left: int | None = None
    window: int | None = None
    silence: float = 0.0
    waited: float = 0.0
    """Of the seconds those that were spent waiting for the window, in which nothing was sent."""
    known: bool = True
    """Whether `left` counts the requests of other runs too; otherwise there are at most so many."""


@dataclass(frozen=True, slots=True)
class Unverifiable:
    """A field that cannot be read back, and why nothing is sent for it."""

    path: Path
    why: Reason


@dataclass(frozen=True, slots=True)
class Step:
    """The action for one declared resource."""

    action: Action
    declared: Declared
    live: Live | None
    desired: Desired
    calls: tuple[Call, ...] = ()
    changes: tuple[Change, ...] = ()
    unverifiable: tuple[Unverifiable, ...] = ()
    needs: tuple[Address, ...] = ()
    why: Reason | None = None
    """The reason for a refusal or a deletion."""
    error: bool = False
    """Whether it is refused because the manifest asks for something impossible."""
    first: bool = False
    """Whether it only sends write-only values for the first time: nothing is known to have drifted."""
    lost: tuple[str | Reason, ...] = ()
    """Other objects deleted along with it, a line each."""
    along: tuple[str, ...] = ()
    """Ids of other resources deleted along with it, its children aside."""
    staying: tuple[str, ...] = ()
    """Addresses of what is managed below it, is declared no more either, and stays as it is."""
    kept: int = 0
    """Number of the server's own keys that the write of a mapping carries over."""
    after: tuple[str, ...] = ()
    """Ids of what has to give up the name that this takes."""
    aside: str = ""
    """The temporary name that it takes before all else, where names only change places: one more request."""

    @property
    def address(self) -> Address:
        """The address of the resource."""
        return self.declared.address

    def refused(self, why: Reason, *, error: bool = False) -> Step:
        """Return the step as one that sends nothing, frees no name, and takes nothing along."""
        return replace(
            self,
            action="refuse",
            calls=(),
            why=why,
            error=error,
            lost=(),
            along=(),
            after=(),
            aside="",
            desired=self.desired if self.live is not None else Desired({}),
        )

    @property
    def answers_for_itself(self) -> bool:
        """Whether the answer to its call is the only verification, if it is complete.

        It creates a child: reading that again would take a list for each parent.
        """
        return self.action == "create" and bool(self.declared.kind.parent)

    @property
    def pruned(self) -> bool:
        """Whether it is about a managed resource that is no longer declared."""
        return self.declared.gone and not self.declared.where.line

    @property
    def drifted(self) -> bool:
        """Whether the live resource is known to differ from the declared one."""
        if self.declared.gone:
            return not self.pruned  # that it is declared no more is no drift; that it should not be there is
        return self.action in ("create", "replace", "refuse") or (self.action == "update" and not self.first)


@dataclass(frozen=True, slots=True)
class Cost:
    """The expected cost of an apply: requests, and seconds with the waits for the request window."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Learned:
    """A value that read back as the server's normal form of what was written, for the ledger."""

    record: Record
    path: str
    read_back: str


@dataclass(frozen=True, slots=True)
class Left:
    """A managed resource that is no longer declared."""

    record: Record
    live: Live | None
    """None when it does not exist any more."""
    why: Reason | None = None
    """Why it stays although its deletion was requested."""
    unread: bool = False
    """Whether it is only known from the ledger, because it was not read."""


@dataclass(frozen=True, slots=True, repr=False)  # asyncio.run builds the repr of a task's result, all of it
class Plan:
    """Everything that is not in sync, in the order in which it would be done."""

    steps: tuple[Step, ...] = ()
    matched: Mapping[Address, tuple[Declared, Live]] = field(default_factory=dict)
    """Every declared resource that exists, in sync or not."""
    specs: Mapping[Address, dict[str, Any]] = field(default_factory=dict)
    """Declared specs in the server's words, with ids for references."""
    unmanaged: tuple[tuple[ListKey, Live], ...] = ()
    learned: tuple[Learned, ...] = ()
    left: tuple[Left, ...] = ()
    """Managed resources that were read and are neither declared nor to be deleted; pruning releases them."""
    aged: Mapping[Address, str] = field(default_factory=dict)
    """Resources that were not read just now, and when they were."""
    apart: Mapping[Address, str] = field(default_factory=dict)
    """The resources declared here and managed by another set of manifests, and the name of that."""
    undeclared: Mapping[Address, tuple[Path, ...]] = field(default_factory=dict)
    """Live fields of declared resources that are declared nowhere; filled on request."""
    unsafe: Reason | None = None
    """Why the whole plan is refused for safety; None when it is not."""
    left_out: int = 0
    """Declared resources that the run was narrowed to leave out."""
    off: tuple[Reason, ...] = ()
    """Limits of this run and their reasons, for instance without a ledger."""
    warnings: tuple[Reason, ...] = ()
    """Why steps may fail."""
    reading: Reading = field(default_factory=Reading)
    cost: Cost = Cost(0, 0.0)
    declared: int = 0
    whole: bool = True
    """False when the run was narrowed, so that what is unmanaged was not looked for."""

    def count(self, action: Action) -> int:
        """How many steps have that action."""
        return sum(step.action == action for step in self.steps)

    @property
    def unverifiable(self) -> int:
        """Resources of which something cannot be verified, and which are otherwise in sync."""
        return sum(step.action == "no-op" and bool(step.unverifiable) for step in self.steps)

    @property
    def unchanged(self) -> int:
        """Resources that are in sync as far as can be read."""
        return self.declared - sum(not step.declared.gone for step in self.steps)

    @property
    def pending(self) -> list[Step]:
        """The steps that send something."""
        return [step for step in self.steps if step.action in SENDS]

    @property
    def has_changes(self) -> bool:
        """Whether anything would be sent or is refused."""
        return any(step.action != "no-op" for step in self.steps)

    @property
    def has_drift(self) -> bool:
        """Whether anything is known to differ."""
        return any(step.drifted for step in self.steps)

    def summary(self) -> dict[str, int]:
        """The counts, under the names of the JSON plan."""
        return {
            "create": self.count("create"),
            "update": self.count("update"),
            "replace": self.count("replace"),
            "delete": self.count("delete"),
            "unchanged": self.unchanged,
            "unverifiable": self.unverifiable,
            "unmanaged": len(self.unmanaged) if self.whole else 0,
            "refused": self.count("refuse"),
        }
