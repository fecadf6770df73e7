"""The one retry layer: what is tried again, what is not, what is told, and what never leaves the process."""

from __future__ import annotations

import asyncio
import json
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hostile import KEY, FastClock, Request, StandingStill, answer, client, nothing_more, scripted, serving
from waiting import until
from world import Recorder

from trueup.core.errors import (
    Ambiguous,
    ApiError,
    Forbidden,
    Malformed,
    NotFound,
    Refused,
    SecretError,
    Stopped,
    Unavailable,
)
from trueup.core.secrets import Secret
from trueup.transport import Credential
from trueup.transport.client import ATTEMPTS

OK = answer(200, {"ok": True})


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


# No connection


async def test_a_server_that_comes_up_late_is_reached() -> None:
    port = free_port()
    started: list[Any] = []

    class Late(FastClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            if len(self.slept) == 2:

                async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                    await reader.readuntil(b"\r\n\r\n")
                    writer.write(OK)

                started.append(await asyncio.start_server(one, "127.0.0.1", port))

    async with client(f"http://127.0.0.1:{port}", Late()) as api:
        found = await api.request("POST", "/v1/things", body={}, repeatable=False)
        assert found.body == {"ok": True}
        assert api.sent == 3
        started[0].close()


async def test_a_server_that_is_not_there_is_given_up_and_named() -> None:
    async with client(f"http://127.0.0.1:{free_port()}") as api:
        with pytest.raises(Unavailable) as raised:
            await api.request("POST", "/v1/things", body={}, repeatable=False)
        assert api.sent == ATTEMPTS
    assert "127.0.0.1" in str(raised.value)
    assert "Connection refused" in str(raised.value)
    assert f"{ATTEMPTS} times" in str(raised.value)


async def test_a_host_that_does_not_exist_is_told_in_words() -> None:
    async with client("http://no-such-host.invalid") as api:
        with pytest.raises(Unavailable) as raised:
            await api.get("/v1/things")
    assert "no-such-host.invalid" in str(raised.value)


# Answers that ask for patience


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("7", 7, 7.2),
        ("0", 0, 0.2),
        ("1.5", 1.5, 1.7),
        ("99999999", 300, 300.2),
        ("1e400", 0, 10),
        ("-5", 0, 10),
        ("nan", 0, 10),
        ("soon", 0, 10),
        ("", 0, 10),
        ("٣", 0, 10),
        ("Fri, 31 Feb 2026 00:00:00 GMT", 0, 10),
        ("Mon, 01 Jan 1990 00:00:00 GMT", 0, 10),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_heeded_within_reason(status: int, value: str, least: float, most: float) -> None:
    clock = FastClock()
    respond = scripted(answer(status, {}, retry_after=value.encode().decode("latin-1")), OK)
    async with serving(respond) as server, client(server.url, clock) as api:
        assert (await api.get("/v1/things")).status == 200
        assert api.sent == len(server.requests) == 2
    assert least <= sum(clock.slept) <= most


async def test_retry_after_as_a_date_counts_from_the_clock_of_the_run() -> None:
    class Ahead(FastClock):
        def now(self) -> datetime:
            return super().now() + timedelta(days=400)

    clock = Ahead()
    date = format_datetime(clock.now() + timedelta(seconds=90), usegmt=True)
    async with serving(scripted(answer(429, {}, retry_after=date), OK)) as server, client(server.url, clock) as api:
        await api.get("/v1/things")
    assert 85 <= sum(clock.slept) <= 91
    assert datetime.now(UTC) < clock.now()


async def test_too_many_requests_is_tried_again_whatever_the_call() -> None:
    async with serving(scripted(answer(429), OK)) as server, client(server.url) as api:
        assert (await api.request("POST", "/v1/things", body={}, repeatable=False)).status == 200
        assert len(server.requests) == 2


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
async def test_a_server_that_recovers_is_forgiven(status: int) -> None:
    async with serving(scripted(answer(status), answer(status), OK)) as server, client(server.url) as api:
        assert (await api.get("/v1/things")).body == {"ok": True}
        assert api.sent == 3
        assert len(api.progress.decisions) == 2  # type: ignore[attr-defined]


async def test_a_server_that_does_not_recover_is_given_up_with_growing_pauses() -> None:
    clock = FastClock()
    async with serving(scripted(answer(503))) as server, client(server.url, clock) as api:
        with pytest.raises(Unavailable, match="503"):
            await api.get("/v1/things")
        assert len(server.requests) == ATTEMPTS
    assert len(clock.slept) == ATTEMPTS - 1
    assert clock.slept == sorted(clock.slept)
    assert all(0 < pause <= 10 for pause in clock.slept)


# Answers that are lost

LOST = {
    "reset": None,
    "nothing": b"",
    "half-a-head": b"HTTP/1.1 200 O",
    "half-a-body": b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"ok": tr',
    "broken-chunks": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "no-http": b"SSH-2.0-OpenSSH_9.6\r\n",
    "broken-gzip": b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nnope",
    "two-lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    "not-json": answer(200, raw=b"<html>"),
    "not-text": answer(200, raw=b"\xff\xfe\x00"),
    "deep-json": answer(200, raw=b"[" * 100_000 + b"]" * 100_000),
    "not-a-number": answer(200, raw=b'{"a": NaN}'),
}


def lost(how: bytes | None) -> Any:
    async def respond(request: Request, writer: asyncio.StreamWriter) -> bytes | None:
        if how is None:
            writer.transport.abort()
        else:
            writer.write(how)
            await writer.drain()
        return None

    return respond


@pytest.mark.parametrize("how", LOST.values(), ids=LOST)
async def test_a_lost_answer_to_what_may_be_repeated_is_asked_for_again(how: bytes | None) -> None:
    first = lost(how)

    async def respond(request: Request, writer: asyncio.StreamWriter) -> bytes | None:
        return await first(request, writer) if request.number == 0 else OK

    async with serving(respond) as server, client(server.url) as api:
        assert (await api.get("/v1/things")).body == {"ok": True}
        assert api.sent == len(server.requests) == 2


@pytest.mark.parametrize("how", LOST.values(), ids=LOST)
async def test_a_lost_answer_to_a_create_is_ambiguous_and_never_asked_for_again(how: bytes | None) -> None:
    async with serving(lost(how)) as server, client(server.url) as api:
        with pytest.raises(Ambiguous, match="may or may not have happened"):
            await api.request("POST", "/v1/things", body={}, repeatable=False)
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [500, 503])
async def test_a_failed_create_is_ambiguous(status: int) -> None:
    async with serving(scripted(answer(status))) as server, client(server.url) as api:
        with pytest.raises(Ambiguous):
            await api.request("POST", "/v1/things", body={}, repeatable=False)
        assert len(server.requests) == 1


async def test_a_slow_drip_ends_at_the_timeout() -> None:
    async def drip(request: Request, writer: asyncio.StreamWriter) -> bytes | None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        for _ in range(1000):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)  # a pace: the client's timeout, which ends this, is in real time
        return None

    async with serving(drip) as server, client(server.url, timeout=0.3) as api:
        with pytest.raises(Unavailable, match="no answer in time"):
            await api.get("/v1/things")
        with pytest.raises(Ambiguous, match="no answer in time"):
            await api.request("POST", "/v1/things", body={}, repeatable=False)


async def test_an_answer_without_end_is_refused() -> None:
    async def pour(request: Request, writer: asyncio.StreamWriter) -> bytes | None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
        while True:
            writer.write(chunk)
            await writer.drain()

    async with serving(pour) as server, client(server.url, timeout=60) as api:
        with pytest.raises(Malformed, match="64 MiB"):
            await api.get("/v1/things")
        with pytest.raises((Ambiguous, Malformed)):
            await api.request("POST", "/v1/things", body={}, repeatable=False)


async def test_an_idle_connection_is_not_used_when_the_server_is_about_to_close_it() -> None:
    async with serving(scripted(OK)) as server, client(server.url) as api:
        await api.get("/v1/things")
        pool = api._http._transport._pool  # type: ignore[attr-defined]
        assert pool._keepalive_expiry < 5, "Den closes idle ones after 5 s"


# Refusals


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (402, Refused),
        (403, Forbidden),
        (404, NotFound),
        (409, Refused),
        (422, Refused),
        (302, Malformed),
    ],
)
async def test_a_refusal_is_not_tried_again_and_says_what_the_server_said(status: int, kind: type[ApiError]) -> None:
    body = {"error": "invalid_request", "details": [{"path": ["name"], "message": "Too long"}]}
    async with serving(scripted(answer(status, body, x_request_id="req_7"))) as server, client(server.url) as api:
        with pytest.raises(kind) as raised:
            await api.get("/v1/things/{id}", id="x")
        assert len(server.requests) == 1
    error = raised.value
    assert (error.status, error.method, error.route, error.request_id) == (status, "GET", "/v1/things/{id}", "req_7")
    assert "req_7" in str(error)
    if status != 302:
        assert "name: Too long" in str(error)


@pytest.mark.parametrize("body", [b"plain text", b"", b"[1]", b'"x"', b"null", b'{"error": {"a": 1}}', b'{"error": 7}'])
async def test_a_refusal_of_any_shape_is_told(body: bytes) -> None:
    async with serving(scripted(answer(400, raw=body))) as server, client(server.url) as api:
        with pytest.raises(Refused, match="answered 400"):
            await api.get("/v1/things")


async def test_a_redirect_is_not_followed_and_the_key_goes_nowhere() -> None:
    async with serving(scripted(OK)) as other:
        redirect = answer(307, {}, location=f"{other.url}/v1/things")
        async with serving(scripted(redirect)) as server, client(server.url) as api:
            for method in ("GET", "POST"):
                with pytest.raises(Malformed, match="redirect"):
                    await api.request(method, "/v1/things", repeatable=False)
        assert other.requests == []


async def test_parameters_cannot_leave_their_place_in_the_path() -> None:
    async with serving(scripted(OK)) as server, client(server.url) as api:
        await api.get("/v1/things/{id}/x", {"q": "a&b=c d", "none": None, "limit": 100}, id="a/../b?c#d%2e")
    assert server.paths() == ["/v1/things/a%2F..%2Fb%3Fc%23d%252e/x?q=a%26b%3Dc+d&limit=100"]


# What is told never holds a secret or anything that steers a terminal


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500])
async def test_a_server_that_echoes_secrets_is_scrubbed(status: int) -> None:
    Secret("resolved-elsewhere-secret")
    body = {"error": f"bad key {KEY}", "message": "\x1b[31mred\r\nresolved-elsewhere-secret\x07\u202e\x9b"}
    echo = answer(status, body, x_request_id=f"{KEY}-\x1b[2J")
    async with serving(scripted(echo)) as server, client(server.url) as api:
        with pytest.raises(ApiError) as raised:
            await api.get("/v1/things")
    recorder = api.progress
    assert isinstance(recorder, Recorder)
    for text in (str(raised.value), repr(raised.value), recorder.said.replace("\n", ""), repr(api)):
        assert KEY not in text
        assert "resolved-elsewhere-secret" not in text
    assert str(raised.value).isprintable()
    assert raised.value.request_id.isprintable()


async def test_a_long_answer_is_cut_short() -> None:
    long = answer(400, {"error": "x" * 100_000}, x_request_id="r" * 5000)
    async with serving(scripted(long)) as server, client(server.url) as api:
        with pytest.raises(Refused) as raised:
            await api.get("/v1/things")
    assert len(str(raised.value)) < 500


async def test_progress_is_told_the_route_and_never_what_is_in_it() -> None:
    body = {"password": "in-the-request"}
    async with serving(scripted(answer(200, {"secret": "in-the-answer"}))) as server, client(server.url) as api:
        await api.request("PUT", "/v1/things/{id}", params={"id": "named"}, query={"q": "asked"}, body=body)
    recorder = api.progress
    assert isinstance(recorder, Recorder)
    assert recorder.requests == [("PUT", "/v1/things/{id}", "200")]
    for word in ("in-the-answer", "in-the-request", "named", "asked", KEY):
        assert word not in recorder.said


@pytest.mark.parametrize(
    "key", ["line\nbreak-in-the-key", "trailing-newline\n", "naïve-key-with-ä", "nul\0inside", " "]
)
async def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(SecretError) as raised:
        async with client("http://127.0.0.1:9", credential=Credential(key=Secret(key), origin="DEN_KEY")) as api:
            await api.get("/v1/things")
    assert "DEN_KEY" in str(raised.value)
    assert key.strip() == "" or key.strip() not in str(raised.value)
    assert "break-in-the-key" not in str(raised.value)


# Concurrency, and counting


async def test_no_more_requests_are_under_way_than_the_connection_allows() -> None:
    go = asyncio.Event()

    async def held(request: Request, writer: asyncio.StreamWriter) -> bytes:
        if request.path == "/v1/things":
            await go.wait()
        return OK

    async with serving(held) as server, client(server.url, concurrency=3) as api:
        calls = asyncio.gather(*(api.get("/v1/things") for _ in range(20)))
        await until(lambda: server.at_once == 3)
        await nothing_more(server)
        server.most_at_once = 0
        go.set()
        await calls
        assert server.most_at_once <= 3
        assert (api.sent, server.paths().count("/v1/things")) == (20, 20)
        assert api.window.used == 20


async def test_bodies_are_sent_as_json() -> None:
    async with serving(scripted(OK)) as server, client(server.url) as api:
        await api.request("POST", "/v1/things", body={"a": "ü", "b": [1, None, True]})
        await api.request("POST", "/v1/things/{id}/enable", params={"id": "x"})
    first, second = server.requests
    assert json.loads(first.body) == {"a": "ü", "b": [1, None, True]}
    assert first.headers["content-type"] == "application/json"
    assert second.body == b""
    assert "content-type" not in second.headers


# Being stopped


async def test_stopping_ends_a_pause_at_once() -> None:
    clock = StandingStill()
    async with serving(scripted(answer(503))) as server, client(server.url, clock) as api:
        call = asyncio.ensure_future(api.get("/v1/things"))
        await until(lambda: clock.slept)
        api.stop.set()
        with pytest.raises(Stopped):
            await call
        assert len(server.requests) == 1


async def test_once_stopped_nothing_is_sent() -> None:
    async with serving(scripted(OK)) as server, client(server.url) as api:
        api.stop.set()
        with pytest.raises(Stopped):
            await api.get("/v1/things")
        assert server.requests == []


async def test_what_is_in_flight_when_it_is_stopped_is_finished() -> None:
    refused = asyncio.Event()

    async def slowly(request: Request, writer: asyncio.StreamWriter) -> bytes:
        api.stop.set()
        await refused.wait()
        return OK

    async with serving(slowly) as server, client(server.url, concurrency=2) as api:
        first = asyncio.ensure_future(api.get("/v1/a"))
        await until(api.stop.is_set)
        with pytest.raises(Stopped):
            await api.get("/v1/b")
        refused.set()
        assert (await first).status == 200
        assert len(server.requests) == 1
