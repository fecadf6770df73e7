"""People and teams beside those of the golden organisation, for grants by e-mail and by a team's name.

The golden one, as recorded, has no teams and a member without grants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trueup.sandbox.den.seed import add_grant, add_key, add_member

if TYPE_CHECKING:
    from trueup.sandbox.den.world import DenWorld
    from trueup.sandbox.store import Row

PLATFORM, SUPPORT = "Platform", "Support"
EDITOR, VIEWER = "editor@example.test", "viewer@example.test"


def add_people(world: DenWorld) -> dict[str, Row]:
    """Write two members with sessions and keys, and two teams; return memberships by e-mail and teams by name.

    Platform has the owner and the editor, Support the editor and the viewer. Grants decide what they may do.
    """
    organization = next(world.organizations.values())
    owner, member = [row for row in world.members.values() if row["organizationId"] == organization["id"]]
    add_key(world, member, "member", principal="member-api-key")
    people = {}
    for email in (EDITOR, VIEWER):
        name = email.partition("@")[0]
        joined = add_member(world, organization, owner, f"Golden {name}", email, f"{name}-session")
        add_key(world, joined, name, principal=f"{name}-api-key")
        people[email] = joined
    people[PLATFORM] = _team(world, organization, PLATFORM, owner, people[EDITOR])
    people[SUPPORT] = _team(world, organization, SUPPORT, people[EDITOR], people[VIEWER])
    return people


def grant(world: DenWorld, instance: Row, whom: Row, role: str) -> Row:
    """Grant a role for an instance to a membership or a team."""
    field = "teamId" if "memberIds" in whom else "orgMembershipId"
    return add_grant(world, {"connectorInstanceId": instance["id"], field: whom["id"], "role": role})


def _team(world: DenWorld, organization: Row, name: str, *members: Row) -> Row:
    now = world.stamp()
    ids = {"id": world.new_id("tem"), "organizationId": organization["id"]}
    row = {**ids, "name": name, "memberIds": [member["id"] for member in members], "createdAt": now, "updatedAt": now}
    return world.put(world.teams, row)
