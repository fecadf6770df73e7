"""Separate sets of manifests that share a ledger: resources of other sets are not changed, adopted or deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from trueup.core.values import WITH_ALL_BELOW, Desired
from trueup.engine.plan.steps import ENDS, SENDS, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueup.core.records import Record
    from trueup.core.values import Address, Live
    from trueup.engine.match import Records
    from trueup.engine.plan.inputs import Inputs
    from trueup.engine.plan.steps import Plan

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


def kept_apart(plan: Plan, inputs: Inputs) -> Plan:
    """Return the plan with the steps refused about what other sets of manifests hold."""
    if not any(inputs.others.values()):
        return plan
    stack = inputs.policy.stack
    apart: dict[Address, str] = {}
    theirs: dict[str, str] = {}
    steps: list[Step] = []
    for address, (declared, live) in plan.matched.items():
        record = inputs.others.get(declared.address.connection_id, {}).get(live.id)
        if record is None:
            continue
        apart[address] = theirs[live.id] = record.stack
        why = f'it is managed by the set "{record.stack}" ({record.address}), {_what_to_do(record.stack, stack)}'
        steps.append(Step("refuse", declared, live, Desired({}), why=why, error=True))
    steps += [_sparing(step, inputs, theirs) for step in plan.steps if step.declared.gone or step.address not in apart]
    return replace(plan, steps=tuple(steps), apart=apart)


def _sparing(step: Step, inputs: Inputs, theirs: Mapping[str, str]) -> Step:
    """Return the step; refused when it is below what another set holds, or would delete that. `theirs` is by id."""
    if step.action not in SENDS:
        return step
    kind = step.declared.kind
    parent = (step.live.spec if step.live else step.desired.spec).get(kind.parent)
    if isinstance(parent, str) and parent in theirs and kind.by_name[kind.parent].reference:
        return step.refused(f'it is below what is managed by the set "{theirs[parent]}".')
    if step.action in ENDS and step.live is not None:
        connection = step.declared.address.connection_id
        return _keeping(step, step.live, inputs.others.get(connection, {}), inputs.records.get(connection, {}))
    return step


def _what_to_do(theirs: str, stack: str) -> str:
    """Return the rest of a refusal; a run of a single file reads no trueup.yaml, and so has no set."""
    if stack:
        return f'and this run is of the set "{stack}". Remove it from one, or move it here: --take-from {theirs}.'
    return (
        f"and this run has no set. Run it in that set (--stack {theirs}, or -f its folder), or take the resource "
        f"out of it: --take-from {theirs}."
    )


def _keeping(step: Step, live: Live, others: Mapping[str, Record], own: Mapping[str, Record]) -> Step:
    """Return a removal; refused when it is of what another set holds, or would take along what that holds."""
    if (record := others.get(live.id)) is not None:
        return step.refused(f'it is managed by the set "{record.stack}".')
    if not any(call.verb in WITH_ALL_BELOW for call in step.calls):
        return step
    going = {live.id, *step.along}
    before = 0
    while len(going) > before:
        before = len(going)
        going |= {key for records in (others, own) for key, one in records.items() if one.parent in going}
    lost = sorted(f'{others[key].address} of the set "{others[key].stack}"' for key in going & others.keys())
    if not lost:
        return step
    more = f" and {len(lost) - _SHOWN:,} more" if len(lost) > _SHOWN else ""
    return step.refused(f"it would delete with it {', '.join(lost[:_SHOWN])}{more}.")
