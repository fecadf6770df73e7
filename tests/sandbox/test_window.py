"""Large runs against the sandbox: the window of a key, waited out by the clock alone, and counts that stay exact."""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest
from sandboxes import Running, running

WINDOW = 600
RUN = 2000


@pytest.fixture
def sandbox() -> Iterator[Running]:
    with running("--preset", "large") as started:
        yield started


class Connection:
    """One connection to Den, without what a client library adds to each request."""

    def __init__(self, sandbox: Running) -> None:
        url = httpx.URL(sandbox.ready["den"]["url"])
        self._plain = http.client.HTTPConnection(url.host, url.port)
        self._headers = {"x-api-key": sandbox.ready["den"]["apiKey"]}

    def get(self, path: str) -> int:
        self._plain.request("GET", path, headers=self._headers)
        answer = self._plain.getresponse()
        answer.read()
        return answer.status


def test_a_run_of_2000_requests_waits_for_windows_by_the_clock(sandbox: Running) -> None:
    """Each window gives exactly 600; a silence that is too short gives none, and one of over 60 s all of them anew."""
    tables = sandbox.control.get("/state").json()["tables"]
    paths = [f"/v1/connector-instances/{one}/targets" for one in tables["den.connectorInstances"]]
    answers: Counter[int] = Counter()
    waits = 0
    den = Connection(sandbox)
    while answers[200] < RUN:
        status = den.get(paths[answers[200] % len(paths)])
        answers[status] += 1
        if status != 200:
            assert answers[200] % WINDOW == 0
            sandbox.control.post("/clock", json={"advanceSeconds": 30})
            assert den.get(paths[0]) == 401, "a silence of 30 s does not close a window"
            answers[401] += 1
            sandbox.control.post("/clock", json={"advanceSeconds": 61})
            waits += 1
    assert waits == (RUN - 1) // WINDOW == 3
    assert answers == {200: RUN, 401: 2 * waits}
    told = sandbox.control.get("/requests").json()
    assert told["total"] == RUN + 2 * waits
    route = "/v1/connector-instances/{connectorInstanceId}/targets"
    assert {(one["method"], one["route"], one["status"]): one["count"] for one in told["counts"]} == {
        ("GET", route, status): count for status, count in answers.items()
    }
    assert (len(told["log"]), {one["status"] for one in told["log"]}) == (2000, {200, 401})
    times = [one["time"] for one in told["log"]]
    assert times == sorted(times)
    assert sandbox.control.get("/clock").json()["advanced"] == 91 * waits


def test_an_index_is_what_a_walk_would_find(sandbox: Running) -> None:
    """After a state came back and rows were changed, added and removed."""
    state = sandbox.control.get("/state").json()
    assert sandbox.control.put("/state", json=state).status_code == 200
    den, path = sandbox.den, "/v1/connector-instances"
    first, second, third = list(state["tables"]["den.connectorInstances"])[:3]
    body = {"connectorType": "github", "remoteId": "acme/more", "targetKind": "repository_branch", "config": {}}
    assert den.post(f"{path}/{first}/targets", json=body).status_code == 201
    assert den.post(f"{path}/{first}/targets", json={**body, "remoteId": "ACME/MORE"}).status_code == 500
    assert den.patch(f"{path}/{first}", json={"name": "moved"}).status_code == 200
    assert den.patch(f"{path}/{second}", json={"name": "MOVED"}).status_code == 500
    assert den.patch(f"{path}/{second}", json={"name": "billing-admin"}).status_code == 200, "that name is free now"
    removed = den.post(f"{path}/{third}/remove").json()["item"]
    assert removed["deletedConnectorMappingCount"] == 0
    tables = sandbox.control.get("/state").json()["tables"]
    assert third not in {row["connectorInstanceId"] for row in tables["den.accessGrants"].values()}
    for identity in (first, second):
        for below, table in (("targets", "den.connectorTargets"), ("access", "den.accessGrants")):
            walked = {key for key, row in tables[table].items() if row["connectorInstanceId"] == identity}
            assert {row["id"] for row in den.get(f"{path}/{identity}/{below}").json()["items"]} == walked
    assert len(den.get(f"{path}/{first}/targets").json()["items"]) == 4
    assert sandbox.control.put("/state", json=state).status_code == 200
    assert len(den.get(f"{path}/{first}/targets").json()["items"]) == 3
