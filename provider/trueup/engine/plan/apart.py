"""Separate sets of manifests that share a ledger: resources of other sets are not changed, adopted or deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trueup.core.values import WITH_ALL_BELOW, ConnectionId, Desired
from trueup.engine.plan.steps import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueup.core.records import Record
    from trueup.core.values import Address
    from trueup.engine.plan.steps import Plan

    Records = Mapping[ConnectionId, Mapping[str, Record]]

_SHOWN: Final = 3


def moves(plan: Plan, own: Records, source: str, stack: str) -> str:
    """The note of a plan on what an apply moves from one set to another."""
    held = {
        connection: {key for key, one in records.items() if one.stack == source} for connection, records in own.items()
    }
    refused = {step.address for step in plan.steps if step.action == "refuse"}
    count = sum(
        live.id in held.get(declared.address.connection_id, ())
        for address, (declared, live) in plan.matched.items()
        if address not in refused
    )
    if not count:
        return f'nothing is moved from the set "{source}" (--take-from)'
    resources = "1 resource" if count == 1 else f"{count:,} resources"
    target = f'the set "{stack}"' if stack else "no set"
    return f'trueup apply moves {resources} from the set "{source}" to {target}'


def keep_apart(plan: Plan, others: Records, own: Records, stack: str) -> None:
    """Refuse the steps about what other sets than `stack` hold, which are `others` by connection and id."""
    if not any(others.values()):
        return
    held = {connection: dict(records) for connection, records in others.items()}
    refusals: dict[Address, Step] = {}
    for address, (declared, live) in plan.matched.items():
        record = held.get(declared.address.connection_id, {}).get(live.id)
        if record is None:
            continue
        plan.apart[address] = record.stack
        why = f'it is managed by the set "{record.stack}" ({record.address}), {_what_to_do(record.stack, stack)}'
        refusals[address] = Step("refuse", declared, live, Desired({}), why=why, error=True)
    plan.steps = [step for step in plan.steps if step.declared.gone or step.address not in refusals]
    plan.steps[:0] = refusals.values()
    theirs = {plan.matched[address][1].id: stack for address, stack in plan.apart.items()}
    for step in plan.pending:
        parent = (step.live.spec if step.live else step.desired.spec).get(step.declared.kind.parent)
        if (
            isinstance(parent, str)
            and parent in theirs
            and step.declared.kind.by_name[step.declared.kind.parent].reference
        ):
            step.refuse(f'it is below what is managed by the set "{theirs[parent]}".')
        elif step.action in ("delete", "replace") and step.live is not None:
            connection = step.declared.address.connection_id
            _keep(step, held.get(connection, {}), own.get(connection, {}))
    everywhere = {key for records in held.values() for key in records}
    plan.unmanaged = [pair for pair in plan.unmanaged if pair[1].id not in everywhere]


def _what_to_do(theirs: str, stack: str) -> str:
    """Return the rest of a refusal; a run of a single file reads no trueup.yaml, and so has no set."""
    if stack:
        return f'and this run is of the set "{stack}". Remove it from one, or move it here: --take-from {theirs}.'
    return (
        f"and this run has no set. Run it in that set (--stack {theirs}, or -f its folder), or take the resource "
        f"out of it: --take-from {theirs}."
    )


def _keep(step: Step, others: Mapping[str, Record], own: Mapping[str, Record]) -> None:
    """Refuse a removal of what another set holds, or that would take along what it holds."""
    assert step.live is not None
    record = others.get(step.live.id)
    if record is not None:
        step.refuse(f'it is managed by the set "{record.stack}".')
        return
    if not any(call.verb in WITH_ALL_BELOW for call in step.calls):
        return
    going = {step.live.id, *step.along}
    before = 0
    while len(going) > before:
        before = len(going)
        going |= {key for records in (others, own) for key, one in records.items() if one.parent in going}
    if lost := sorted(f'{others[key].address} of the set "{others[key].stack}"' for key in going & others.keys()):
        more = f" and {len(lost) - _SHOWN:,} more" if len(lost) > _SHOWN else ""
        step.refuse(f"it would delete with it {', '.join(lost[:_SHOWN])}{more}.")
