"""What the recordings do not show of the embedded Den: races, the window of requests, ends, and its own state."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from den_calls import INSTANCES, account, get, instance, made, target, walk
from sandbox_server import DenServer, StandingClock

from trueup.sandbox.clock import MovableClock
from trueup.sandbox.den import Den
from trueup.sandbox.store import Store

pytest_plugins = ("den_fixtures",)


async def test_two_changes_of_one_instance_at_once_undo_each_other() -> None:
    with DenServer() as den:
        headers = den.principals()["owner-session"]
        with den.client("owner-session") as owner:
            row = instance(owner, account(owner), "raced", config={"kept": 1})
        path = f"{INSTANCES}/{row['id']}"
        async with (
            httpx.AsyncClient(base_url=den.url, headers=headers, verify=False) as one,
            httpx.AsyncClient(base_url=den.url, headers=headers, verify=False) as other,
        ):
            lost = 0
            for _ in range(40):
                await one.post(f"{path}/enable")
                renamed, disabled = await asyncio.gather(
                    one.patch(path, json={"remoteId": "acme/x"}), other.post(f"{path}/disable")
                )
                assert (renamed.status_code, disabled.status_code) == (200, 200)
                lost += (await one.get(path)).json()["item"]["status"] == "active"
            assert lost
            # One after the other, nothing is lost.
            await one.patch(path, json={"status": "disabled"})
            await one.post(f"{path}/auto-import", json={"autoImportNewPlugins": False})
            after = (await one.patch(path, json={"name": "later"})).json()["item"]
        assert after["status"] == "disabled"
        assert after["instanceConfigJson"] == {"kept": 1, "autoImportNewPlugins": False}


def test_a_change_replaces_config_and_carries_the_rest(owner: httpx.Client) -> None:
    row = instance(owner, account(owner), "one", remoteId="acme/one", config={"a": 1, "b": {"c": [1]}})
    after = made(owner.patch(f"{INSTANCES}/{row['id']}", json={"config": {"b": 2}}))
    assert after["instanceConfigJson"] == {"b": 2}
    assert (after["name"], after["remoteId"], after["status"]) == ("one", "acme/one", "active")


@pytest.mark.parametrize("kind", ["accounts", "instances", "targets", "mappings", "events"])
def test_a_cursor_skips_repeats_and_begins_again(den: DenServer, owner: httpx.Client, kind: str) -> None:
    parent = account(owner)
    path, rows, dated = _five(den, owner, parent, kind)
    newest_first = [row["id"] for row in reversed(rows)]
    first = walk(owner, path, 2)
    assert [row["id"] for row in first["items"]] == newest_first[:2]
    assert first["nextCursor"] == newest_first[1]

    def move(identity: str) -> None:
        """What a write does to the item: it is the newest then."""
        den.advance(1.0)
        state = den.dump()
        state[dated[0]][identity][dated[1]] = den.call(den.den._world.stamp)
        den.load(state)

    move(newest_first[2])
    second = walk(owner, path, 2, first["nextCursor"])
    assert [row["id"] for row in second["items"]] == newest_first[3:], "what moved to the front is skipped"
    assert second["nextCursor"] is None
    move(newest_first[1])
    again = walk(owner, path, 2, newest_first[1])
    assert [row["id"] for row in again["items"]] == [newest_first[2], newest_first[0]], "the first page is repeated"
    for vanished in ("nobody", newest_first[0][:-4] + "zzzz"):
        begun = walk(owner, path, 2, vanished)
        assert [row["id"] for row in begun["items"]] == [newest_first[1], newest_first[2]], "it begins again"


def _five(
    den: DenServer, owner: httpx.Client, parent: dict[str, Any], kind: str
) -> tuple[str, list[dict[str, Any]], tuple[str, str]]:
    """Five of a kind, each a second younger than the last; their list, and the table and field that date them."""
    rows = []
    one = None if kind in ("accounts", "instances") else instance(owner, parent, "holder")
    its = target(owner, one, "acme/one") if one and kind in ("mappings", "events") else None
    path = {
        "accounts": "/v1/connector-accounts",
        "instances": INSTANCES,
        "targets": f"{INSTANCES}/{one['id']}/targets" if one else "",
        "mappings": f"/v1/connector-targets/{its['id']}/mappings" if its else "",
        "events": "/v1/connector-sync-events",
    }[kind]
    if kind == "accounts":
        owner.post(f"/v1/connector-accounts/{parent['id']}/disconnect")
    for number in range(5):
        den.advance(1.0)
        if kind == "accounts":
            rows.append(account(owner, f"2{number}"))
        elif kind == "instances":
            rows.append(instance(owner, parent, f"i{number}"))
        elif kind == "targets":
            assert one
            rows.append(target(owner, one, f"acme/{number}"))
        elif kind == "mappings":
            body = {"mappingKind": "path", "selector": f"s{number}", "objectType": "skill"}
            rows.append(made(owner.post(path, json=body)))
        else:
            assert its
            rows.append(owner.post(f"/v1/connector-targets/{its['id']}/resync").json()["job"])
    table = "den.syncEvents" if kind == "events" else "den.connector" + kind.capitalize()
    return path, rows, (table, "startedAt" if kind == "events" else "updatedAt")


def test_the_window_closes_only_after_a_minute_of_silence(den: DenServer, owner: httpx.Client) -> None:
    key = owner.post("/v1/api-keys", json={"name": "fresh"}).json()["key"]
    with den.client_with({"x-api-key": key}) as client:
        answers = [client.get("/v1/connector-accounts?limit=1").status_code for _ in range(602)]
        assert answers == [200] * 600 + [401, 401]
        den.advance(59.0)
        assert client.get("/v1/connector-accounts").status_code == 401
        limited = client.get("/api/auth/get-session")
        assert limited.status_code == 429
        assert limited.json()["code"] == "RATE_LIMITED"
        assert 0 < limited.json()["details"]["tryAgainIn"] <= 1000
        den.advance(1.001)
        assert client.get("/v1/connector-accounts").status_code == 200, "what was denied did not move the window"


def test_one_request_a_second_adds_up(den: DenServer, owner: httpx.Client) -> None:
    key = owner.post("/v1/api-keys", json={"name": "slow"}).json()["key"]
    _limit(den, key, 5)
    with den.client_with({"x-api-key": key}) as client:
        answers = []
        for _ in range(6):
            answers.append(client.get("/v1/org").status_code)
            den.advance(50.0)
        assert answers == [200] * 5 + [401]


async def test_requests_that_overlap_are_not_all_counted() -> None:
    with DenServer() as den:
        key = den.principals()["owner-api-key"]["x-api-key"]
        _limit(den, key, 60)

        async def one_connection() -> int:
            async with httpx.AsyncClient(base_url=den.url, headers={"x-api-key": key}, verify=False) as client:
                answers = [(await client.get("/v1/connector-accounts")).status_code for _ in range(60)]
            return answers.count(200)

        passed = await asyncio.gather(*(one_connection() for _ in range(6)))
        assert sum(passed) > 60


def _limit(den: DenServer, key: str, most: int) -> None:
    """Lets a key make only so many requests in its window."""
    state = den.dump()
    for row in state["den.apiKeys"].values():
        if row["key"] == key:
            row["rateLimitMax"] = most
    den.load(state)


def test_get_session_tells_what_is_wrong_with_a_key(den: DenServer) -> None:
    told = {}
    for name, headers in {**den.principals(), "unknown": {"x-api-key": "den_" + "x" * 60}}.items():
        with den.client_with(headers) as client:
            answer = client.get("/api/auth/get-session")
        told[name] = (answer.status_code, answer.json().get("code"))
        assert answer.headers["x-request-id"].startswith("req_")
    assert told["unknown"] == told["expired-api-key"] == (401, "INVALID_API_KEY")
    assert told["disabled-api-key"] == (401, "KEY_DISABLED")
    assert told["rate-limited-key"] == (429, "RATE_LIMITED")
    assert told["owner-session"] == told["owner-api-key"] == told["probe"] == (200, None)


def test_what_is_removed_takes_all_along(den: DenServer, owner: httpx.Client) -> None:
    parent = account(owner)
    for name in ("one", "two"):
        row = instance(owner, parent, name)
        its = target(owner, row, f"acme/{name}")
        body = {"mappingKind": "path", "selector": "skills/**", "objectType": "skill"}
        made(owner.post(f"/v1/connector-targets/{its['id']}/mappings", json=body))
        owner.post(f"/v1/connector-targets/{its['id']}/resync")
    gone = made(owner.post(f"{INSTANCES}/{row['id']}/remove"))
    assert (gone["deletedConnectorMappingCount"], gone["removedConnectorInstanceId"]) == (1, row["id"])
    assert owner.get(f"/v1/connector-targets/{its['id']}").status_code == 404
    gone = made(owner.post(f"/v1/connector-accounts/{parent['id']}/disconnect", json={"reason": "moved"}))
    assert (gone["deletedConnectorInstanceCount"], gone["deletedConnectorMappingCount"]) == (1, 1)
    left = {name: rows for name, rows in den.dump().items() if rows and name.startswith("den.")}
    kept = {"organizations", "users", "members", "invitations", "roles", "apiKeys", "sessions"}
    assert {name.removeprefix("den.") for name in left} == kept


def test_duplicates_break_as_any_fault_does(owner: httpx.Client) -> None:
    parent = account(owner)
    row, other = instance(owner, parent, "one"), instance(owner, parent, "two")
    its, second = target(owner, row, "acme/one"), target(owner, row, "acme/two")
    mappings = f"/v1/connector-targets/{its['id']}/mappings"
    body = {"mappingKind": "path", "selector": "skills/**", "objectType": "skill"}
    made(owner.post(mappings, json=body))
    agents = made(owner.post(mappings, json={**body, "objectType": "agent"}))
    wrong = [
        owner.post(f"{INSTANCES}/{row['id']}/targets", json=_target_body("acme/ONE")),
        owner.patch(f"/v1/connector-targets/{second['id']}", json={"remoteId": "acme/one"}),
        owner.patch(f"{INSTANCES}/{other['id']}", json={"name": "ONE"}),
        owner.post(mappings, json={**body, "mappingKind": "custom"}),
        owner.patch(f"/v1/connector-mappings/{agents['id']}", json={"objectType": "skill"}),
    ]
    assert [(answer.status_code, answer.json()) for answer in wrong] == [(500, {"error": "internal_server_error"})] * 5
    made(owner.patch(f"{INSTANCES}/{row['id']}", json={"name": "ONE"}))
    made(owner.post(f"{INSTANCES}/{other['id']}/targets", json=_target_body("acme/one")))


def _target_body(remote: str) -> dict[str, Any]:
    return {"connectorType": "github", "remoteId": remote, "targetKind": "repository_branch", "config": {}}


def test_a_state_goes_out_and_comes_back(den: DenServer, owner: httpx.Client) -> None:
    row = instance(owner, account(owner), "one", config={"a": 1})
    target(owner, row, "acme/one")
    state = json.loads(json.dumps(den.dump()))
    with DenServer(clock=StandingClock) as second:
        second.load(state)
        assert second.dump() == state
        with second.client_with(dict(owner.headers)) as same_key:
            assert get(same_key, row) == row
            state["den.connectorInstances"][row["id"]]["name"] = "edited by hand"
            second.load(state)
            assert get(same_key, row)["name"] == "edited by hand"
            assert same_key.get(INSTANCES, params={"q": "EDITED"}).json()["items"] == [get(same_key, row)]
        state["den.apiKeys"] = {}
        second.load(state)
        with second.client_with(dict(owner.headers)) as same_key:
            assert same_key.get(INSTANCES).status_code == 401


def test_an_answered_write_survives(tmp_path: Path) -> None:
    path = str(tmp_path / "den.db")
    with DenServer(path) as den:
        with den.client("owner-api-key") as owner:
            row = instance(owner, account(owner), "kept")
            found = Store(path)  # what another process would read right after the answer
        key = den.principals()["owner-api-key"]
    assert found.dump()["den.connectorInstances"][row["id"]]["name"] == "kept"
    assert Den(found, MovableClock()).principals()["owner-api-key"] == key


def test_a_fault_leaves_nothing_half_written(den: DenServer, owner: httpx.Client) -> None:
    """Half of a surrogate pair is JSON, and no database takes it."""
    parent = account(owner)
    before = den.dump().get("den.connectorInstances", {})
    body = '{"connectorAccountId":"%s","connectorType":"github","name":"\\ud800"}' % parent["id"]  # noqa: UP031
    answer = owner.post(INSTANCES, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 500
    assert den.dump().get("den.connectorInstances", {}) == before
    assert owner.get(INSTANCES).status_code == 200


@pytest.mark.parametrize(
    ("body", "issues"),
    [
        ({"name": 5}, [("name", "Invalid input: expected string, received number")]),
        ({"name": None}, [("name", "Invalid input: expected string, received null")]),
        ({"name": " "}, [("name", "Too small: expected string to have >=1 characters")]),
        (
            {"name": []},
            [
                ("name", "Invalid input: expected string, received array"),
                ("name", "Too small: expected array to have >=1 items"),
            ],
        ),
        ({"remoteId": True}, [("remoteId", "Invalid input: expected string, received boolean")]),
        ({"config": []}, [("config", "Invalid input: expected object, received array")]),
        ({"config": None}, [("config", "Invalid input: expected object, received null")]),
        (
            {"status": None, "remoteId": {}},
            [
                ("remoteId", "Invalid input: expected string, received object"),
                ("status", 'Invalid option: expected one of "active"|"disabled"|"archived"|"error"'),
            ],
        ),
    ],
)
def test_every_fault_of_a_change_is_told(
    owner: httpx.Client, body: dict[str, Any], issues: list[tuple[str, str]]
) -> None:
    row = instance(owner, account(owner), "one")
    answer = owner.patch(f"{INSTANCES}/{row['id']}", json=body)
    assert answer.status_code == 400
    assert [(issue["path"][0], issue["message"]) for issue in answer.json()["details"]] == issues
    assert get(owner, row) == row


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("abc", "Invalid input: expected number, received NaN"),
        ("1&limit=2", "Invalid input: expected number, received NaN"),
        ("-1", "Too small: expected number to be >=1"),
        ("1e3", "Too big: expected number to be <=100"),
        ("2.5", "Invalid input: expected int, received number"),
    ],
)
@pytest.mark.parametrize("path", [INSTANCES, "/v1/connector-accounts", "/v1/connector-sync-events"])
def test_a_limit_that_is_none_is_refused(owner: httpx.Client, path: str, limit: str, said: str) -> None:
    answer = owner.get(f"{path}?limit={limit}")
    assert (answer.status_code, answer.json()["details"][0]["message"]) == (400, said)
