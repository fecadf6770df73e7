"""The limits of a plan: permissions of the credential's role, and the number of changes at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trueup.engine.plan.names import refuse_in_vain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trueup.core.values import ConnectionId
    from trueup.engine.plan.steps import Plan, Step

_FEW = 10
"""Number of managed resources below which a percentage means nothing."""
_NAMED = 1_000
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Limit:
    """The limits of one run."""

    deletes: int = 30
    """Percentage of the managed resources that may be deleted at once, from ten resources on."""
    changes: int | None = None
    """Number of steps that may be made at once."""


def judge(plan: Plan, owned: int, limit: Limit) -> str:
    """Return why the plan exceeds the limits, naming the resources; empty when it does not."""
    removing = [step for step in plan.steps if step.action in ("delete", "replace")]
    pruned = [step for step in removing if step.action == "replace" or step.pruned]
    if owned >= _FEW and 100 * len(pruned) > limit.deletes * owned:
        share = 100 * len(pruned) // owned
        return (
            f"{len(pruned):,} of the {owned:,} resources that are ours ({share} %) would be removed, and "
            f"{limit.deletes} % are allowed (--max-delete-percent): {_named(pruned)}."
        )
    if limit.changes is not None and len(plan.pending) > limit.changes:
        return (
            f"{len(plan.pending):,} steps would be made, and {limit.changes:,} are allowed (--max-changes): "
            f"{_named(plan.pending)}."
        )
    return ""


def blind(plan: Plan, unseen: Sequence[str]) -> str:
    """Return why nothing is removed or released while manifests may be missing; empty when none may be."""
    names = [str(step.address) for step in plan.pending if step.pruned]
    names += [left.record.address for left in plan.left if left.live is not None and left.why]
    if not names or not unseen:
        return ""
    count = f"{len(names):,} resource{'' if len(names) == 1 else 's'}"
    more = f" and {len(unseen) - _SHOWN:,} more" if len(unseen) > _SHOWN else ""
    return (
        f"{count} would be removed or released as no longer declared, while manifests may be missing: "
        f"{', '.join(unseen[:_SHOWN])}{more}. Make that readable, or name with -f what is to be read: {_few(names)}."
    )


def forbid(plan: Plan, connection: ConnectionId, role: str) -> None:
    """Refuse the steps that need an organisation admin, and their dependents: the credential's user is not one."""
    for step in plan.pending:
        verb = next((call.verb for call in step.calls if call.admin), None)
        if verb is not None and step.declared.address.connection_id == connection:
            step.refuse(
                f"to {verb} it takes an organisation admin, and this credential belongs to a {role}.", error=True
            )
    refuse_in_vain(plan)


def _named(steps: list[Step]) -> str:
    return _few([str(step.address) for step in steps])


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
