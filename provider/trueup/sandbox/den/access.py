"""Authorisation of a caller: the organisation they act in, their role in it, and their role for an instance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers

from trueup.sandbox.den.caller import Caller
from trueup.sandbox.den.ids import is_id
from trueup.sandbox.den.refusal import DenError, forbidden, not_found, reauth, sso_required, unauthorized
from trueup.sandbox.den.world import DenWorld
from trueup.sandbox.store import Row

FRESH_SECONDS = 15 * 60
"""How long after signing in an owner or admin may write."""

_RANKS = {"viewer": 1, "editor": 2, "manager": 3}
_ADMINS = {"admin": 1, "super-admin": 2, "owner": 3}
_MERGED = {"admin": 2, "super-admin": 2, "owner": 3}
"""The ranks on a newer server, which has no super-admins."""


@dataclass(frozen=True)
class Actor:
    """The member of an organisation who sends a request."""

    world: DenWorld
    organization: Row
    member: Row
    user: Row
    key: Row | None
    session: Row | None

    @property
    def organization_id(self) -> str:
        return str(self.organization["id"])

    def holds(self, role: str) -> bool:
        """Whether the member has that role in the organisation (`admin`, `super-admin`, `owner`) or a higher one."""
        roles = [entry.strip() for entry in self.member["role"].split(",")]
        ranks = _ADMINS
        if self.world.switches["roles"] == "merged":
            ranks = _MERGED
            roles += ["admin" for team in self.teams() if team.get("admin")]
        return any(ranks.get(entry, 0) >= ranks[role] for entry in roles)

    def role_for(self, instance: Row) -> str | None:
        """The role for an instance: `manager` for an admin, else the highest of the grants that apply."""
        if self.holds("admin"):
            return "manager"
        roles = [grant["role"] for grant in self._mine(self.world.grants_by_instance.get(instance["id"]))]
        return max(roles, key=_RANKS.__getitem__, default=None)

    def visible(self) -> set[str]:
        """Ids of the instances of the organisation for which the actor has any role."""
        organization = self.organization_id
        ours = {row["id"] for row in self.world.instances.values() if row["organizationId"] == organization}
        if self.holds("admin"):
            return ours
        return ours & {grant["connectorInstanceId"] for grant in self._mine(self.world.grants.values())}

    def teams(self) -> list[Row]:
        """The teams the member belongs to."""
        return [
            team
            for team in self.world.teams.values()
            if team["organizationId"] == self.organization_id and self.member["id"] in team["memberIds"]
        ]

    def require_admin(self, capability: str) -> None:
        """Require an organisation admin who signed in just now, to create accounts and instances, or to disconnect."""
        if not self.holds("admin"):
            raise forbidden(f"Missing organization capability: {capability}", capability)
        self.require_fresh()

    def require_fresh(self, *, reading: bool = False) -> None:
        """Require a recent session of an owner or admin. Members and keys need none; newer servers do not check."""
        if self.key is not None or not self.holds("admin"):
            return
        asked = self.world.switches["reauth"]
        if asked == "never" or (reading and asked == "writes"):
            return
        age = self.world.age(self.session["createdAt"]) if self.session else -1.0
        if not 0 <= age <= FRESH_SECONDS:
            raise reauth()

    def instance(self, identity: str, role: str, *, reading: bool = False) -> Row:
        """The instance, for a caller who has that role for it: 404, then 403 `reauth`, then 403."""
        row = self.world.instances.get(identity)
        if row is None or row["organizationId"] != self.organization_id:
            raise not_found("connector_instance")
        if role != "viewer":
            self.require_fresh(reading=reading)
        mine = self.role_for(row)
        if mine is None or _RANKS[mine] < _RANKS[role]:
            raise forbidden(f"Missing {role} access for connector instance.", f"connector_instance.{role}")
        return row

    def plugin(self, identity: str) -> Row:
        """Return a plugin that the caller may edit. Grants of plugins are not modelled, so only an admin may."""
        row = self.world.plugins.get(identity)
        if row is None or row["organizationId"] != self.organization_id:
            raise not_found("plugin")
        self.require_fresh()
        if not self.holds("admin"):
            raise forbidden("Missing editor access for plugin.", "plugin.editor")
        return row

    def _mine(self, grants: Iterable[Row]) -> list[Row]:
        """Those of the grants that apply to the member: their own, their teams' and the whole organisation's."""
        mine = {team["id"] for team in self.teams()}
        return [
            grant
            for grant in grants
            if grant["removedAt"] is None
            and (grant["orgWide"] or grant["orgMembershipId"] == self.member["id"] or grant["teamId"] in mine)
        ]


def ranked(roles: Iterable[str]) -> str:
    """The highest of some roles of an organisation, to a newer server."""
    return max(("admin" if role.strip() == "super-admin" else role.strip() for role in roles), key=_rank)


def _rank(role: str) -> int:
    return _MERGED.get(role, 0)


def memberships(world: DenWorld, user: Row) -> list[Row]:
    """The memberships of a person, oldest first."""
    return [row for row in world.members.values() if row["userId"] == user["id"]]


def actor(world: DenWorld, caller: Caller, headers: Headers, legacy: str | None) -> Actor:
    """The caller as a member: of the key's organisation, of the one the headers or the path select, or of their own.

    `legacy` is the organisation of a path that begins with `/v1/orgs/`.
    """
    if caller.user is None:
        raise unauthorized()
    if caller.session is not None and world.switches["ssoRequired"]:
        raise sso_required()
    metadata = (caller.key or {}).get("metadata")
    named = metadata["organizationId"] if metadata else _selected(headers, legacy)
    mine = {row["organizationId"]: row for row in memberships(world, caller.user)}
    active = (caller.session or {}).get("activeOrganizationId")
    wanted = named or (active if active in mine else next(iter(mine), None))
    organization = world.organizations.get(wanted) if wanted else None
    if organization is None or wanted not in mine:
        raise DenError(404, "organization_not_found")
    if caller.key is not None and not metadata:
        raise forbidden("This API key is scoped to a different organization.")
    if metadata and metadata["orgMembershipId"] != mine[wanted]["id"]:
        raise forbidden("This API key is no longer valid for the current organization member.")
    return Actor(world, organization, mine[wanted], caller.user, caller.key, caller.session)


def _selected(headers: Headers, legacy: str | None) -> str | None:
    """Return the organisation that the request names; an invalid id counts as not given."""
    candidates = (headers.get("x-openwork-org-id", "").strip(), legacy or "")
    return next((identity for identity in candidates if is_id(identity, "org")), None)
