"""Values as a report shows them: without secrets, and whole as long as they do not take too many lines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from trueup.core.changes import MISSING, UNKNOWN
from trueup.core.concealing import conceal
from trueup.core.secrets import REDACTED, Reference, Secret
from trueup.engine.match import target_of
from trueup.report.page import Parts, safe
from trueup.systems.registry import kind_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueup.core.changes import Change
    from trueup.core.kinds import Declared
    from trueup.core.values import Live
    from trueup.engine.plan.steps import Plan

ARROW: Final = " -> "
UNREAD: Final = "(unreadable)"
"""What is live where the server keeps it to itself."""
CUT: Final = "(cut short; `trueup plan -o json` shows it whole)"
"""Said of a value that takes too many lines."""


def shown(value: Any, *, bare: bool = False) -> str:
    """A value on one line; `bare` leaves out the quotes of a word."""
    if value is MISSING or value is UNKNOWN or isinstance(value, Secret | Reference):
        return REDACTED if isinstance(value, Secret | Reference) else repr(value)
    if bare and isinstance(value, str) and value and not any(char.isspace() for char in value):
        return safe(value)
    plain, _ = conceal(value)
    return safe(json.dumps(plain, ensure_ascii=False))


class Words:
    """How the values of a plan are said: ids as the names that people know, words of an API without quotes."""

    def __init__(self, plan: Plan) -> None:
        self._names = {live.id: live.name for _, live in plan.unmanaged}
        self._names |= {live.id: address.name for address, (_, live) in plan.matched.items()}

    def before(self, declared: Declared, change: Change) -> str:
        """What is live."""
        trait = declared.kind.by_name[str(change.path[0])]
        if change.before is MISSING and change.note and trait.write_only:
            return UNREAD
        return self._said(declared, change, change.before)

    def after(self, declared: Declared, change: Change) -> str:
        """What is declared."""
        trait = declared.kind.by_name[str(change.path[0])]
        written = declared.spec.get(trait.name) if len(change.path) == 1 else None
        if isinstance(written, str) and change.after is not MISSING and not change.sensitive:
            # The name that was written, known or not, rather than the id that it stands for.
            return shown(written, bare=bool(trait.reference) or "enum" in trait.schema)
        return self._said(declared, change, change.after)

    def whose(self, system: str, live: Live) -> str:
        """` (of instance docs)`: what a live resource is listed below; empty where its own name is enough."""
        kind = kind_named(system, live.kind)
        reference = kind.parent_kind if kind is not None and kind.parent else None
        key = live.spec.get(kind.parent) if kind is not None else None
        if reference is None or not isinstance(key, str):
            return ""
        return f" (of {reference.removeprefix('Connector').lower()} {self._names.get(key, key)})"

    def _said(self, declared: Declared, change: Change, value: Any) -> str:
        if change.sensitive and value is not MISSING:
            return REDACTED
        trait = declared.kind.by_name[str(change.path[0])]
        if trait.reference and isinstance(value, str):
            return shown(self._names.get(value, value), bare=True)
        return shown(value, bare="enum" in trait.schema)


def beside(before: str, after: str) -> Parts:
    """What is live and what will be: side by side when they fit, otherwise one below the other."""
    return Parts(f"{before}{ARROW}{after}", (("", before), (ARROW.lstrip(), after)), CUT)


def differing(live: str, declared: str) -> Parts:
    """What is declared and what is live, in these words."""
    if live == declared == REDACTED:
        return alone(f"{REDACTED} differs")
    return Parts(f"declared {declared}, live {live}", (("declared ", declared), ("live ", live)), CUT)


def alone(value: str, *, name: str = "") -> Parts:
    """One value, with what is said in front of it."""
    return Parts(name + value, (("", name + value),), CUT)


def with_ids(declared: Declared, known: Mapping[Any, Any]) -> dict[str, Any]:
    """The declared spec with the names of existing resources as their ids; `known` is a plan's `matched`."""
    spec = declared.spec
    for trait in declared.kind.fields:
        if trait.reference and trait.name in spec:
            address = target_of(declared, trait.name)
            if address in known:
                spec = {**spec, trait.name: known[address][1].id}
    return spec
