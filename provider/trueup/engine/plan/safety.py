"""The limits of a plan: permissions of the credential's role, and the number of changes at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trueup.engine.plan.names import without_vain
from trueup.engine.plan.steps import ENDS, SENDS
from trueup.systems.registry import SYSTEMS
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trueup.core.values import ConnectionId
    from trueup.engine.plan.inputs import Limit
    from trueup.engine.plan.steps import Plan, Step
    from trueup.systems.system import Permissions

_FEW = 10
"""Number of managed resources below which a percentage means nothing."""
_NAMED = 1_000
_SHOWN = 10


def excess(plan: Plan, owned: int, limit: Limit) -> str:
    """Return why the plan exceeds the limits, naming the resources; empty when it does not."""
    removing = [step for step in plan.steps if step.action in ENDS]
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


def permitted(plan: Plan, permissions: Mapping[ConnectionId, Permissions]) -> Plan:
    """Return the plan with the steps refused that need an organisation admin where the user is none, and dependents."""
    roles = {connection: ", ".join(one.roles) for connection, one in permissions.items() if one.admin is False}
    if not roles:
        return plan
    return replace(plan, steps=tuple(without_vain([_permitted(step, roles) for step in plan.steps])))


def unknown_roles(permissions: Mapping[ConnectionId, Permissions]) -> Iterator[str]:
    """Yield a warning for each credential of which it is not known whether its roles suffice."""
    for (name, _), one in permissions.items():
        if one.admin is None:
            system = SYSTEMS[name]
            roles = plain(", ".join(one.roles), 80) or "none"
            yield (
                f"the role of this credential in its {system.tenant.setting} ({roles}) is not known here, and "
                f"{system.title} may refuse what takes an admin"
            )


def _permitted(step: Step, roles: Mapping[ConnectionId, str]) -> Step:
    verb = next((call.verb for call in step.calls if call.admin), None)
    role = roles.get(step.declared.address.connection_id)
    if verb is None or role is None or step.action not in SENDS:
        return step
    why = f"to {verb} it takes an organisation admin, and this credential belongs to a {role}."
    return step.refused(why, error=True)


def _named(steps: list[Step]) -> str:
    return _few([str(step.address) for step in steps])


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
