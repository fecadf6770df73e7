"""Rows written directly into the store: the golden organisations, and the additions of presets."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueup.sandbox.den.world import DenWorld
    from trueup.sandbox.store import Row, Table

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KEY_DAYS = 90
SESSION_DAYS = 7
STALE_SECONDS = 16 * 60.0
"""Age of the stale session: slightly more than the 15 minutes in which a person may write."""

_ALL = {
    "organization": ["update", "delete"],
    "member": ["create", "update", "delete"],
    "invitation": ["create", "cancel"],
    "team": ["create", "update", "delete"],
    "ac": ["create", "read", "update", "delete"],
    "security_configuration": ["manage"],
}
_ROLES: dict[str, dict[str, list[str]]] = {
    "super-admin": _ALL,
    "admin": {
        "invitation": ["create", "cancel"],
        "member": ["delete"],
        "team": ["create", "update", "delete"],
        "ac": ["read"],
    },
    "member": {"ac": ["read"]},
}


def golden(world: DenWorld) -> None:
    """Two organisations. Of the first: keys `golden-key` and `m-key`, as recorded case `apikeys.list-with-apikey`."""
    first, owner = _organization(world, "Golden Org", "Golden owner", "owner@example.test")
    add_member(world, first, owner, "Golden member", "member@example.test", "member-session")
    earlier = world.stamp(-1.0)
    add_key(world, owner, "golden-key", principal="owner-api-key", createdAt=earlier, updatedAt=earlier)
    add_key(world, owner, "m-key")
    _session(world, owner, "owner-session")
    _session(world, owner, "stale-owner-session", age=STALE_SECONDS)
    other, other_owner = _organization(world, "Other Org", "Other owner", "other-owner@example.test")
    add_member(world, other, other_owner, "Other member", "other-member@example.test", "other-org-member-session")
    add_key(world, other_owner, "other-key", principal="other-org-api-key")
    _session(world, other_owner, "other-org-session")
    # Keys that are rejected. Those of the first organisation are in no organisation's list.
    add_key(world, owner, "probe", principal="probe", metadata=None)
    add_key(world, owner, "disabled", principal="disabled-api-key", metadata=None, enabled=False)
    add_key(world, owner, "expired", principal="expired-api-key", metadata=None, expiresAt=world.stamp(-1.0))
    add_key(world, other_owner, "limited", principal="rate-limited-key")
    add_key(world, other_owner, "slow", principal="rl-slow-key")
    world.store.commit()


def principals(world: DenWorld) -> dict[str, dict[str, str]]:
    """Headers by name. Sessions are signed in again, and `rate-limited-key` has spent its window, at this moment."""
    now = world.stamp()
    headers: dict[str, dict[str, str]] = {}
    for row in world.api_keys.values():
        if name := row.get("principal"):
            if name == "rate-limited-key":
                world.put(world.api_keys, {**row, "requestCount": row["rateLimitMax"], "lastRequest": now})
            headers[name] = {"x-api-key": row["key"]}
    for row in world.sessions.values():
        if name := row.get("principal"):
            since = world.stamp(-STALE_SECONDS) if name.startswith("stale-") else now
            expires = world.stamp(SESSION_DAYS * 86400.0)
            world.put(world.sessions, {**row, "createdAt": since, "updatedAt": since, "expiresAt": expires})
            headers[name] = {"authorization": f"Bearer {row['token']}"}
    world.store.commit()
    return headers


def add_key(world: DenWorld, member: Row, name: str, **fields: Any) -> Row:
    """Write an API key of a member; `principal` is its name in the list of credentials."""
    now = world.stamp()
    key = "den_" + "".join(secrets.choice(_LETTERS) for _ in range(64))
    row = {
        "id": world.new_id("apk"),
        "configId": "default",
        "name": name,
        "start": key[:6],
        "prefix": "den_",
        "key": key,
        "enabled": True,
        "rateLimitEnabled": True,
        "rateLimitMax": 600,
        "rateLimitTimeWindow": 60000,
        "requestCount": 0,
        "lastRequest": None,
        "expiresAt": world.stamp(KEY_DAYS * 86400.0),
        "createdAt": now,
        "updatedAt": now,
        "referenceId": member["userId"],
        "metadata": {
            "organizationId": member["organizationId"],
            "orgMembershipId": member["id"],
            "issuedByUserId": member["userId"],
            "issuedByOrgMembershipId": member["id"],
        },
        "principal": None,
        **fields,
    }
    return world.put(world.api_keys, row)


def add_account(world: DenWorld, fields: dict[str, Any]) -> Row:
    """An account; `remoteId` and `displayName` default to one another's kind of name."""
    owner = _owner(world, fields)
    now = world.stamp()
    row = {
        "id": world.new_id("cac"),
        "organizationId": owner["organizationId"],
        "connectorType": "github",
        "remoteId": str(1000 + len(world.accounts)),
        "externalAccountRef": None,
        "displayName": f"account-{len(world.accounts)}",
        "status": "active",
        "metadata": None,
        "createdByOrgMembershipId": owner["id"],
        "createdAt": now,
        "updatedAt": now,
    }
    return _write(world, world.accounts, row, fields)


def add_instance(world: DenWorld, fields: dict[str, Any]) -> Row:
    """An instance; ValueError when `connectorAccountId` names no account."""
    account = _parent(world.accounts, fields, "connectorAccountId")
    owner = _owner(world, {"organizationId": account["organizationId"], **fields})
    now = world.stamp()
    row = {
        "id": world.new_id("cin"),
        "organizationId": account["organizationId"],
        "connectorAccountId": account["id"],
        "connectorType": account["connectorType"],
        "remoteId": None,
        "name": f"instance-{len(world.instances)}",
        "status": "active",
        "instanceConfigJson": None,
        "lastSyncCursor": None,
        "lastSyncStatus": None,
        "lastSyncedAt": None,
        "createdByOrgMembershipId": owner["id"],
        "createdAt": now,
        "updatedAt": now,
    }
    written = _write(world, world.instances, row, fields)
    creator = {"connectorInstanceId": written["id"], "orgMembershipId": owner["id"], "role": "manager"}
    add_grant(world, creator)
    return written


def add_target(world: DenWorld, fields: dict[str, Any]) -> Row:
    """A target; ValueError when `connectorInstanceId` names no instance."""
    instance = _parent(world.instances, fields, "connectorInstanceId")
    now = world.stamp()
    row = {
        "id": world.new_id("ctg"),
        "organizationId": instance["organizationId"],
        "connectorInstanceId": instance["id"],
        "connectorType": instance["connectorType"],
        "remoteId": instance["remoteId"] or instance["name"],
        "targetKind": "repository_branch",
        "externalTargetRef": None,
        "targetConfigJson": {},
        "createdAt": now,
        "updatedAt": now,
    }
    return _write(world, world.targets, row, fields)


def add_mapping(world: DenWorld, fields: dict[str, Any]) -> Row:
    """A mapping; ValueError when `connectorTargetId` names no target."""
    target = _parent(world.targets, fields, "connectorTargetId")
    now = world.stamp()
    row = {
        "id": world.new_id("cmp"),
        "organizationId": target["organizationId"],
        "connectorInstanceId": target["connectorInstanceId"],
        "connectorTargetId": target["id"],
        "connectorType": target["connectorType"],
        "mappingKind": "path",
        "selector": "skills/**",
        "objectType": "skill",
        "pluginId": None,
        "remoteId": None,
        "autoAddToPlugin": False,
        "mappingConfigJson": None,
        "createdAt": now,
        "updatedAt": now,
    }
    return _write(world, world.mappings, row, fields)


def add_plugin(world: DenWorld, fields: dict[str, Any]) -> Row:
    """A plugin, with what `…/configuration` shows of it."""
    owner = _owner(world, fields)
    now = world.stamp()
    row = {
        "id": world.new_id("plg"),
        "organizationId": owner["organizationId"],
        "name": f"plugin-{len(world.plugins)}",
        "description": None,
        "sourceRepositoryUrl": None,
        "status": "active",
        "createdByOrgMembershipId": owner["id"],
        "createdAt": now,
        "updatedAt": now,
        "deletedAt": None,
        "rootPath": None,
    }
    return _write(world, world.plugins, row, fields)


def add_grant(world: DenWorld, fields: dict[str, Any]) -> Row:
    """An access grant; ValueError when `connectorInstanceId` names no instance."""
    instance = _parent(world.instances, fields, "connectorInstanceId")
    owner = _owner(world, {"organizationId": instance["organizationId"]})
    row = {
        "id": world.new_id("cia"),
        "organizationId": instance["organizationId"],
        "connectorInstanceId": instance["id"],
        "orgMembershipId": None,
        "teamId": None,
        "orgWide": False,
        "role": "viewer",
        "createdByOrgMembershipId": owner["id"],
        "createdAt": world.stamp(),
        "removedAt": None,
    }
    return _write(world, world.grants, row, fields)


def add_event(world: DenWorld, fields: dict[str, Any]) -> Row:
    """A sync event; ValueError when `connectorInstanceId` names no instance."""
    instance = _parent(world.instances, fields, "connectorInstanceId")
    row = {
        "id": world.new_id("cse"),
        "organizationId": instance["organizationId"],
        "connectorInstanceId": instance["id"],
        "connectorTargetId": None,
        "connectorType": instance["connectorType"],
        "eventType": "push",
        "externalEventRef": None,
        "sourceRevisionRef": None,
        "remoteId": instance["remoteId"],
        "status": "completed",
        "summaryJson": None,
        "attemptCount": 0,
        "nextAttemptAt": None,
        "startedAt": world.stamp(),
        "completedAt": None,
    }
    return _write(world, world.events, row, fields)


def _write(world: DenWorld, table: Table, row: Row, fields: dict[str, Any]) -> Row:
    unknown = sorted(fields.keys() - row.keys())
    if unknown:
        raise ValueError(f"{table.name} has no field {', '.join(unknown)}")
    return world.put(table, {**row, **fields})


def _parent(table: Table, fields: dict[str, Any], field: str) -> Row:
    row = table.get(fields.get(field, ""))
    if row is None:
        raise ValueError(f"{field} names nothing in {table.name}: {fields.get(field)!r}")
    return row


def _owner(world: DenWorld, fields: dict[str, Any]) -> Row:
    """The owner of the organisation that is named, or of the first one."""
    wanted = fields.get("organizationId")
    for member in world.members.values():
        if member["role"] == "owner" and wanted in (None, member["organizationId"]):
            return member
    raise ValueError("there is no organisation yet: seed the golden ones first")


def _organization(world: DenWorld, name: str, person: str, email: str) -> tuple[Row, Row]:
    """An organisation with its built-in roles, and its owner's membership."""
    now = world.stamp()
    identity = world.new_id("org")
    organization = {
        "id": identity,
        "name": name,
        "slug": identity,
        "logo": None,
        "allowedEmailDomains": None,
        "metadata": '{"limits":{"members":5,"workers":1}}',
        "createdAt": now,
        "updatedAt": now,
    }
    world.put(world.organizations, organization)
    for role, permission in _ROLES.items():
        row = {"id": world.new_id("orl"), "organizationId": identity, "role": role, "permission": permission}
        world.put(world.roles, {**row, "createdAt": now, "updatedAt": now})
    return organization, _membership(world, organization, _user(world, person, email), "owner", None)


def add_member(world: DenWorld, organization: Row, owner: Row, person: str, email: str, principal: str) -> Row:
    """Write a member who accepted an invitation: with a session, without grants."""
    invitation = {
        "id": world.new_id("inv"),
        "organizationId": organization["id"],
        "email": email,
        "role": "member",
        "status": "accepted",
        "expiresAt": world.stamp(SESSION_DAYS * 86400.0),
        "createdAt": world.stamp(),
        "inviteToken": secrets.token_hex(10) + "x",
        "inviterId": owner["id"],
    }
    world.put(world.invitations, invitation)
    member = _membership(world, organization, _user(world, person, email), "member", invitation["id"])
    _session(world, member, principal)
    return member


def _user(world: DenWorld, name: str, email: str) -> Row:
    now = world.stamp()
    user = {"id": world.new_id("usr"), "name": name, "email": email, "emailVerified": False, "image": None}
    return world.put(world.users, {**user, "createdAt": now, "updatedAt": now})


def _membership(world: DenWorld, organization: Row, user: Row, role: str, invitation: str | None) -> Row:
    now = world.stamp()
    row = {
        "id": world.new_id("om"),
        "organizationId": organization["id"],
        "userId": user["id"],
        "inviteId": invitation,
        "role": role,
        "createdAt": now,
        "joinedAt": now,
    }
    return world.put(world.members, row)


def _session(world: DenWorld, member: Row, principal: str, age: float = 0.0) -> Row:
    since = world.stamp(-age)
    row = {
        "id": world.new_id("ses"),
        "userId": member["userId"],
        "token": secrets.token_urlsafe(24),
        "activeOrganizationId": member["organizationId"],
        "createdAt": since,
        "updatedAt": since,
        "expiresAt": world.stamp(SESSION_DAYS * 86400.0),
        "principal": principal,
    }
    return world.put(world.sessions, row)
