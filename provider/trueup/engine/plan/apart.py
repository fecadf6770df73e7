"""Separate sets of manifests that share a ledger: resources of other sets are not changed, adopted or deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trueup.core.reasons import Reason
from trueup.core.values import WITH_ALL_BELOW, Desired
from trueup.engine.plan.steps import ENDS, SENDS, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueup.core.records import Record
    from trueup.core.values import Address, Live
    from trueup.engine.match import Records
    from trueup.engine.plan.inputs import Inputs
    from trueup.engine.plan.steps import Plan


def moves(plan: Plan, own: Records, source: str, stack: str) -> Reason:
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
        return Reason("nothing-moved", source=source)
    if not stack:
        return Reason("moved-out-of-a-set", count=count, source=source)
    return Reason("moved-between-sets", count=count, source=source, target=stack)


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
        steps.append(Step("refuse", declared, live, Desired({}), why=_theirs(record, stack), error=True))
    steps += [_sparing(step, inputs, theirs) for step in plan.steps if step.declared.gone or step.address not in apart]
    return replace(plan, steps=tuple(steps), apart=apart)


def _sparing(step: Step, inputs: Inputs, theirs: Mapping[str, str]) -> Step:
    """Return the step; refused when it is below what another set holds, or would delete that. `theirs` is by id."""
    if step.action not in SENDS:
        return step
    kind = step.declared.kind
    parent = (step.live.spec if step.live else step.desired.spec).get(kind.parent)
    if isinstance(parent, str) and parent in theirs and kind.by_name[kind.parent].reference:
        return step.refused(Reason("below-another-set", stack=theirs[parent]))
    if step.action in ENDS and step.live is not None:
        connection = step.declared.address.connection_id
        return _keeping(step, step.live, inputs.others.get(connection, {}), inputs.records.get(connection, {}))
    return step


def _theirs(record: Record, stack: str) -> Reason:
    """Return why a resource of another set is refused; a run of a single file reads no trueup.yaml, and has no set."""
    if stack:
        return Reason("managed-by-another-set", theirs=record.stack, address=record.address, ours=stack)
    return Reason("managed-by-a-set", theirs=record.stack, address=record.address)


def _keeping(step: Step, live: Live, others: Mapping[str, Record], own: Mapping[str, Record]) -> Step:
    """Return a removal; refused when it is of what another set holds, or would take along what that holds."""
    if (record := others.get(live.id)) is not None:
        return step.refused(Reason("kept-by-another-set", stack=record.stack))
    if not any(call.verb in WITH_ALL_BELOW for call in step.calls):
        return step
    going = {live.id, *step.along}
    before = 0
    while len(going) > before:
        before = len(going)
        going |= {key for records in (others, own) for key, one in records.items() if one.parent in going}
    lost = sorted((others[key].address, others[key].stack) for key in going & others.keys())
    if not lost:
        return step
    named = [Reason("of-the-set", address=address, stack=stack) for address, stack in lost]
    return step.refused(Reason("deletes-of-another-set", lost=named))
