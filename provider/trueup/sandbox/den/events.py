"""Sync events: queueing, reading and retrying them. The worker processes them."""

from __future__ import annotations

from trueup.sandbox.den import views
from trueup.sandbox.den.endpoint import TARGET_ID, Endpoint, Received, path_ids
from trueup.sandbox.den.lists import filters, page, pick
from trueup.sandbox.den.queue import busy, record
from trueup.sandbox.den.rules import targets_of
from trueup.sandbox.den.validate import Id, OneOf, Text
from trueup.sandbox.store import Row

TYPES = OneOf(("push", "installation", "installation_repositories", "repository", "manual_resync"))
STATUSES = OneOf(("pending", "queued", "running", "completed", "failed", "partial", "ignored"))
_ID = path_ids(connectorSyncEventId="cse")


async def _list(call: Received) -> Row:
    visible = call.actor.visible()
    seen = [row for row in call.world.events.values() if row["connectorInstanceId"] in visible]
    exactly = ("connectorInstanceId", "connectorTargetId", "eventType", "status")
    rows = pick(seen, call.query, exactly, ("externalEventRef", "sourceRevisionRef"))
    return page(rows, call.query, views.event, dated="startedAt")


async def _get(call: Received) -> Row:
    return {"item": views.event(call.resource("connector_sync_event", "viewer"))}


async def _retry(call: Received) -> Row:
    """Queue an event again, from any status. It moves to the front of the list and keeps its summary."""
    row, world = call.resource("connector_sync_event", "editor"), call.world
    again = {"attemptCount": 0, "completedAt": None, "nextAttemptAt": None, "status": "queued"}
    world.put(world.events, {**row, **again, "startedAt": world.stamp()})
    return {"ok": True, "queued": True, "job": {"id": row["id"]}}


async def _resync(call: Received) -> Row:
    """Queue a manual resync, whatever the instance's status, even beside other events of the target."""
    target = call.resource("connector_target", "editor")
    instance = call.actor.instance(target["connectorInstanceId"], "editor")
    row = record(call.world, instance, target, {"queuedBy": call.actor.member["id"]})
    return {"ok": True, "queued": True, "job": {"id": row["id"]}}


async def _sync_now(call: Received) -> Row:
    """Queue a sync of each target that has none queued or running."""
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
