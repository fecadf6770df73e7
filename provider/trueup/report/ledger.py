"""The content of a ledger as text and as JSON. Fingerprints are only in an export, and their key nowhere."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from trueup.core.secrets import scrub
from trueup.report.json import header
from trueup.report.page import Page, Sheet, padded, safe
from trueup.report.text import counted
from trueup.report.when import lasting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trueup.core.records import Intent, Lease, Record, Run
    from trueup.ledger.store import Contents

_RUNS: Final = 20
"""Runs that are shown as text."""
_WIDEST: Final = 60
_PRIVATE: Final = (
    *("written", "read_back", "settling", "owned", "plain", "removed"),
    *("renamed_from", "archived_with", "record", "digest", "key"),
)
"""Columns that only an export contains: fingerprints and related ones."""
_ABOUT: Final = (
    "The content of this ledger, without the key of its fingerprints. `written` and `read_back` are keyed fingerprints "
    "by path, from which no value can be recovered. Open intents are calls with an unknown outcome."
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A ledger to show."""

    contents: Contents | None
    """None when there is no ledger."""
    missing: str = ""
    """The message to show instead."""
    stack: str | None = None
    """The set of manifests whose resources are shown; None for all."""
    following: str = ""
    """The command that finds the outcome of open calls."""


@dataclass(frozen=True, slots=True)
class Locks:
    """The locks that are held and those that were removed; `text` replaces the list if it is not empty."""

    held: Sequence[Lease]
    removed: Sequence[Lease] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The number of resources removed from the ledger, and a sentence about it."""

    number: int
    text: str


def render(ledger: Shown, page: Page) -> str:
    """Return the content as text."""
    found, stack = ledger.contents, ledger.stack
    if found is None:
        return ledger.missing
    sheet = Sheet(page)
    whose = f' of the set "{stack}"' if stack else " of no set" if stack is not None else ""
    title = safe(f"{counted(len(found.records), 'managed resource')}{whose} in {found.name}")
    for line in page.filled(title, 0, words=True):  # the path stays whole, to be pasted
        sheet.line(page.paint(line, "bold"))
    for scope, records in groupby(found.records, key=lambda one: one.scope):
        sheet.line()
        sheet.say(safe(scope))
        _rows(sheet, [(one.address, _about(one)) for one in records])
    if found.leases:
        sheet.line()
        sheet.say("Locks", style="bold")
        _rows(sheet, [(one.name, held(one)) for one in found.leases])
    if found.runs:
        shown = found.runs[:_RUNS]
        more = f" ({len(shown)} of {len(found.runs)})" if len(shown) < len(found.runs) else ""
        sheet.line()
        sheet.say(f"Runs, newest first{more}", style="bold")
        _rows(sheet, [(one.id, _run(one, found.leases)) for one in shown])
    if found.intents:
        sheet.line()
        sheet.say("Calls with unknown outcome", style="bold")
        _rows(sheet, [(f"{one.run} no. {one.number}", _call(one)) for one in found.intents])
        sheet.line()
        sheet.line(safe(f"Next: {ledger.following}"))
    return sheet.render()


def render_json(ledger: Shown) -> str:
    """Return the content as JSON, without the columns that only an export contains."""
    return _dumps(ledger.contents, _PRIVATE)


def export(found: Contents | None) -> str:
    """Return the whole content except the key as JSON, for support."""
    return _dumps(found, (), _ABOUT)


def render_locks(locks: Locks, page: Page) -> str:
    """Return the locks that are held as text, with the command that releases one."""
    found = locks.held
    if locks.text:
        return locks.text
    if not found:
        return "No run holds a lock."
    sheet = Sheet(page)
    sheet.say(f"{counted(len(found), 'lock')} held:", style="bold")
    _rows(sheet, [(one.name, held(one)) for one in found])
    sheet.line()
    if all(one.gone for one in found):
        sheet.line("These runs have ended. The next run takes over their locks.")
    else:
        sheet.line("Next: trueup unlock RUN, which asks that run to stop and release its locks.")
    return sheet.render()


def render_locks_json(locks: Locks) -> str:
    """Return the locks as JSON."""
    held, removed = ([_lease(one) for one in some] for some in (locks.held, locks.removed))
    return _written({**header(), "locks": held, "removed": removed})


def render_forgotten(forgotten: Forgotten, _: Page) -> str:
    """Return the sentence."""
    return forgotten.text


def render_forgotten_json(forgotten: Forgotten) -> str:
    """Return the number as JSON."""
    return _written({**header(), "forgotten": forgotten.number})


def held(one: Lease) -> str:
    """Return `run r-1 (user@host, process 4711), since …, last heartbeat 3 s ago`."""
    gone = "; it has ended without releasing the lock" if one.gone else ""
    if one.revoked and not one.gone:
        gone = f"; {one.revoker} asked it to release the lock at {one.revoked}"
    return f"run {one.run} ({one.holder}), since {one.since}, last heartbeat {lasting(one.age)} ago{gone}"


def _rows(sheet: Sheet, rows: Sequence[tuple[str, str]]) -> None:
    labels = padded([safe(label) for label, _ in rows], _WIDEST)
    for label, (_, text) in zip(labels, rows, strict=True):
        sheet.row(2, label, safe(text))


def _about(one: Record) -> str:
    parts = [one.id, f"written {one.at}" if one.at else "adopted, never written"]
    parts += [f"set {one.stack}"] if one.stack else []
    parts += [f"in {one.realm}"] if one.realm else []
    parts += [f"deletionPolicy {one.policy}"] if one.policy else []
    parts += ["protected"] if one.protected else []
    return ", ".join(parts)


def _run(one: Run, leases: Sequence[Lease]) -> str:
    if one.ended:
        end = f"{one.result or 'ended'} at {one.ended}"
    else:
        end = "running" if any(lease.run == one.id and not lease.gone for lease in leases) else "interrupted"
    return f"started {one.began}, {end}, by {one.holder}"


def _call(one: Intent) -> str:
    return f"{one.verb} {one.address}{f' ({one.id})' if one.id else ''}, to be sent at {one.at}"


def _dumps(found: Contents | None, left_out: Sequence[str], about: str = "") -> str:
    document: dict[str, Any] = {**header(), **({"about": about} if about else {})}
    document["ledger"] = scrub(found.name) if found else None
    document["resources"] = [_plain(one, left_out) for one in found.records] if found else []
    document["runs"] = [_plain(one, ()) for one in found.runs] if found else []
    document["open_intents"] = [_plain(one, left_out) for one in found.intents] if found else []
    document["seen"] = [_plain(one, left_out) for one in found.seen] if found else []
    document["locks"] = [_lease(one) for one in found.leases] if found else []
    return _written(document)


def _lease(one: Lease) -> dict[str, Any]:
    return {**_plain(one, ("age",)), "heartbeat_age": round(one.age, 3)}


def _plain(one: Any, left_out: Sequence[str]) -> dict[str, Any]:
    found = {name: _scrubbed(value) for name, value in asdict(one).items() if name not in left_out}
    return found if found.get("stack", True) else {name: value for name, value in found.items() if name != "stack"}


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {scrub(name): _scrubbed(one) for name, one in value.items()}
    return [_scrubbed(one) for one in value] if isinstance(value, list) else value


def _written(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, allow_nan=False)
