"""The plan as a drift report: declared and live values, where they are declared, and when they were last updated.

A write-only value that was never sent with this ledger (`Step.first`) is unverifiable, not drift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from trueup.core.changes import MISSING, UNKNOWN
from trueup.core.concealing import conceal
from trueup.core.documents import dumps
from trueup.core.records import stamp
from trueup.engine.plan.steps import Unverifiable
from trueup.report.json import dotted_safe, footer, gone, header, named, place, sides, unverifiable
from trueup.report.page import Sheet, padded, safe
from trueup.report.reasons import coded, worded
from trueup.report.text import doubts, heading, in_sync, notes, spent, undeclared
from trueup.report.values import Words, alone, differing
from trueup.report.when import ago

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from trueup.core.changes import Change
    from trueup.engine.plan.steps import Plan, Step
    from trueup.report.page import Page

_FEW: Final = 5
"""Drifted resources up to which each is shown with a command of its own."""
_LABELS: Final = 30


@dataclass(frozen=True, slots=True)
class Drift:
    """A plan to show as drift, and the time of the report."""

    plan: Plan
    now: datetime
    healing: Callable[[str | None], str]
    """Returns the command that corrects one address, or (None) all of them."""


def render(drift: Drift, page: Page) -> str:
    """Return the report as text."""
    plan, now, healing = drift.plan, drift.now, drift.healing
    words = Words(plan)
    drifted = [step for step in plan.steps if step.drifted]
    doubtful = _doubtful(plan)
    if not drifted and not doubtful and not plan.undeclared:
        return "\n".join([in_sync(plan), *notes(plan, page)])
    sheet = Sheet(page)
    extra = sum(step.declared.gone for step in drifted)
    sheet.say(_answer(plan, len(drifted) - extra, extra, now), style="bold")
    sheet.line()
    for step in drifted:
        _drifted(sheet, step, words, now)
        if step.calls and len(drifted) <= _FEW and not step.declared.gone:
            sheet.line(safe(f"      -> {healing(str(step.address))}"))
    undeclared(sheet, plan)
    for step in doubtful:
        found = _unverifiable(step)
        heading(sheet, step, safe(str(step.declared.locate(found[0].path))), ("?", "cyan"))
        doubts(sheet, found)
    sheet.line()
    for line in notes(plan, page):
        sheet.say(line)
    if any(step.calls for step in drifted):
        sheet.line(safe(f"Next: {healing(None)}"))
    sheet.say(_count(plan, len(drifted) - extra, extra, len(doubtful)))
    return sheet.render()


def render_json(drift: Drift) -> str:
    """Return the report as JSON, with Terraform's `resource_drift` (from the declared to the live value)."""
    plan = drift.plan
    drifted = [step for step in plan.steps if step.drifted]
    doubtful = _doubtful(plan)
    extra = sum(step.declared.gone for step in drifted)
    return dumps(
        {
            **header(),
            "checked_at": stamp(drift.now),
            "drifted": bool(drifted),
            "resource_drift": [_entry(plan, step) for step in drifted],
            "unverifiable": [
                {**named(step.address), "where": place(step.declared.place), "fields": _fields(step)}
                for step in doubtful
            ],
            "summary": {
                "declared": plan.declared,
                "drifted": len(drifted) - extra,
                **({"undeclared": extra} if extra else {}),
                "unchanged": plan.declared - (len(drifted) - extra) - len(doubtful),
                "unverifiable": len(doubtful),
                "unmanaged": len(plan.unmanaged) if plan.whole else 0,
            },
            **footer(plan),
        }
    )


def _doubtful(plan: Plan) -> list[Step]:
    return [step for step in plan.steps if not step.drifted]


def _unverifiable(step: Step) -> list[Unverifiable]:
    unsent = [Unverifiable(change.path, change.note) for change in step.changes if change.note]
    return [*step.unverifiable, *unsent]


def _fields(step: Step) -> list[dict[str, Any]]:
    return [{"path": dotted_safe(one.path), **coded(one.why)} for one in _unverifiable(step)]


def _answer(plan: Plan, drifted: int, extra: int, now: datetime) -> str:
    at = f"{now:%H:%M} UTC"
    if drifted or extra:
        beside = f", {extra:,} not declared" if extra else ""
        return f"{drifted:,} of {plan.declared:,} drifted{beside}, {at}."
    sure = plan.declared - len(_doubtful(plan))
    return f"No drift as far as can be read: {sure:,} of {plan.declared:,} in sync, {at}."


def _drifted(sheet: Sheet, step: Step, words: Words, now: datetime) -> None:
    declared = step.declared
    if declared.gone:
        heading(sheet, step, safe(str(declared.where)), ("+", "red"), "  live, but not declared")
        sheet.say(safe(worded(step.why)), 6)
        return
    if step.live is None:
        missing = step.action != "refuse"
        body = "  declared, but missing" if missing else ""
        heading(sheet, step, safe(str(declared.place)), ("-" if missing else "!", "red"), body)
        if not missing:
            sheet.say(safe(worded(step.why)), 6)
        return
    updated = ago(step.live.updated_at, now)
    place = "" if step.changes else safe(str(declared.place))  # each change has a place of its own
    heading(sheet, step, f"updated {updated}" if updated else place, ("!", "red") if step.why else ("~", "yellow"))
    labels = padded([safe(change.name) for change in step.changes], _LABELS)
    for label, change in zip(labels, step.changes, strict=True):
        _difference(sheet, label, step, change, words)
    for note in dict.fromkeys(worded(change.note) for change in step.changes if change.note):
        sheet.say(f"({safe(note)})", 6, hang=1)
    if step.why:
        sheet.say(f"not changed by trueup apply: {safe(worded(step.why))}", 6, style="red", hang=2)
    doubts(sheet, step.unverifiable, sign="? ")


def _difference(sheet: Sheet, label: str, step: Step, change: Change, words: Words) -> None:
    where = safe(str(step.declared.locate(change.path)))
    live = words.before(step.declared, change)
    if change.after is MISSING:
        body = alone(live, name="no longer declared, live ")
    else:
        body = differing(live, words.after(step.declared, change))
    sheet.row(6, label, body, where)


def _count(plan: Plan, drifted: int, extra: int, doubtful: int) -> str:
    parts = [f"{plan.declared - drifted - doubtful:,} in sync", f"{drifted:,} drifted"]
    if doubtful:
        parts.append(f"{doubtful:,} unverifiable")
    beside = f" {extra:,} live, but not declared." if extra else ""
    unmanaged = f" {len(plan.unmanaged):,} unmanaged." if plan.unmanaged and plan.whole else ""
    return f"Drift: {', '.join(parts)} of {plan.declared:,} declared.{beside}{unmanaged} {spent(plan)}."


def _entry(plan: Plan, step: Step) -> dict[str, Any]:
    declared, live = step.declared, step.live
    found = gone(declared, live) if declared.gone else sides(plan, declared, live, step)
    entry: dict[str, Any] = {
        **named(declared.address),
        "id": live.id if live is not None else None,
        "where": place(declared.place),
        "updated_at": live.updated_at if live is not None else None,
        "change": {
            "actions": ["create"] if declared.gone else ["update"] if live is not None else ["delete"],
            "before": found["after"],
            "after": found["before"],
            "before_sensitive": found["after_sensitive"],
            "after_sensitive": found["before_sensitive"],
        },
        "differences": [_difference_entry(step, change) for change in step.changes] if live is not None else [],
        "verbs": [call.verb for call in step.calls],
        "unverifiable": unverifiable(step),
    }
    if step.action == "refuse":
        entry |= {**coded(step.why, "refused"), "error": step.error}
    elif step.why:
        entry |= coded(step.why, "reason")
    return entry


def _difference_entry(step: Step, change: Change) -> dict[str, Any]:
    where = step.declared.locate(change.path)
    found: dict[str, Any] = {"path": dotted_safe(change.path), "where": place(where), "sensitive": change.sensitive}
    for side, value in (("declared", change.after), ("live", change.before)):
        if value is not MISSING and value is not UNKNOWN:
            found[side], _ = conceal(value)
    return found | (coded(change.note, "note") if change.note else {})
