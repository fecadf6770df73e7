"""Sync events: how they come to be queued, and how they are read and queued again. The worker takes them up."""

from __future__ import annotations

from typing import Any

from trueup.sandbox.den import views
from trueup.sandbox.den.endpoint import Endpoint, Received, path_ids
from trueup.sandbox.den.lists import filters, page, pick
from trueup.sandbox.den.refusal import not_found
from trueup.sandbox.den.targets import TARGET_ID, target_of, targets_of
from trueup.sandbox.den.validate import Id, OneOf, Text
from trueup.sandbox.den.world import DenWorld
from trueup.sandbox.store import Row

TYPES = OneOf(("push", "installation", "installation_repositories", "repository", "manual_resync"))
STATUSES = OneOf(("pending", "queued", "running", "completed", "failed", "partial", "ignored"))
_ID = path_ids(connectorSyncEventId="cse")


def record(world: DenWorld, instance: Row, target: Row | None, summary: dict[str, Any], **fields: Any) -> Row:
    """Writes a new event of that instance and target; a queued manual resync unless `fields` say otherwise."""
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


def _event(call: Received, role: str) -> Row:
    """The event of the path, for a caller who has that role for its instance."""
    row = call.world.events.get(call.ids["connectorSyncEventId"])
    instance = call.world.instances.get(row["connectorInstanceId"]) if row else None
    if row is None or instance is None or instance["organizationId"] != call.actor.organization_id:
        raise not_found("connector_sync_event")
    call.actor.instance(instance["id"], role)
    return row


async def _list(call: Received) -> Row:
    visible = call.actor.visible()
    seen = [row for row in call.world.events.values() if row["connectorInstanceId"] in visible]
    exactly = ("connectorInstanceId", "connectorTargetId", "eventType", "status")
    rows = pick(seen, call.query, exactly, ("externalEventRef", "sourceRevisionRef"))
    return page(rows, call.query, views.event, dated="startedAt")


async def _get(call: Received) -> Row:
    return {"item": views.event(_event(call, "viewer"))}


async def _retry(call: Received) -> Row:
    """Works from any state, and moves the event to the front of the list; its summary stays."""
    row, world = _event(call, "editor"), call.world
    again = {"attemptCount": 0, "completedAt": None, "nextAttemptAt": None, "status": "queued"}
    world.put(world.events, {**row, **again, "startedAt": world.stamp()})
    return {"ok": True, "queued": True, "job": {"id": row["id"]}}


async def _resync(call: Received) -> Row:
    """Asked for by hand it is queued whatever the instance's status, and beside others of the same target."""
    target = target_of(call, "editor")
    instance = call.actor.instance(target["connectorInstanceId"], "editor")
    row = record(call.world, instance, target, {"queuedBy": call.actor.member["id"]})
    return {"ok": True, "queued": True, "job": {"id": row["id"]}}


async def _sync_now(call: Received) -> Row:
    """Queues each target that has nothing queued or running."""
    instance = call.actor.instance(call.ids["connectorInstanceId"], "editor")
    idle = [target for target in targets_of(call.world, instance) if not busy(call.world, target)]
    for target in idle:
        record(call.world, instance, target, {"trigger": "manual"})
    return {"ok": True, "item": {"enqueuedCount": len(idle)}}


_LIST = filters(connectorInstanceId=Id("cin"), connectorTargetId=Id("ctg"), eventType=TYPES, status=STATUSES, q=Text())
ENDPOINTS = (
    Endpoint("GET", "/v1/connector-sync-events", _list, query=_LIST),
    Endpoint("GET", "/v1/connector-sync-events/{connectorSyncEventId}", _get, _ID),
    Endpoint("POST", "/v1/connector-sync-events/{connectorSyncEventId}/retry", _retry, _ID, status=202),
    Endpoint("POST", "/v1/connector-targets/{connectorTargetId}/resync", _resync, TARGET_ID, status=202),
    Endpoint(
        "POST",
        "/v1/connector-instances/{connectorInstanceId}/sync-now",
        _sync_now,
        path_ids(connectorInstanceId="cin"),
    ),
)
