"""The layer between a server and its application: it counts every request and injects faults."""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.utils import formatdate

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from trueup.sandbox.faults import BODILESS, Faults, InjectedFault
from trueup.sandbox.requests import RequestLog, Routes

Cut = Callable[[Scope, bool], None]
"""End the connection of a request: with a TCP reset, or gracefully after everything was sent."""


@dataclass
class _Answer:
    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def take(self, message: Message) -> None:
        """An ASGI `send` that records what is sent."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    def framed(self) -> list[tuple[bytes, bytes]]:
        """Return the headers with the length of the whole body, if a body is allowed."""
        if not self.body and (self.status in BODILESS or any(name == b"content-length" for name, _ in self.headers)):
            return self.headers  # for HEAD the application returns the length of the omitted body
        kept = [(name, value) for name, value in self.headers if name.lower() != b"content-length"]
        return [*kept, (b"content-length", str(len(self.body)).encode())]


class Wire:
    """The ASGI application of a server: that of a system, with counting and faults around it.

    A plain callable, since a middleware that wraps requests and responses costs more than the routes themselves.
    """

    def __init__(self, system: str, app: Starlette, log: RequestLog, faults: Faults) -> None:
        self.system = system
        self.cut: Cut | None = None
        self._app = app
        self._log = log
        self._faults = faults
        self._routes = Routes(app.routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        route = self._routes.name(method, path)
        peer = scope["client"][1] if scope.get("client") else None
        entry = self._log.arrived(self.system, method, path, scope["query_string"].decode("latin-1"), route, peer)
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._log.answered(entry, message["status"])
                message = {**message, "headers": _dated(message["headers"])}
            await send(message)

        try:
            fault = self._faults.hit(self.system, method, path, route)
            if fault is None:
                await self._app(scope, receive, noting)
            elif fault.hold:
                await self._hold(fault, scope, receive, noting)
            else:
                await self._spoil(fault, scope, receive, noting)
        except ClientDisconnect:
            pass  # the client left while it was still sending
        except Exception:
            # A bug of the sandbox. It is printed on standard error; the client gets the answer of a broken server.
            traceback.print_exc(file=sys.stderr)
            if not started:
                body = json.dumps({"error": "internal_server_error"}).encode()
                await _send(_Answer(500, [(b"content-type", b"application/json")], body), noting)
        finally:
            if not started:
                self._log.answered(entry, None)

    async def _spoil(self, fault: InjectedFault, scope: Scope, receive: Receive, send: Send) -> None:
        """Run effect and delay in the requested order, then send the remaining answer.

        The request's body is read first, so that a client that gives up during a delay does not prevent the effect.
        """
        receive = await _read(receive)
        if not fault.after:
            await asyncio.sleep(fault.delay)
        answer = _Answer()
        if fault.after or not (fault.status or fault.reset):
            await self._app(scope, receive, answer.take)
        if fault.after:
            await asyncio.sleep(fault.delay)
        if fault.reset:
            await self._hang_up(scope, receive, reset=True)
            return
        if fault.status:
            headers, body = fault.answer()
            answer = _Answer(fault.status, headers, body)
        if not fault.truncate and not fault.drip:
            await _send(answer, send)
        elif answer.body:
            await send({"type": "http.response.start", "status": answer.status, "headers": answer.framed()})
            await _drip(fault, answer.body, send)
            if fault.truncate:
                await self._hang_up(scope, receive, reset=False)
        elif fault.truncate:
            await self._hang_up(scope, receive, reset=False)  # without a body, only the answer can be cut
        else:
            await _send(answer, send)

    async def _hold(self, fault: InjectedFault, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the effect before or after the hold, or never, whether or not the client is still there."""
        receive = await _read(receive)
        answer = _Answer()
        if fault.hold == "after":
            await self._app(scope, receive, answer.take)
        held = await fault.held.park(scope["method"], scope["path"])
        try:
            if fault.hold == "before" and not fault.drop:
                await self._app(scope, receive, answer.take)
        finally:
            held.over.set()
        if fault.drop:
            await self._hang_up(scope, receive, reset=True)
        else:
            await _send(answer, send)

    async def _hang_up(self, scope: Scope, receive: Receive, *, reset: bool) -> None:
        assert self.cut is not None, "a server is behind this"
        self.cut(scope, reset)
        while (await receive())["type"] != "http.disconnect":  # returning earlier would make the server send a 500
            pass


def _dated(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers with the time of the machine, as servers send it, unless a fault says another."""
    found = list(headers)
    if not any(name.lower() == b"date" for name, _ in found):
        found.append((b"date", formatdate(usegmt=True).encode()))
    return found


async def _read(receive: Receive) -> Receive:
    """Receive the whole request and return a `receive` that replays it.

    Raises ClientDisconnect for an incomplete request, which has no effect and no fault.
    """
    messages: deque[Message] = deque()
    while not messages or messages[-1].get("more_body"):
        messages.append(await receive())
        if messages[-1]["type"] == "http.disconnect":
            raise ClientDisconnect

    async def again() -> Message:
        return messages.popleft() if messages else await receive()

    return again


async def _send(answer: _Answer, send: Send) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.framed()})
    await send({"type": "http.response.body", "body": answer.body})


async def _drip(fault: InjectedFault, body: bytes, send: Send) -> None:
    sent = body[: len(body) // 2] if fault.truncate else body
    size = fault.chunk if fault.drip else max(len(sent), 1)
    for start in range(0, len(sent), size):
        if start:
            await asyncio.sleep(fault.drip)
        await send({"type": "http.response.body", "body": sent[start : start + size], "more_body": True})
    if not fault.truncate:
        await send({"type": "http.response.body", "body": b""})
