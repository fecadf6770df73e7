"""Connector accounts. They can be created, read and disconnected, but not changed."""

from __future__ import annotations

from typing import Any

from trueup.sandbox.den import views
from trueup.sandbox.den.endpoint import Endpoint, Received, path_ids
from trueup.sandbox.den.lists import filters, page, pick
from trueup.sandbox.den.refusal import broken, not_found
from trueup.sandbox.den.removal import remove_account
from trueup.sandbox.den.rules import ACCOUNT_STATUSES, CONNECTOR_TYPES
from trueup.sandbox.den.validate import Anything, Body, Maybe, Text
from trueup.sandbox.store import Row

_CAPABILITY = "connector_account.create"
_ID = path_ids(connectorAccountId="cac")
_CREATE = Body(
    {
        "connectorType": CONNECTOR_TYPES,
        "remoteId": Text(),
        "externalAccountRef": Maybe(Text(), null=True),
        "displayName": Text(),
        "metadata": Maybe(Anything()),
    }
)


def create_account(call: Received, fields: dict[str, Any]) -> Row:
    """Write an account of the caller's organisation; a duplicate is a 500, as any fault is."""
    world, organization = call.world, call.actor.organization_id
    for row in world.accounts.values():
        ours = row["organizationId"] == organization and row["connectorType"] == fields["connectorType"]
        if ours and world.collide(row["remoteId"], fields["remoteId"]):
            raise broken()
    now = world.stamp()
    row = {
        "id": world.new_id("cac"),
        "organizationId": organization,
        "connectorType": fields["connectorType"],
        "remoteId": fields["remoteId"],
        "externalAccountRef": fields.get("externalAccountRef"),
        "displayName": fields["displayName"],
        "status": "active",
        "metadata": fields.get("metadata"),
        "createdByOrgMembershipId": call.actor.member["id"],
        "createdAt": now,
        "updatedAt": now,
    }
    return world.put(world.accounts, row)


def account_of(call: Received) -> Row:
    """The account of the path, in the caller's organisation."""
    row = call.world.accounts.get(call.ids["connectorAccountId"])
    if row is None or row["organizationId"] != call.actor.organization_id:
        raise not_found("connector_account")
    return row


def _shown(call: Received, row: Row) -> Row:
    member = call.world.members.get(row["createdByOrgMembershipId"])
    user = call.world.users.get(member["userId"]) if member else None
    return views.account(row, (user["name"].strip() or user["email"]) if user else None)


async def _create(call: Received) -> Row:
    call.actor.require_admin(_CAPABILITY)
    return {"ok": True, "item": views.account(create_account(call, call.body))}


async def _list(call: Received) -> Row:
    ours = [row for row in call.world.accounts.values() if row["organizationId"] == call.actor.organization_id]
    texts = ("displayName", "remoteId", "externalAccountRef")
    rows = pick(ours, call.query, ("connectorType", "status"), texts)
    return page(rows, call.query, lambda row: _shown(call, row))


async def _get(call: Received) -> Row:
    return {"item": _shown(call, account_of(call))}


async def _disconnect(call: Received) -> Row:
    call.actor.require_admin(_CAPABILITY)
    row = account_of(call)
    removed = remove_account(call.world, row)
    return {"ok": True, "item": {**removed, "disconnectedAccountId": row["id"], "reason": call.body.get("reason")}}


_LIST = filters(connectorType=CONNECTOR_TYPES, status=ACCOUNT_STATUSES, q=Text())
ENDPOINTS = (
    Endpoint("GET", "/v1/connector-accounts", _list, query=_LIST),
    Endpoint("POST", "/v1/connector-accounts", _create, body=_CREATE, status=201),
    Endpoint("GET", "/v1/connector-accounts/{connectorAccountId}", _get, _ID),
    Endpoint(
        "POST",
        "/v1/connector-accounts/{connectorAccountId}/disconnect",
        _disconnect,
        _ID,
        body=Body({"reason": Maybe(Text())}),
    ),
)
