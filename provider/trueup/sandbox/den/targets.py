"""Connector targets: the branch of a repository that an instance follows. None of them can be removed alone."""

from __future__ import annotations

import asyncio

from trueup.sandbox.den import views
from trueup.sandbox.den.endpoint import Endpoint, Received, path_ids
from trueup.sandbox.den.instances import TYPES, WRITE_GAP
from trueup.sandbox.den.lists import filters, page, pick
from trueup.sandbox.den.refusal import broken, not_found
from trueup.sandbox.den.validate import Anything, Body, Maybe, OneOf, Text, some_field
from trueup.sandbox.den.world import DenWorld
from trueup.sandbox.store import Row

KINDS = OneOf(("repository_branch",))
TARGET_ID = path_ids(connectorTargetId="ctg")
_INSTANCE_ID = path_ids(connectorInstanceId="cin")
_CREATE = Body(
    {
        "connectorType": TYPES,
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


def target_of(call: Received, role: str) -> Row:
    """The target of the path, for a caller who has that role for its instance."""
    row = call.world.targets.get(call.ids["connectorTargetId"])
    instance = call.world.instances.get(row["connectorInstanceId"]) if row else None
    if row is None or instance is None or instance["organizationId"] != call.actor.organization_id:
        raise not_found("connector_target")
    call.actor.instance(instance["id"], role)
    return row


def targets_of(world: DenWorld, instance: Row) -> list[Row]:
    """The targets of an instance, oldest first."""
    return sorted(world.targets_by_instance.get(instance["id"]), key=lambda row: (row["createdAt"], row["id"]))


def remote_taken(world: DenWorld, instance: str, remote: str, but: str | None = None) -> bool:
    """Whether another target of the instance has that remoteId."""
    its = world.targets_by_instance.get(instance)
    return any(row["id"] != but and world.collide(row["remoteId"], remote) for row in its)


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
    return {"item": views.target(target_of(call, "viewer"))}


async def _update(call: Received) -> Row:
    read, world, body = dict(target_of(call, "editor")), call.world, call.body
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
