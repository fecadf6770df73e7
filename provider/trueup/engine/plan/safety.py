"""The limits of a plan: permissions of the credential's role, and the number of changes at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trueup.core.reasons import Reason
from trueup.engine.plan.names import without_vain
from trueup.engine.plan.steps import ENDS, SENDS
from trueup.systems.registry import SYSTEMS
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from trueup.core.values import ConnectionId
    from trueup.engine.plan.policy import Limit
    from trueup.engine.plan.steps import Plan, Step
    from trueup.systems.system import Permissions

_FEW = 10
"""Number of managed resources below which a percentage means nothing."""


def excess(plan: Plan, owned: int, limit: Limit) -> Reason | None:
    """Return why the plan exceeds the limits, naming the resources; None when it does not."""
    removing = [step for step in plan.steps if step.action in ENDS]
    pruned = [step for step in removing if step.action == "replace" or step.pruned]
    if owned >= _FEW and 100 * len(pruned) > limit.deletes * owned:
        share, names = 100 * len(pruned) // owned, _named(pruned)
        count = len(pruned)
        return Reason("too-many-removals", count=count, owned=owned, share=share, limit=limit.deletes, names=names)
    if limit.changes is not None and len(plan.pending) > limit.changes:
        pending = plan.pending
        return Reason("too-many-changes", count=len(pending), limit=limit.changes, names=_named(pending))
    return None


def blind(plan: Plan, unseen: Sequence[str]) -> Reason | None:
    """Return why nothing is removed or released while manifests may be missing; None when none may be."""
    names = _named(step for step in plan.pending if step.pruned)
    names += [left.record.address for left in plan.left if left.live is not None and left.why]
    if not names or not unseen:
        return None
    return Reason("manifests-missing", count=len(names), unseen=list(unseen), names=names)


def permitted(plan: Plan, permissions: Mapping[ConnectionId, Permissions]) -> Plan:
    """Return the plan with the steps refused that need an organisation admin where the user is none, and dependents."""
    roles = {connection: ", ".join(one.roles) for connection, one in permissions.items() if one.admin is False}
    if not roles:
        return plan
    return replace(plan, steps=tuple(without_vain([_permitted(step, roles) for step in plan.steps])))


def unknown_roles(permissions: Mapping[ConnectionId, Permissions]) -> Iterator[Reason]:
    """Yield a warning for each credential of which it is not known whether its roles suffice."""
    for (name, _), one in permissions.items():
        if one.admin is None:
            system = SYSTEMS[name]
            roles = plain(", ".join(one.roles), 80) or "none"
            yield Reason("role-not-known", tenant=system.tenant.setting, roles=roles, system=system.title)


def _permitted(step: Step, roles: Mapping[ConnectionId, str]) -> Step:
    verb = next((call.verb for call in step.calls if call.admin), None)
    role = roles.get(step.declared.address.connection_id)
    if verb is None or role is None or step.action not in SENDS:
        return step
    return step.refused(Reason("takes-an-admin", verb=verb, role=role), error=True)


def _named(steps: Iterable[Step]) -> list[str]:
    return [str(step.address) for step in steps]
