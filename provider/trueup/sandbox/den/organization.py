"""The organisation as a member sees it: `/v1/org` and `/v1/me/orgs` (case `org-context`). Not in the document.

A newer server returns the organisation as it was up to five minutes ago, omits members that are not people (users with
`service`), and returns the source of each role.
"""

from __future__ import annotations

from trueup.sandbox.den.access import memberships, ranked
from trueup.sandbox.den.endpoint import Endpoint, Received
from trueup.sandbox.den.world import DenWorld
from trueup.sandbox.store import Row

_SHOWN = ("id", "name", "slug", "logo", "allowedEmailDomains", "metadata", "createdAt", "updatedAt")


def person(user: Row) -> Row:
    """Return a user as other users see them."""
    return {name: user[name] for name in ("id", "email", "name", "image")}


def _member(row: Row) -> Row:
    shown = {name: row[name] for name in ("id", "userId", "inviteId", "role", "createdAt", "joinedAt")}
    return {**shown, "isOwner": "owner" in row["role"].split(",")}


def _owner_role(world: DenWorld, organization: str) -> Row:
    """The owner's role, which has no row and the permissions of a super-admin."""
    roles = [row for row in world.roles.values() if row["organizationId"] == organization]
    permission = next((row["permission"] for row in roles if row["role"] == "super-admin"), None)
    return _role({"id": "builtin-owner", "role": "owner", "permission": permission, "createdAt": None}, None)


def _role(row: Row, updated: str | None) -> Row:
    shown = {name: row[name] for name in ("id", "role", "permission", "createdAt")}
    return {**shown, "builtIn": True, "protected": True, "updatedAt": updated}


def _invitation(row: Row) -> Row:
    return {name: row[name] for name in ("id", "email", "role", "status", "expiresAt", "createdAt", "inviteToken")}


def _team(row: Row) -> Row:
    return {name: row[name] for name in ("id", "name", "createdAt", "updatedAt", "memberIds")}


def _roles(world: DenWorld, organization: str) -> list[Row]:
    rows = [row for row in world.roles.values() if row["organizationId"] == organization]
    if world.switches["roles"] == "merged":
        rows = [row for row in rows if row["role"] != "super-admin"]
    return [_owner_role(world, organization), *(_role(row, row["updatedAt"]) for row in rows)]


def _standing(world: DenWorld, member: Row) -> Row:
    """Return the source of a member's role; empty before super-admins and admins were merged."""
    if world.switches["roles"] != "merged":
        return {}
    teams = [row for row in world.teams.values() if row.get("admin") and member["id"] in row["memberIds"]]
    effective = ranked([*member["role"].split(","), *("admin" for _ in teams)])
    names = [{"id": row["id"], "name": row["name"]} for row in teams]
    return {"directRole": member["role"], "effectiveRole": effective, "adminTeams": names}


def _shown(call: Received) -> Row:
    """Return the organisation with its members, teams and roles, as of now."""
    world, identity = call.world, call.actor.organization_id
    members = [row for row in world.members.values() if row["organizationId"] == identity]
    users = {row["id"]: row for row in world.users.values()}
    owner = next(row for row in members if row["role"] == "owner")
    boss = person(users[owner["userId"]])
    if world.switches["orgLists"] == "people":
        members = [row for row in members if not users[row["userId"]].get("service")]
    return {
        "organization": {name: call.actor.organization[name] for name in _SHOWN}
        | {"owner": {"memberId": owner["id"], "userId": boss.pop("id"), **boss}},
        "members": [{**_member(row), **_standing(world, row), "user": person(users[row["userId"]])} for row in members],
        "invitations": [_invitation(row) for row in world.invitations.values() if row["organizationId"] == identity],
        "roles": _roles(world, identity),
        "teams": [_team(row) for row in world.teams.values() if row["organizationId"] == identity],
    }


def _cached(call: Received) -> Row:
    """Return the organisation, from the cache while it is recent enough."""
    world, identity = call.world, call.actor.organization_id
    kept = world.shown_organizations.get(identity)
    if not (longest := world.switches["orgCache"]):
        return _shown(call)
    if kept is None or not 0 <= world.age(kept["at"]) < longest:
        kept = world.shown_organizations.put(identity, {"at": world.stamp(), "shown": _shown(call)})
    shown: Row = kept["shown"]
    return shown


async def _organization(call: Received) -> Row:
    world, who = call.world, call.actor
    shown = _cached(call)
    current = {name: value for name, value in _member(who.member).items() if name != "inviteId"}
    return {
        "organization": shown["organization"],
        "currentMember": {**current, **_standing(world, who.member)},
        "members": shown["members"],
        "invitations": shown["invitations"],
        "roles": shown["roles"],
        "teams": shown["teams"],
        "currentMemberTeams": [_team(row) for row in who.teams()],
        "plan": {"tier": "free", "source": "default"},
        "entitlements": {"sso": True, "desktopPolicies": True, "orgControls": True, "analytics": True},
        "capabilities": {"mcpConnections": True, "installLinks": True},
        "authMethods": {"sso": False, "scim": False},
    }


async def _mine(call: Received) -> Row:
    world, active = call.world, call.actor.organization
    sizes: dict[str, int] = {}
    for row in world.members.values():
        sizes[row["organizationId"]] = sizes.get(row["organizationId"], 0) + 1
    organizations = []
    for row in memberships(world, call.actor.user):
        organization = world.organizations.get(row["organizationId"])
        if organization is None or (call.actor.key is not None and organization is not active):
            continue
        mine = {"role": row["role"], "orgMemberId": row["id"], "membershipId": row["id"]}
        shown = {name: organization[name] for name in _SHOWN}
        count = {"memberCount": sizes[organization["id"]], "isActive": organization is active}
        organizations.append({**shown, **mine, **count})
    return {"orgs": organizations, "activeOrgId": active["id"], "activeOrgSlug": active["slug"]}


ENDPOINTS = (Endpoint("GET", "/v1/org", _organization), Endpoint("GET", "/v1/me/orgs", _mine))
