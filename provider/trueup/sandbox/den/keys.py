"""API keys, and the one route that reports why a key is rejected: `/api/auth/get-session`. Not in the document."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from trueup.sandbox.den.caller import Caller
from trueup.sandbox.den.endpoint import Endpoint, Received
from trueup.sandbox.den.organization import person
from trueup.sandbox.den.refusal import DenError, forbidden
from trueup.sandbox.den.seed import add_key
from trueup.sandbox.den.validate import Body, Text
from trueup.sandbox.store import Row

_CREATED = [
    "id",
    "name",
    "start",
    "prefix",
    "enabled",
    "rateLimitEnabled",
    "rateLimitMax",
    "rateLimitTimeWindow",
    "expiresAt",
    "createdAt",
    "updatedAt",
]
_LISTED = [*_CREATED, "configId", "lastRequest"]


async def get_session(request: Request) -> JSONResponse:
    """Return the session of a key (with the key in clear) or of a bearer, the reason of a rejected key, or null."""
    caller: Caller = request.state.caller
    if trouble := caller.trouble:
        body: dict[str, Any] = {"message": trouble.message, "code": trouble.code}
        if trouble.try_again_in is not None:
            body["details"] = {"tryAgainIn": trouble.try_again_in}
        return JSONResponse(body, trouble.status)
    if caller.user is None:
        return JSONResponse(None)
    source = caller.key or caller.session or {}
    session = {
        "id": source["id"],
        "token": source["key"] if caller.key else source["token"],
        "userId": caller.user["id"],
        "userAgent": None,
        "ipAddress": None,
        **{name: source[name] for name in ("createdAt", "updatedAt", "expiresAt")},
    }
    if caller.key:  # made up for this request: a key has no session of its own
        session |= {"createdAt": source["lastRequest"], "updatedAt": source["lastRequest"]}
    if caller.session:
        session |= {"activeOrganizationId": source["activeOrganizationId"], "activeTeamId": None}
    return JSONResponse({"user": caller.user, "session": session})


def _manager(call: Received) -> None:
    merged = call.world.switches["roles"] == "merged"
    if not call.actor.holds("owner" if merged else "super-admin"):
        who = "owners" if merged else "owners and super-admins"
        raise forbidden(f"Only workspace {who} can manage API keys.", "api_key.manage")
    call.actor.require_fresh()


def _listed(call: Received) -> list[Row]:
    """The keys of the members of the organisation, newest first."""
    members = {row["id"]: row for row in call.world.members.values()}
    found = []
    for row in call.world.api_keys.values():
        metadata = row["metadata"] or {}
        member = members.get(metadata.get("orgMembershipId", ""))
        if member is None or metadata["organizationId"] != call.actor.organization_id:
            continue
        user = person(call.world.users.get(member["userId"]) or {})
        owner = {"userId": user.pop("id"), "memberId": member["id"], **user}
        found.append({**{name: row[name] for name in _LISTED}, "owner": owner})
    return sorted(found, key=lambda row: (row["createdAt"], row["id"]), reverse=True)


async def _list(call: Received) -> Row:
    if not call.actor.holds("admin"):
        raise forbidden("Only workspace owners and admins can read API keys.", "api_key.read")
    return {"apiKeys": _listed(call)}


async def _create(call: Received) -> Row:
    _manager(call)
    row = add_key(call.world, call.actor.member, call.body["name"])
    return {"apiKey": {name: row[name] for name in _CREATED}, "key": row["key"]}


async def _delete(call: Received) -> None:
    _manager(call)
    if call.ids["apiKeyId"] not in {row["id"] for row in _listed(call)}:
        raise DenError(404, "api_key_not_found")
    call.world.api_keys.delete(call.ids["apiKeyId"])


ENDPOINTS = (
    Endpoint("GET", "/v1/api-keys", _list),
    Endpoint("POST", "/v1/api-keys", _create, body=Body({"name": Text(64, least=2)}), status=201),
    Endpoint("DELETE", "/v1/api-keys/{apiKeyId}", _delete, {"apiKeyId": Text()}, status=204),
)
