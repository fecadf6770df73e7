"""Connector targets: the branch of a repository that an instance follows. A target cannot be removed on its own."""

from __future__ import annotations

import asyncio

from trueup.sandbox.den import views
from trueup.sandbox.den.endpoint import TARGET_ID, Endpoint, Received, path_ids
from trueup.sandbox.den.lists import filters, page, pick
from trueup.sandbox.den.refusal import broken, not_found
from trueup.sandbox.den.rules import CONNECTOR_TYPES, WRITE_GAP, remote_taken, targets_of
from trueup.sandbox.den.validate import Anything, Body, Maybe, OneOf, Text, some_field
from trueup.sandbox.store import Row

KINDS = OneOf(("repository_branch",))
_INSTANCE_ID = path_ids(connectorInstanceId="cin")
_CREATE = Body(
    {
        "connectorType": CONNECTOR_TYPES,
        "remoteId": Text(),
        "targetKind": KINDS,
        "externalTargetRef": Maybe(Text(), null=True),
        "config": Anything(),
    }
)
_UPDATE = Body(
    {
        "remoteId": Maybe(Text()),
        "externalTargetRef": Maybe(Text(), null=True),
        "config": Maybe(Anything()),
    },
    some_field("remoteId", "externalTargetRef", "config"),
)


async def _list(call: Received) -> Row:
    instance = call.actor.instance(call.ids["connectorInstanceId"], "viewer")
    rows = pick(targets_of(call.world, instance), call.query, ("targetKind",), ("remoteId", "externalTargetRef"))
    return page(rows, call.query, views.target)


async def _create(call: Received) -> Row:
    world, body = call.world, call.body
    instance = call.actor.instance(call.ids["connectorInstanceId"], "editor")
    if remote_taken(world, instance["id"], body["remoteId"]):
        raise broken()
    now = world.stamp()
    row = {
        "id": world.new_id("ctg"),
        "organizationId": call.actor.organization_id,
        "connectorInstanceId": instance["id"],
        "connectorType": body["connectorType"],
        "remoteId": body["remoteId"],
        "targetKind": body["targetKind"],
        "externalTargetRef": body.get("externalTargetRef"),
        "targetConfigJson": body["config"],
        "createdAt": now,
        "updatedAt": now,
    }
    return {"ok": True, "item": views.target(world.put(world.targets, row))}


async def _get(call: Received) -> Row:
    return {"item": views.target(call.resource("connector_target", "viewer"))}


async def _update(call: Received) -> Row:
    read, world, body = dict(call.resource("connector_target", "editor")), call.world, call.body
    fields = {
        "externalTargetRef": body.get("externalTargetRef", read["externalTargetRef"]),
        "remoteId": body.get("remoteId", read["remoteId"]),
        "targetConfigJson": body.get("config", read["targetConfigJson"]),
    }
    await asyncio.sleep(WRITE_GAP)
    if remote_taken(world, read["connectorInstanceId"], fields["remoteId"], but=read["id"]):
        raise broken()
    row = world.targets.get(read["id"])
    if row is None:
        raise not_found("connector_target")
    written = world.put(world.targets, {**row, **fields, "updatedAt": world.stamp()})
    return {"ok": True, "item": views.target(written)}


_LIST = filters(targetKind=KINDS, q=Text())
ENDPOINTS = (
    Endpoint("GET", "/v1/connector-instances/{connectorInstanceId}/targets", _list, _INSTANCE_ID, _LIST),
    Endpoint(
        "POST",
        "/v1/connector-instances/{connectorInstanceId}/targets",
        _create,
        _INSTANCE_ID,
        body=_CREATE,
        status=201,
    ),
    Endpoint("GET", "/v1/connector-targets/{connectorTargetId}", _get, TARGET_ID),
    Endpoint("PATCH", "/v1/connector-targets/{connectorTargetId}", _update, TARGET_ID, body=_UPDATE),
)
