"""What a plan is made of: steps, what cannot be verified, what it costs. Plain values, to be rendered and applied."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from trueup.diff import Change, Path
from trueup.model import Address, Call, Declared, Desired, Live
from trueup.records import Record

FORMAT_VERSION: Final = "1.0"

Action = Literal["create", "update", "no-op", "refuse"]
Place = tuple[str, str, str]
"""System, connection and kind."""


@dataclass(frozen=True, slots=True)
class Unverifiable:
    """A field that cannot be read back, and why nothing is done about it."""

    path: Path
    why: str


@dataclass(slots=True)
class Step:
    """What is to be done about one declared resource."""

    action: Action
    declared: Declared
    live: Live | None
    desired: Desired
    calls: tuple[Call, ...] = ()
    changes: tuple[Change, ...] = ()
    unverifiable: tuple[Unverifiable, ...] = ()
    needs: tuple[Address, ...] = ()
    why: str = ""
    """Why it is refused."""
    error: bool = False
    """Refused because the manifest asks for what cannot be."""
    first: bool = False
    """It only sends what was never sent from here and cannot be read: nothing is known to have drifted."""

    @property
    def address(self) -> Address:
        """The address of the resource."""
        return self.declared.address

    @property
    def drifted(self) -> bool:
        """Whether what is live is known to differ from what is declared."""
        return self.action in ("create", "refuse") or (self.action == "update" and not self.first)


@dataclass(frozen=True, slots=True)
class Cost:
    """What applying is expected to take: requests, and seconds with the waits for the request window."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reading took, and what is left of the credential's window, if it has one."""

    requests: int = 0
    seconds: float = 0.0
    left: int | None = None
    window: int | None = None
    silence: float = 0.0


@dataclass(frozen=True, slots=True)
class Learned:
    """A read-back that turned out to be how the server says what we wrote: for the ledger."""

    record: Record
    path: str
    read_back: str


@dataclass(slots=True, repr=False)  # asyncio.run asks for the repr of what a task returned, all of it
class Plan:
    """Everything that is not in sync, in the order in which it would be done."""

    steps: list[Step] = field(default_factory=list)
    matched: dict[Address, tuple[Declared, Live]] = field(default_factory=dict)
    """Every declared resource that exists, in sync or not."""
    unmanaged: list[tuple[Place, Live]] = field(default_factory=list)
    learned: list[Learned] = field(default_factory=list)
    off: list[str] = field(default_factory=list)
    """What this run cannot do, and why: for instance without a ledger."""
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
        return self.declared - len(self.steps)

    @property
    def pending(self) -> list[Step]:
        """The steps that send something."""
        return [step for step in self.steps if step.action in ("create", "update")]

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
            "delete": 0,
            "unchanged": self.unchanged,
            "unverifiable": self.unverifiable,
            "unmanaged": len(self.unmanaged),
            "refused": self.count("refuse"),
        }


@dataclass(frozen=True, slots=True)
class Policy:
    """What the plan may assume and do."""

    key: bytes | None = None
    """The key of the ledger's fingerprints; None when there is no ledger."""
    resend: bool = False
    """Send what cannot be verified again."""


def place_of(declared: Declared) -> Place:
    """Where a declared resource lives."""
    address = declared.address
    return (address.system, address.connection, address.kind)
