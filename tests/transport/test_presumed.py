"""A 401 of a Den whose get-session knows only sessions: a key that worked is presumed to have used up its window."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hostile import KEY, FastClock, Request, StandingStill, answer, client, never, nothing_more, serving
from waiting import until
from world import Recorder

from trueup.core.errors import Stopped, TrueupError, Unauthorized
from trueup.core.secrets import Secret
from trueup.transport import Credential
from trueup.transport.client import Client

PROBE = "/api/auth/get-session"
OK = answer(200, {"ok": True})
NO = answer(401, {"error": "unauthorized"})
UNAWARE = {
    "null": answer(200, raw=b"null"),
    "gone": answer(404, {"error": "not_found"}),
    "unauthorized": answer(401, {"error": "unauthorized"}),
    "broken": answer(500, {"error": "internal_server_error"}),
    "html": answer(200, raw=b"<html>"),
    "reset": None,
}


class Newer:
    """A Den that counts `window` requests exactly and, unreported, resets after more than 60 s without a request."""

    def __init__(self, clock: FastClock, window: int = 600, probe: bytes | None = UNAWARE["null"]) -> None:
        self.clock = clock
        self.window = window
        self.probe = probe
        self.probes = 0
        self.asked = asyncio.Event()
        self.count = 0
        self.last = clock.monotonic()
        self.revoked = False
        self.answered: list[tuple[str, bool]] = []

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> bytes | None:
        if request.path.startswith(PROBE):
            self.probes += 1
            self.asked.set()
            return self.probe
        now = self.clock.monotonic()
        if now - self.last > 60:
            self.count = 0
        good = self.count < self.window and not self.revoked
        self.answered.append((request.method, good))
        if not good:
            return NO
        self.count += 1
        self.last = now
        return OK


def waits(api: Client) -> list[tuple[str, float]]:
    assert isinstance(api.progress, Recorder)
    return api.progress.waits


@pytest.mark.parametrize("concurrency", [1, 4, 8, 16])
async def test_windows_are_waited_out_at_any_concurrency(concurrency: int) -> None:
    clock = FastClock()
    den = Newer(clock, window=60)
    async with serving(den) as server, client(server.url, clock, concurrency=concurrency) as api:
        found = await asyncio.gather(*(api.request("POST", "/v1/x", body={}, repeatable=False) for _ in range(150)))
    assert len(found) == 150
    assert sum(good for _, good in den.answered) == 150, "each happened once"
    assert len(waits(api)) == den.probes == 2
    for why, seconds in waits(api):
        assert 60 < seconds < 61
        assert "presumed to be spent" in why
        assert "of 600 requests by this run" in why
        assert "UTC, then asking once" in why
    refused = sum(not good for _, good in den.answered)
    assert refused <= 2 * concurrency


async def test_after_the_silence_one_request_goes_first() -> None:
    clock = FastClock()
    den = Newer(clock, window=5)
    async with serving(den) as server, client(server.url, clock, concurrency=8) as api:
        for _ in range(5):
            await api.get("/v1/x")
        den.revoked = True
        found = await asyncio.gather(*(api.get("/v1/x") for _ in range(40)), return_exceptions=True)
        assert all(isinstance(one, Unauthorized) for one in found), found
        assert len(waits(api)) == den.probes == 1
        assert sum(not good for _, good in den.answered) <= 8 + 1, "those in flight, and the careful one"
        with pytest.raises(Unauthorized):
            await api.get("/v1/more")
        assert "/v1/more" not in server.paths()
    (error,) = {str(one): one for one in found}.values()
    assert isinstance(error, Unauthorized)
    for word in ("worked before", "revoked", "more than 60 s", "correlation id", "GET /v1/x"):
        assert word in str(error) + error.hint
    assert error.status == 401
    assert api.refused


async def test_a_key_that_another_program_uses_without_a_pause_is_given_up() -> None:
    clock = FastClock()
    answers = [OK, *[NO] * 40]
    spent = answer(429, {"code": "RATE_LIMITED", "details": {"tryAgainIn": 60_000}})

    async def respond(request: Request, _: asyncio.StreamWriter) -> bytes:
        return spent if request.path.startswith(PROBE) else answers.pop(0)

    async with serving(respond) as server, client(server.url, clock) as api:
        await api.get("/v1/x")
        with pytest.raises(TrueupError, match="does not close") as raised:
            await api.get("/v1/x")
    assert "Another program uses this key" in str(raised.value)
    assert "correlation id" in str(raised.value)
    assert "is up" not in str(raised.value)


@pytest.mark.parametrize("probe", UNAWARE.values(), ids=UNAWARE)
async def test_whatever_the_probe_answers(probe: bytes | None) -> None:
    clock = FastClock()
    den = Newer(clock, window=5, probe=probe)
    async with serving(den) as server, client(server.url, clock) as api:
        for _ in range(12):
            await api.get("/v1/x")
    assert len(waits(api)) == den.probes == 2
    assert all(seconds > 60 for _, seconds in waits(api))


async def test_on_the_first_request_both_explanations_are_given_at_once() -> None:
    clock = FastClock()
    den = Newer(clock, window=0)
    credential = Credential(key=Secret(KEY), name="staging", origin="STAGING_KEY")
    async with serving(den) as server, client(server.url, clock, credential=credential) as api:
        found = await asyncio.gather(*(api.get("/v1/x") for _ in range(20)), return_exceptions=True)
        assert all(isinstance(one, Unauthorized) for one in found), found
        assert den.probes == 1
        assert not clock.slept
    error = found[0]
    assert isinstance(error, Unauthorized)
    told = f"{error} {error.hint}"
    for word in ("no API key of this server", "window is spent", "60 s", "mid-August", "new one", "STAGING_KEY"):
        assert word in told, word
    assert KEY not in told


async def test_a_key_that_is_refused_from_the_first_request_on_may_meet_a_build_that_refuses_all() -> None:
    for probe in (UNAWARE["html"], answer(401, {"code": "INVALID_API_KEY"})):
        clock = FastClock()
        async with serving(Newer(clock, window=0, probe=probe)) as server, client(server.url, clock) as api:
            with pytest.raises(Unauthorized) as raised:
                await api.get("/v1/x")
        assert "mid-August 2026 refuse every key" in raised.value.hint


async def test_a_key_that_another_run_proved_is_waited_for() -> None:
    clock = FastClock()
    den = Newer(clock, window=1)
    async with serving(den) as server, client(server.url, clock) as api:
        den.count, den.last = 1, clock.monotonic()
        api.proven = True
        await api.get("/v1/x")
        assert [seconds > 60 for _, seconds in waits(api)] == [True]


async def test_a_session_has_no_window() -> None:
    clock = FastClock()
    den = Newer(clock, window=1)
    credential = Credential(token=Secret(KEY))
    async with serving(den) as server, client(server.url, clock, credential=credential) as api:
        await api.get("/v1/x")
        with pytest.raises(Unauthorized, match="session is unknown or has ended"):
            await api.get("/v1/x")
        assert api.limits.requests is None
        assert not clock.slept


async def test_a_word_of_the_server_outranks_the_presumption() -> None:
    clock = FastClock()
    den = Newer(clock, window=1, probe=answer(401, {"code": "KEY_DISABLED"}))
    async with serving(den) as server, client(server.url, clock) as api:
        await api.get("/v1/x")
        with pytest.raises(Unauthorized, match="disabled"):
            await api.get("/v1/x")
        assert not clock.slept


async def test_stopping_ends_the_silence_for_all() -> None:
    den = Newer(FastClock(), window=1)
    clock = StandingStill()
    async with serving(den) as server, client(server.url, clock) as api:
        await api.get("/v1/x")
        calls = asyncio.gather(*(api.get("/v1/x") for _ in range(10)), return_exceptions=True)
        await until(lambda: clock.slept)
        api.stop.set()
        found = await calls
        assert all(isinstance(one, Stopped) for one in found), found
        await nothing_more(server)


@pytest.mark.parametrize("end", ["reset", "cancelled", "server-error"])
async def test_a_careful_request_that_comes_to_nothing_lets_the_others_go_on(end: str) -> None:
    clock = FastClock()
    den = Newer(clock, window=2)
    hang = asyncio.Event()

    async def respond(request: Request, writer: asyncio.StreamWriter) -> Any:
        if clock.slept and request.path == "/v1/first":
            if end == "cancelled":
                hang.set()
                await never()
            return None if end == "reset" else answer(500, {"error": "internal_server_error"})
        return await den(request, writer)

    async with serving(respond) as server, client(server.url, clock, concurrency=4) as api:
        for _ in range(2):
            await api.get("/v1/x")
        first = asyncio.ensure_future(api.request("POST", "/v1/first", body={}, repeatable=False))
        await den.asked.wait()
        others = asyncio.gather(*(api.get("/v1/x") for _ in range(2)))
        if end == "cancelled":
            await hang.wait()
            first.cancel()
        with pytest.raises((TrueupError, asyncio.CancelledError)):
            await first
        assert len(await others) == 2
