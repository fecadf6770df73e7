"""The live resources of a kind, as a table and as JSON."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len

from trueup.core.concealing import conceal
from trueup.core.documents import dumps
from trueup.core.secrets import censored
from trueup.importing.filters import status_of
from trueup.importing.kinds import short
from trueup.importing.pruning import is_secret, pruned
from trueup.manifest.text import printable
from trueup.report.imported import counted_kind, left_out
from trueup.report.json import header
from trueup.report.page import Sheet, first, safe
from trueup.report.reasons import coded, worded
from trueup.report.spent import cost, took
from trueup.report.when import lasting, parsed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from trueup.core.kinds import ResourceKind
    from trueup.core.reasons import Reason
    from trueup.core.values import Live
    from trueup.engine.plan.steps import Reading
    from trueup.importing.imported import Import
    from trueup.report.page import Page

_NARROWEST: Final = 12
"""Least cells of a name on a narrow page."""
_GAP: Final = "  "


@dataclass(slots=True)
class Got:
    """The live resources that a query returned."""

    kind: ResourceKind
    lives: Sequence[Live]
    names: Mapping[str, str]
    """The known names of resources that they refer to, by id."""
    reading: Reading
    now: datetime
    above: str = ""
    """The field that refers to the parent, or to the account that they belong to."""
    denied: Mapping[str, Reason] = dataclasses.field(default_factory=dict)
    narrowed: bool = False
    """Whether a name or filters were given."""
    include_config: bool = False
    """Whether free values are included, which may be long or private."""


def render(got: Got, page: Page) -> str:
    """Return the table. Only names are shortened, and only if the page is too narrow."""
    sheet = Sheet(page)
    if got.lives:
        columns = _columns(got)
        widths = _widths(columns, page)
        for number, row in enumerate(zip(*(cells for _, cells in columns), strict=True)):
            if not number:
                sheet.line(page.paint(_row([title for title, _ in columns], widths, page), "bold"))
            sheet.line(_row(row, widths, page))
        sheet.line()
    for why in got.denied.values():
        sheet.say(f"! {safe(worded(why))}", hang=2)
    sheet.say(f"{_count(got)} {cost(got.reading)}")
    return sheet.render()


def render_json(got: Got) -> str:
    """Return the resources as JSON, with every field, without secrets."""
    return dumps(
        {
            **header(),
            "resources": [_entry(got, live) for live in got.lives],
            "could_not_be_read": [{"id": key, **coded(why)} for key, why in got.denied.items()],
            "reading": took(got.reading),
        }
    )


def notes(made: Import, got: Got, page: Page) -> str:
    """Return the notes printed beside manifests: omitted values, resources that cannot be declared, count and cost."""
    sheet = Sheet(page)
    for line in left_out(made.resources, page):
        sheet.say(f"Left out: {line}", hang=2)
    for one in made.refused:
        sheet.say(f"Cannot be declared: {safe(one.live.id)}: {safe(worded(one.why))}", hang=2)
    for why in got.denied.values():
        sheet.say(f"! {safe(worded(why))}", hang=2)
    sheet.say(f"{_count(got)} {cost(got.reading)}")
    return sheet.render()


def _count(got: Got) -> str:
    if not got.lives:
        return f"No {'matching ' if got.narrowed else ''}{short(got.kind)} found."
    return f"{counted_kind(len(got.lives), got.kind)}."


def _columns(got: Got) -> list[tuple[str, list[str]]]:
    lives = got.lives
    found = [("NAME", [_shown(live.name) for live in lives]), ("ID", [safe(live.id) for live in lives])]
    if any(status_of(live) is not None for live in lives):
        found.append(("STATUS", [_shown(status_of(live) or "") for live in lives]))
    elif "role" in got.kind.by_name:
        found.append(("ROLE", [_shown(live.spec.get("role") or "") for live in lives]))
    if got.above:
        title = got.above.removeprefix("connector").removesuffix("Id").upper()
        ids = [str(live.spec.get(got.above) or "") for live in lives]
        found.append((title, [_shown(got.names.get(key, key)) for key in ids]))
    if any(live.updated_at for live in lives):
        found.append(("UPDATED", [_ago(live.updated_at, got.now) for live in lives]))
    return found


def _shown(text: object) -> str:
    return printable(censored(str(text)))


def _ago(stamp: str | None, now: datetime) -> str:
    moment = parsed(stamp)
    if moment is None:
        return ""
    seconds = (now - moment).total_seconds()
    return f"{lasting(seconds)} ago" if seconds >= 1 else "just now"


def _widths(columns: Sequence[tuple[str, Sequence[str]]], page: Page) -> list[int]:
    widths = [max(map(cell_len, (title, *cells))) for title, cells in columns]
    if page.wrap:  # a terminal; output to a pipe keeps whole names, to be searched
        fixed = {number for number, (title, _) in enumerate(columns) if title in ("ID", "STATUS", "ROLE", "UPDATED")}
        for number in sorted(set(range(len(columns))) - fixed, key=lambda number: -widths[number]):
            over = sum(widths) + len(_GAP) * (len(widths) - 1) - page.width
            widths[number] -= max(min(over, widths[number] - _NARROWEST), 0)
    return widths


def _row(cells: Sequence[str], widths: Sequence[int], page: Page) -> str:
    shown = []
    for cell, wide in zip(cells, widths, strict=True):
        if cell_len(cell) > wide:
            cell = first(cell, wide - cell_len(page.ellipsis)) + page.ellipsis
        shown.append(cell + " " * max(wide - cell_len(cell), 0))
    return _GAP.join(shown).rstrip()


def _entry(got: Got, live: Live) -> dict[str, Any]:
    parent = live.spec.get(got.above) if got.above else None
    entry: dict[str, Any] = {
        "type": live.kind,
        "provider_name": got.kind.system,
        "id": live.id,
        "name": _shown(live.name),
        "status": conceal(status_of(live))[0],
        "updated_at": live.updated_at,
    }
    if got.above:
        name = got.names.get(str(parent))
        entry["parent"] = {"id": parent, "name": None if name is None else censored(name)}
    spec: dict[str, Any] = {}
    left: list[str] = []
    for field in got.kind.fields:
        value = live.spec.get(field.name)
        if field.write_only:
            left.append(field.name)
        elif field.local or field.name not in live.spec:
            continue
        elif isinstance(value, dict | list):
            if not got.include_config:
                left += [field.name] if value else []
                continue
            kept = pruned(value, (field.name,))
            left += [printable(".".join(map(str, path))) for path, _ in kept.gone]
            spec[field.name] = conceal(kept.value)[0] if kept.value else {}
        elif isinstance(value, str) and is_secret(value):
            left.append(field.name)
        else:
            spec[field.name] = conceal(value)[0]
    return {**entry, "spec": spec, "left_out": left}
