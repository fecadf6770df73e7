"""Access grants of an instance: to a member, a team, or the whole organisation. Revoked ones stay listed."""

from __future__ import annotations

from typing import Any

from trueup.sandbox.den import views
from trueup.sandbox.den.endpoint import Endpoint, Received, path_ids
from trueup.sandbox.den.refusal import not_found
from trueup.sandbox.den.validate import Body, Flag, Id, Issue, Maybe, OneOf, broken
from trueup.sandbox.store import Row

_ID = path_ids(connectorInstanceId="cin")
_PATH = "/v1/connector-instances/{connectorInstanceId}/access"


def _one_principal(body: dict[str, Any]) -> Issue | None:
    named = [name for name in ("orgMembershipId", "teamId", "orgWide") if body.get(name)]
    if len(named) == 1:
        return None
    return broken("Provide exactly one of orgMembershipId, teamId, or orgWide=true.", "orgMembershipId")


_GRANT = Body(
    {
        "orgMembershipId": Maybe(Id("om")),
        "teamId": Maybe(Id("tem")),
        "orgWide": Maybe(Flag(), default=False),
        "role": OneOf(("viewer", "editor", "manager")),
    },
    _one_principal,
)


def _grants(call: Received, *, reading: bool = False) -> list[Row]:
    """The grants of the instance of the path, for a caller who manages it."""
    instance = call.actor.instance(call.ids["connectorInstanceId"], "manager", reading=reading)
    return call.world.grants_by_instance.get(instance["id"])


async def _list(call: Received) -> Row:
    rows = sorted(_grants(call, reading=True), key=lambda row: (row["createdAt"], row["id"]), reverse=True)
    return {"items": [views.grant(row) for row in rows], "nextCursor": None}


async def _create(call: Received) -> Row:
    """Create or update a grant: an existing one keeps its id and date, even if it was revoked."""
    world, body, grants = call.world, call.body, _grants(call)
    member, team = body.get("orgMembershipId"), body.get("teamId")
    _ours(call, world.members.get(member), member, "member")
    _ours(call, world.teams.get(team), team, "team")
    if member:
        existing = [row for row in grants if row["orgMembershipId"] == member]
    elif team:
        existing = [row for row in grants if row["teamId"] == team]
    else:
        existing = [row for row in grants if row["orgWide"]]
    new = {
        "id": world.new_id("cia"),
        "organizationId": call.actor.organization_id,
        "connectorInstanceId": call.ids["connectorInstanceId"],
        "createdAt": world.stamp(),
    }
    fields = {
        "orgMembershipId": member,
        "teamId": team,
        "orgWide": body["orgWide"],
        "role": body["role"],
        "createdByOrgMembershipId": call.actor.member["id"],
        "removedAt": None,
    }
    row = {**(existing[0] if existing else new), **fields}
    return {"ok": True, "item": views.grant(world.put(world.grants, row))}


def _ours(call: Received, row: Row | None, named: str | None, kind: str) -> None:
    """Raise 404 for a member or team that is not of the organisation."""
    if named and (row is None or row["organizationId"] != call.actor.organization_id):
        raise not_found(kind)


async def _revoke(call: Received) -> None:
    row = next((row for row in _grants(call) if row["id"] == call.ids["grantId"]), None)
    if row is None:
        raise not_found("access_grant")
    call.world.put(call.world.grants, {**row, "removedAt": call.world.stamp()})


ENDPOINTS = (
    Endpoint("GET", _PATH, _list, _ID),
    Endpoint("POST", _PATH, _create, _ID, body=_GRANT, status=201),
    Endpoint("DELETE", _PATH + "/{grantId}", _revoke, _ID | path_ids(grantId="cia"), status=204),
)
