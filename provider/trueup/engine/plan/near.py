"""Names to be given that a database may take for one that is there: a warning before they fail.

Whether a server's indexes look at accents depends on the collation of its database, which no answer shows. So this is
no refusal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trueup.core.reasons import Reason
from trueup.systems.registry import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trueup.core.kinds import Handler
    from trueup.core.values import ListKey
    from trueup.engine.match import Matches
    from trueup.engine.plan.steps import Step


def near_names(steps: Iterable[Step], matches: Matches) -> Iterator[Reason]:
    """Yield a warning for what would be created or renamed beside something of nearly the same name."""
    coming: dict[tuple[ListKey, Any], Step] = {}
    naming = [step for step in steps if _names(step)]
    leaving = {step.live.id for step in naming if step.live is not None}
    for step in naming:
        handler, list_key, spec = _handler(step), step.declared.address.list_key, _spec(step)
        if (near := handler.near(spec)) is None:
            continue
        other = coming.setdefault((list_key, near), step)
        if other is not step and handler.key(_spec(other)) != handler.key(spec):
            yield Reason("near-declared-name", address=str(step.address), other=str(other.address), system=_title(step))
            continue
        index = matches.indexes.get(list_key)
        for live in index.near(near) if index is not None else ():
            if live.id not in leaving and handler.key(live.spec) != handler.key(spec):
                yield Reason(
                    "near-live-name", address=str(step.address), other=live.name, id=live.id, system=_title(step)
                )
                break


def _names(step: Step) -> bool:
    """Whether a step gives a name: to something new, or another one."""
    if step.action in ("create", "replace"):
        return True
    if step.action != "update" or step.live is None:
        return False
    handler = _handler(step)
    return bool(handler.naming) and any(change.path[0] == handler.naming for change in step.changes)


def _handler(step: Step) -> Handler:
    return step.declared.kind.handler


def _spec(step: Step) -> dict[str, Any]:
    """Return the wanted fields over the live ones, with addresses for the ids that are not known yet."""
    live = step.live.spec if step.live is not None else {}
    return {**live, **step.desired.spec, **{name: str(need) for name, need in step.desired.waits.items()}}


def _title(step: Step) -> str:
    return SYSTEMS[step.address.system].title
