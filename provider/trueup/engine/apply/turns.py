"""Schedule the steps of an apply: a step is ready once its dependencies exist and the name that it takes is free."""

from __future__ import annotations

from collections import defaultdict
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
        self.ready: list[Outcome] = []
        """Those that wait for nothing."""
        self._dependents: dict[int, list[tuple[Outcome, bool]]] = defaultdict(list)
        self._unmet: dict[int, int] = {}
        here = {id(outcome) for outcome in outcomes}
        failed: list[Outcome] = []
        for outcome in outcomes:
            before = [(one, False) for one in order.needs(outcome)] + [
                (one, True) for one in order.names(outcome) if one.step.live is None or one.step.live.id not in aside
            ]
            self._unmet[id(outcome)] = sum(id(one) in here for one, _ in before)
            for one, named in before:
                if id(one) in here:
                    self._dependents[id(one)].append((outcome, named))
                elif one.result not in ("done", "contended"):
                    _blame(outcome, one, named=named)
            if outcome.error is not None:
                failed.append(outcome)
            elif not self._unmet[id(outcome)]:
                self.ready.append(outcome)
        for outcome in failed:
            self._give_up(outcome)

    def after(self, outcome: Outcome) -> list[Outcome]:
        """Those whose last wait has ended now. What waits in vain gets a reason, and so does what waits for that."""
        found: list[Outcome] = []
        waiting = [(outcome, *one) for one in self._dependents.get(id(outcome), ())]
        for before, other, named in waiting:
            self._unmet[id(other)] -= 1
            if before.result != "done" and other.error is None:
                _blame(other, before, named=named)
            if self._unmet[id(other)] == 0:
                if other.error is None:
                    found.append(other)
                else:
                    waiting += [(other, *further) for further in self._dependents.get(id(other), ())]
        return found

    def _give_up(self, outcome: Outcome) -> None:
        for other, named in self._dependents.get(id(outcome), ()):
            if other.error is None:
                _blame(other, outcome, named=named)
                if other in self.ready:
                    self.ready.remove(other)
                self._give_up(other)


def _blame(outcome: Outcome, before: Outcome, *, named: bool) -> None:
    if not named:
        outcome.error = ApiError(Reason("need-not-made", need=str(before.address)))
        return
    aside = outcome.step.aside if outcome.made else ""
    called = Reason("called-until-the-next-apply", name=aside) if aside else None
    outcome.error = ApiError(Reason("name-not-given-up", other=str(before.address), called=called))
