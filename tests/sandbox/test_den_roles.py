"""What the embedded Den lets whom do: grants, teams, other organisations, and sessions that grow stale."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from den_calls import INSTANCES, account, instance, made, target
from sandbox_server import DenServer

pytest_plugins = ("den_fixtures",)


ROUTES = [
    ("viewer", "GET", ""),
    ("viewer", "GET", "/configuration"),
    ("viewer", "GET", "/targets"),
    ("editor", "PATCH", ""),
    ("editor", "POST", "/disable"),
    ("editor", "POST", "/sync-now"),
    ("editor", "POST", "/auto-import"),
    ("manager", "GET", "/access"),
    ("manager", "POST", "/access"),
]


@pytest.mark.parametrize("through", ["member", "team", "everybody"])
@pytest.mark.parametrize("role", ["viewer", "editor", "manager"])
def test_a_grant_opens_what_its_role_may(
    den: DenServer, owner: httpx.Client, member: httpx.Client, role: str, through: str
) -> None:
    row = instance(owner, account(owner), "granted")
    mine = next(m for m in owner.get("/v1/org").json()["members"] if not m["isOwner"])["id"]
    principal: dict[str, Any] = {"member": {"orgMembershipId": mine}, "everybody": {"orgWide": True}}.get(through, {})
    if through == "team":
        principal = {"teamId": _team(den, mine)}
    assert member.get(INSTANCES).json()["items"] == []
    grant = made(owner.post(f"{INSTANCES}/{row['id']}/access", json={"role": role, **principal}))
    assert [item["id"] for item in member.get(INSTANCES).json()["items"]] == [row["id"]]
    ranks = ["viewer", "editor", "manager"]
    bodies: dict[str, Any] = {
        "PATCH ": {"remoteId": "acme/x"},
        "POST /auto-import": {"autoImportNewPlugins": True},
        "POST /access": {"role": "viewer", "orgMembershipId": mine},
    }
    for needed, method, path in ROUTES:
        body = bodies.get(f"{method} {path}")
        answer = member.request(method, f"{INSTANCES}/{row['id']}{path}", json=body)
        if ranks.index(role) >= ranks.index(needed):
            assert answer.is_success, (needed, method, path, answer.text)
        else:
            said = {"error": "forbidden", "message": f"Missing {needed} access for connector instance."}
            assert (answer.status_code, answer.json()) == (403, said)
    assert owner.delete(f"{INSTANCES}/{row['id']}/access/{grant['id']}").status_code == 204
    left = owner.get(f"{INSTANCES}/{row['id']}/access").json()["items"]
    assert [item["removedAt"] is not None for item in left if item["id"] == grant["id"]] == [True]
    if role != "manager" or through == "member":  # a manager has meanwhile made a grant of their own
        assert member.get(f"{INSTANCES}/{row['id']}").status_code == 403


def _team(den: DenServer, member: str) -> str:
    """A team with that member, written into the state: there is no route that makes one here."""
    state = den.dump()
    organization = state["den.members"][member]["organizationId"]
    identity, now = den.call(lambda: den.den._world.new_id("tem")), den.call(den.den._world.stamp)
    row = {"id": identity, "organizationId": organization, "name": "platform", "memberIds": [member]}
    state.setdefault("den.teams", {})[identity] = {**row, "createdAt": now, "updatedAt": now}
    den.load(state)
    return identity


def test_nobody_grants_to_strangers(den: DenServer, owner: httpx.Client) -> None:
    path = f"{INSTANCES}/{instance(owner, account(owner), 'guarded')['id']}/access"
    with den.client("other-org-api-key") as other:
        theirs = other.get("/v1/org").json()["currentMember"]["id"]
    for principal, error in (
        ({"orgMembershipId": theirs}, "member_not_found"),
        ({"teamId": "tem_" + theirs.removeprefix("om_")}, "team_not_found"),
    ):
        answer = owner.post(path, json={"role": "viewer", **principal})
        assert (answer.status_code, answer.json()["error"]) == (404, error)


def test_another_organisation_sees_nothing(den: DenServer, owner: httpx.Client) -> None:
    row = instance(owner, account(owner), "ours")
    its = target(owner, row, "acme/ours")
    with den.client("other-org-api-key") as other:
        for path in (f"{INSTANCES}/{row['id']}", f"{INSTANCES}/{row['id']}/access", f"{INSTANCES}/{row['id']}/targets"):
            answer = other.get(path)
            assert (answer.status_code, answer.json()["error"]) == (404, "connector_instance_not_found")
        assert other.post(f"/v1/connector-targets/{its['id']}/resync").json()["error"] == "connector_target_not_found"
        assert other.get("/v1/connector-accounts").json()["items"] == []
        mine = other.get("/v1/me/orgs").json()
    assert [org["isActive"] for org in mine["orgs"]] == [True]
    assert mine["activeOrgId"] not in owner.get("/v1/me/orgs").text


def test_an_owners_session_grows_stale(den: DenServer, owner: httpx.Client, member: httpx.Client) -> None:
    row = instance(owner, account(owner), "guarded")
    with den.client("owner-session") as session:
        assert session.post(f"{INSTANCES}/{row['id']}/disable").status_code == 200
        den.advance(15 * 60 + 1.0)
        assert session.get(f"{INSTANCES}/{row['id']}").status_code == 200
        stale = session.post(f"{INSTANCES}/{row['id']}/enable")
        assert (stale.status_code, stale.json()["error"]) == (403, "reauth")
        assert session.post(f"{INSTANCES}/{row['id'][:-4]}zzzz/enable").status_code == 404
    assert owner.post(f"{INSTANCES}/{row['id']}/enable").status_code == 200
    assert member.post(f"{INSTANCES}/{row['id']}/enable").json()["error"] == "forbidden"
