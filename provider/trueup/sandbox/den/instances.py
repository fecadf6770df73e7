"""Connector instances: reading, changing and removing them.

PATCH reads the row, merges the fields and writes name, remoteId, status and config back, which undoes what another
request wrote in between. The lifecycle routes write only the status.
"""

from __future__ import annotations

import asyncio

from trueup.sandbox.den import views
from trueup.sandbox.den.endpoint import Endpoint, Received, path_ids
from trueup.sandbox.den.lists import filters, page, pick
from trueup.sandbox.den.refusal import broken, not_found
from trueup.sandbox.den.removal import remove_instances
from trueup.sandbox.den.rules import CONNECTOR_TYPES, INSTANCE_STATUSES, WRITE_GAP, auto_imports, name_taken
from trueup.sandbox.den.validate import Anything, Body, Flag, Id, Maybe, Text, some_field
from trueup.sandbox.den.world import DenWorld
from trueup.sandbox.store import Row

_ID = path_ids(connectorInstanceId="cin")
_PATH = "/v1/connector-instances/{connectorInstanceId}"
_ENDS = {"archive": "archived", "disable": "disabled", "enable": "active"}
_CREATE = Body(
    {
        "connectorAccountId": Id("cac"),
        "connectorType": CONNECTOR_TYPES,
        "remoteId": Maybe(Text(), null=True),
        "name": Text(),
        "config": Maybe(Anything()),
    }
)
_UPDATE = Body(
    {
        "remoteId": Maybe(Text(), null=True),
        "name": Maybe(Text()),
        "status": Maybe(INSTANCE_STATUSES),
        "config": Maybe(Anything()),
    },
    some_field("name", "remoteId", "status", "config"),
)


def configuration(world: DenWorld, instance: Row) -> Row:
    """Return the response of `…/configuration`: the instance, the plugins it feeds, and counts."""
    mappings = world.mappings_by_instance.get(instance["id"])
    fed = {row["pluginId"] for row in mappings}
    return {
        "autoImportNewPlugins": auto_imports(instance),
        "configuredPlugins": [row for row in world.plugins.values() if row["id"] in fed],
        "connectorInstance": views.instance(instance),
        "importedConfigObjectCount": len(world.objects_by_instance.get(instance["id"])),
        "mappingCount": len(mappings),
    }


def _instance(call: Received, role: str) -> Row:
    return call.actor.instance(call.ids["connectorInstanceId"], role)


async def _list(call: Received) -> Row:
    visible = call.actor.visible()
    if "pluginId" in call.query:
        wanted = call.query["pluginId"]
        visible &= {row["connectorInstanceId"] for row in call.world.mappings_by_plugin.get(wanted)}
    seen = [row for row in call.world.instances.values() if row["id"] in visible]
    return page(
        pick(seen, call.query, ("connectorAccountId", "status"), ("name", "remoteId")), call.query, views.instance
    )


async def _create(call: Received) -> Row:
    call.actor.require_admin("connector_instance.create")
    world, body, organization = call.world, call.body, call.actor.organization_id
    account = world.accounts.get(body["connectorAccountId"])
    if account is None or account["organizationId"] != organization:
        raise not_found("connector_account")
    if name_taken(world, organization, body["name"]):
        raise broken()
    now = world.stamp()
    row = {
        "id": world.new_id("cin"),
        "organizationId": organization,
        "connectorAccountId": account["id"],
        "connectorType": body["connectorType"],
        "remoteId": body.get("remoteId"),
        "name": body["name"],
        "status": "active",
        "instanceConfigJson": body.get("config"),
        "lastSyncCursor": None,
        "lastSyncStatus": None,
        "lastSyncedAt": None,
        "createdByOrgMembershipId": call.actor.member["id"],
        "createdAt": now,
        "updatedAt": now,
    }
    world.put(world.instances, row)
    creator = {
        "id": world.new_id("cia"),
        "organizationId": organization,
        "connectorInstanceId": row["id"],
        "orgMembershipId": call.actor.member["id"],
        "teamId": None,
        "orgWide": False,
        "role": "manager",
        "createdByOrgMembershipId": call.actor.member["id"],
        "createdAt": now,
        "removedAt": None,
    }
    world.put(world.grants, creator)
    return {"ok": True, "item": views.instance(row)}


async def _get(call: Received) -> Row:
    return {"item": views.instance(_instance(call, "viewer"))}


async def _update(call: Received) -> Row:
    read, world, body = dict(_instance(call, "editor")), call.world, call.body
    fields = {
        "instanceConfigJson": body.get("config", read["instanceConfigJson"]),
        "name": body.get("name", read["name"]),
        "remoteId": body.get("remoteId", read["remoteId"]),
        "status": body.get("status", read["status"]),
    }
    await asyncio.sleep(WRITE_GAP)
    if name_taken(world, read["organizationId"], fields["name"], but=read["id"]):
        raise broken()
    return {"ok": True, "item": views.instance(_write(call, fields))}


async def _auto_import(call: Received) -> Row:
    config = _instance(call, "editor")["instanceConfigJson"]
    kept = config if isinstance(config, dict) else {}
    await asyncio.sleep(WRITE_GAP)
    fields = {"instanceConfigJson": {**kept, "autoImportNewPlugins": call.body["autoImportNewPlugins"]}}
    return {"ok": True, "item": configuration(call.world, _write(call, fields))}


def _write(call: Received, fields: Row) -> Row:
    """Write these fields of the instance of the path; 404 when it was removed meanwhile."""
    row = call.world.instances.get(call.ids["connectorInstanceId"])
    if row is None:
        raise not_found("connector_instance")
    return call.world.put(call.world.instances, {**row, **fields, "updatedAt": call.world.stamp()})


def _lifecycle(action: str) -> Endpoint:
    async def end(call: Received) -> Row:
        _instance(call, "editor")
        return {"ok": True, "item": views.instance(_write(call, {"status": _ENDS[action]}))}

    return Endpoint("POST", f"{_PATH}/{action}", end, _ID)


async def _configuration(call: Received) -> Row:
    return {"ok": True, "item": configuration(call.world, _instance(call, "viewer"))}


async def _remove(call: Received) -> Row:
    row = _instance(call, "editor")
    counts = remove_instances(call.world, {row["id"]})
    return {"ok": True, "item": {**counts, "removedConnectorInstanceId": row["id"]}}


_LIST = filters(
    connectorAccountId=Id("cac"), connectorType=CONNECTOR_TYPES, pluginId=Id("plg"), status=INSTANCE_STATUSES, q=Text()
)
ENDPOINTS = (
    Endpoint("GET", "/v1/connector-instances", _list, query=_LIST),
    Endpoint("POST", "/v1/connector-instances", _create, body=_CREATE, status=201),
    Endpoint("GET", _PATH, _get, _ID),
    Endpoint("PATCH", _PATH, _update, _ID, body=_UPDATE),
    *map(_lifecycle, _ENDS),
    Endpoint("GET", f"{_PATH}/configuration", _configuration, _ID),
    Endpoint("POST", f"{_PATH}/remove", _remove, _ID),
    Endpoint("POST", f"{_PATH}/auto-import", _auto_import, _ID, body=Body({"autoImportNewPlugins": Flag()})),
)
