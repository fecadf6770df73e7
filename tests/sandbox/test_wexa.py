"""Wexa, embedded: the documented call, the other routes in the shapes that were seen, and every switch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sandboxes import Running, running

from trueup.sandbox.presets import DEMO_CONNECTORS, DEMO_PROJECT
from trueup.sandbox.shapes import Schema
from trueup.sandbox.wexa.switches import SWITCHES

CRM, EVENTS, ARCHIVE = (DEMO_CONNECTORS[name] for name in ("crm", "events", "archive"))
LOADER = {"source": "mongodb", "batch_size": 100, "auth": {"username": "admin", "password": "secure123"}}
LIST = f"/connectors/{DEMO_PROJECT}"


@pytest.fixture(scope="module")
def process() -> Iterator[tuple[Running, Any]]:
    with running("--preset", "demo") as sandbox:
        yield sandbox, sandbox.control.get("/state").json()


@pytest.fixture
def sandbox(process: tuple[Running, Any]) -> Running:
    sandbox, state = process
    assert sandbox.control.put("/state", json=state).status_code == 200
    sandbox.calm()
    return sandbox


def switch(sandbox: Running, **switches: Any) -> None:
    answer = sandbox.control.put("/wexa", json=switches)
    assert answer.status_code == 200, answer.text


def change(sandbox: Running, status: str = "active", identity: str = CRM, **loader: Any) -> httpx.Response:
    body = {"new_status": status, "connectorID": identity, "data_loader_config": {**LOADER, **loader}}
    return sandbox.wexa.post("/connectors/change_status", json=body)


def read(sandbox: Running, identity: str = CRM) -> dict[str, Any]:
    answer = sandbox.wexa.get(f"/connector/{identity}")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def stored(sandbox: Running) -> Any:
    return sandbox.control.get("/state").json()["tables"]["wexa.connectors"]


def listed(sandbox: Running) -> dict[str, str]:
    """Status by name."""
    groups = sandbox.wexa.get(LIST).json()
    return {detail["sourceName"]: detail["status"] for group in groups for detail in group["accountDetails"]}


# --- the documented call -----------------------------------------------------------------------------------------


def test_change_status_answers_as_documented(sandbox: Running) -> None:
    answer = change(sandbox, "pending")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    message = f"Updated connector status to pending for connectorID {CRM}"
    assert answer.json() == {"status": "success", "message": message}
    assert stored(sandbox)[CRM]["data_loader_config"] == LOADER


@pytest.mark.parametrize("missing", ["new_status", "connectorID", "data_loader_config", "source", "batch_size", "auth"])
def test_change_status_requires_every_field(sandbox: Running, missing: str) -> None:
    loader = {key: value for key, value in LOADER.items() if key != missing}
    body = {"new_status": "active", "connectorID": CRM, "data_loader_config": loader}
    body.pop(missing, None)
    before = stored(sandbox)
    answer = sandbox.wexa.post("/connectors/change_status", json=body)
    assert answer.status_code == 400
    assert missing in answer.json()["detail"]
    assert stored(sandbox) == before


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"new_status": 1}, 400),
        ({"new_status": "ready"}, 400),
        ({"connectorID": "short"}, 400),
        ({"connectorID": "f" * 24}, 404),
        ({"data_loader_config": []}, 400),
        ({"data_loader_config": {**LOADER, "batch_size": "100"}}, 400),
        ({"data_loader_config": {**LOADER, "batch_size": True}}, 400),
        ({"data_loader_config": {**LOADER, "auth": "admin"}}, 400),
    ],
)
def test_change_status_refuses_wrong_values(sandbox: Running, fields: dict[str, Any], status: int) -> None:
    body = {"new_status": "active", "connectorID": CRM, "data_loader_config": LOADER, **fields}
    before = stored(sandbox)
    answer = sandbox.wexa.post("/connectors/change_status", json=body)
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)
    assert stored(sandbox) == before
    assert sandbox.wexa.post("/connectors/change_status", content=b"{").status_code == 400


# --- keys --------------------------------------------------------------------------------------------------------


def test_every_route_but_the_public_one_needs_a_key(sandbox: Running) -> None:
    for headers in ({}, {"x-api-key": "wrong"}, {"x-api-key": ""}):
        for path in (LIST, f"/connector/{CRM}", "/v1/project"):
            assert httpx.get(sandbox.ready["wexa"]["url"] + path, headers=headers).status_code == 401
    assert httpx.get(sandbox.ready["wexa"]["url"] + "/public/connectors/all").status_code == 200


def test_another_organisation_sees_nothing_of_ours(sandbox: Running) -> None:
    other = sandbox.control.get("/principals").json()["wexa-other-api-key"]
    for method, path in (("GET", LIST), ("GET", f"/connector/{CRM}"), ("GET", f"/v1/project/{DEMO_PROJECT}")):
        assert sandbox.wexa.request(method, path, headers=other).status_code == 404
    assert sandbox.wexa.get("/v1/project", headers=other).json()["totalCount"] == 1


# --- the routes that clients use ---------------------------------------------------------------------------------


def test_list_is_grouped_and_some_groups_are_empty(sandbox: Running) -> None:
    groups = sandbox.wexa.get(LIST).json()
    assert all(group["accounts"] == len(group["accountDetails"]) for group in groups)
    assert {group["category"]: group["accounts"] for group in groups}["mailbox"] == 0
    details = [detail for group in groups for detail in group["accountDetails"]]
    assert {(detail["connectorID"], detail["sourceName"], detail["status"]) for detail in details} == {
        (CRM, "crm", "pending"),
        (EVENTS, "events", "ready"),
        (ARCHIVE, "archive", "inactive"),
    }
    assert sandbox.wexa.get(f"/connectors/{'f' * 24}").status_code == 404


def test_one_connector_shows_what_was_seen_of_it(sandbox: Running) -> None:
    change(sandbox)
    shown = read(sandbox)
    assert set(shown) == {"name", "description", "status", "config"}
    assert (shown["name"], shown["status"]) == ("crm", "ready")
    assert shown["config"]["config"] == LOADER


def test_create_and_its_duplicate(sandbox: Running) -> None:
    body = {
        "name": "second",
        "description": "made by a test",
        "category": "crm",
        "org_id": "x",
        "projectID": DEMO_PROJECT,
        "logo": "",
        "ui_form": [],
        "config": {"token": "t"},
        "enabled": True,
    }
    path = f"/actions/CRM/config?projectID={DEMO_PROJECT}"
    made = sandbox.wexa.post(path, json=body).json()
    assert re.fullmatch("[0-9a-f]{24}", made["_id"])
    assert read(sandbox, made["_id"])["config"] == {"config": {"token": "t"}}
    assert listed(sandbox)["second"] == "pending"
    again = sandbox.wexa.post(path, json=body)
    assert (again.status_code, again.json()["detail"]) == (400, "Connector with the same name already exists")
    refused: list[Any] = [{**body, "name": ""}, {**body, "config": []}, []]
    for wrong in refused:
        assert sandbox.wexa.post(path, json=wrong).status_code == 400
    assert sandbox.wexa.post("/actions/CRM/config", json={**body, "name": "third"}).status_code == 400
    assert "third" not in listed(sandbox)


def test_delete_is_for_good(sandbox: Running) -> None:
    assert sandbox.wexa.delete(f"/connector/{CRM}").status_code == 400, "it needs the project"
    assert sandbox.wexa.delete(f"/connector/{CRM}?projectID={DEMO_PROJECT}").json()["status"] == "success"
    assert "crm" not in listed(sandbox)
    assert sandbox.wexa.get(f"/connector/{CRM}").status_code == 404
    assert change(sandbox).status_code == 404


def test_config_of_a_category(sandbox: Running) -> None:
    shown = sandbox.wexa.get(f"/actions/MONGODB/config/{DEMO_PROJECT}").json()
    assert shown["config"]["source"] == "mongodb"
    assert sandbox.wexa.get(f"/actions/MAILBOX/config/{DEMO_PROJECT}").status_code == 404


def test_triggers(sandbox: Running) -> None:
    actions = f"{LIST}/trigger_actions?projectID={DEMO_PROJECT}"
    assert sandbox.wexa.get(actions).json() == []
    empty = {"connector_id": CRM, "connector_type": "crm", "triggers": []}
    assert sandbox.wexa.get(f"/triggers/connector/{CRM}").json() == empty
    full = {**empty, "triggers": [{"name": "contact-added"}]}
    put = f"/triggers/connector/{CRM}/crm"
    assert sandbox.wexa.put(put, json={"triggers": full["triggers"]}).json() == full
    assert sandbox.wexa.get(actions).json() == [full]
    assert sandbox.wexa.put(put, json={}).status_code == 400
    assert sandbox.wexa.put(f"/triggers/connector/{CRM}/mongodb", json={"triggers": []}).status_code == 404


def test_projects(sandbox: Running) -> None:
    one = sandbox.wexa.get(f"/v1/project/{DEMO_PROJECT}").json()
    assert set(one) == {"_id", "projectName", "description", "orgId", "status", "createdAt", "updatedAt"}
    short = {key: one[key] for key in ("_id", "projectName", "status")}
    query = {"orgId": one["orgId"], "userId": "x", "status": "active", "page": 1, "limit": 10}
    assert sandbox.wexa.get("/v1/project", params=query).json() == {"projectList": [short], "totalCount": 1}
    assert sandbox.wexa.get("/v1/project?page=2").json() == {"projectList": [], "totalCount": 1}
    assert sandbox.wexa.get("/v1/project?orgId=other").json() == {"projectList": [], "totalCount": 0}
    assert sandbox.wexa.get("/v1/project?page=0").status_code == 400
    assert sandbox.wexa.get(f"/v1/project/{'f' * 24}").status_code == 404


def test_catalogue_and_unknown_routes(sandbox: Running) -> None:
    every = sandbox.wexa.get("/public/connectors/all?search_key=&filter_type=all").json()
    found = sandbox.wexa.get("/public/connectors/all?search_key=mongo").json()
    assert [entry["category"] for entry in found] == ["mongodb"]
    assert found[0] in every
    assert (sandbox.wexa.get("/nowhere").status_code, sandbox.wexa.get("/nowhere").json()) == (
        404,
        {"detail": "Not Found"},
    )
    assert sandbox.wexa.put(LIST).status_code == 405


# --- the switches ------------------------------------------------------------------------------------------------


def test_switches_have_defaults_and_go_back_to_them(sandbox: Running) -> None:
    defaults = sandbox.control.get("/wexa").json()
    assert defaults == {name: default for name, (default, _) in SWITCHES.items()}
    switch(sandbox, config="absent", settle=2)
    assert sandbox.control.get("/wexa").json() == {**defaults, "config": "absent", "settle": 2}
    switch(sandbox, list="flat")
    assert sandbox.control.get("/wexa").json() == {**defaults, "list": "flat"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"config": "hidden"},
        {"cfg": "clear"},
        {"statuses": "mirror"},
        {"statuses": {"active": 1}},
        {"failure200": -1},
        {"failure200": "yes"},
        {"settle": -1},
        {"pageSize": 0},
        {"batchSizes": [1]},
        {"rateLimit": {"requests": 1}},
        {"errorStatus": 99},
        [],
    ],
)
def test_wrong_switches_change_nothing(sandbox: Running, wrong: Any) -> None:
    switch(sandbox, settle=2)
    answer = sandbox.control.put("/wexa", json=wrong)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert sandbox.control.get("/wexa").json()["settle"] == 2


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("clear", LOADER),
        ("masked", {**LOADER, "auth": {"username": "********", "password": "********"}}),
        ("renamed", {"sourceType": "mongodb", "batchSize": 100, "credentials": LOADER["auth"]}),
        ("absent", None),
    ],
)
@pytest.mark.parametrize("place", ["config", "beside"])
def test_config_reads_back(sandbox: Running, how: str, expected: Schema | None, place: str) -> None:
    change(sandbox)
    switch(sandbox, config=how, place=place)
    shown = read(sandbox)
    if place == "config":
        assert shown["config"]["config"] == (expected or {})
    else:
        assert shown["config"]["config"] == {}
        assert shown.get("data_loader_config") == expected
    assert ("secure123" in json.dumps(shown)) == (how in ("clear", "renamed"))


def test_statuses_read_back_in_other_words(sandbox: Running) -> None:
    switch(sandbox, statuses={"active": "failed", "inactive": "stopped"})
    assert change(sandbox).json()["status"] == "success"
    assert (read(sandbox)["status"], listed(sandbox)["crm"]) == ("failed", "failed")
    assert listed(sandbox)["archive"] == "stopped"
    switch(sandbox, statuses="echo")
    assert (read(sandbox)["status"], listed(sandbox)["archive"]) == ("active", "inactive")


def test_writable_statuses(sandbox: Running) -> None:
    switch(sandbox, writable=["active"])
    assert change(sandbox, "inactive").status_code == 400
    switch(sandbox, writable=None)
    assert change(sandbox, "anything").status_code == 200


def test_status_settles(sandbox: Running) -> None:
    switch(sandbox, settle=100)
    change(sandbox)
    assert (read(sandbox)["status"], listed(sandbox)["crm"]) == ("pending", "pending")
    assert listed(sandbox)["events"] == "ready", "nobody wrote that one"
    sandbox.control.post("/clock", json={"advanceSeconds": 101})
    assert read(sandbox)["status"] == "ready"


@pytest.mark.parametrize(("value", "failures"), [(2, 2), (True, 4), (False, 0), (0, 0)])
def test_failure_with_200(sandbox: Running, value: Any, failures: int) -> None:
    switch(sandbox, failure200=value)
    before = stored(sandbox)
    answers = []
    for _ in range(4):
        answers.append(change(sandbox))
        if len(answers) <= failures:
            assert stored(sandbox) == before, "what failed had no effect"
    assert {answer.status_code for answer in answers} == {200}
    assert [answer.json()["status"] for answer in answers] == ["error"] * failures + ["success"] * (4 - failures)
    assert all(answer.json()["message"] for answer in answers)


def test_failure_with_200_befalls_every_write(sandbox: Running) -> None:
    switch(sandbox, failure200=True)
    before = stored(sandbox)
    path = f"projectID={DEMO_PROJECT}"
    for answer in (
        sandbox.wexa.post(f"/actions/crm/config?{path}", json={"name": "new"}),
        sandbox.wexa.delete(f"/connector/{CRM}?{path}"),
        sandbox.wexa.put(f"/triggers/connector/{CRM}/crm", json={"triggers": [1]}),
    ):
        assert (answer.status_code, answer.json()["status"]) == (200, "error")
    assert stored(sandbox) == before


def test_list_is_flat(sandbox: Running) -> None:
    switch(sandbox, list="flat")
    rows = sandbox.wexa.get(LIST).json()
    assert {row["sourceName"]: row["category"] for row in rows} == {
        "crm": "crm",
        "events": "mongodb",
        "archive": "postgresql",
    }
    assert set(rows[0]) == {"category", "connectorID", "sourceName", "status"}


def test_list_has_pages(sandbox: Running) -> None:
    switch(sandbox, pageSize=2, list="flat")
    pages = [sandbox.wexa.get(LIST, params={"page": page}).json() for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [2, 1, 0]
    assert {row["sourceName"] for page in pages for row in page} == set(DEMO_CONNECTORS)
    assert sandbox.wexa.get(LIST).json() == pages[0]


def test_deleted_connector_stays_listed(sandbox: Running) -> None:
    switch(sandbox, deleted="listed")
    sandbox.wexa.delete(f"/connector/{CRM}?projectID={DEMO_PROJECT}")
    assert "crm" in listed(sandbox)
    assert sandbox.wexa.get(f"/connector/{CRM}").status_code == 404


@pytest.mark.parametrize(("how", "auth"), [("replace", {"token": "t"}), ("merge", {**LOADER["auth"], "token": "t"})])  # type: ignore[dict-item]
def test_config_is_replaced_or_merged(sandbox: Running, how: str, auth: Any) -> None:
    switch(sandbox, merge=how)
    change(sandbox)
    change(sandbox, auth={"token": "t"})
    assert read(sandbox)["config"]["config"]["auth"] == auth


@pytest.mark.parametrize(("how", "status", "kept"), [("keep", 200, True), ("drop", 200, False), ("refuse", 400, False)])
def test_unknown_keys(sandbox: Running, how: str, status: int, kept: bool) -> None:
    switch(sandbox, unknownKeys=how)
    assert change(sandbox, region="north").status_code == status
    assert ("region" in json.dumps(stored(sandbox)[CRM])) == kept
    body = {"new_status": "active", "connectorID": CRM, "data_loader_config": LOADER, "note": "x"}
    assert sandbox.wexa.post("/connectors/change_status", json=body).status_code == status


def test_repeated_change_is_refused(sandbox: Running) -> None:
    assert [change(sandbox).status_code for _ in range(2)] == [200, 200]
    switch(sandbox, repeat="refuse")
    assert change(sandbox).status_code == 400
    assert change(sandbox, batch_size=101).status_code == 200


def test_allowed_values_of_the_config(sandbox: Running) -> None:
    switch(sandbox, sources=["mongodb"], batchSizes=[1, 1000], authKeys=["username", "password"])
    assert change(sandbox).status_code == 200
    for wrong in ({"source": "other"}, {"batch_size": 0}, {"batch_size": 1001}, {"auth": {"username": "admin"}}):
        assert change(sandbox, **wrong).status_code == 400


def test_duplicate_names(sandbox: Running) -> None:
    switch(sandbox, duplicateNames="accept")
    path = f"/actions/crm/config?projectID={DEMO_PROJECT}"
    assert sandbox.wexa.post(path, json={"name": "crm"}).status_code == 200
    crm = next(group for group in sandbox.wexa.get(LIST).json() if group["category"] == "crm")
    assert [detail["sourceName"] for detail in crm["accountDetails"]] == ["crm", "crm"]


def test_words_and_statuses_of_errors(sandbox: Running) -> None:
    missing = f"/connector/{'f' * 24}"
    for key in ("detail", "error", "message"):
        switch(sandbox, errorKey=key)
        assert sandbox.wexa.get(missing).json() == {key: "Connector not found"}
    switch(sandbox, errorStatus=500)
    assert sandbox.wexa.get(missing).status_code == 500
    switch(sandbox, errorStatus=200, errorKey="message")
    answer = sandbox.wexa.get(missing)
    assert (answer.status_code, answer.json()) == (200, {"status": "error", "message": "Connector not found"})


def test_key_of_one_project_alone(sandbox: Running) -> None:
    state = sandbox.control.get("/state").json()
    projects = state["tables"]["wexa.projects"]
    second = {**projects[DEMO_PROJECT], "_id": "a" * 24}
    projects["a" * 24] = second
    sandbox.control.put("/state", json=state)
    assert sandbox.wexa.get(f"/connectors/{'a' * 24}").status_code == 200
    switch(sandbox, keys="project")
    assert sandbox.wexa.get(f"/connectors/{'a' * 24}").status_code == 404
    assert sandbox.wexa.get(LIST).status_code == 200


def test_rate_limit(sandbox: Running) -> None:
    switch(sandbox, rateLimit={"requests": 2, "seconds": 60})
    answers = [sandbox.wexa.get(LIST) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60
    sandbox.control.post("/clock", json={"advanceSeconds": 60})
    assert sandbox.wexa.get(LIST).status_code == 200


# --- from outside ------------------------------------------------------------------------------------------------


def test_a_person_changes_things(sandbox: Running) -> None:
    def upstream(kind: str, **fields: Any) -> None:
        change = {"system": "wexa", "type": kind, "connectorID": EVENTS, **fields}
        answer = sandbox.control.post("/upstream", json=change)
        assert answer.json() == {"type": kind, "touched": [EVENTS]}, answer.text

    upstream("status-changed", status="failed")
    assert listed(sandbox)["events"] == "failed"
    upstream("config-changed", data_loader_config={**LOADER, "batch_size": 7})
    assert read(sandbox, EVENTS)["config"]["config"]["batch_size"] == 7
    upstream("connector-renamed", sourceName="happenings")
    assert "happenings" in listed(sandbox)
    upstream("connector-removed")
    assert "happenings" not in listed(sandbox)
