"""The plan as text: the result first, one row per change with its place in a file, the count and the cost last."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from trueup.core.changes import MISSING, dotted
from trueup.core.secrets import REDACTED
from trueup.report.page import Sheet, padded, safe
from trueup.report.reasons import worded
from trueup.report.values import Words, alone, beside
from trueup.report.when import lasting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trueup.core.changes import Change
    from trueup.engine.plan.steps import Plan, Reading, Step, Unverifiable
    from trueup.report.page import Page, Parts

SYMBOLS: Final = {
    "create": ("+", "green"),
    "update": ("~", "yellow"),
    "replace": ("-/+", "red"),
    "delete": ("-", "red"),
    "no-op": ("?", "cyan"),
    "refuse": ("!", "red"),
}
NAMED: Final = 5
"""Unmanaged resources that are listed by name."""
_LABELS: Final = 34
"""Cells of a field's name up to which the fields are aligned."""


def render(plan: Plan, page: Page, *, following: str = "") -> str:
    """Return the plan as text; `following` is the command that applies it."""
    words = Words(plan)
    differing = sum(step.action != "no-op" and not step.declared.gone for step in plan.steps)
    if not plan.steps and not plan.undeclared:
        return "\n".join([in_sync(plan), *notes(plan, page)])
    sheet = Sheet(page)
    sheet.say(_answer(plan, differing), style="bold")
    sheet.line()
    for step in plan.steps:
        _step(sheet, step, words)
    undeclared(sheet, plan)
    sheet.line()
    for line in notes(plan, page):
        sheet.say(line)
    if plan.unsafe:
        sheet.say(f"Refused for safety: {safe(worded(plan.unsafe))}", style="red", hang=2)
    if advice := refusals(plan):
        sheet.say(advice)
    if plan.pending and following and not plan.unsafe:
        sheet.line(safe(f"Next: {following}"))
    sheet.say(_count(plan))
    sheet.say(_cost(plan))
    return sheet.render()


def in_sync(plan: Plan) -> str:
    """Return the one line of a plan without differences."""
    if not plan.declared:
        return f"No resources are declared. {spent(plan)}."
    unmanaged = f", {len(plan.unmanaged):,} unmanaged" if plan.unmanaged and plan.whole else ""
    return f"In sync: {plan.unchanged:,} of {plan.declared:,}{unmanaged}{_left_out(plan)}. {spent(plan)}."


def _left_out(plan: Plan) -> str:
    """Return the number of declared resources that are outside the selection."""
    return f", {plan.left_out:,} left out" if plan.left_out else ""


def refusals(plan: Plan) -> str:
    """Return the advice about refused steps; empty if there are none."""
    refused = plan.count("refuse")
    if not refused:
        return ""
    if plan.pending:
        return f"{counted(refused, 'refused step')} will not be applied; the rest can be."
    return (
        "Nothing can be applied: every step is refused, for the reasons above. Change the manifests, or make the "
        "changes by hand."
    )


def spent(plan: Plan) -> str:
    """Return the cost of reading."""
    return f"{counted(plan.reading.requests, 'request')}, {lasting(plan.reading.seconds)}"


def counted(number: int, what: str) -> str:
    """Return `1 request` or `12 requests`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def notes(plan: Plan, page: Page) -> list[str]:
    """Return lines about warnings, what this run could not do, and unmanaged resources, with a few names."""
    lines = [safe(f"Warning: {worded(one)}.") for one in plan.warnings[:NAMED]]
    if len(plan.warnings) > NAMED:
        lines.append(f"{counted(len(plan.warnings) - NAMED, 'more warning')} (-o json lists them all).")
    lines += [safe(f"Note: {worded(one)}.") for one in plan.off]
    if plan.aged:
        count, oldest = len(plan.aged), min(plan.aged.values())
        lines.append(f"Taken from the ledger, not read: {counted(count, 'resource')}, the oldest read at {oldest}.")
    lines += _left(plan, page)
    if plan.unmanaged and plan.whole and plan.has_changes:
        first = heapq.nsmallest(NAMED, plan.unmanaged, lambda one: (one[0][0], one[1].kind, one[1].name, one[1].id))
        words = Words(plan)
        groups: dict[str, list[str]] = {}
        for place, live in first:
            groups.setdefault(f"{place.system}/{live.kind}", []).append(
                safe(live.name + words.whose(place.system, live))
            )
        names = "; ".join(f"{kind} {', '.join(names)}" for kind, names in groups.items())
        more = f", {page.ellipsis} (-o json lists them all)" if len(plan.unmanaged) > NAMED else ""
        lines.append(f"Unmanaged, not changed: {names}{more}.")
    return lines


def _left(plan: Plan, page: Page) -> list[str]:
    """Return lines about managed resources that are no longer declared and that this plan does not remove."""
    lines: list[str] = []
    whys: dict[tuple[str, bool], list[str]] = {}
    for one in plan.left:
        if one.live is not None or one.unread:
            whys.setdefault((worded(one.why), one.unread), []).append(safe(one.record.address))
    for (why, unread), names in whys.items():
        shown = ", ".join(names[:NAMED]) + (f", {page.ellipsis}" if len(names) > NAMED else "")
        if why:
            lines.append(f"No longer declared; released without deletion ({safe(why)}): {shown}.")
        elif unread:
            lines.append(
                f"No longer declared, still in the ledger (not read): {shown}. --prune reads and removes them."
            )
        else:
            lines.append(f"No longer declared, still managed: {shown}. --prune removes those that may be removed.")
    return lines


def heading(sheet: Sheet, step: Step, aside: str, symbol: tuple[str, str] | None = None, body: str = "") -> None:
    """Add the first row of a resource."""
    sign, style = symbol or SYMBOLS[step.action]
    sheet.row(2, f"{sign} {safe(str(step.address))}", body, aside, style=style, counts=False)


def doubts(sheet: Sheet, found: Sequence[Unverifiable], *, sign: str = "") -> None:
    """Add the fields that cannot be read back, grouped by reason."""
    for why in dict.fromkeys(worded(one.why) for one in found):
        names = ", ".join(safe(dotted(one.path)) for one in found if worded(one.why) == why)
        sheet.say(f"{sign}{names}: {safe(why)}", 6, hang=2)


def undeclared(sheet: Sheet, plan: Plan) -> None:
    """Add the live fields of declared resources that no manifest declares."""
    for address, paths in plan.undeclared.items():
        sheet.say(f". {safe(str(address))}", 2, hang=2)
        sheet.say(f"not declared: {', '.join(safe(dotted(path)) for path in paths)}", 6, hang=2)


def _answer(plan: Plan, differing: int) -> str:
    removed = plan.count("delete")
    if differing:
        more = f", {removed:,} to remove" if removed else ""
        verb = "differs" if differing == 1 else "differ"
        return f"{differing:,} of {counted(plan.declared, 'declared resource')} {verb}{more}{_left_out(plan)}."
    if removed:
        return f"All declared resources are in sync, {removed:,} to remove."
    if plan.count("refuse"):
        return f"{counted(plan.count('refuse'), 'removal')} refused."
    if not plan.steps:
        return in_sync(plan)
    return (
        f"In sync as far as can be read: {plan.unchanged:,} of {plan.declared:,}; {plan.unverifiable:,} unverifiable."
    )


def _step(sheet: Sheet, step: Step, words: Words) -> None:
    declared = step.declared
    if step.action == "create":
        heading(sheet, step, safe(str(declared.place)))
        _created(sheet, step, words)
    elif step.action == "no-op":
        heading(sheet, step, safe(str(declared.locate(step.unverifiable[0].path))))
    elif step.action in ("update", "replace"):
        heading(sheet, step, _verbs(step))
        _changed(sheet, step, words)
        if step.aside:
            sheet.say(f'renamed through "{safe(step.aside)}", because resources exchange names', 6, hang=2)
        for line in step.lost:
            sheet.say(f"also lost: {safe(worded(line))}", 6, style="red", hang=2)
    elif step.action == "delete":
        heading(sheet, step, _verbs(step))
        if step.live is not None:
            sheet.say(f"{safe(step.live.id)}: {safe(worded(step.why))}", 6, hang=2)
        for line in step.lost:
            sheet.say(f"also removed: {safe(worded(line))}", 6, style="red", hang=2)
        if step.staying:
            sheet.say(f"children that stay managed: {', '.join(map(safe, step.staying))}", 6, hang=2)
    else:
        heading(sheet, step, "" if step.changes else safe(str(declared.place)))
        _changed(sheet, step, words)
        sheet.say(f"refused: {safe(worded(step.why))}", 6, style="red", hang=2)
    doubts(sheet, step.unverifiable, sign="" if step.action == "no-op" else "? ")


def _created(sheet: Sheet, step: Step, words: Words) -> None:
    name = step.address.name
    listed = [one for one in step.changes if not (one.name == "name" and one.after == name)]
    room = sheet.page.width - 6
    row = ""
    for number, change in enumerate(listed):
        comma = "," if number < len(listed) - 1 else ""
        part = f"{safe(change.name)} {words.after(step.declared, change)}{comma}"
        if row and cell_len(row) + 1 + cell_len(part) <= room:
            row += f" {part}"
            continue
        if row:
            sheet.line(f"      {row}")
        row = part
        if cell_len(part) > room:
            row = ""
            value = alone(words.after(step.declared, change))
            sheet.row(6, f"{safe(change.name)} ", value)
    if row:
        sheet.line(f"      {row}")


def _changed(sheet: Sheet, step: Step, words: Words) -> None:
    labels = padded([safe(change.name) for change in step.changes], _LABELS)
    for label, change in zip(labels, step.changes, strict=True):
        sheet.row(6, label, _difference(step, change, words), safe(str(step.declared.locate(change.path))))
    for note in dict.fromkeys(worded(change.note) for change in step.changes if change.note):
        sheet.say(f"({safe(note)})", 6, hang=1)


def _difference(step: Step, change: Change, words: Words) -> Parts:
    before = words.before(step.declared, change)
    after = "(removed)" if change.after is MISSING else words.after(step.declared, change)
    if before == after == REDACTED:
        return alone(REDACTED if change.note else "(sensitive, changed)")
    return beside(before, after)


def _verbs(step: Step) -> str:
    verbs = ", ".join(call.verb for call in step.calls)
    return f"{verbs} (keeps {counted(step.kept, 'server key')})" if step.kept else verbs


def _count(plan: Plan) -> str:
    sums = plan.summary()
    parts = [f"{sums['create']:,} to create", f"{sums['update']:,} to change"]
    parts += [f"{sums['replace']:,} to replace"] if sums["replace"] else []
    parts.append(f"{sums['delete']:,} to remove")
    if sums["refused"]:
        parts.append(f"{sums['refused']:,} refused")
    rest = [f"{sums['unchanged']:,} in sync"]
    if sums["unverifiable"]:
        rest.append(f"{sums['unverifiable']:,} unverifiable")
    return f"Plan: {', '.join(parts)}. {', '.join(rest)}.{_undeclared(plan)}"


def _undeclared(plan: Plan) -> str:
    """Return the share of live resources that is managed; empty if only a part was read."""
    found = len(plan.unmanaged)
    if not found or not plan.whole:
        return ""
    managed = len(plan.matched) - len(plan.apart)  # by this set of manifests, not by another
    share = 100 * managed // (managed + found)
    return f" {counted(found, 'unmanaged resource')} ({share} % managed)."


def window_left(reading: Reading) -> str:
    """Return ` (597 of this key's 600 left)`; empty for a credential without a window."""
    if reading.left is None:
        return ""
    return f" ({'' if reading.known else 'at most '}{reading.left:,} of this key's {reading.window:,} left)"


def _cost(plan: Plan) -> str:
    reading = plan.reading
    left = window_left(reading)
    took = f"Read with {spent(plan)}"
    if not plan.pending:
        return f"{took}{left}."
    waits = (
        ", with waits for the request window" if reading.left is not None and plan.cost.requests > reading.left else ""
    )
    needed = counted(plan.cost.requests, "request")
    return f"Cost: {needed}, about {lasting(plan.cost.seconds)}{waits}{left}. {took}."
