"""A 401 of Den: the spent window; the bad, short, expired or disabled credential; servers that make no sense of it."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import ANY

import pytest
from hostile import (
    KEY,
    FastClock,
    Request,
    Respond,
    StandingStill,
    answer,
    client,
    never,
    nothing_more,
    scripted,
    serving,
)
from waiting import until
from world import Recorder

from trueup.core.errors import Stopped, TrueupError, Unauthorized, Unavailable
from trueup.core.secrets import Secret
from trueup.transport import Credential
from trueup.transport.client import Client

PROBE = "/api/auth/get-session"
OK = answer(200, {"ok": True})
NO = answer(401, {"error": "unauthorized"}, x_request_id="req_401")
SESSION = {"session": {"token": KEY}, "user": {"id": "u"}}


def limited(milliseconds: Any) -> bytes:
    return answer(429, {"code": "RATE_LIMITED", "details": {"tryAgainIn": milliseconds}})


class Den:
    """Answers 401 until the clock has slept for so long, and tells it on the probe."""

    def __init__(self, clock: FastClock, silence: float = 60.0) -> None:
        self.clock = clock
        self.silence = silence
        self.probes = 0

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> bytes:
        left = self.silence - sum(self.clock.slept)
        if request.path.startswith(PROBE):
            self.probes += 1
            return limited(left * 1000)
        return NO if left > 0 else OK


def routes(others: bytes, *probes: bytes | None) -> Respond:
    """The same answer to everything, but those to the probe."""
    probe = scripted(*probes)

    async def respond(request: Request, writer: asyncio.StreamWriter) -> bytes | None:
        return await probe(request, writer) if request.path.startswith(PROBE) else others

    return respond


# The window


async def test_many_callers_at_the_limit_ask_once_wait_once_and_all_go_on() -> None:
    clock = FastClock()
    den = Den(clock)
    async with serving(den) as server, client(server.url, clock, concurrency=8) as api:
        found = await asyncio.gather(*(api.get("/v1/things") for _ in range(40)))
        assert len(found) == 40
        assert den.probes == 1
        assert api.sent == len(server.requests) <= 40 + 8 + 1
        assert api.progress.waits == [(ANY, 60.5)]  # type: ignore[attr-defined]
        assert api.window.used <= 41
        assert api.waited == 60.5


async def test_a_create_that_was_refused_at_the_limit_is_sent_once_the_window_opens() -> None:
    clock = FastClock()
    async with serving(Den(clock)) as server, client(server.url, clock) as api:
        assert (await api.request("POST", "/v1/things", body={}, repeatable=False)).status == 200
        assert [request.method for request in server.requests] == ["POST", "GET", "POST"]


async def test_a_window_that_closes_again_is_waited_for_again() -> None:
    clock = FastClock()

    async def twice(request: Request, writer: asyncio.StreamWriter) -> bytes:
        if request.path.startswith(PROBE):
            return limited(60_000)
        return OK if len(clock.slept) >= 2 else NO

    async with serving(twice) as server, client(server.url, clock) as api:
        assert (await api.get("/v1/things")).status == 200
    assert len(clock.slept) == 2


@pytest.mark.parametrize(
    ("milliseconds", "least", "most"),
    [
        (0, 0, 1),
        (1, 0, 1),
        (-1, 0, 1),
        (-(10**30), 0, 1),
        (10**30, 60, 130),
        (10**400, 60, 130),
        (1e308, 60, 130),
        ("5000", 1, 130),
        (None, 1, 130),
        (True, 1, 130),
        ([], 1, 130),
        ({"a": 1}, 1, 130),
    ],
)
async def test_a_strange_time_to_wait_is_neither_an_error_nor_for_ever(
    milliseconds: Any, least: float, most: float
) -> None:
    clock = FastClock()

    async def respond(request: Request, writer: asyncio.StreamWriter) -> bytes:
        if request.path.startswith(PROBE):
            return limited(milliseconds)
        return OK if clock.slept else NO

    async with serving(respond) as server, client(server.url, clock) as api:
        assert (await api.get("/v1/things")).status == 200
    assert least <= sum(clock.slept) <= most


@pytest.mark.parametrize(
    "raw",
    [
        b'{"code": "RATE_LIMITED", "details": {"tryAgainIn": NaN}}',
        b'{"code": "RATE_LIMITED", "details": {"tryAgainIn": Infinity}}',
        b'{"code": "RATE_LIMITED", "details": [1]}',
        b'{"code": "RATE_LIMITED"}',
        b"<html>slow down</html>",
        b"",
    ],
)
async def test_a_limit_told_in_broken_words_is_a_limit(raw: bytes) -> None:
    clock = FastClock()

    async def respond(request: Request, writer: asyncio.StreamWriter) -> bytes:
        if request.path.startswith(PROBE):
            return answer(429, raw=raw)
        return OK if clock.slept else NO

    async with serving(respond) as server, client(server.url, clock) as api:
        assert (await api.get("/v1/things")).status == 200
    assert 1 <= sum(clock.slept) <= 130


async def test_a_window_that_never_opens_is_given_up() -> None:
    clock = FastClock()
    async with serving(routes(NO, limited(60_000))) as server, client(server.url, clock) as api:
        with pytest.raises(Unavailable, match="does not close"):
            await api.get("/v1/things")
        assert len(server.requests) <= 30


async def test_stopping_ends_the_wait_for_all() -> None:
    clock = StandingStill()
    async with serving(routes(NO, limited(60_000))) as server, client(server.url, clock) as api:
        calls = asyncio.gather(*(api.get("/v1/things") for _ in range(10)), return_exceptions=True)
        await until(lambda: clock.slept)
        api.stop.set()
        found = await calls
        assert all(isinstance(one, Stopped) for one in found), found
        await nothing_more(server)


async def test_once_stopped_not_even_the_probe_is_sent() -> None:
    async def respond(request: Request, writer: asyncio.StreamWriter) -> bytes:
        api.stop.set()
        return NO

    async with serving(respond) as server, client(server.url) as api:
        with pytest.raises(Stopped):
            await api.get("/v1/things")
        assert [request.path for request in server.requests] == ["/v1/things"]


async def test_silence_closes_the_window_of_the_count() -> None:
    clock = FastClock()
    async with serving(scripted(OK)) as server, client(server.url, clock) as api:
        for _ in range(5):
            await api.get("/v1/things")
        assert api.window.used == 5
        await clock.sleep(61)
        await api.get("/v1/things")
        assert (api.window.used, api.sent) == (1, 6)


# The credential

REASONS = {
    "bad": (answer(401, {"code": "INVALID_API_KEY", "message": "Invalid API key."}), "does not exist or has expired"),
    "short": (answer(403, {"code": "INVALID_API_KEY"}), "too short"),
    "disabled": (answer(401, {"code": "KEY_DISABLED"}), "disabled"),
    "no-session": (answer(200, raw=b"null"), "no API key of this server, or its request window is spent"),
}


@pytest.mark.parametrize(("probe", "why"), REASONS.values(), ids=REASONS)
async def test_a_refused_key_says_why_and_whose_it_is(probe: bytes, why: str) -> None:
    clock = FastClock()
    credential = Credential(key=Secret(KEY), name="staging", origin="STAGING_KEY")
    options = {"credential": credential, "concurrency": 4}
    async with serving(routes(NO, probe)) as server, client(server.url, clock, **options) as api:
        calls = (api.get("/v1/things") for _ in range(12))
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(one, Unauthorized) for one in found), found
        assert server.paths().count(PROBE) == 1
        assert len(server.requests) <= 4 + 1
        with pytest.raises(Unauthorized):
            await api.get("/v1/more")
        assert "/v1/more" not in server.paths(), "it is no use to ask again"
    message = str(found[0])
    for word in (why, "staging", "STAGING_KEY", "req_401"):
        assert word in message
    assert KEY not in message
    assert clock.slept == []


async def test_a_missing_credential_is_told_in_the_names_of_its_settings() -> None:
    probe = answer(401, {"code": "UNAUTHORIZED"})
    async with serving(routes(NO, probe)) as server, client(server.url, credential=Credential()) as api:
        with pytest.raises(Unauthorized, match="TRUEUP_DEN_API_KEY"):
            await api.get("/v1/things")
        assert "x-api-key" not in server.requests[0].headers


async def test_a_session_is_sent_as_bearer_with_its_organization() -> None:
    credential = Credential(token=Secret(KEY), tenant="org_1")
    async with serving(scripted(OK)) as server, client(server.url, credential=credential) as api:
        await api.get("/v1/things")
    headers = server.requests[0].headers
    assert headers["authorization"] == f"bearer {KEY.lower()}"
    assert headers["x-openwork-org-id"] == "org_1"
    assert "x-api-key" not in headers


async def test_a_session_that_ended_is_told_as_one() -> None:
    credential = Credential(token=Secret(KEY))
    ended = routes(NO, answer(200, raw=b"null"))
    async with serving(ended) as server, client(server.url, credential=credential) as api:
        with pytest.raises(Unauthorized, match=r"session token .* has ended"):
            await api.get("/v1/things")


# Servers that make no sense

SENSELESS = {
    "good-session": answer(200, SESSION),
    "html": answer(200, raw=b"<html>"),
    "list": answer(200, [1]),
    "server-error": answer(500, {"error": "x"}),
    "redirect": answer(302, {}, location="https://example.com"),
    "not-found": answer(404, {"error": "not_found"}),
    "reset": None,
    "huge-word": answer(401, {"code": "x" * 100_000}),
    "deep": answer(200, raw=b"[" * 100_000),
}


@pytest.mark.parametrize("probe", SENSELESS.values(), ids=SENSELESS)
async def test_a_401_that_nothing_explains_is_tried_again_a_little_and_then_told(probe: bytes | None) -> None:
    clock = FastClock()
    async with serving(routes(NO, probe)) as server, client(server.url, clock) as api:
        with pytest.raises(Unauthorized, match="without a reason") as raised:
            await api.get("/v1/things")
        assert len(server.requests) <= 8
    recorder = api.progress
    assert isinstance(recorder, Recorder)
    assert KEY not in str(raised.value) + recorder.said, "the probe's good answer carries the key in clear"
    assert sum(clock.slept) < 10


@pytest.mark.parametrize("probe", SENSELESS.values(), ids=SENSELESS)
async def test_a_401_that_passes_is_forgiven(probe: bytes | None) -> None:
    once = routes(NO, probe)

    async def respond(request: Request, writer: asyncio.StreamWriter) -> bytes | None:
        return OK if request.number >= 2 else await once(request, writer)

    async with serving(respond) as server, client(server.url) as api:
        assert (await api.get("/v1/things")).status == 200


async def test_a_route_that_is_always_refused_does_not_hold_up_the_others_for_ever() -> None:
    """The session is good and other routes answer: one that never does is given up after a few tries."""

    async def respond(request: Request, writer: asyncio.StreamWriter) -> bytes:
        if request.path.startswith(PROBE):
            return answer(200, SESSION)
        return NO if request.path == "/v1/never" else OK

    async def others(api: Client) -> int:
        for _ in range(300):
            await api.get("/v1/things")
        return 300

    async with serving(respond) as server, client(server.url, concurrency=4) as api:
        never, done = await asyncio.gather(api.get("/v1/never"), others(api), return_exceptions=True)
        assert isinstance(never, Unauthorized)
        assert done == 300
        assert server.paths().count("/v1/never") <= 6


async def test_a_probe_that_hangs_ends_at_the_timeout() -> None:
    async def respond(request: Request, writer: asyncio.StreamWriter) -> bytes:
        if request.path.startswith(PROBE):
            await never()
        return NO

    async with serving(respond) as server, client(server.url, timeout=0.2) as api:
        with pytest.raises(TrueupError):
            await api.get("/v1/things")
