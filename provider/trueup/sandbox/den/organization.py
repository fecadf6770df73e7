"""What a member sees of the organisation: `/v1/org` and `/v1/me/orgs` (case `org-context`). Not in the document."""

from __future__ import annotations

from trueup.sandbox.den.access import memberships
from trueup.sandbox.den.endpoint import Call, Endpoint
from trueup.sandbox.den.world import World
from trueup.sandbox.store import Row

_SHOWN = ("id", "name", "slug", "logo", "allowedEmailDomains", "metadata", "createdAt", "updatedAt")


def person(user: Row) -> Row:
    """A user as others see them."""
    return {name: user[name] for name in ("id", "email", "name", "image")}


def _member(row: Row) -> Row:
    shown = {name: row[name] for name in ("id", "userId", "inviteId", "role", "createdAt", "joinedAt")}
    return {**shown, "isOwner": "owner" in row["role"].split(",")}


def _owner_role(world: World, organization: str) -> Row:
    """The owner's role, which is no row: it may what a super-admin may."""
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


async def _organization(call: Call) -> Row:
    world, who, identity = call.world, call.actor, call.actor.organization_id
    members = [row for row in world.members.values() if row["organizationId"] == identity]
    users = {row["id"]: row for row in world.users.values()}
    owner = next(row for row in members if row["role"] == "owner")
    boss = person(users[owner["userId"]])
    current = {name: value for name, value in _member(who.member).items() if name != "inviteId"}
    return {
        "organization": {name: who.organization[name] for name in _SHOWN}
        | {"owner": {"memberId": owner["id"], "userId": boss.pop("id"), **boss}},
        "currentMember": current,
        "members": [{**_member(row), "user": person(users[row["userId"]])} for row in members],
        "invitations": [_invitation(row) for row in world.invitations.values() if row["organizationId"] == identity],
        "roles": [
            _owner_role(world, identity),
            *(_role(row, row["updatedAt"]) for row in world.roles.values() if row["organizationId"] == identity),
        ],
        "teams": [_team(row) for row in world.teams.values() if row["organizationId"] == identity],
        "currentMemberTeams": [_team(row) for row in who.teams()],
        "plan": {"tier": "free", "source": "default"},
        "entitlements": {"sso": True, "desktopPolicies": True, "orgControls": True, "analytics": True},
        "capabilities": {"mcpConnections": True, "installLinks": True},
        "authMethods": {"sso": False, "scim": False},
    }


async def _mine(call: Call) -> Row:
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
