"""`plan`: everything that a plan is made from in, a frozen Plan out.

It has two halves, for what has to be asked depends on what would be done. The `draft` compares and decides each step;
`concluded` takes the answers, and then it is known what is refused and what it costs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trueup.core.reasons import Reason
from trueup.engine.match import Matches, matched
from trueup.engine.plan.apart import kept_apart, moves
from trueup.engine.plan.compare import compared
from trueup.engine.plan.inputs import Facts
from trueup.engine.plan.names import ordered
from trueup.engine.plan.near import near_names
from trueup.engine.plan.price import price
from trueup.engine.plan.removals import removals
from trueup.engine.plan.safety import blind, excess, permitted, unknown_roles
from trueup.engine.plan.steps import ENDS
from trueup.engine.plan.strict import undeclared

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trueup.core.values import Address, ListKey, Live
    from trueup.engine.index import Index
    from trueup.engine.plan.inputs import Inputs
    from trueup.engine.plan.steps import Plan, Step


def plan(inputs: Inputs, facts: Facts | None = None) -> Plan:
    """Return the plan that brings what is live to what is declared."""
    return concluded(draft(inputs), inputs, facts or Facts())


def draft(inputs: Inputs) -> Plan:
    """Return what would be done by what was read alone: nothing was asked for yet, and nothing is priced."""
    live = inputs.live
    matches = live if isinstance(live, Matches) else matched(inputs.declared, live, inputs.records)
    found, claimed = compared(inputs.declared, matches, inputs.records, inputs.policy)
    ending = removals(inputs, matches, found, claimed)
    taken = {*claimed, *ending.handled, *(key for held in inputs.others.values() for key in held)}
    found = replace(
        found,
        steps=found.steps + ending.steps,
        left=ending.left,
        unmanaged=tuple(_unmanaged(matches.indexes, taken)),
        left_out=inputs.left_out,
        whole=not inputs.narrowed and all(index.listing.complete for index in matches.indexes.values()),
    )
    found = kept_apart(found, inputs)  # what it refuses frees no name
    found = ordered(found, matches, claimed, inputs.others)
    return replace(
        found,
        warnings=tuple(near_names(found.steps, matches)),
        undeclared=undeclared(found) if inputs.policy.strict else {},
    )


def concluded(draft: Plan, inputs: Inputs, facts: Facts) -> Plan:
    """Return the plan of a draft: with what the credentials may not do refused, held against the limits, and priced."""
    policy = inputs.policy
    found = permitted(draft, facts.permissions)
    off: list[Reason] = []
    left = found.left
    for scope in facts.partial:
        staying = tuple(one for one in left if one.live is not None or one.unread or one.record.scope != scope)
        off.append(Reason("managed-not-seen", count=len(left) - len(staying)))
        left = staying
    found = replace(found, left=left)
    if policy.take_from and policy.take_from != policy.stack:
        off.append(moves(found, inputs.records, policy.take_from, policy.stack))
    unsafe = blind(found, inputs.unseen) or excess(found, sum(map(len, inputs.owned.values())), policy.limit)
    steps = found.steps if unsafe or not facts.cascades else tuple(_with_cascades(found.steps, facts.cascades))
    return replace(
        found,
        steps=steps,
        unsafe=unsafe,
        off=(*off, *facts.off),
        warnings=(*facts.warnings, *found.warnings, *unknown_roles(facts.permissions)),
        reading=facts.reading,
        cost=price(found.pending, facts.reading, facts.budgets),
    )


def _unmanaged(indexes: Mapping[ListKey, Index], seen: set[str]) -> Iterator[tuple[ListKey, Live]]:
    """Yield what nothing declares, each once even when several connections list it; add it to the ids seen."""
    for list_key, index in indexes.items():
        for live in index.listing.items if index.listing.complete else ():
            if live.id not in seen and not live.implied:
                seen.add(live.id)
                yield list_key, live


def _with_cascades(
    steps: Sequence[Step], cascades: Mapping[tuple[Address, str], Sequence[str | Reason]]
) -> Iterator[Step]:
    for step in steps:
        along = cascades.get((step.address, step.live.id)) if step.live and step.action in ENDS else None
        yield replace(step, lost=(*step.lost, *along)) if along else step
