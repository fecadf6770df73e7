"""Values in a report: without secrets, and shortened only if they take too many lines."""

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
"""The live value of a field that the server does not return."""
CUT: Final = "(cut short; `trueup plan -o json` shows it whole)"
"""The note below a value that was cut."""


def shown(value: Any, *, bare: bool = False) -> str:
    """Return a value on one line; `bare` omits the quotes of a word."""
    if value is MISSING or value is UNKNOWN or isinstance(value, Secret | Reference):
        return REDACTED if isinstance(value, Secret | Reference) else repr(value)
    if bare and isinstance(value, str) and value and not any(char.isspace() for char in value):
        return safe(value)
    plain, _ = conceal(value)
    return safe(json.dumps(plain, ensure_ascii=False))


class Words:
    """The values of a plan as text: names instead of ids, and enumerated values without quotes."""

    def __init__(self, plan: Plan) -> None:
        self._names = {live.id: live.name for _, live in plan.unmanaged}
        self._names |= {live.id: address.name for address, (_, live) in plan.matched.items()}

    def before(self, declared: Declared, change: Change) -> str:
        """Return the live value."""
        field = declared.kind.by_name[str(change.path[0])]
        if change.before is MISSING and change.note and field.write_only:
            return UNREAD
        return self._said(declared, change, change.before)

    def after(self, declared: Declared, change: Change) -> str:
        """Return the declared value."""
        field = declared.kind.by_name[str(change.path[0])]
        written = declared.spec.get(field.name) if len(change.path) == 1 else None
        if isinstance(written, str) and change.after is not MISSING and not change.sensitive:
            # The name in the manifest, known or not, instead of the id.
            return shown(written, bare=bool(field.reference) or "enum" in field.schema)
        return self._said(declared, change, change.after)

    def whose(self, system: str, live: Live) -> str:
        """Return ` (of instance docs)`, the parent of a live resource; empty if its own name is enough."""
        kind = kind_named(system, live.kind)
        reference = kind.parent_kind if kind is not None else ""
        key = live.spec.get(kind.parent) if kind is not None else None
        if not reference or not isinstance(key, str):
            return ""
        return f" (of {reference.removeprefix('Connector').lower()} {self._names.get(key, key)})"

    def _said(self, declared: Declared, change: Change, value: Any) -> str:
        if change.sensitive and value is not MISSING:
            return REDACTED
        field = declared.kind.by_name[str(change.path[0])]
        if field.reference and isinstance(value, str):
            return shown(self._names.get(value, value), bare=True)
        return shown(value, bare="enum" in field.schema)


def beside(before: str, after: str) -> Parts:
    """Return the live and the new value: side by side if they fit, otherwise one below the other."""
    return Parts(f"{before}{ARROW}{after}", (("", before), (ARROW.lstrip(), after)), CUT)


def differing(live: str, declared: str) -> Parts:
    """Return the declared and the live value, labelled."""
    if live == declared == REDACTED:
        return alone(f"{REDACTED} differs")
    return Parts(f"declared {declared}, live {live}", (("declared ", declared), ("live ", live)), CUT)


def alone(value: str, *, name: str = "") -> Parts:
    """Return one value with its label."""
    return Parts(name + value, (("", name + value),), CUT)


def with_ids(declared: Declared, known: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the declared spec with references to existing resources as ids; `known` is a plan's `matched`."""
    spec = declared.spec
    for field in declared.kind.fields:
        if field.reference and field.name in spec:
            address = target_of(declared, field.name)
            if address in known:
                spec = {**spec, field.name: known[address][1].id}
    return spec
