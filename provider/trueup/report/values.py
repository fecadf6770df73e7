"""Values as a report shows them: on one line, without secrets, and cut so that what differs stays in sight."""

from __future__ import annotations

import json
import math
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len

from trueup.diff import MISSING, UNKNOWN
from trueup.plan import target_of
from trueup.report.page import first, safe
from trueup.secrets import REDACTED, Reference, Secret, scrub

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueup.diff import Change
    from trueup.model import Declared
    from trueup.plan import Plan
    from trueup.report.page import Page

ARROW: Final = " -> "
UNREAD: Final = "(unreadable)"
"""What is live where the server keeps it to itself."""


def conceal(value: Any, *, secret: bool = False, twin: Any = MISSING) -> tuple[Any, Any]:
    """The value as JSON may show it, and a mask of the same shape that is true where a secret was left out.

    `twin` is the declared value of the same field: where that is a secret, what is live in its place is one as well.
    """
    if isinstance(value, Secret | Reference) or isinstance(twin, Secret | Reference):
        return REDACTED, True
    if isinstance(value, dict):
        shown, mask = {}, {}
        for key, item in value.items():
            name = scrub(str(key))
            inner = twin.get(key, MISSING) if isinstance(twin, dict) else MISSING
            shown[name], hidden = conceal(item, secret=secret, twin=inner)
            if hidden:
                mask[name] = hidden
        return shown, mask or False
    if isinstance(value, list):
        twins = twin if isinstance(twin, list) and len(twin) == len(value) else [MISSING] * len(value)
        found = [conceal(item, secret=secret, twin=inner) for item, inner in zip(value, twins, strict=True)]
        masks = [mask for _, mask in found]
        return [item for item, _ in found], masks if any(masks) else False
    if secret:
        return REDACTED, True
    if isinstance(value, str):
        return scrub(value), False
    if isinstance(value, float) and not math.isfinite(value):
        return str(value), False  # JSON has no such number
    return value, False


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
        if trait.reference and change.after is not MISSING and len(change.path) == 1:
            return shown(declared.spec[trait.name], bare=True)  # the name that was written, known or not
        return self._said(declared, change, change.after)

    def _said(self, declared: Declared, change: Change, value: Any) -> str:
        if change.sensitive and value is not MISSING:
            return REDACTED
        trait = declared.kind.by_name[str(change.path[0])]
        if trait.reference and isinstance(value, str):
            return shown(self._names.get(value, value), bare=True)
        return shown(value, bare="enum" in trait.schema)


def beside(one: str, other: str, room: int, page: Page, *, between: str = ARROW) -> str:
    """Two values side by side in that many cells; when both are long, what they share at the front is left out."""
    room -= cell_len(between)
    if cell_len(one) + cell_len(other) <= room:
        return one + between + other
    half = room // 2
    if cell_len(one) <= half:
        return one + between + page.cut(other, room - cell_len(one))
    if cell_len(other) <= half:
        return page.cut(one, room - cell_len(other)) + between + other
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    start = max(alike - half // 3, 0)
    return _window(one, start, half, page) + between + _window(other, start, half, page)


def _window(text: str, start: int, room: int, page: Page) -> str:
    head = page.ellipsis if start else ""
    kept = text[start:]
    if cell_len(head) + cell_len(kept) <= room:
        return head + kept
    return head + first(kept, room - cell_len(head) - cell_len(page.ellipsis)) + page.ellipsis


def with_ids(declared: Declared, known: Mapping[Any, Any]) -> dict[str, Any]:
    """The declared spec with the names of existing resources as their ids; `known` is a plan's `matched`."""
    spec = declared.spec
    for trait in declared.kind.fields:
        if trait.reference and trait.name in spec:
            address = target_of(declared, trait.name)
            if address in known:
                spec = {**spec, trait.name: known[address][1].id}
    return spec
