"""Schedule the steps of an apply: a step is ready once its dependencies exist and the name that it takes is free."""

from __future__ import annotations

import contextlib
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from trueup.core.errors import ApiError
from trueup.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from trueup.core.values import Address
    from trueup.engine.apply.outcome import Outcome


class Order:
    """The order of all steps of a plan: which waits for which."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        self._outcomes = outcomes
        self._by_address: dict[Address, Outcome] = {}
        self._by_id: dict[str, Outcome] = {}
        for outcome in outcomes:
            step = outcome.step
            if not step.declared.gone:
                self._by_address[step.address] = outcome
            if step.live is not None:
                self._by_id[step.live.id] = outcome

    def needs(self, outcome: Outcome) -> list[Outcome]:
        """Return the outcomes of the steps that it depends on."""
        return [self._by_address[need] for need in dict.fromkeys(outcome.step.needs) if need in self._by_address]

    def names(self, outcome: Outcome) -> list[Outcome]:
        """Return the outcomes that have to give up a name before."""
        return [self._by_id[key] for key in outcome.step.after if key in self._by_id]

    def behind_removals(self) -> list[Outcome]:
        """The steps that have to come after removals, which otherwise come last."""
        late: dict[int, Outcome] = {}
        found = True
        while found:
            found = False
            for outcome in self._outcomes:
                if id(outcome) in late or outcome.step.action == "delete":
                    continue
                before = [*self.needs(outcome), *self.names(outcome)]
                if any(one.step.action == "delete" or id(one) in late for one in before):
                    late[id(outcome)] = outcome
                    found = True
        return list(late.values())


class Turns:
    """The turns of some of those steps. `aside` are the ids of what has a temporary name, and so gave up its own."""

    def __init__(self, outcomes: Sequence[Outcome], order: Order, aside: Set[str]) -> None:
        self._outcomes = {id(outcome): outcome for outcome in outcomes}
        self._before: dict[int, list[tuple[Outcome, bool]]] = {}
        """Those that each waits for, and whether for its name."""
        self._sorter: TopologicalSorter[int] = TopologicalSorter(dict.fromkeys(self._outcomes, ()))
        for key, outcome in self._outcomes.items():
            before = self._before[key] = [(one, False) for one in order.needs(outcome)] + [
                (one, True) for one in order.names(outcome) if one.step.live is None or one.step.live.id not in aside
            ]
            self._sorter.add(key, *(id(one) for one, _ in before if id(one) in self._outcomes))
        with contextlib.suppress(CycleError):  # what waits for itself has no turn, all the rest has
            self._sorter.prepare()
        self.ready = self._freed()
        """Those that wait for nothing."""

    def after(self, outcome: Outcome) -> list[Outcome]:
        """Those whose last wait has ended now. What waits in vain gets a reason, and so does what waits for that."""
        self._sorter.done(id(outcome))
        return self._freed()

    def _freed(self) -> list[Outcome]:
        found: list[Outcome] = []
        while keys := self._sorter.get_ready():
            for key in keys:
                outcome = self._outcomes[key]
                for before, named in self._before[key] if outcome.error is None else ():
                    if before.error is not None or before.result not in ("done", "contended"):
                        _blame(outcome, before, named=named)
                        break
                if outcome.error is None:
                    found.append(outcome)
                else:
                    self._sorter.done(key)
        return found


def _blame(outcome: Outcome, before: Outcome, *, named: bool) -> None:
    if not named:
        outcome.error = ApiError(Reason("need-not-made", need=str(before.address)))
        return
    aside = outcome.step.aside if outcome.made else ""
    called = Reason("called-until-the-next-apply", name=aside) if aside else None
    outcome.error = ApiError(Reason("name-not-given-up", other=str(before.address), called=called))
