"""Answers that do not come from the API, `Retry-After`, and the ids that identify a request in a log."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from commands import inside
from hostile import KEY, FastClock, answer, client, scripted, serving
from proxies import no_variables as no_variables
from world import Recorder, World

from trueup.core.errors import (
    Ambiguous,
    ApiError,
    Malformed,
    NoRoute,
    NotFound,
    Refused,
    SecretError,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from trueup.core.secrets import Secret
from trueup.systems.wexa.dialect import WexaDialect
from trueup.transport import Credential

OK = answer(200, {"ok": True})
LIST, ITEM = "/v1/connector-accounts", "/v1/connector-accounts/{id}"
MANIFEST = """\
apiVersion: den.trueup.dev/v1
kind: ConnectorAccount
metadata: {name: acme}
spec: {remoteId: "1001", displayName: acme}
"""


# Retry-After


def forms(moment: datetime) -> list[str]:
    """Return the three forms of an HTTP date."""
    return [
        format_datetime(moment, usegmt=True),
        f"{moment:%A, %d-%b-%y %H:%M:%S GMT}",
        f"{moment:%a %b %d %H:%M:%S %Y}",
    ]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("skew", [-86400, -3600, -3, 0, 3600, 86400 * 400])
@pytest.mark.parametrize("form", [0, 1, 2])
async def test_a_date_to_wait_for_is_measured_by_the_clock_of_the_server(status: int, skew: int, form: int) -> None:
    now = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=skew)
    until = forms(now + timedelta(seconds=3))[form]
    asks = answer(status, {}, retry_after=until, date=forms(now)[(form + 1) % 3])
    clock = FastClock()
    async with serving(scripted(asks, OK)) as server, client(server.url, clock) as api:
        await api.get(LIST)
    assert 3 <= sum(clock.slept) <= 3.2


@pytest.mark.parametrize("date", ["soon", "", "Fri, 99 Nov 2026 00:00:00 GMT", "0"])
async def test_without_a_date_that_can_be_read_our_own_clock_counts(date: str) -> None:
    clock = FastClock()
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    asks = answer(429, {}, retry_after=until, date=date)
    async with serving(scripted(asks, OK)) as server, client(server.url, clock) as api:
        await api.get(LIST)
    assert 85 <= sum(clock.slept) <= 91


@pytest.mark.parametrize(("ahead", "most"), [(100_000, 300.2), (-100_000, 1.0)])
async def test_a_date_far_away_is_bounded(ahead: int, most: float) -> None:
    now = datetime.now(UTC)
    asks = answer(429, {}, retry_after=forms(now + timedelta(seconds=ahead))[0], date=forms(now)[0])
    clock = FastClock()
    async with serving(scripted(asks, OK)) as server, client(server.url, clock) as api:
        await api.get(LIST)
    assert sum(clock.slept) <= most


async def test_of_two_dates_the_last_one_counts() -> None:
    ours, theirs = datetime.now(UTC), datetime.now(UTC) + timedelta(hours=1)
    asks = answer(
        429, {}, Date=forms(ours)[0], date=forms(theirs)[0], retry_after=forms(theirs + timedelta(seconds=3))[0]
    )
    clock = FastClock()
    async with serving(scripted(asks, OK)) as server, client(server.url, clock) as api:
        await api.get(LIST)
    assert 2 <= sum(clock.slept) <= 4.2


@pytest.mark.parametrize("hours", [1, -1])
async def test_the_sandbox_has_one_date_and_a_fault_may_set_it(hours: int, world: World) -> None:
    now = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=hours)
    headers = {"retry-after": forms(now + timedelta(seconds=3))[0], "date": forms(now)[0]}
    world.fault(system="den", status=429, times=1, headers=headers)
    ready, clock = world.sandbox.ready["den"], FastClock()
    async with client(ready["url"], clock, credential=Credential(key=Secret(ready["apiKey"]))) as api:
        await api.get(LIST)
    assert 3 <= sum(clock.slept) <= 3.2
    assert len(world.sandbox.den.get("/v1/org").headers.get_list("date")) == 1


# Messages of waits


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (answer(429, {}, retry_after="7"), "Den asks to wait (429), again in"),
        (answer(503, {}, retry_after="7"), "Den asks to wait (503), again in"),
    ],
)
async def test_a_server_that_asks_to_wait_is_said_to(first: bytes, words: str) -> None:
    async with serving(scripted(first, OK)) as server, client(server.url) as api:
        await api.get(LIST)
        assert [why for why, _ in api.progress.waits] == [words]  # type: ignore[attr-defined]


async def test_a_server_that_is_not_there_asks_for_nothing() -> None:
    async with client("http://127.0.0.1:9") as api:
        with pytest.raises(Unavailable):
            await api.get(LIST)
        waits = [why for why, _ in api.progress.waits]  # type: ignore[attr-defined]
    assert waits
    assert set(waits) == {"Den cannot be reached: Connection refused, again in"}


def test_the_command_says_what_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(MANIFEST)
    given = {"TRUEUP_DEN_URL": "http://127.0.0.1:9", "TRUEUP_DEN_API_KEY": KEY}
    done = inside("plan", "-f", str(tmp_path), "--state", str(tmp_path / "state"), **given)
    assert re.search(
        r"^Den cannot be reached: Connection refused, again in [2-4] s \(Ctrl-C is safe\)$", done.stderr, re.M
    )
    assert "asks to wait" not in done.stderr


# Routes that do not exist


@pytest.mark.parametrize(
    "missing",
    [
        answer(404, {"error": "not_found"}),
        answer(404, raw=b"<html>nothing here</html>", content_type="text/html"),
        answer(404, raw=b"404 page not found", content_type="text/plain"),
    ],
)
@pytest.mark.parametrize("route", [LIST, ITEM])
async def test_a_route_that_is_not_there_is_no_missing_resource(missing: bytes, route: str) -> None:
    async with serving(scripted(missing)) as server, client(f"{server.url}/v1/") as api:
        with pytest.raises(NoRoute) as raised:
            await api.get(route, id="x")
        assert len(server.requests) == 1
        text = str(raised.value)
        assert f"{route} of den at {server.url}/v1/ answered 404" in text
        assert f'its path: it ends in "/v1", behind which trueup puts {route}' in text
    assert not isinstance(raised.value, NotFound)
    assert raised.value.code == "E309"


async def test_a_resource_that_is_not_there_is_one() -> None:
    gone = answer(404, {"error": "connector_account_not_found", "message": "Connector account not found."})
    async with serving(scripted(gone)) as server, client(server.url) as api:
        with pytest.raises(NotFound, match="connector_account_not_found"):
            await api.get(ITEM, id="x")


@pytest.mark.parametrize(("detail", "kind"), [("Not Found", NoRoute), ("Connector not found", NotFound)])
async def test_wexa_tells_the_two_apart_as_well(detail: str, kind: type[ApiError]) -> None:
    gone = scripted(answer(404, {"detail": detail}))
    async with serving(gone) as server, client(server.url, dialect=WexaDialect()) as api:
        with pytest.raises(kind):
            await api.get("/connector/{connectorID}", connectorID="x")


def test_a_url_with_a_path_too_much_is_explained(world: World, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(MANIFEST)
    url = f"{world.sandbox.ready['den']['url']}/v1"
    done = inside("plan", "-f", str(tmp_path), "--state", str(tmp_path / "s"), TRUEUP_DEN_URL=url, COLUMNS="999")
    assert done.returncode == 1
    assert f"error[E309]: GET /v1/connector-accounts of den at {url} answered 404: not_found" in done.stderr
    assert 'it ends in "/v1"' in done.stderr


# Proxies, login pages and redirects

PAGE = answer(200, raw=b"<!doctype html><title>Sign in</title>", content_type="text/html; charset=utf-8")


async def test_a_login_page_is_said_to_be_one_and_is_not_asked_again() -> None:
    async with serving(scripted(PAGE)) as server, client(server.url) as api:
        with pytest.raises(Malformed, match=r"a web page, not JSON: a login page.*Check the url"):
            await api.get(LIST)
        assert len(server.requests) == 1
        with pytest.raises(Ambiguous, match="a web page, not JSON"):
            await api.request("POST", LIST, repeatable=False)


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("https://login.example.com/sso?token=abc#x", "a redirect to https://login.example.com, which"),
        ("https://user:pass@login.example.com:444/", "a redirect to https://login.example.com, which"),
        ("//login.example.com/x", "a redirect to login.example.com, which"),
        ("/v2/things", "a redirect, which"),
        ("https://[", "a redirect, which"),
        ("", "a redirect, which"),
    ],
)
async def test_a_redirect_says_where_it_leads_and_no_more(location: str, words: str) -> None:
    async with serving(scripted(answer(302, {}, location=location))) as server, client(server.url) as api:
        with pytest.raises(Malformed) as raised:
            await api.get(LIST)
    text = str(raised.value)
    assert f"answered 302: {words} is not followed." in text
    assert 'Check the url of connection "default"' in text
    for piece in ("token", "abc", "user", "pass", "sso"):
        assert piece not in text


async def test_a_proxy_that_wants_a_login_for_a_server_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(scripted(answer(407, {}))) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with client("http://den.cluster.internal") as api:
            with pytest.raises(Unreachable, match=r"the proxy http://.* \(HTTP_PROXY\) refused its user or password"):
                await api.get(LIST)


# Ids of a request in a log


@pytest.mark.parametrize(
    ("said", "kind", "body"),
    [
        (answer(400, {"error": "bad"}), Refused, {}),
        (answer(403, {"error": "no"}), ApiError, {}),
        (answer(404, {"error": "x"}), NotFound, {}),
        (answer(500), Unavailable, {}),
        (answer(503, {"error": "audit_unavailable"}), Unavailable, {}),
        (answer(302, {}), Malformed, {}),
        (PAGE, Malformed, {}),
    ],
)
async def test_an_answer_without_a_request_id_has_one_of_ours(said: bytes, kind: type[ApiError], body: object) -> None:
    async with serving(scripted(said)) as server, client(server.url) as api:
        with pytest.raises(kind) as raised:
            await api.get(LIST)
    error = raised.value
    sent = [request.headers["x-correlation-id"] for request in server.requests]
    assert len(set(sent)) == len(sent), "another one for each try"
    assert (error.correlation, error.request_id) == (sent[-1], "")
    assert re.search(rf"\(.*\d\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ, correlation id {sent[-1]}\)$", str(error))
    assert f"GET {LIST}" in str(error)


async def test_a_request_id_of_the_server_needs_none_of_ours() -> None:
    async with serving(scripted(answer(400, {}, x_request_id="req_7"))) as server, client(server.url) as api:
        with pytest.raises(Refused) as raised:
            await api.get(LIST)
    assert str(raised.value).endswith("(request req_7)")
    assert raised.value.correlation == ""


def test_it_is_in_the_log_in_the_error_and_in_json(world: World, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(MANIFEST)
    world.fault(system="den", status=400, body={"error": "bad"})
    done = inside("plan", "-f", str(tmp_path), "--state", str(tmp_path / "s"), "-v", "-o", "json", COLUMNS="999")
    error = json.loads(done.stdout)["error"]
    assert re.fullmatch(r"[0-9a-f]{16}", error["correlation"])
    assert re.fullmatch(r"\d\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", error["at"])
    assert f"correlation id {error['correlation']})" in done.stderr
    assert re.search(rf"^GET .*  400  .* s  {error['correlation']}$", done.stderr, re.M)


# One credential, and no cookies


async def test_no_cookie_is_ever_sent_back() -> None:
    cookie = "session=of-somebody; Path=/; HttpOnly"
    async with serving(scripted(answer(200, {}, set_cookie=cookie))) as server, client(server.url) as api:
        for _ in range(3):
            await api.get(LIST)
            await api.probe("/api/auth/get-session")
        assert not any("cookie" in request.headers for request in server.requests)
        assert {request.headers["x-api-key"] for request in server.requests} == {KEY.lower()}
        assert not any("authorization" in request.headers for request in server.requests)


def test_a_key_and_a_token_are_never_one_credential() -> None:
    with pytest.raises(SecretError, match="both an API key and a session token") as raised:
        Credential(key=Secret("a-key-of-ours"), token=Secret("a-token-of-ours"), name="production")
    assert '"production"' in str(raised.value)
    for secret in ("a-key-of-ours", "a-token-of-ours"):
        assert secret not in str(raised.value)


def test_a_connection_with_both_is_refused_with_its_place(tmp_path: Path) -> None:
    connection = """\
apiVersion: den.trueup.dev/v1
kind: Connection
metadata: {name: default}
spec: {url: sandbox, apiKey: {valueFrom: {env: A_KEY}}, token: {valueFrom: {env: A_TOKEN}}}
---
"""
    (tmp_path / "m.yaml").write_text(connection + MANIFEST)
    done = inside("plan", "-f", str(tmp_path), "--state", str(tmp_path / "s"), A_KEY="a-key", A_TOKEN="a-token")
    assert done.returncode == 1
    assert "error[E151]" in done.stderr


async def test_a_refused_credential_is_told_with_the_id_of_the_request_that_it_was_sent_with() -> None:
    async def respond(request: object, writer: object) -> bytes:
        if "get-session" in request.path:  # type: ignore[attr-defined]
            return answer(401, {"code": "INVALID_API_KEY"})
        return answer(401, {"error": "unauthorized"})

    async with serving(respond) as server, client(server.url) as api:
        with pytest.raises(Unauthorized) as raised:
            await api.get(LIST)
        assert isinstance(api.progress, Recorder)
    assert f"correlation id {server.requests[0].headers['x-correlation-id']}" in str(raised.value)
