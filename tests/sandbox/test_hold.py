"""Faults that hold requests at their boundaries, for tests of what a process leaves behind that dies there."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sandboxes import PATIENCE, Running, running
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from waiting import wait_until

from trueup.sandbox import holds
from trueup.sandbox.clock import MovableClock
from trueup.sandbox.faults import Faults
from trueup.sandbox.requests import RequestLog
from trueup.sandbox.wire import Wire

CREATE = "/v1/connector-accounts"
CLIENT = """
import sys, httpx
url, key, first, last = sys.argv[1:]
with httpx.Client(base_url=url, headers={"x-api-key": key}, timeout=60) as client:
    for number in range(int(first), int(last)):
        body = {"connectorType": "github", "remoteId": str(number), "displayName": "made"}
        client.post("/v1/connector-accounts", json=body).raise_for_status()
"""
"""A process that creates accounts one after the other."""


@pytest.fixture(scope="module")
def process() -> Iterator[tuple[Running, Any]]:
    with running() as sandbox:
        yield sandbox, sandbox.control.get("/state").json()


@pytest.fixture
def sandbox(process: tuple[Running, Any]) -> Running:
    started, state = process
    started.calm()
    assert started.control.put("/state", json=state).status_code == 200
    return started


def hold(sandbox: Running, when: str, **which: Any) -> None:
    fault = {"system": "den", "method": "POST", "route": CREATE, "hold": when, **which}
    answer = sandbox.control.post("/faults", json=fault)
    assert answer.status_code == 200, answer.text
    assert answer.json()["faults"][-1]["held"] == []


def held(sandbox: Running) -> list[dict[str, Any]]:
    return [one for fault in sandbox.control.get("/faults").json()["faults"] for one in fault.get("held", [])]


def made(sandbox: Running) -> list[str]:
    tables = sandbox.control.get("/state").json()["tables"]
    return [row["remoteId"] for row in tables["den.connectorAccounts"].values()]


def creating(sandbox: Running, first: int, last: int) -> subprocess.Popen[bytes]:
    ready = sandbox.ready["den"]
    return subprocess.Popen([sys.executable, "-c", CLIENT, ready["url"], ready["apiKey"], str(first), str(last)])


@pytest.mark.parametrize(
    ("when", "drop", "while_held", "afterwards"),
    [
        ("before", False, ["1", "2"], ["1", "2", "3"]),
        ("before", True, ["1", "2"], ["1", "2"]),
        ("after", False, ["1", "2", "3"], ["1", "2", "3"]),
    ],
)
def test_a_client_that_dies_at_its_third_request(
    sandbox: Running, when: str, drop: bool, while_held: list[str], afterwards: list[str]
) -> None:
    hold(sandbox, when, nth=3, **({"drop": True} if drop else {}))
    client = creating(sandbox, 1, 6)
    try:
        wait_until(lambda: held(sandbox) == [{"method": "POST", "path": CREATE, "count": 1}])
        assert made(sandbox) == while_held
    finally:
        client.kill()
        client.wait()
    (fault,) = sandbox.control.post("/faults/release").json()["faults"]
    assert (fault["held"], fault["matched"], fault["fired"]) == ([], 3, 1)
    assert made(sandbox) == afterwards, "the answer to the release comes when it is dealt with"


def test_a_client_that_waits_gets_its_answer(sandbox: Running) -> None:
    hold(sandbox, "before", nth=1)
    hold(sandbox, "after", nth=2)
    client = creating(sandbox, 1, 3)
    wait_until(lambda: len(held(sandbox)) == 1)
    assert made(sandbox) == []
    assert [entry["status"] for entry in sandbox.control.get("/requests").json()["log"]] == [None]
    sandbox.control.post("/faults/release")
    wait_until(lambda: made(sandbox) == ["1", "2"] and len(held(sandbox)) == 1)
    sandbox.control.post("/faults/release")
    assert client.wait(PATIENCE) == 0
    assert [entry["status"] for entry in sandbox.control.get("/requests").json()["log"]] == [201, 201]


def test_a_dropped_request_breaks_the_connection_of_a_client_that_is_there(sandbox: Running) -> None:
    hold(sandbox, "before", drop=True)

    def let_go() -> None:
        wait_until(lambda: bool(held(sandbox)))
        sandbox.control.post("/faults/release")

    releasing = threading.Thread(target=let_go)
    releasing.start()
    with pytest.raises(httpx.ReadError):
        sandbox.den.post(CREATE, json={"connectorType": "github", "remoteId": "1", "displayName": "made"})
    releasing.join()
    assert made(sandbox) == []
    counts = sandbox.control.get("/requests").json()["counts"]
    assert [(one["status"], one["count"]) for one in counts] == [(None, 1)]


def test_removing_the_faults_lets_everything_go(sandbox: Running) -> None:
    """Requests that overlap are told by how many there are; those that come after a release are held again."""
    hold(sandbox, "before")
    clients = [creating(sandbox, number, number + 2) for number in (10, 20, 30)]
    wait_until(lambda: [one["count"] for one in held(sandbox)] == [3])
    sandbox.control.post("/faults/release")
    wait_until(lambda: [one["count"] for one in held(sandbox)] == [3])
    assert sorted(made(sandbox)) == ["10", "20", "30"]
    assert sandbox.control.delete("/faults").json() == {"faults": []}
    assert [client.wait(PATIENCE) for client in clients] == [0, 0, 0]
    assert sorted(made(sandbox)) == ["10", "11", "20", "21", "30", "31"]


def test_a_request_that_did_not_arrive_whole_is_not_held(sandbox: Running) -> None:
    hold(sandbox, "before")
    address, key = httpx.URL(sandbox.ready["den"]["url"]), sandbox.ready["den"]["apiKey"]
    with socket.create_connection((address.host, address.port or 0)) as halfway:
        head = f"POST {CREATE} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-length: 99\r\n\r\n{{"
        halfway.sendall(head.encode())
        wait_until(lambda: sandbox.control.get("/faults").json()["faults"][0]["fired"] == 1)
        assert held(sandbox) == []
    wait_until(lambda: sandbox.control.get("/requests").json()["total"] == 1)
    assert (held(sandbox), made(sandbox)) == ([], [])


async def test_a_request_is_not_held_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(request: Request) -> Response:
        return PlainTextResponse("done")

    monkeypatch.setattr(holds, "LONGEST", 0.01)
    faults = Faults()
    faults.post([{"hold": "before", "nth": 1}, {"hold": "after", "nth": 2}])
    wire = Wire("den", Starlette(routes=[Route("/", answer)]), RequestLog(MovableClock()), faults)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(wire), base_url="http://den") as client:
        assert [(await client.get("/")).text for _ in range(2)] == ["done", "done"]
    assert [(one["fired"], one["held"]) for one in faults.view()] == [(1, []), (1, [])]


def test_a_sandbox_that_holds_something_leaves_in_order() -> None:
    with running() as sandbox:
        hold(sandbox, "before")
        client = creating(sandbox, 1, 2)
        wait_until(lambda: bool(held(sandbox)))
        assert sandbox.leave(15) == (0, "", "")
        client.kill()
        client.wait()
