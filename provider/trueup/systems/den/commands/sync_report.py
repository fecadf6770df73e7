"""The results of `trueup sync` and `trueup events retry`, as text and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from trueup.core.documents import dumps
from trueup.core.secrets import censored, scrub
from trueup.report.failure import sentence
from trueup.report.json import failure, header
from trueup.report.page import Page, Sheet, safe
from trueup.report.spent import cost, took
from trueup.report.text import counted
from trueup.report.when import lasting
from trueup.systems.den.commands.events_report import rows, says, shown, tally
from trueup.systems.den.sync_events import REMOVED
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from datetime import datetime

    from trueup.core.errors import ApiError
    from trueup.engine.plan.steps import Reading
    from trueup.systems.den.named import Named
    from trueup.systems.den.sync_events import Event

_LISTED: Final = 20
"""Syncs that are listed with their outcomes."""
BAD: Final = ("failed", "partial", REMOVED)
"""The final statuses of unsuccessful syncs."""


@dataclass(frozen=True)
class Retried:
    """The result of retrying events, by id."""

    queued: list[str]
    failed: dict[str, ApiError]
    unsent: list[str]
    reading: Reading
    following: str
    """The command that follows them."""


@dataclass
class Synced:
    """The result of requesting a sync."""

    instance: Named
    target: Named | None
    queued: list[Event]
    """Queued syncs, in their current state."""
    busy: list[Event]
    """Syncs that were already running."""
    looked: str = ""
    """Why the queued syncs had to be searched for; empty if the answer listed them."""
    waited: float | None = None
    """Timeout of the wait in seconds; None without a wait."""
    interrupted: bool = False
    shown: set[str] = field(default_factory=set)
    """Ids of syncs whose end was printed while waiting."""

    @property
    def events(self) -> list[Event]:
        """The queued and the busy syncs."""
        return [*self.queued, *self.busy]

    @property
    def open(self) -> list[Event]:
        """The syncs that have not ended."""
        return [one for one in self.events if not one.ended]

    @property
    def exit_code(self) -> int:
        """1 if a sync failed or did not end within the wait; 130 if interrupted."""
        if self.interrupted:
            return 130
        return int(self.waited is not None and any(one.status in BAD or not one.ended for one in self.events))


@dataclass(frozen=True, slots=True)
class SyncReport:
    """A sync request with its result, to show at a point in time."""

    synced: Synced
    now: datetime
    reading: Reading
    following: str
    """The command that follows the events."""
    retrying: str
    """The command that retries events."""


def render_retried(retried: Retried, page: Page) -> str:
    """Return the result as text."""
    sheet = Sheet(page)
    for key in retried.queued:
        sheet.line(f"  . {safe(key)}  queued again")
    for key, error in retried.failed.items():
        sheet.row(2, f"! {safe(key)}", "  not queued", style="red")
        sheet.say(sentence(error), 6, hang=2)
    for key in retried.unsent:
        sheet.line(f"  - {safe(key)}  not sent")
    if retried.queued:
        sheet.line(safe(f"Next: {retried.following}"))
    parts = [f"{len(retried.queued):,} queued again"]
    parts += [f"{len(retried.failed):,} failed"] if retried.failed else []
    parts += [f"{len(retried.unsent):,} not sent"] if retried.unsent else []
    sheet.say(f"Retry: {', '.join(parts)}. {cost(retried.reading)}")
    return sheet.render()


def render_retried_json(retried: Retried) -> str:
    """Return the result as JSON."""
    return dumps(
        {
            **header(),
            "queued": retried.queued,
            "failed": [{"id": key, "error": failure(error)} for key, error in retried.failed.items()],
            "unsent": retried.unsent,
            "reading": took(retried.reading),
        }
    )


def render(report: SyncReport, page: Page) -> str:
    """Return the result as text."""
    synced, now = report.synced, report.now
    sheet = Sheet(page)
    sheet.say(_answer(synced), style="bold")
    if synced.looked:
        sheet.say(f"The answer was lost; found the new sync events in the list: {safe(synced.looked)}", hang=2)
    if synced.waited is None and synced.events:
        sheet.line()
        rows(sheet, synced.events, {synced.instance.id: str(synced.instance)}, now)
        sheet.line()
    for line in _notes(synced, now):
        sheet.say(line, hang=2)
    if synced.open and synced.waited is not None:
        ids = ", ".join(safe(one.id) for one in synced.open[:3])
        sheet.say(
            f"Unfinished syncs continue in Den ({ids}). A sync that hangs while running blocks its target until it is "
            "retried."
        )
    again = [one.id for one in synced.events if one.status in ("failed", "partial")]
    again += [one.id for one in synced.open if one.status == "running"] if synced.waited is not None else []
    if synced.open:
        sheet.line(safe(f"Next: {report.following}"))
    if again and len(again) <= 3:
        sheet.line(safe(f"{'Or' if synced.open else 'Next'}: {report.retrying} {' '.join(again)}"))
    sheet.say(f"Sync: {_count(synced)}. {cost(report.reading)}")
    return sheet.render()


def render_json(report: SyncReport) -> str:
    """Return the result as JSON, with the events as the server returns them."""
    synced = report.synced
    return dumps(
        {
            **header(),
            "instance": {"id": synced.instance.id, "name": censored(synced.instance.name)},
            "target": synced.target.id if synced.target is not None else None,
            "queued": [shown(one) for one in synced.queued],
            "busy": [shown(one) for one in synced.busy],
            "looked_for": scrub(synced.looked),
            "waited": synced.waited is not None,
            "timed_out": synced.waited is not None and bool(synced.open) and not synced.interrupted,
            "exit_code": synced.exit_code,
            "reading": took(report.reading),
        }
    )


def _what(synced: Synced) -> str:
    name = safe(str(synced.instance))
    return f"{safe(str(synced.target))} of {name}" if synced.target is not None else name


def _answer(synced: Synced) -> str:
    what = _what(synced)
    if not synced.events:
        return f"{what} has no targets, so there is nothing to sync."
    if synced.interrupted:
        return f"Stopped waiting for {what}; queued syncs continue in Den."
    if synced.waited is None:
        if not synced.queued:
            return f"Nothing new was queued: the targets of {what} are busy."
        return f"Queued: {counted(len(synced.queued), 'sync')} of {what}."
    if synced.open:
        return f"Not all of {what} was synced within {lasting(synced.waited)}."
    bad = sum(one.status in BAD for one in synced.events)
    if bad:
        return f"{what} was not synced: {bad:,} of {counted(len(synced.events), 'sync')} did not succeed."
    if all(one.status == "ignored" for one in synced.events):
        return f"{what} was not synced: Den ignored it."
    return f"{what} is synced."


def _notes(synced: Synced, now: datetime) -> list[str]:
    notes = []
    if synced.waited is not None:
        listed = [one for one in synced.events if (one.status in BAD or not one.ended) and one.id not in synced.shown]
        notes += [f"{plain(one.status, 20)}: {says(one, now)}" for one in listed[:_LISTED]]
        notes += [f"and {len(listed) - _LISTED:,} more"] if len(listed) > _LISTED else []
    if synced.busy:
        before = f"{counted(len(synced.busy), 'sync')} {'was' if len(synced.busy) == 1 else 'were'} already running"
        more = "" if synced.queued or synced.waited is None else ", so nothing new was queued"
        notes.append(f"{before}{more}; Den skips busy targets.")
    if any(one.status == "ignored" for one in synced.events):
        notes.append(
            "Ignored: auto-import is off for the instance, so nothing was imported. Set autoImportNewPlugins: true to "
            "turn it on."
        )
    return notes


def _count(synced: Synced) -> str:
    if synced.waited is None:
        before = f", {len(synced.busy):,} already running" if synced.busy else ""
        return f"{len(synced.queued):,} queued{before}"
    return tally(synced.events) if synced.events else "nothing queued"
