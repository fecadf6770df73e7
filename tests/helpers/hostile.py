"""Servers that behave as no well-made one would, byte by byte, on a loopback socket of the test's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from world import Recorder

from trueup.core.progress import Clock
from trueup.core.secrets import Secret
from trueup.systems.den.dialect import DenDialect
from trueup.transport import Credential
from trueup.transport.client import Client

KEY = "den_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-key"


@dataclass
class Request:
    """What came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    number: int
    """How many came before it, of all connections."""


Respond = Callable[[Request, asyncio.StreamWriter], Awaitable[bytes | None]]
"""What to send, and then the connection stays open; None closes it, with what was written before."""


def answer(status: int = 200, body: Any = None, raw: bytes | None = None, **headers: str) -> bytes:
    """A whole answer; `_` in a header's name is a hyphen."""
    content = raw if raw is not None else json.dumps({} if body is None else body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(content)}", "content-type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


@dataclass
class Server:
    """A server that remembers what it was asked."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


@contextlib.asynccontextmanager
async def serving(respond: Respond) -> AsyncIterator[Server]:
    """A server on a port of its own for as long as the block lasts."""
    known = Server()

    writers: list[asyncio.StreamWriter] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode("latin-1").split("\r\n")
                method, path, _ = first.split(" ", 2)
                headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                request = Request(method, path, headers, body, len(known.requests))
                known.requests.append(request)
                known.at_once += 1
                known.most_at_once = max(known.most_at_once, known.at_once)
                try:
                    sent = await respond(request, writer)
                finally:
                    known.at_once -= 1
                if sent is None:
                    break
                writer.write(sent)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    known.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield known
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


async def never() -> NoReturn:
    """Wait until the test ends."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError


async def nothing_more(server: Server) -> None:
    """Check that nothing is on its way to a server: a request that is sent now is the next that it gets."""
    before = len(server.requests)
    _, _, place = server.url.rpartition("/")
    reader, writer = await asyncio.open_connection(*place.split(":"))
    writer.write(b"GET /v1/last HTTP/1.1\r\n\r\n")
    await reader.read(1)
    writer.close()
    assert server.paths()[before:] == ["/v1/last"]


def scripted(*answers: bytes | None) -> Respond:
    """Those answers, one after the other, and the last one for ever."""
    left = list(answers)

    async def respond(request: Request, writer: asyncio.StreamWriter) -> bytes | None:
        return left.pop(0) if len(left) > 1 else left[0]

    return respond


class FastClock:
    """Time that passes by sleeping alone; remembers how long each sleep was."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._start = datetime.now(UTC)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


class StandingStill(FastClock):
    """Whoever sleeps on it never wakes."""

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await never()


@contextlib.asynccontextmanager
async def client(url: str, clock: Clock | None = None, **options: Any) -> AsyncIterator[Client]:
    """A client with Den's dialect for as long as the block lasts; its progress is a Recorder."""
    credential = options.pop("credential", None) or Credential(key=Secret(KEY), origin="DEN_KEY")
    dialect = options.pop("dialect", None) or DenDialect()
    made = Client(url, dialect, credential, clock or FastClock(), Recorder(), **{"timeout": 5.0, **options})
    try:
        yield made
    finally:
        await made.aclose()
