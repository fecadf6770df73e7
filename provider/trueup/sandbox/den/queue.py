"""The queue of sync events: adding an event, and checking for one of a target."""

from __future__ import annotations

from typing import Any

from trueup.sandbox.den.world import DenWorld
from trueup.sandbox.store import Row


def record(world: DenWorld, instance: Row, target: Row | None, summary: dict[str, Any], **fields: Any) -> Row:
    """Write a new event of an instance and target; by default a queued manual resync."""
    row = {
        "id": world.new_id("cse"),
        "organizationId": instance["organizationId"],
        "connectorInstanceId": instance["id"],
        "connectorTargetId": target["id"] if target else None,
        "connectorType": instance["connectorType"],
        "eventType": "manual_resync",
        "externalEventRef": None,
        "sourceRevisionRef": None,
        "remoteId": (target or instance)["remoteId"],
        "status": "queued",
        "summaryJson": summary,
        "attemptCount": 0,
        "nextAttemptAt": None,
        "startedAt": world.stamp(),
        "completedAt": None,
        **fields,
    }
    return world.put(world.events, row)


def busy(world: DenWorld, target: Row) -> bool:
    """Whether an event of the target is queued or running."""
    return any(row["status"] in ("queued", "running") for row in world.events_by_target.get(target["id"]))
