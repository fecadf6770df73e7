"""Estimate the cost of a plan: requests of its calls and of the verification, and their time with all waits."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trueup.engine.plan.inputs import Budget
from trueup.engine.plan.steps import Cost

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trueup.core.values import ConnectionId, ListKey
    from trueup.engine.plan.steps import Reading, Step


_A_WAIT = 2
"""Requests that one wait costs: the rejected one, and one that returns the reason."""


def price(pending: Iterable[Step], reading: Reading, budgets: Mapping[ConnectionId, Budget]) -> Cost:
    """Return the cost of the apply; connections are written in parallel.

    A connection without a budget has the window of the reading.
    """
    touched: dict[ListKey, list[Step]] = defaultdict(list)
    counts: dict[ConnectionId, _Count] = defaultdict(_Count)
    for step in pending:
        list_key = step.declared.address.list_key
        counts[list_key.connection_id].send(step)
        if not step.answers_for_itself:
            touched[list_key].append(step)
    for list_key, steps in touched.items():
        counts[list_key.connection_id].look(steps)
    requests, seconds = 0, 0.0
    for connection, count in counts.items():
        budget = budgets.get(connection) or Budget(reading.left, reading.window, reading.silence)
        sent, took = count.cost(budget)
        requests += sent
        seconds = max(seconds, took)
    return Cost(requests, round(seconds, 1))


@dataclass(slots=True)
class _Count:
    """Requests of one connection, by kind."""

    pages: int = 0
    gets: int = 0
    writes: int = 0

    def send(self, step: Step) -> None:
        """Count the calls of a step."""
        self.writes += bool(step.aside) + len(step.calls)
        self.gets += sum(call.requests - 1 for call in step.calls)  # it is read before it is changed

    def look(self, steps: Sequence[Step]) -> None:
        """Count the look at what steps of one kind wrote."""
        kind = steps[0].declared.kind
        lives = [step.live for step in steps]
        looked = kind.handler.reread_cost(lives, len({_parent(step) for step in steps}))
        if kind.parent or looked >= len(lives):
            self.gets += looked
            return
        self.pages += looked
        self.gets += sum(_ends(step) for step in steps)  # what a list does not show is asked for by id

    def cost(self, budget: Budget) -> tuple[int, float]:
        """Return requests, and seconds with the waits for the window."""
        requests, pace = self.pages + self.gets + self.writes, budget.pace
        seconds = self.pages * pace.page + self.gets * pace.get + self.writes * pace.write
        if not budget.window or budget.left is None or requests <= budget.left:
            return requests, seconds
        waits = -(-(requests - budget.left) // budget.window)
        return requests + _A_WAIT * waits, seconds + waits * budget.silence


def _ends(step: Step) -> bool:
    """Whether nothing is to be left of it."""
    return step.action == "delete" and not any(call.paths for call in step.calls)


def _parent(step: Step) -> Any:
    """Return its parent: an id, or the address of a resource that is not created yet."""
    field = step.declared.kind.parent
    if not field:
        return None
    if field in step.desired.waits:
        return step.desired.waits[field]
    if field in step.desired.spec:
        return step.desired.spec[field]
    return step.live.spec.get(field) if step.live else None
