"""A server that answered earlier and stops answering: one wait for all requests, shown, and limited in time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hostile import FastClock, Request, Respond, StandingStill, answer, client, never, scripted, serving
from proxies import listening

from trueup.core.errors import Ambiguous, NoRoute, Stopped, Unavailable
from trueup.report.reasons import explained
from trueup.transport.client import ATTEMPTS, Client

OK = answer(200, {"ok": True})
FRONT = answer(502, raw=b"<html>bad gateway</html>", content_type="text/html")


class Restarted(FastClock):
    """A server whose port refuses from `down` for some time; every sleep of the client advances that time."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.port = 0
        self.asked = 0
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._until = 0.0

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._one, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        self._server, self._until = None, sum(self.slept) + self.seconds

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if self._server is None and sum(self.slept) >= self._until:
            await self.up()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                self.asked += 1
                writer.write(OK)
                await writer.drain()


@contextlib.asynccontextmanager
async def restarted(seconds: float, **options: float) -> AsyncIterator[tuple[Restarted, Client]]:
    """A server that answered once and is down for that long, and its client."""
    server = Restarted(seconds)
    await server.up()
    async with client(f"http://127.0.0.1:{server.port}", server, **options) as api:
        await api.get("/v1/things")
        await server.down()
        yield server, api
    if server._server is not None:
        await server.down()


def waits(api: Client) -> list[str]:
    return [why for why, _ in api.progress.waits]  # type: ignore[attr-defined]


async def test_a_restart_fails_nothing_and_costs_few_requests() -> None:
    async with restarted(7) as (server, api):
        found = await asyncio.gather(
            *(api.request("POST", "/v1/things", repeatable=False) for _ in range(50)),
            *(api.get("/v1/things") for _ in range(50)),
        )
        assert all(one.body == {"ok": True} for one in found)
        assert server.asked == 101, "each once"
        assert api.sent <= 101 + 8 + 6, "those that were under way, and one at a time"
        assert 7 <= sum(server.slept) <= 20


async def test_it_is_shown_with_how_long_and_until_when() -> None:
    async with restarted(30) as (_, api):
        await api.get("/v1/things")
        assert (
            "Den does not answer any more (cannot be reached: Connection refused); trying again until" in waits(api)[0]
        )
        for why in waits(api)[3:]:
            assert "Den has not answered for " in why
            assert why.endswith(" UTC, next try in")
        assert any("answers again after" in one for one in api.progress.decisions)  # type: ignore[attr-defined]


@pytest.mark.parametrize("patience", [20.0, 120.0])
async def test_it_is_given_up_when_patience_ends_and_then_nobody_waits_again(patience: float) -> None:
    async with restarted(9999, patience=patience) as (server, api):
        found = await asyncio.gather(*(api.get("/v1/things") for _ in range(30)), return_exceptions=True)
        assert all(isinstance(one, Unavailable) for one in found)
        slowest = next(one for one in found if isinstance(one, Unavailable) and "has not answered for" in str(one))
        assert "--retry-for" in explained(slowest)[1]
        assert patience - 1 <= sum(server.slept) <= patience + 1
        sent = api.sent
        with pytest.raises(Unavailable, match=r"Connection refused\.") as again:
            await api.get("/v1/things")
        assert explained(again.value)[1].startswith("Once it responds, run the same command again")
        assert api.sent == sent + 1
        await server.up()
        assert (await api.get("/v1/things")).body == {"ok": True}
        await server.down()
        server.seconds = 0
        with contextlib.suppress(Unavailable):
            await api.get("/v1/things")
        assert sum(server.slept) > patience + 1, "a second outage is waited for as the first one was"


async def test_without_patience_a_call_has_its_few_tries() -> None:
    async with restarted(9999, patience=0.0) as (_, api):
        sent = api.sent
        with pytest.raises(Unavailable, match=f"tried {ATTEMPTS} times"):
            await api.get("/v1/things")
        assert api.sent == sent + ATTEMPTS


async def test_a_server_that_never_answered_fails_within_seconds() -> None:
    clock = FastClock()
    async with client("http://127.0.0.1:9", clock) as api:
        found = await asyncio.gather(*(api.get("/v1/things") for _ in range(8)), return_exceptions=True)
        assert all(isinstance(one, Unavailable) for one in found)
        assert api.sent == 8 * ATTEMPTS
    assert sum(clock.slept) / 8 < 10


async def test_ctrl_c_ends_it_at_once_for_all() -> None:
    class Still(Restarted, StandingStill):
        async def sleep(self, seconds: float) -> None:
            asyncio.get_running_loop().call_soon(api.stop.set)
            await StandingStill.sleep(self, seconds)

    server = Still(1)
    await server.up()
    async with client(f"http://127.0.0.1:{server.port}", server) as api:
        await api.get("/v1/things")
        await server.down()
        calls = (api.request("POST", "/v1/things", repeatable=False) for _ in range(100))
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(one, Stopped) and not one.maybe for one in found)
        assert len(server.slept) == 1


async def test_a_call_that_is_cancelled_leaves_the_waiting_to_the_next() -> None:
    async with restarted(20) as (server, api):
        waiting = asyncio.Event()

        async def sleep(seconds: float) -> None:
            if not waiting.is_set():
                waiting.set()
                await never()
            await Restarted.sleep(server, seconds)

        server.sleep = sleep  # type: ignore[method-assign]
        first = asyncio.ensure_future(api.get("/v1/things"))
        await waiting.wait()
        second = asyncio.ensure_future(api.get("/v1/other"))
        for _ in range(10):  # turns of the loop, in which the second comes to wait for the first
            await asyncio.sleep(0)
        first.cancel()
        assert (await second).body == {"ok": True}


# Proxies in front of the server


@pytest.mark.parametrize("status", [502, 503, 504])
@pytest.mark.parametrize("raw", [b"<html>", b"", b"no healthy upstream"])
async def test_what_a_proxy_in_front_says_of_a_restart_is_waited_for(status: int, raw: bytes) -> None:
    down = answer(status, raw=raw, content_type="text/html")
    clock = FastClock()
    async with serving(scripted(OK, *[down] * 8, OK)) as server, client(server.url, clock) as api:
        await api.get("/v1/things")
        assert (await api.get("/v1/things")).body == {"ok": True}
        assert len(server.requests) == 10
        assert "Den does not answer any more (answered" in waits(api)[0]


@pytest.mark.parametrize(
    "down",
    [
        answer(404, raw=b"404 page not found", content_type="text/plain"),
        answer(503, {"timestamp": 1, "status": 503, "error": "Service Unavailable", "path": "/v1/things"}),
        answer(502, {"message": "no healthy upstream"}),
    ],
)
async def test_other_proxies_in_front_are_waited_for_as_well(down: bytes) -> None:
    async with serving(scripted(OK, *[down] * 8, OK)) as server, client(server.url) as api:
        await api.get("/v1/things")
        assert (await api.get("/v1/things")).body == {"ok": True}
        assert len(server.requests) == 10


async def test_a_page_that_is_not_found_at_first_is_a_wrong_url() -> None:
    async with serving(scripted(answer(404, raw=b"404 page not found"))) as server, client(server.url) as api:
        with pytest.raises(NoRoute, match="there is no such route"):
            await api.get("/v1/things")
        assert len(server.requests) == 1


# Connections that end


def ending(how: str, times: int) -> Respond:
    """A server whose connections end that often after its first answer: before an answer, or in the middle of one."""
    count = itertools.count()

    async def respond(request: Request, writer: asyncio.StreamWriter) -> bytes | None:
        if not 1 <= next(count) <= times:
            return OK
        if "cut" in how:
            writer.write(OK[:-5])
            await writer.drain()
        if "reset" in how:
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        return None

    return respond


@pytest.mark.parametrize("how", ["closed", "reset", "cut", "cut and reset"])
async def test_connections_that_end_are_waited_for_as_a_restart_is(how: str) -> None:
    async with serving(ending(how, 8)) as server, client(server.url) as api:
        await api.get("/v1/things")
        assert (await api.get("/v1/things")).body == {"ok": True}
        assert len(server.requests) == 10
        assert "trying again until" in waits(api)[0]


@pytest.mark.parametrize("how", ["closed", "cut and reset"])
async def test_a_server_that_only_ends_connections_has_its_few_tries(how: str) -> None:
    async with serving(ending(how, 99)) as server, client(server.url) as api:
        await api.get("/v1/things")
        api._outage.heard = 0
        with pytest.raises(Unavailable, match=f"tried {ATTEMPTS} times"):
            await api.get("/v1/things")
        assert len(server.requests) == 1 + ATTEMPTS


async def test_a_handshake_of_tls_that_ends_is_no_lasting_failure() -> None:
    """As behind a forwarded port whose server is being restarted: it takes connections, and closes them."""
    taken = 0

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        taken += 1
        await reader.read(1)
        writer.close()

    async with listening(closing) as port, client(f"https://127.0.0.1:{port}") as api:
        with pytest.raises(Unavailable, match=r"tried 5 times: the connection with .* ended during TLS"):
            await api.request("POST", "/v1/things", repeatable=False)
        assert taken == ATTEMPTS
        api._outage.answered()
        with pytest.raises(Unavailable, match="has not answered for 1"):
            await api.request("POST", "/v1/things", repeatable=False)
        assert taken > 2 * ATTEMPTS


async def test_a_name_that_cannot_be_resolved_any_more_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    failures = 7
    resolve = socket.getaddrinfo

    def failing(*words: Any, **more: Any) -> Any:
        nonlocal failures
        if failures:
            failures -= 1
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return resolve(*words, **more)

    async with (
        serving(scripted(OK, None, OK)) as server,
        client(server.url.replace("127.0.0.1", "localhost")) as api,
    ):
        await api.get("/v1/things")
        monkeypatch.setattr(socket, "getaddrinfo", failing)
        assert (await api.get("/v1/things")).body == {"ok": True}
        assert failures == 0
        assert any("cannot be resolved" in why for why in waits(api))


async def test_a_create_that_a_proxy_in_front_lost_is_ambiguous() -> None:
    async with serving(scripted(OK, FRONT)) as server, client(server.url) as api:
        await api.get("/v1/things")
        with pytest.raises(Ambiguous):
            await api.request("POST", "/v1/things", repeatable=False)
        assert len(server.requests) == 2


async def test_one_route_that_fails_while_others_answer_is_no_outage() -> None:
    async def respond(request: Request, writer: object) -> bytes:
        return FRONT if request.path == "/v1/broken" else OK

    clock = FastClock()
    async with serving(respond) as server, client(server.url, clock) as api:
        await api.get("/v1/things")
        broken = asyncio.ensure_future(api.get("/v1/broken"))
        while not broken.done():
            await api.get("/v1/things")
        with pytest.raises(Unavailable, match="answered 502"):
            await broken
        assert server.paths().count("/v1/broken") <= ATTEMPTS + 2


async def test_what_the_api_itself_says_in_json_is_no_outage() -> None:
    own = answer(503, {"error": "overloaded"})
    async with serving(scripted(OK, own)) as server, client(server.url) as api:
        await api.get("/v1/things")
        with pytest.raises(Unavailable, match=f"tried {ATTEMPTS} times: answered 503: overloaded"):
            await api.get("/v1/things")
        assert len(server.requests) == 1 + ATTEMPTS


# Requests that were not carried out

AUDIT = answer(503, {"error": "audit_unavailable"})


@pytest.mark.parametrize("times", [1, 2, 4])
async def test_a_create_that_could_not_be_audited_is_sent_again(times: int) -> None:
    async with serving(scripted(*[AUDIT] * times, OK)) as server, client(server.url) as api:
        found = await api.request("POST", "/v1/things", body={}, repeatable=False)
        assert found.body == {"ok": True}
        assert len(server.requests) == times + 1


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "GET"])
async def test_an_audit_log_that_stays_away_is_explained(method: str) -> None:
    async with serving(scripted(AUDIT)) as server, client(server.url) as api:
        with pytest.raises(Unavailable) as raised:
            await api.request(method, "/v1/things", repeatable=False)
        assert len(server.requests) == ATTEMPTS
    assert not raised.value.maybe
    assert "audit_unavailable" in raised.value.message
    assert "carried nothing out" in raised.value.hint


async def test_a_port_that_takes_connections_and_closes_them_is_no_certain_outage() -> None:
    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with listening(closing) as port, client(f"http://127.0.0.1:{port}") as api:
        with pytest.raises((Ambiguous, Unavailable)):
            await api.request("POST", "/v1/things", repeatable=False)
        assert api.sent <= ATTEMPTS
