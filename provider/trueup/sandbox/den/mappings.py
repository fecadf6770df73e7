"""Connector mappings: which files of a target become which kind of object. They can only be listed, by target."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from trueup.sandbox.den import views
from trueup.sandbox.den.endpoint import TARGET_ID, Endpoint, Received, path_ids
from trueup.sandbox.den.lists import filters, page, pick
from trueup.sandbox.den.refusal import broken
from trueup.sandbox.den.rules import MAPPING_KINDS, WRITE_GAP, selector_taken
from trueup.sandbox.den.validate import Anything, Body, Flag, Id, Maybe, OneOf, Shape, Text, some_field
from trueup.sandbox.den.world import DenWorld
from trueup.sandbox.store import Row

_ID = path_ids(connectorMappingId="cmp")


def creation(world: DenWorld) -> Shape:
    """The body that makes one."""
    return Body(
        {
            "mappingKind": MAPPING_KINDS,
            "selector": Text(),
            "objectType": _objects(world),
            "pluginId": Maybe(Id("plg"), null=True),
            "autoAddToPlugin": Maybe(Flag(), default=False),
            "config": Maybe(Anything()),
        }
    )


def _change(world: DenWorld) -> Shape:
    return Body(
        {
            "selector": Maybe(Text()),
            "objectType": Maybe(_objects(world)),
            "pluginId": Maybe(Id("plg"), null=True),
            "autoAddToPlugin": Maybe(Flag()),
            "config": Maybe(Anything()),
        },
        some_field("selector", "objectType", "pluginId", "autoAddToPlugin", "config"),
    )


def _filters(world: DenWorld) -> Mapping[str, Shape]:
    return filters(mappingKind=MAPPING_KINDS, objectType=_objects(world), pluginId=Id("plg"), q=Text())


def _objects(world: DenWorld) -> OneOf:
    """Return the object types that a mapping may create; newer versions have more."""
    return OneOf(tuple(world.switches["objectTypes"]))


async def _list(call: Received) -> Row:
    target = call.resource("connector_target", "viewer")
    its = call.world.mappings_by_target.get(target["id"])
    rows = pick(its, call.query, ("mappingKind", "objectType", "pluginId"), ("selector", "remoteId"))
    return page(rows, call.query, views.mapping)


async def _create(call: Received) -> Row:
    world, body = call.world, call.body
    target = call.resource("connector_target", "editor")
    if body.get("pluginId"):
        call.actor.plugin(body["pluginId"])
    now = world.stamp()
    row = {
        "id": world.new_id("cmp"),
        "organizationId": call.actor.organization_id,
        "connectorInstanceId": target["connectorInstanceId"],
        "connectorTargetId": target["id"],
        "connectorType": target["connectorType"],
        "mappingKind": body["mappingKind"],
        "selector": body["selector"],
        "objectType": body["objectType"],
        "pluginId": body.get("pluginId"),
        "remoteId": None,
        "autoAddToPlugin": body["autoAddToPlugin"],
        "mappingConfigJson": body.get("config"),
        "createdAt": now,
        "updatedAt": now,
    }
    if selector_taken(world, row):
        raise broken()
    return {"ok": True, "item": views.mapping(world.put(world.mappings, row))}


async def _update(call: Received) -> Row:
    read, world, body = dict(call.resource("connector_mapping", "editor")), call.world, call.body
    if body.get("pluginId"):
        call.actor.plugin(body["pluginId"])
    fields = {
        "autoAddToPlugin": body.get("autoAddToPlugin", read["autoAddToPlugin"]),
        "mappingConfigJson": body.get("config", read["mappingConfigJson"]),
        "objectType": body.get("objectType", read["objectType"]),
        "pluginId": body.get("pluginId", read["pluginId"]),
        "selector": body.get("selector", read["selector"]),
    }
    await asyncio.sleep(WRITE_GAP)
    written = {**read, **fields, "updatedAt": world.stamp()}
    if selector_taken(world, written):
        raise broken()
    if row := world.mappings.get(read["id"]):
        world.put(world.mappings, {**row, **fields, "updatedAt": written["updatedAt"]})
    return {"ok": True, "item": views.mapping(written)}


async def _delete(call: Received) -> None:
    call.world.mappings.delete(call.resource("connector_mapping", "editor")["id"])


ENDPOINTS = (
    Endpoint("GET", "/v1/connector-targets/{connectorTargetId}/mappings", _list, TARGET_ID, _filters),
    Endpoint(
        "POST", "/v1/connector-targets/{connectorTargetId}/mappings", _create, TARGET_ID, body=creation, status=201
    ),
    Endpoint("PATCH", "/v1/connector-mappings/{connectorMappingId}", _update, _ID, body=_change),
    Endpoint("DELETE", "/v1/connector-mappings/{connectorMappingId}", _delete, _ID, status=204),
)
