"""The control port: principals, clock, requests, faults as a client sees them, and the state."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest
from sandboxes import Running, running
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from waiting import wait_until

from trueup.sandbox.clock import MovableClock
from trueup.sandbox.faults import Faults
from trueup.sandbox.presets import DEMO_CONNECTORS, DEMO_PROJECT
from trueup.sandbox.requests import RequestLog
from trueup.sandbox.wire import Wire

CRM = DEMO_CONNECTORS["crm"]
LIST = f"/connectors/{DEMO_PROJECT}"


@pytest.fixture(scope="module")
def process() -> Iterator[Running]:
    with running("--preset", "demo") as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(process: Running) -> Running:
    process.calm()
    return process


def post(sandbox: Running, fault: Any) -> None:
    answer = sandbox.control.post("/faults", json=fault)
    assert answer.status_code == 200, answer.text


def change(sandbox: Running, status: str, batch: int = 100) -> httpx.Response:
    """The documented call: a write whose effect can be looked up."""
    loader = {"source": "mongodb", "batch_size": batch, "auth": {"username": "a", "password": "b"}}
    body = {"new_status": status, "connectorID": CRM, "data_loader_config": loader}
    return sandbox.wexa.post("/connectors/change_status", json=body)


def batch(sandbox: Running) -> int:
    """What the last write left behind, looked up where no fault reaches."""
    size: int = sandbox.control.get("/state").json()["tables"]["wexa.connectors"][CRM]["data_loader_config"][
        "batch_size"
    ]
    return size


def statuses(sandbox: Running, count: int, path: str = LIST) -> list[int]:
    return [sandbox.wexa.get(path).status_code for _ in range(count)]


# --- who, when, what ---------------------------------------------------------------------------------------------


def test_index_lists_every_route(sandbox: Running) -> None:
    index = sandbox.control.get("/").json()
    for route in index["routes"]:
        if route["method"] == "GET":
            assert sandbox.control.get(route["path"]).status_code == 200, route


def test_errors_are_json(sandbox: Running) -> None:
    missing = sandbox.control.get("/nothing")
    assert (missing.status_code, missing.json()["error"]) == (404, "not_found")
    wrong = sandbox.control.delete("/clock")
    assert (wrong.status_code, wrong.json()["error"]) == (405, "method_not_allowed")
    broken = sandbox.control.post("/clock", content=b"{")
    assert (broken.status_code, broken.json()["error"]) == (400, "invalid_request")
    assert "not JSON" in broken.json()["message"]


def test_principals_are_headers(sandbox: Running) -> None:
    principals = sandbox.control.get("/principals").json()
    assert principals["owner-api-key"] == {"x-api-key": sandbox.ready["den"]["apiKey"]}
    assert principals["wexa-api-key"] == {"x-api-key": sandbox.ready["wexa"]["apiKey"]}
    assert principals["wexa-other-api-key"] != principals["wexa-api-key"]
    assert "authorization" in principals["stale-owner-session"]


def test_clock_moves_forward_only(sandbox: Running) -> None:
    before = sandbox.control.get("/clock").json()
    after = sandbox.control.post("/clock", json={"advanceSeconds": 61.5}).json()
    assert after["advanced"] == before["advanced"] + 61.5
    moved = datetime.fromisoformat(after["now"]) - datetime.fromisoformat(before["now"])
    assert moved.total_seconds() >= 61.5
    for wrong in (
        {"advanceSeconds": -1},
        {"advanceSeconds": "1"},
        {"advanceSeconds": 1e12},
        {},
        {"advanceSeconds": 1, "to": 2},
    ):
        assert sandbox.control.post("/clock", json=wrong).status_code == 400
    assert sandbox.control.post("/clock", content=b'{"advanceSeconds": Infinity}').status_code == 400
    assert sandbox.control.get("/clock").json()["advanced"] == after["advanced"]


def test_counts_by_system_method_route_and_status(sandbox: Running) -> None:
    sandbox.den.get("/health")
    for status in ("active", "inactive"):
        change(sandbox, status)
    sandbox.wexa.get(f"/connector/{CRM}")
    sandbox.wexa.get("/connector/ffffffffffffffffffffffff")
    sandbox.wexa.get("/nowhere?page=2")
    told = sandbox.control.get("/requests").json()
    assert told["total"] == 6
    assert {(c["system"], c["method"], c["route"], c["status"]): c["count"] for c in told["counts"]} == {
        ("den", "GET", "/health", 200): 1,
        ("wexa", "POST", "/connectors/change_status", 200): 2,
        ("wexa", "GET", "/connector/{connectorID}", 200): 1,
        ("wexa", "GET", "/connector/{connectorID}", 404): 1,
        ("wexa", "GET", None, 404): 1,
    }
    assert [entry["path"] for entry in told["log"]] == [
        "/health",
        *["/connectors/change_status"] * 2,
        f"/connector/{CRM}",
        "/connector/ffffffffffffffffffffffff",
        "/nowhere",
    ]
    assert told["log"][-1]["query"] == "page=2"
    assert told["log"][-1]["status"] == 404
    text = json.dumps(told)
    for secret in (sandbox.ready["den"]["apiKey"], sandbox.ready["wexa"]["apiKey"], "mongodb"):
        assert secret not in text, "neither headers nor bodies are kept"


def test_log_tells_connections_apart(sandbox: Running) -> None:
    url = sandbox.ready["wexa"]["url"]
    with httpx.Client(base_url=url) as kept:
        kept.get(LIST), kept.get(LIST)
    httpx.get(url + LIST)
    peers = [entry["peer"] for entry in sandbox.control.get("/requests").json()["log"]]
    assert peers[0] == peers[1] != peers[2]


def test_log_forgets_but_counts_do_not(sandbox: Running) -> None:
    log = RequestLog(MovableClock())
    for number in range(2003):
        log.answered(log.arrived("den", "GET", f"/{number}", "", "/{number}", 1), 200)
    told = log.view()
    assert (told["total"], len(told["log"])) == (2003, 2000)
    assert told["log"][0]["path"] == "/3"
    statuses(sandbox, 1)
    assert sandbox.control.delete("/requests").json() == {"total": 0, "counts": [], "log": []}
    assert sandbox.control.get("/requests").json()["total"] == 0


async def test_a_fault_of_ours_is_told_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    async def broken(request: Request) -> Response:
        raise KeyError("nobody expected this")

    log = RequestLog(MovableClock())
    wire = Wire("den", Starlette(routes=[Route("/", broken)]), log, Faults())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(wire), base_url="http://den") as client:
        assert (await client.get("/")).status_code == 500
    assert "nobody expected this" in capsys.readouterr().err
    assert [(count["status"], count["count"]) for count in log.view()["counts"]] == [(500, 1)]


# --- faults: which requests --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({}, [503] * 6),
        ({"nth": 3}, [200, 200, 503, 200, 200, 200]),
        ({"nth": [1, 4]}, [503, 200, 200, 503, 200, 200]),
        ({"every": 2}, [200, 503, 200, 503, 200, 503]),
        ({"every": 2, "times": 2}, [200, 503, 200, 503, 200, 200]),
        ({"times": 1}, [503, 200, 200, 200, 200, 200]),
        ({"probability": 0}, [200] * 6),
        ({"probability": 1}, [503] * 6),
        ({"route": "/connectors/{projectID}"}, [503] * 6),
        ({"route": LIST, "method": "get", "system": "wexa"}, [503] * 6),
        ({"route": "/connectors/*"}, [503] * 6),
        ({"route": "/connector/*"}, [200] * 6),
        ({"method": "POST"}, [200] * 6),
        ({"system": "den"}, [200] * 6),
        ({"system": None, "method": None, "route": None}, [503] * 6),
    ],
)
def test_fault_hits_the_requests_it_names(sandbox: Running, when: dict[str, Any], expected: list[int]) -> None:
    post(sandbox, {**when, "status": 503})
    assert statuses(sandbox, 6) == expected
    fault = sandbox.control.get("/faults").json()["faults"][0]
    assert fault["fired"] == expected.count(503)
    assert {key: fault[key] for key in when} == when
    assert sandbox.control.delete("/faults").json() == {"faults": []}
    assert statuses(sandbox, 1) == [200]


def test_chance_is_reproducible(sandbox: Running) -> None:
    runs = []
    for _ in range(2):
        sandbox.control.delete("/faults")
        post(sandbox, {"probability": 0.5, "seed": 7, "status": 500})
        runs.append(statuses(sandbox, 30))
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


def test_first_fault_that_is_due_acts_and_all_count(sandbox: Running) -> None:
    post(sandbox, [{"nth": 2, "status": 500}, {"status": 503}])
    assert statuses(sandbox, 3) == [503, 500, 503]
    faults = sandbox.control.get("/faults").json()["faults"]
    assert [(fault["matched"], fault["fired"]) for fault in faults] == [(3, 1), (3, 2)]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"status": 503, "nht": 3}, "fault does not know nht"),
        ({"status": 503, "nth": 0}, "fault.nth must be"),
        ({"status": 503, "nth": [1, "2"]}, "fault.nth[1] must be integer"),
        ({"status": 503, "nth": 1, "every": 2}, "fault has nth and every"),
        ({"status": 503, "seed": 1}, "fault.seed goes with probability"),
        ({"status": 42}, "fault.status must be"),
        ({"nth": 1}, "fault does nothing"),
        ({"reset": "never"}, "fault.reset must be one of"),
        ({"reset": "after", "status": 500}, "fault.reset leaves no answer"),
        ({"delay": -1}, "fault.delay must be"),
        ({"delay": 1, "body": "x"}, "fault.body goes with status"),
        ({"truncate": True, "after": True}, "fault.after goes with status or delay"),
        ({"status": 503, "headers": {"Content-Length": "1"}}, "fault.headers cannot set content-length"),
        ({"status": 503, "headers": {"a b": "1"}}, "no name of a header"),
        ({"status": 503, "headers": {"a": "1\r\nb: 2"}}, "fault.headers.a must"),
        ({"status": 204, "body": "x"}, "fault.body cannot be sent"),
        ({"hold": "now"}, "fault.hold must be one of"),
        ({"hold": "before", "delay": 1, "status": 500}, "fault.hold stands alone: delay, status"),
        ({"status": 500, "drop": True}, "fault.drop goes with hold"),
        ({"hold": "after", "drop": True}, "fault.drop goes with hold before"),
        ({"system": "other", "status": 500}, "fault.system must be one of"),
        ("fault", "fault must be object"),
    ],
)
def test_wrong_fault_is_refused_with_a_reason(sandbox: Running, fault: Any, sentence: str) -> None:
    answer = sandbox.control.post("/faults", json=[{"status": 500}, fault])
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
    assert sentence in answer.json()["message"]
    assert sandbox.control.get("/faults").json() == {"faults": []}, "all of a list or none"


# --- faults: what goes wrong -------------------------------------------------------------------------------------

sizes = itertools.count(1000)
"""Every write leaves another number behind."""


def test_status_comes_with_body_and_headers_instead_of_the_effect(sandbox: Running) -> None:
    size = next(sizes)
    change(sandbox, "active", size)
    post(sandbox, {"status": 429, "body": {"error": "slow down"}, "headers": {"Retry-After": "7"}, "times": 1})
    answer = change(sandbox, "active", next(sizes))
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (429, {"error": "slow down"}, "7")
    assert batch(sandbox) == size
    post(sandbox, [{"status": 503, "body": "down for now", "nth": 1}, {"status": 204, "nth": 2}])
    answer = sandbox.wexa.get(LIST)
    assert (answer.text, answer.headers["content-type"]) == ("down for now", "text/plain; charset=utf-8")
    assert sandbox.wexa.get(LIST).content == b""


def test_status_after_the_effect(sandbox: Running) -> None:
    size = next(sizes)
    post(sandbox, {"status": 502, "after": True, "times": 1})
    assert change(sandbox, "active", size).status_code == 502
    assert batch(sandbox) == size


@pytest.mark.parametrize("after", [False, True])
def test_delay_before_and_after_the_effect(sandbox: Running, after: bool) -> None:
    size = next(sizes)
    change(sandbox, "active", 1)
    post(sandbox, {"delay": 0.6, "after": after, "times": 1})
    with pytest.raises(httpx.ReadTimeout):
        sandbox.wexa.post(
            "/connectors/change_status",
            json={
                "new_status": "active",
                "connectorID": CRM,
                "data_loader_config": {"source": "mongodb", "batch_size": size, "auth": {}},
            },
            timeout=0.2,
        )
    assert batch(sandbox) == (size if after else 1)
    wait_until(lambda: sandbox.control.get("/requests").json()["log"][-1]["status"] is not None)
    assert batch(sandbox) == size, "the server does not notice that its client is gone"


@pytest.mark.parametrize("when", ["before", "after"])
def test_reset_is_one_of_the_connection(sandbox: Running, when: str) -> None:
    size = next(sizes)
    change(sandbox, "active", 1)
    sandbox.control.delete("/requests")
    post(sandbox, {"reset": when, "times": 2})
    with pytest.raises(httpx.ReadError):
        change(sandbox, "active", size)
    assert batch(sandbox) == (1 if when == "before" else size)
    address = httpx.URL(sandbox.ready["wexa"]["url"])
    with socket.create_connection((address.host, address.port or 0)) as plain:
        plain.sendall(b"GET /public/connectors/all HTTP/1.1\r\nhost: sandbox\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            plain.recv(1)
    counts = sandbox.control.get("/requests").json()["counts"]
    assert [(count["status"], count["count"]) for count in counts] == [(None, 1), (None, 1)]
    assert statuses(sandbox, 1) == [200]


def test_truncated_answer_ends_too_early(sandbox: Running) -> None:
    whole = sandbox.wexa.get(LIST).content
    post(sandbox, {"truncate": True, "times": 1})
    received: list[bytes] = []
    with sandbox.wexa.stream("GET", LIST) as answer:
        assert answer.headers["content-length"] == str(len(whole))
        with pytest.raises(httpx.RemoteProtocolError):
            received.extend(answer.iter_raw())
    assert b"".join(received) == whole[: len(whole) // 2]
    assert sandbox.control.get("/requests").json()["log"][-1]["status"] == 200
    assert statuses(sandbox, 1) == [200]


def test_truncated_error_after_the_effect(sandbox: Running) -> None:
    size = next(sizes)
    post(sandbox, {"status": 500, "after": True, "truncate": True, "times": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        change(sandbox, "active", size)
    assert batch(sandbox) == size


def test_dripping_answer_arrives_piece_by_piece(sandbox: Running) -> None:
    whole = sandbox.wexa.get(LIST).content
    size = len(whole) // 4
    post(sandbox, {"drip": 0.05, "chunk": size, "times": 1})
    with sandbox.wexa.stream("GET", LIST) as answer:
        pieces = list(answer.iter_raw())
    assert b"".join(pieces) == whole
    assert len(pieces) >= 3, "each piece is sent by itself"
    assert max(map(len, pieces)) <= size
    post(sandbox, {"drip": 0.5, "times": 1})
    with pytest.raises(httpx.ReadTimeout):
        sandbox.wexa.get(LIST, timeout=0.2)


# --- from outside, and the state ---------------------------------------------------------------------------------


def test_upstream_tells_systems_apart_and_refuses_with_a_reason(sandbox: Running) -> None:
    renamed = {"system": "wexa", "type": "connector-renamed", "connectorID": CRM, "sourceName": "crm"}
    assert sandbox.control.post("/upstream", json=renamed).json() == {"type": "connector-renamed", "touched": [CRM]}
    refused: list[Any] = [
        {"type": "no-such-change"},
        {"system": "wexa", "type": "repository-removed"},
        {"system": "moon"},
        {**renamed, "sourceName": 1},
        {**renamed, "status": "x"},
        {**renamed, "connectorID": "x"},
        [],
    ]
    for wrong in refused:
        answer = sandbox.control.post("/upstream", json=wrong)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), wrong


def test_state_comes_back_as_it_was(sandbox: Running) -> None:
    sandbox.control.put("/wexa", json={"settle": 3})
    before = sandbox.control.get("/state").json()
    change(sandbox, "inactive", next(sizes))
    sandbox.control.post("/clock", json={"advanceSeconds": 1000})
    sandbox.control.put("/wexa", json={})
    assert sandbox.control.get("/state").json() != before
    assert sandbox.control.put("/state", json=before).json() == {"ok": True}
    assert sandbox.control.get("/state").json() == before
    only_tables = {"tables": before["tables"]}
    sandbox.control.put("/state", json=only_tables)
    assert sandbox.control.get("/state").json() == before, "what is not given stays"


def test_state_of_another_sandbox_takes_effect(sandbox: Running) -> None:
    before = sandbox.control.get("/state").json()
    with running("--preset", "golden") as other:
        sandbox.control.put("/state", json=other.control.get("/state").json())
        key = other.ready["wexa"]
        assert statuses(sandbox, 1) == [401], "the former key is unknown now"
        answer = sandbox.wexa.get(f"/connectors/{key['projectId']}", headers={"x-api-key": key["apiKey"]})
        assert answer.status_code == 200
        told = sandbox.control.get("/principals").json()
        assert told["owner-api-key"] == {"x-api-key": other.ready["den"]["apiKey"]}
    sandbox.control.put("/state", json=before)
    assert statuses(sandbox, 1) == [200]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda state: state.pop("tables"), "state lacks tables"),
        (lambda state: state.update(table={}), "state does not know table"),
        (lambda state: state["tables"].update({"moon.rocks": {}}), "there is no table moon.rocks"),
        (lambda state: state["tables"].update({"wexa.moons": {}}), "there is no table wexa.moons"),
        (lambda state: state["tables"].update({"sandbox.clock": {}}), "there is no table sandbox.clock"),
        (lambda state: state["tables"].update({"den.members": []}), "state.tables.den.members must be object"),
        (lambda state: state["tables"]["wexa.connectors"][CRM].pop("status"), f"wexa.connectors.{CRM} lacks status"),
        (lambda state: state["tables"]["wexa.connectors"][CRM].update(status=1), "status must be string"),
        (lambda state: state["wexa"].update(config="shown"), "wexa.config must be one of"),
        (lambda state: state["clock"].update(advanced=-1), "state.clock.advanced must be"),
    ],
)
def test_wrong_state_changes_nothing(sandbox: Running, spoil: Any, sentence: str) -> None:
    before = sandbox.control.get("/state").json()
    wrong = json.loads(json.dumps(before))
    spoil(wrong)
    answer = sandbox.control.put("/state", json=wrong)
    assert answer.status_code == 400
    assert sentence in answer.json()["message"]
    assert sandbox.control.get("/state").json() == before
