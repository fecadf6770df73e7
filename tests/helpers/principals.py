"""Teams and grants of the sandbox's Den."""

from __future__ import annotations

from world import World

GRANTS, TEAMS = "den.accessGrants", "den.teams"


def live_grants(world: World) -> dict[str, str]:
    """Return the roles of the active grants of `docs` by the id of their principal, without the key's own member."""
    mine = world.sandbox.den.get("/v1/org").json()["currentMember"]["id"]
    docs = world.instance("docs")["id"]
    rows = [row for row in world.rows(GRANTS) if row["connectorInstanceId"] == docs and row["removedAt"] is None]
    return {
        row["teamId"] or row["orgMembershipId"] or "everybody": row["role"]
        for row in rows
        if row["orgMembershipId"] != mine
    }


def team_id(world: World, name: str) -> str:
    return str(world.row(TEAMS, name=name)["id"])
