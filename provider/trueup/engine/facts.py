"""The facts that a plan rests on beside what was read, each asked for only where a step of its draft depends on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from trueup.core.tasks import together
from trueup.engine.plan.inputs import Facts
from trueup.engine.plan.planning import concluded
from trueup.engine.plan.steps import ENDS
from trueup.systems.registry import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trueup.core.reasons import Reason
    from trueup.core.values import Address, ConnectionId, Live
    from trueup.engine.match import Matches
    from trueup.engine.plan.inputs import Inputs
    from trueup.engine.plan.steps import Plan, Step
    from trueup.systems.system import Permissions
    from trueup.transport.client import Client


async def facts_for(
    draft: Plan,
    inputs: Inputs,
    matches: Matches,
    clients: Mapping[ConnectionId, Client],
    scopes: Mapping[ConnectionId, str],
) -> Facts:
    """Return the answers of the systems. Raises ApiError."""
    partial: list[str] = []
    permissions: dict[ConnectionId, Permissions] = {}
    for connection, client in clients.items():
        tenant, scope = SYSTEMS[connection[0]].tenant, scopes[connection]
        missing = any(one.live is None and not one.unread and one.record.scope == scope for one in draft.left)
        if missing and scope not in partial and not await tenant.sees_all(client):
            partial.append(scope)
        if any(call.admin for step in _of(draft, connection) for call in step.calls):
            permissions[connection] = await tenant.permissions(client)
    facts = Facts(permissions, partial)
    allowed = concluded(draft, inputs, facts)
    if not allowed.unsafe:
        ending = [step for step in allowed.pending if step.action in ENDS and step.live is not None]
        found = await together(_cascade(clients[step.declared.address.connection_id], step) for step in ending)
        facts = replace(facts, cascades=dict(found))
    warnings: list[Reason] = []
    for connection, client in clients.items():
        tenant = SYSTEMS[connection[0]].tenant
        writes = bool(_of(allowed, connection))
        if warning := await tenant.warning(client, matches.denials(connection), writes=writes):
            warnings.insert(0, warning)
    return replace(facts, warnings=warnings)


def _of(plan: Plan, connection: ConnectionId) -> list[Step]:
    return [step for step in plan.pending if step.declared.address.connection_id == connection]


async def _cascade(client: Client, step: Step) -> tuple[tuple[Address, str], Sequence[str | Reason]]:
    live = cast("Live", step.live)
    handler = step.declared.kind.handler
    return (step.address, live.id), await handler.cascade(client, live, step.calls)
