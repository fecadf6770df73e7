"""Sync events as text and as JSON: the result first, one row per event with its outcome, the count and the cost last.

The outcome is read from the event's summary, by the keys of recorded events (cases `sync.*`) and of the published
document. Other keys of a summary appear only in the JSON.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len

from trueup.core.concealing import conceal
from trueup.core.documents import dumps
from trueup.report.json import header
from trueup.report.page import Page, Sheet, first, safe
from trueup.report.spent import cost, took
from trueup.report.text import counted
from trueup.report.when import ago, parsed
from trueup.systems.den.sync_events import ENDED, REMOVED
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from trueup.engine.plan.steps import Reading
    from trueup.systems.den.sync_events import Event, EventList

_SYMBOLS: Final = {
    "pending": (".", ""),
    "queued": (".", ""),
    "running": (">", "cyan"),
    "completed": ("+", "green"),
    "partial": ("~", "yellow"),
    "failed": ("!", "red"),
    "ignored": ("-", "dim"),
    REMOVED: ("!", "red"),
}
_COUNTS: Final = (
    ("createdPluginCount", "plugin created", "plugins created"),
    ("materializedConfigObjectCount", "object imported", "objects imported"),
    ("createdCount", "created", "created"),
    ("updatedCount", "updated", "updated"),
    ("deletedCount", "deleted", "deleted"),
    ("skippedCount", "skipped", "skipped"),
    ("failedCount", "failed", "failed"),
)
_FOLLOWING: Final = (12, 9, 12, 13)
"""Least cells of the columns while following, when later rows are unknown."""
_NAME: Final = 8
"""Least cells of an instance's name; with less room, the type moves to the next line."""
_WORDS: Final = 200
"""Characters of a server's text in a row."""
_FEW: Final = 3
"""Failed events up to which the next command lists their ids."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Events to list."""

    found: EventList
    names: Mapping[str, str]
    """Names of instances by id."""
    now: datetime
    reading: Reading
    narrowed: bool = False
    """Whether filters were given."""
    retrying: str = ""
    """The command that retries events."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One event while following, with the known names of instances by id."""

    event: Event
    names: Mapping[str, str]
    now: datetime


def render(listed: Listed, page: Page) -> str:
    """Return the listing as text."""
    events, now = listed.found.events, listed.now
    if not events:
        return f"No {'matching ' if listed.narrowed else ''}sync events. {cost(listed.reading)}"
    sheet = Sheet(page)
    sheet.say(_answer(events, now), style="bold")
    sheet.line()
    rows(sheet, events, listed.names, now)
    sheet.line()
    failed = [one.id for one in events if one.status == "failed"]
    if listed.retrying and 0 < len(failed) <= _FEW:
        sheet.line(safe(f"Next: {listed.retrying} {' '.join(failed)}"))
    more = "; use a higher --limit or --since to show older ones" if listed.found.more else ""
    sheet.say(f"Events: {len(events):,} shown{more}. {cost(listed.reading)}")
    return sheet.render()


def render_json(listed: Listed) -> str:
    """Return the listing as JSON: the events as the server returns them, newest first."""
    events = [shown(one) for one in listed.found.events]
    return dumps({**header(), "events": events, "more": listed.found.more, "reading": took(listed.reading)})


def render_line(happened: Happened, page: Page) -> str:
    """Return one event as text."""
    sheet = Sheet(page)
    rows(sheet, [happened.event], happened.names, happened.now, following=True)
    return sheet.render()


def render_line_json(happened: Happened) -> str:
    """Return one event as one line of JSON."""
    return json.dumps(shown(happened.event), allow_nan=False)


def rows(
    sheet: Sheet, events: Sequence[Event], names: Mapping[str, str], now: datetime, *, following: bool = False
) -> None:
    """Add a row for each event: start, status, instance, type, id and outcome.

    Each is on one line if all fit on one, otherwise on two, so that the columns stay aligned.
    """
    page = sheet.page
    labels, below = _labels(events, page, names, now, following=following)
    texts = [says(one, now) for one in events]
    keys = [safe(one.id) for one in events]
    room = page.width - 4 - max(map(cell_len, labels), default=0)
    beside = all(cell_len(text) + cell_len(key) + 4 <= room for text, key in zip(texts, keys, strict=True))
    for event, label, kind, text, key in zip(events, labels, below, texts, keys, strict=True):
        sign, style = _SYMBOLS.get(event.status, ("?", "cyan"))
        label = page.paint(f"{sign} {label}", style)
        if beside and not kind:
            sheet.line(f"  {label}  {key}  {text}".rstrip())
        elif cell_len(key) + 2 <= room and not kind:
            sheet.line(f"  {label}  {key}")
            if text:
                sheet.say(text, 4, hang=2)
        else:
            sheet.line(f"  {label}".rstrip())
            sheet.say("  ".join(part for part in (key, kind, text) if part), 4, hang=2)


def _labels(
    events: Sequence[Event], page: Page, names: Mapping[str, str], now: datetime, *, following: bool
) -> tuple[list[str], list[str]]:
    """Return the first columns of each event, and its type if that moves to the next line."""
    times = [_clock((following and one.completed) or one.started, now, seconds=following) for one in events]
    statuses = [plain(one.status, 20) for one in events]
    kinds = [plain(one.kind, 30) for one in events]
    least = _FOLLOWING if following else (0, 0, 0, 0)
    at, status, _, kind = (
        max([wide, *map(cell_len, column)]) for wide, column in zip(least, (times, statuses, (), kinds), strict=True)
    )
    room = page.width - len("  ! ") - (at + 2 + status + 2)
    below = room - 2 - kind < _NAME
    room = max(room if below else room - 2 - kind, _NAME)
    shown = [
        _shortened(safe(names.get(one.instance or "", one.instance or "no instance")), room, page) for one in events
    ]
    name = max([least[2], *map(cell_len, shown)])
    columns = [(times, at), (statuses, status), (shown, min(name, room))] + ([] if below else [(kinds, kind)])
    padded = [[cell + " " * (wide - cell_len(cell)) for cell in column] for column, wide in columns]
    return ["  ".join(row) for row in zip(*padded, strict=True)], kinds if below else [""] * len(events)


def _shortened(name: str, room: int, page: Page) -> str:
    return name if cell_len(name) <= room else first(name, room - cell_len(page.ellipsis)) + page.ellipsis


def _clock(stamp: str, now: datetime, *, seconds: bool) -> str:
    """Return `08:51 UTC` or `08:51:07 UTC`, with the date if it is another day."""
    clock = "%H:%M:%S" if seconds else "%H:%M"
    moment = parsed(stamp)
    if moment is None:
        return plain(stamp, 24) or "no time"
    return moment.strftime(f"{clock} UTC" if moment.date() == now.date() else f"%Y-%m-%d {clock} UTC")


def says(event: Event, now: datetime) -> str:
    """Return the event on one line: repository, trigger and outcome."""
    summary = event.summary
    subject = _word(summary, "repositoryFullName") or plain(event.remote or "", _WORDS)
    if _word(summary, "from") and _word(summary, "to"):
        subject = ""  # the trigger has both names
    parts = [_occasion(event), *_outcome(event, now)]
    account = "; ".join(part for part in parts if part)
    return f"{subject}: {account}" if subject and account else subject or account


def _occasion(event: Event) -> str:
    """Return the trigger of an event."""
    summary = event.summary
    if action := _word(summary, "action"):
        before, after = _word(summary, "from"), _word(summary, "to")
        return f"{action} {before} -> {after}" if before and after else action
    if sha := _word(summary, "headSha"):
        ref = _word(summary, "ref").removeprefix("refs/heads/")
        return f"{ref} at {sha[:10]}" if ref else f"at {sha[:10]}"
    trigger = _word(summary, "trigger")
    if trigger == "manual" or "queuedBy" in summary:
        return "requested manually"
    return f"by {trigger}" if trigger else ""


def _outcome(event: Event, now: datetime) -> list[str]:
    """Return the outcome of an event. An event that was queued again still has the summary of its previous end."""
    summary = event.summary
    if event.status == REMOVED:
        return ["removed meanwhile, with its instance"]
    if event.status == "queued":
        if not event.attempts:
            return []
        again = _at(event.next_attempt, now)
        error = _word(summary, "lastError")
        return [f"attempt {event.attempts + 1}{again}" + (f", after: {error}" if error else "")]
    if event.status not in ENDED:
        return []
    if event.status == "ignored":
        return ["auto-import is off"] if summary.get("autoImportNewPlugins") is False else []
    error = _word(summary, "error") or (_word(summary, "lastError") if event.status == "failed" else "")
    counts = [text for name, one, many in _COUNTS if (text := _count(summary.get(name), one, many))]
    failures = summary.get("failures")
    if not error and isinstance(failures, list):
        error = next((text for one in failures if isinstance(one, dict) and (text := _first_word(one))), "")
    if not counts and not error and "materializedConfigObjectCount" in summary:
        counts = ["nothing was imported"]
    return [", ".join(counts), error]


def _at(stamp: str | None, now: datetime) -> str:
    """Return ` at 08:51 UTC`; empty without a time."""
    return f" at {_clock(stamp, now, seconds=True)}" if stamp else ""


def _word(summary: Mapping[str, Any], key: str) -> str:
    value = summary.get(key)
    return plain(value, _WORDS) if isinstance(value, str) else ""


def _first_word(failure: Mapping[str, Any]) -> str:
    return next((word for key in ("message", "error", "reason") if (word := _word(failure, key))), "")


def _count(value: Any, one: str, many: str) -> str:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        return ""
    return f"{value:,} {one if value == 1 else many}"


def _answer(events: Sequence[Event], now: datetime) -> str:
    newest = ago(events[0].started, now)
    return f"{counted(len(events), 'sync event')}: {tally(events)}" + (f"; the newest {newest}." if newest else ".")


def tally(events: Iterable[Event]) -> str:
    """Return `1 failed, 11 completed`, with what needs attention first."""
    sums = Counter(one.status for one in events)
    order = [REMOVED, "failed", "partial", "running", "queued", "pending", "ignored", "completed"]
    known = [f"{sums[name]:,} {name}" for name in order if sums[name]]
    return ", ".join(known + [f"{sums[name]:,} {plain(name, 20)}" for name in sorted(sums) if name not in order])


def shown(event: Event) -> Any:
    """Return an event as the server returned it, without known secrets."""
    item = dict(event.item) | ({"status": REMOVED} if event.status == REMOVED else {})
    try:
        return conceal(item)[0]
    except RecursionError:  # a summary with thousands of levels
        return conceal(item | {"summaryJson": None})[0]
