"""The inputs of a plan: the values that are compared, the policy, and the facts that are requested."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trueup.core.progress import Pace
from trueup.engine.plan.policy import Policy
from trueup.engine.plan.steps import Reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trueup.core.kinds import Declared
    from trueup.core.reasons import Reason
    from trueup.core.records import Record
    from trueup.core.values import Address, ConnectionId, Listing, ListKey
    from trueup.engine.match import Matches, Records
    from trueup.systems.system import Permissions


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything that is compared. A plan changes nothing of it."""

    declared: Sequence[Declared]
    """With their secrets resolved."""
    live: Matches | Mapping[ListKey, Listing]
    """The live resources, matched with the declared ones, or as listed."""
    records: Records = field(default_factory=dict)
    """The ledger's records, by system and connection, then by id."""
    policy: Policy = field(default_factory=Policy)
    owned: Mapping[ConnectionId, Sequence[Record]] = field(default_factory=dict)
    """The managed resources, which were looked for although they may not be declared any more."""
    others: Records = field(default_factory=dict)
    """The records of other sets of manifests."""
    left_out: int = 0
    """Declared resources that the run was narrowed to leave out."""
    narrowed: bool = False
    """Whether the run was narrowed, so that what is unmanaged was not looked for."""
    unseen: Sequence[str] = ()
    """Places where manifests may be that could not be read."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The budget of one connection: the requests left in its window, if it has one, and seconds by kind."""

    left: int | None = None
    window: int | None = None
    silence: float = 0.0
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, slots=True)
class Facts:
    """Answers to what a draft of the plan raises, each asked for only where a step depends on it."""

    permissions: Mapping[ConnectionId, Permissions] = field(default_factory=dict)
    """The rights of the credentials with which something would be done that takes an admin."""
    partial: Sequence[str] = ()
    """The servers, as the ledger names them, where managed resources are missing that the credential may not see."""
    cascades: Mapping[tuple[Address, str], Sequence[str | Reason]] = field(default_factory=dict)
    """Other objects deleted along with a resource, a line each, by its address and id."""
    off: Sequence[Reason] = ()
    """Further limits of this run."""
    warnings: Sequence[Reason] = ()
    """Warnings of the tenants."""
    reading: Reading = field(default_factory=Reading)
    budgets: Mapping[ConnectionId, Budget] = field(default_factory=dict)
    """By connection; one without has the window of the reading."""
