"""Differences between the recorded Den and the Den of its newer sources, switch by switch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sandboxes import Running, running

NEWER = "2026-09"
ACCOUNTS, INSTANCES, SESSION = "/v1/connector-accounts", "/v1/connector-instances", "/api/auth/get-session"


@pytest.fixture(scope="module")
def started() -> Iterator[tuple[Running, Any]]:
    with running("--preset", "demo", "--den-version", NEWER) as sandbox:
        yield sandbox, sandbox.control.get("/state").json()


@pytest.fixture
def newer(started: tuple[Running, Any]) -> Running:
    sandbox, state = started
    sandbox.calm()
    assert sandbox.control.put("/state", json=state).status_code == 200
    return sandbox


def as_(sandbox: Running, *principals: str, **headers: str) -> httpx.Client:
    """Return a client with the headers of all those principals."""
    known = sandbox.control.get("/principals").json()
    for name in principals:
        headers |= known[name]
    return httpx.Client(base_url=sandbox.ready["den"]["url"], headers=headers, timeout=20)


def switch(sandbox: Running, **switches: Any) -> None:
    assert sandbox.control.put("/den", json=switches).status_code == 200


def spend(sandbox: Running, key: str, left: int = 0) -> None:
    """Use up the window of that key except for `left` requests."""
    state = sandbox.control.get("/state").json()
    now = sandbox.control.get("/clock").json()["now"]
    (row,) = [row for row in state["tables"]["den.apiKeys"].values() if row["key"] == key]
    row |= {"requestCount": row["rateLimitMax"] - left, "lastRequest": now}
    assert sandbox.control.put("/state", json=state).status_code == 200


def edit(sandbox: Running, table: str, **fields: Any) -> str:
    """Set fields of the first row of a table; return its id."""
    state = sandbox.control.get("/state").json()
    row = next(iter(state["tables"][table].values()))
    row |= fields
    assert sandbox.control.put("/state", json=state).status_code == 200
    return str(row["id"])


def test_the_option_chooses_what_the_switches_default_to(newer: Running) -> None:
    assert newer.control.get("/den").json()["version"] == NEWER
    switch(newer, version="2026-08", window="exact")
    shown = newer.control.get("/den").json()
    assert (shown["requestIds"], shown["getSession"], shown["window"]) == (True, "keys", "exact")
    assert newer.control.put("/den", json={"version": "2027-01"}).status_code == 400
    assert newer.control.put("/den", json={"unknown": 1}).status_code == 400
    state = newer.control.get("/state").json()
    assert state["den"] == {"version": "2026-08", "window": "exact"}
    switch(newer)
    assert newer.control.get("/den").json()["window"] == "exact"
    assert newer.control.get("/den").json()["keys"] == "fall-through"


def test_answers_carry_no_header_of_their_own(newer: Running) -> None:
    for answer in (newer.den.get(ACCOUNTS), newer.den.get("/v1/nothing"), newer.den.get(SESSION)):
        assert not [name for name in answer.headers if name.startswith("x-")]
    switch(newer, requestIds=True)
    assert newer.den.get(ACCOUNTS).headers["x-request-id"].startswith("req_")


async def test_the_window_is_exact_at_any_concurrency(newer: Running) -> None:
    spend(newer, newer.ready["den"]["apiKey"], left=60)
    headers = {"x-api-key": newer.ready["den"]["apiKey"]}

    async def one_connection() -> int:
        async with httpx.AsyncClient(base_url=newer.ready["den"]["url"], headers=headers, verify=False) as client:
            return [(await client.get(ACCOUNTS)).status_code for _ in range(30)].count(200)

    assert sum(await asyncio.gather(*(one_connection() for _ in range(8)))) == 60


def test_a_key_that_is_no_good_falls_through_to_a_session_beside_it(newer: Running) -> None:
    owner = "owner@example.test"
    other = {"authorization": as_(newer, "owner-session").headers["authorization"]}
    for key in ("disabled-api-key", "expired-api-key", "rate-limited-key"):
        with as_(newer, key) as client:
            assert client.get(ACCOUNTS).status_code == 401
            assert client.get(ACCOUNTS, headers=other).status_code == 200, key
            token = other["authorization"].removeprefix("Bearer ")
            cookie = {"cookie": f"a=b; better-auth.session_token={token}.signature"}
            assert client.get(ACCOUNTS, headers=cookie).status_code == 200, key
    with as_(newer, "other-org-api-key") as client:
        seen = client.get("/v1/org", headers=other).json()
        assert owner not in {one["user"]["email"] for one in seen["members"]}, "a good key is the whole answer"
    switch(newer, version="2026-08")
    with as_(newer, "disabled-api-key") as client:
        assert client.get(ACCOUNTS, headers=other).status_code == 401


def test_get_session_knows_sessions_alone(newer: Running) -> None:
    for key in ("owner-api-key", "disabled-api-key", "rate-limited-key"):
        with as_(newer, key) as client:
            answer = client.get(SESSION)
            assert (answer.status_code, answer.json()) == (200, None), key
    with as_(newer, "owner-api-key", "owner-session") as client:
        assert client.get(SESSION).json()["user"]["email"] == "owner@example.test"


def test_asking_for_a_session_does_not_count_against_a_key(newer: Running) -> None:
    spend(newer, newer.ready["den"]["apiKey"], left=1)
    assert newer.den.get(SESSION).json() is None
    assert [newer.den.get(ACCOUNTS).status_code for _ in range(2)] == [200, 401]


def test_a_build_of_the_middle_of_august_refuses_every_key(newer: Running) -> None:
    switch(newer, keys="refused")
    assert newer.den.get(ACCOUNTS).status_code == 401
    assert newer.den.get(SESSION).json() is None
    with as_(newer, "owner-session") as client:
        assert client.get(ACCOUNTS).status_code == 200
    switch(newer, keys="refused", getSession="keys")
    assert newer.den.get(SESSION).json()["code"] == "INVALID_API_KEY"


def test_who_signed_in_long_ago_may_write(newer: Running) -> None:
    (first, *_) = newer.den.get(INSTANCES).json()["items"]
    with as_(newer, "stale-owner-session") as client:
        for asked, reading, writing in (("never", 200, 200), ("writes", 200, 403), ("all", 403, 403)):
            switch(newer, reauth=asked)
            assert client.get(f"{INSTANCES}/{first['id']}/access").status_code == reading
            assert client.post(f"{INSTANCES}/{first['id']}/enable").status_code == writing


def test_teams_make_admins_and_the_organisation_tells_of_it(newer: Running) -> None:
    body = {"connectorType": "github", "remoteId": "7", "displayName": "seven"}
    with as_(newer, "editor-api-key") as client:
        refused = client.post(ACCOUNTS, json=body)
        assert (refused.status_code, refused.json()["requiredPermission"]) == (403, "connector_account.create")
        team = edit(newer, "den.teams", admin=True)
        assert client.post(ACCOUNTS, json=body).status_code == 201
        shown = client.get("/v1/org").json()
    current = shown["currentMember"]
    assert (current["directRole"], current["effectiveRole"]) == ("member", "admin")
    assert current["adminTeams"] == [{"id": team, "name": "Platform"}]
    assert "super-admin" not in {role["role"] for role in shown["roles"]}
    switch(newer, version="2026-08")
    assert "effectiveRole" not in newer.den.get("/v1/org").json()["currentMember"]


def test_the_organisation_is_up_to_five_minutes_old_and_lists_people(newer: Running) -> None:
    before = newer.den.get("/v1/org").json()
    edit(newer, "den.teams", name="Renamed")
    assert newer.den.get("/v1/org").json()["teams"] == before["teams"]
    newer.control.post("/clock", json={"advanceSeconds": 301})
    assert "Renamed" in {team["name"] for team in newer.den.get("/v1/org").json()["teams"]}
    person = edit(newer, "den.users", service=True)
    newer.control.post("/clock", json={"advanceSeconds": 301})
    after = newer.den.get("/v1/org").json()["members"]
    assert len(after) == len(before["members"]) - 1
    assert person not in {member["userId"] for member in after}


def test_sessions_may_have_to_come_by_sso(newer: Running) -> None:
    switch(newer, ssoRequired=True)
    with as_(newer, "owner-session") as client:
        answer = client.get(ACCOUNTS)
        assert (answer.status_code, answer.json()["error"]) == (403, "organization_sso_required")
    assert newer.den.get(ACCOUNTS).status_code == 200


def test_what_a_mapping_makes_grows(newer: Running) -> None:
    (first, *_) = newer.den.get(INSTANCES).json()["items"]
    body = {"connectorType": "github", "remoteId": "acme/x", "targetKind": "repository_branch", "config": {}}
    target = newer.den.post(f"{INSTANCES}/{first['id']}/targets", json=body).json()["item"]
    route = f"/v1/connector-targets/{target['id']}/mappings"
    mapping = {"mappingKind": "path", "selector": "a", "objectType": "workflow"}
    made = newer.den.post(route, json=mapping)
    assert made.status_code == 201
    assert newer.den.get(route, params={"objectType": "workflow"}).json()["items"] == [made.json()["item"]]
    switch(newer, objectTypes=["skill", "poem"])
    path = f"/v1/connector-mappings/{made.json()['item']['id']}"
    assert newer.den.patch(path, json={"objectType": "poem"}).status_code == 200
    refused = newer.den.patch(path, json={"objectType": "workflow"})
    assert (refused.status_code, refused.json()["details"][0]["values"]) == (400, ["skill", "poem"])


def test_answers_of_newer_servers_are_faults_by_name(newer: Running) -> None:
    newer.control.post("/faults", json={"preset": "audit-unavailable", "times": 1})
    newer.control.post("/faults", json={"preset": "sso-required", "times": 1})
    newer.control.post("/faults", json={"preset": "permission-missing", "times": 1})
    told = [newer.den.post(ACCOUNTS, json={}) for _ in range(3)]
    assert [answer.status_code for answer in told] == [503, 403, 403]
    assert told[0].json() == {"error": "audit_unavailable"}
    assert told[2].json()["requiredPermission"]
    for wrong in ({"preset": "audit-unavailable", "status": 500}, {"preset": "unknown"}):
        assert newer.control.post("/faults", json=wrong).status_code == 400
