"""What a plan costs: requests of its calls and of the look afterwards, and the time they take with all waits."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, cast

from trueup.match import place_of
from trueup.model import Verbs
from trueup.plan.steps import Cost

if TYPE_CHECKING:
    from trueup.match import Place
    from trueup.plan.steps import Plan, Reading, Step

_A_WAIT = 2
"""Requests that one wait costs: the one that is refused, and the one that tells why."""


def price(plan: Plan, reading: Reading) -> None:
    """Says what the reading took, and what applying will."""
    touched: dict[Place, list[Step]] = defaultdict(list)
    for step in plan.pending:
        if not step.answers_for_itself:
            touched[place_of(step.declared)].append(step)
    requests = sum(call.requests for step in plan.pending for call in step.calls)
    requests += sum(bool(step.aside) for step in plan.pending)
    for steps in touched.values():
        kind = steps[0].declared.kind
        lives = [step.live for step in steps]
        looked = cast(Verbs, kind.verbs).reread_cost(lives, len({_parent(step) for step in steps}))
        if not kind.parent and looked < len(lives):
            looked += sum(_ends(step) for step in steps)  # what a list does not show is asked for by id
        requests += looked
    each = max(reading.seconds - reading.waited, 0.0) / reading.requests if reading.requests else 0.1
    waits = 0
    if reading.window and reading.left is not None and requests > reading.left:
        waits = -(-(requests - reading.left) // reading.window)
        requests += _A_WAIT * waits
    plan.reading = reading
    plan.cost = Cost(requests, round(requests * each + waits * reading.silence, 1))


def _ends(step: Step) -> bool:
    """Whether nothing is to be left of it."""
    return step.action == "delete" and not any(call.paths for call in step.calls)


def _parent(step: Step) -> Any:
    """What it is listed below: an id, or the address of what is yet to be created."""
    field = step.declared.kind.parent
    if not field:
        return None
    if field in step.desired.waits:
        return step.desired.waits[field]
    if field in step.desired.spec:
        return step.desired.spec[field]
    return step.live.spec.get(field) if step.live else None
