"""The sync worker: every five seconds it processes the queued events one by one, oldest first.

Without a GitHub app, as recorded, a sync ends `ignored` (auto-import off) or `failed`. A row `syncs` in the table
`den.github` changes the outcome: see OUTCOMES.
"""

from __future__ import annotations

import logging
from typing import Any

from trueup.sandbox.den.discovery import NO_APP, check_discovery
from trueup.sandbox.den.refusal import DenError
from trueup.sandbox.den.rules import auto_imports
from trueup.sandbox.den.world import DenWorld
from trueup.sandbox.store import Row

PERIOD = 5.0
"""Seconds between rounds."""
ATTEMPTS = 5
FIRST_DELAY, LONGEST_DELAY = 30.0, 900.0
"""Seconds until the second attempt, doubled with each attempt, and the longest wait."""

OUTCOMES = ("no-app", "completed", "partial", "failed", "transient", "hangs")
"""Outcomes of syncs: as recorded; success; nothing imported; a permanent error; a temporary error; no end."""

_log = logging.getLogger(__name__)


class _Failed(Exception):
    """A failed sync; a `passing` failure is retried."""

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


async def run(world: DenWorld) -> None:
    """Run rounds until cancelled, the first at once."""
    while True:
        try:
            work(world)
        except Exception:
            _log.exception("a round of the sync worker failed")
        world.store.commit()
        await world.clock.sleep(PERIOD)


def set_outcome(world: DenWorld, outcome: str) -> None:
    """Set the outcome of later syncs. Raises ValueError for an unknown one."""
    if outcome not in OUTCOMES:
        raise ValueError(f"outcome has to be one of {', '.join(OUTCOMES)}, not {outcome!r}")
    world.github.put("syncs", {"id": "syncs", "outcome": outcome})


def work(world: DenWorld) -> None:
    """Run a round. Events whose target has a running event wait: an event that hangs blocks its target."""
    events = list(world.events.values())
    running = {row["connectorTargetId"] for row in events if row["status"] == "running"} - {None}
    queued = [
        row
        for row in events
        if row["status"] == "queued" and (row["nextAttemptAt"] is None or world.age(row["nextAttemptAt"]) >= 0)
    ]
    for row in sorted(queued, key=lambda row: (row["startedAt"], row["id"])):
        target = row["connectorTargetId"]
        if target in running:
            continue
        if _take_up(world, row)["status"] == "running":
            running.add(target)


def _take_up(world: DenWorld, row: Row) -> Row:
    """Process an event and return it in its new state."""
    event = world.put(world.events, {**row, "status": "running"})
    try:
        end = _execute(world, event)
    except (_Failed, DenError) as error:
        end = _failure(world, event, error)
    return event if end is None else world.put(world.events, {**event, **end})


def _execute(world: DenWorld, event: Row) -> dict[str, Any] | None:
    """Return the outcome of the event; None while it is still running."""
    instance = world.instances.get(event["connectorInstanceId"])
    if instance is None:
        raise _Failed("GitHub connector instance not found for sync event.")
    if not event["connectorTargetId"]:
        raise _Failed("GitHub connector target is missing from sync event.")
    if world.targets.get(event["connectorTargetId"]) is None:
        raise _Failed("GitHub connector target not found for sync event.")
    if not auto_imports(instance):
        return _finished(world, event, "ignored")
    if world.members.get(instance["createdByOrgMembershipId"]) is None:
        raise _Failed("Connector creator member not found.")
    check_discovery(world, instance)
    setting = world.github.get("syncs")
    outcome = setting["outcome"] if setting else "no-app"
    if outcome == "hangs":
        return None
    if outcome == "no-app":
        raise _Failed(NO_APP)
    if outcome in ("failed", "transient"):
        status = 404 if outcome == "failed" else 503
        raise _Failed(f"GitHub request failed with status {status}.", passing=outcome == "transient")
    return _finished(world, event, outcome)


def _finished(world: DenWorld, event: Row, outcome: str) -> dict[str, Any]:
    """End a successful sync with its summary (case `sync.poll+4.6s`)."""
    now, done = world.stamp(), outcome != "ignored"
    imported = [_import(world, event)] if outcome == "completed" else []
    counts = {
        "outcome": outcome,
        "error": None,
        "autoImportApplied": done,
        "autoImportNewPlugins": done,
        "classification": "claude_single_plugin_repo" if done else None,
        "resolvedSourceRevisionRef": event["sourceRevisionRef"] if done else None,
        "discoveredPluginCount": len(imported),
        "createdMarketplace": None,
        "createdPluginCount": 0,
        "createdPlugins": [],
        "materializedConfigObjectCount": len(imported),
        "materializedConfigObjects": imported,
        "startedAt": now,
        "completedAt": now,
        "durationMs": 0,
    }
    summary = {**(event["summaryJson"] or {}), **counts}
    return {"status": outcome, "completedAt": now, "nextAttemptAt": None, "summaryJson": summary}


def _import(world: DenWorld, event: Row) -> dict[str, Any]:
    """Write the object that a sync imports, always the same one."""
    path = f"skills/{event['connectorTargetId']}/SKILL.md"
    known = [row for row in world.config_objects.values() if row["path"] == path]
    if not known:
        row = {"id": world.new_id("cob"), "connectorInstanceId": event["connectorInstanceId"], "path": path}
        known = [world.put(world.config_objects, row)]
    return {"id": known[0]["id"], "objectType": "skill", "path": path, "title": "skill", "versionId": None}


def _failure(world: DenWorld, event: Row, error: _Failed | DenError) -> dict[str, Any]:
    """Queue the event again after a temporary error, with a doubling delay; end it after another or the fifth error."""
    message = str(error) if isinstance(error, _Failed) else str(error.body["message"])
    attempts = event["attemptCount"] + 1
    summary = {**(event["summaryJson"] or {}), "lastError": message}
    if isinstance(error, _Failed) and error.passing and attempts < ATTEMPTS:
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** (attempts - 1))
        again = {"status": "queued", "completedAt": None, "nextAttemptAt": world.stamp(delay)}
        return {**again, "attemptCount": attempts, "summaryJson": summary}
    ended = {"status": "failed", "completedAt": world.stamp(), "nextAttemptAt": None}
    return {**ended, "attemptCount": attempts, "summaryJson": {**summary, "error": message, "outcome": "failed"}}
