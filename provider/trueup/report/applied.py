"""The result of an apply as text and as JSON: steps done, steps not done and why, and the next command."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from trueup.core.documents import dumps
from trueup.core.secrets import scrub
from trueup.report.failure import sentence
from trueup.report.json import failure, header, named, place
from trueup.report.page import Sheet, safe
from trueup.report.reasons import coded, explained, worded
from trueup.report.text import counted
from trueup.report.values import Words, differing
from trueup.report.when import lasting

if TYPE_CHECKING:
    from trueup.engine.apply.outcome import Outcome, Report
    from trueup.engine.plan.steps import Plan
    from trueup.report.page import Page

_NAMED: Final = 20
"""Resources without a call that are listed by name."""


@dataclass(frozen=True, slots=True)
class Applied:
    """The outcome of an apply, its plan, and the command that plans the rest."""

    report: Report
    plan: Plan
    following: str = ""


def render(applied: Applied, page: Page) -> str:
    """Return the result as text. Successful steps are omitted: they were printed as they finished."""
    report, following = applied.report, applied.following
    words = Words(applied.plan)
    sheet = Sheet(page)
    for outcome in report.outcomes:
        _problem(sheet, outcome, words)
    _untouched(sheet, report)
    if report.unverified:
        sheet.say(f"Unverified: {safe(worded(report.unverified))}", style="yellow", hang=2)
    if report.unrecorded:
        sheet.say(f"Not in the ledger: {safe(worded(report.unrecorded))}", style="yellow", hang=2)
    if following and report.exit_code and any(outcome.result != "refused" for outcome in report.outcomes):
        sheet.line(safe(f"Next: {following}"))
    sheet.say(_count(report), style="" if report.exit_code else "green")
    return sheet.render()


def render_json(applied: Applied) -> str:
    """Return the result as JSON, with an entry for each planned or refused step."""
    report = applied.report
    return dumps(
        {
            **header(),
            "outcomes": [_entry(outcome) for outcome in report.outcomes],
            "summary": _sums(report),
            "run": report.run or None,
            "stopped": report.stopped,
            "unverified": scrub(worded(report.unverified)),
            "unrecorded": scrub(worded(report.unrecorded)),
            "cost": {"requests": report.requests, "seconds": round(report.seconds, 3)},
            "exit_code": report.exit_code,
        }
    )


def _problem(sheet: Sheet, outcome: Outcome, words: Words) -> None:
    step = outcome.step
    where = safe(str(step.declared.place))
    name = safe(str(step.address))
    made = f" after {', '.join(outcome.made)}" if outcome.made else ""
    if outcome.result == "contended":
        body = "  changed by someone else during the apply, twice" if step.changes else "  exists again after removal"
        sheet.row(2, f"! {name}", body, where, style="red")
        if outcome.touched_at:
            sheet.say(f"last updated at {safe(outcome.touched_at)}, according to the API", 6)
        for change in step.changes:
            live, declared = words.before(step.declared, change), words.after(step.declared, change)
            sheet.row(6, f"{safe(change.name)}  ", differing(live, declared))
    elif outcome.result == "failed" or (outcome.made and outcome.result in ("stopped", "skipped")):
        sheet.row(2, f"! {name}", f"  {outcome.result}{made}", where, style="red")
        if outcome.error is not None and outcome.result in ("failed", "skipped"):
            sheet.say(sentence(outcome.error), 6, hang=2)


def _untouched(sheet: Sheet, report: Report) -> None:
    """Add the resources that no call was made for, grouped by reason."""
    groups: dict[str, list[str]] = {}
    for outcome in report.outcomes:
        if outcome.result == "refused":
            groups.setdefault("refused; see the plan for the reasons", []).append(safe(str(outcome.address)))
        elif outcome.result in ("stopped", "skipped") and not outcome.made:
            stopped = outcome.result == "stopped"
            why = "stopped" if stopped else safe(explained(outcome.error)[0]) if outcome.error else "not started"
            groups.setdefault(why, []).append(safe(str(outcome.address)))
    for why, names in groups.items():
        sheet.say(f"Not sent, {len(names):,} ({why.rstrip('.')}):")
        for name in names[:_NAMED]:
            sheet.say(name, 4)
        if len(names) > _NAMED:
            sheet.say(f"and {len(names) - _NAMED:,} more", 4)


def _sums(report: Report) -> dict[str, int]:
    results = Counter(outcome.result for outcome in report.outcomes)
    done = Counter(outcome.step.action for outcome in report.outcomes if outcome.result == "done")
    return {
        "created": done["create"],
        "changed": done["update"],
        "replaced": done["replace"],
        "removed": done["delete"],
        "verified": sum(outcome.verified for outcome in report.outcomes),
        **{name: results[name] for name in ("failed", "skipped", "stopped", "refused", "contended")},
    }


def _count(report: Report) -> str:
    sums = _sums(report)
    parts = [f"{sums['created']:,} created", f"{sums['changed']:,} changed"]
    parts += [f"{sums[name]:,} {name}" for name in ("replaced", "removed") if sums[name]]
    parts += [f"{report.adopted:,} adopted"] if report.adopted > sums["created"] else []
    parts += [f"{report.released:,} released"] if report.released else []
    parts += [f"{sums[name]:,} {name}" for name in ("failed", "contended", "refused") if sums[name]]
    if unsent := sums["stopped"] + sums["skipped"]:
        parts.append(f"{unsent:,} not done")
    done = sums["created"] + sums["changed"] + sums["replaced"] + sums["removed"]
    if done:
        parts.append(f"{'all' if sums['verified'] == done else format(sums['verified'], ',')} verified")
    word = (
        "Stopped"
        if report.stopped
        else "Applied"
        if not report.exit_code
        else "Applied in part"
        if done
        else "Not applied"
    )
    run = f" Run {report.run}." if report.run else ""
    return f"{word}: {', '.join(parts)}. {counted(report.requests, 'request')}, {lasting(report.seconds)}.{run}"


def _entry(outcome: Outcome) -> dict[str, Any]:
    step = outcome.step
    entry: dict[str, Any] = {
        **named(outcome.address),
        "id": outcome.live.id if outcome.live is not None else None,
        "where": place(step.declared.place),
        "action": "refuse" if outcome.result == "refused" else step.action,
        "result": outcome.result,
        "verbs": list(outcome.made),
        "verified": outcome.verified,
        "seconds": round(outcome.seconds, 3),
    }
    if outcome.error is not None:
        entry["error"] = failure(outcome.error)
    if outcome.result == "refused":
        entry |= coded(step.why, "refused")
    return entry
