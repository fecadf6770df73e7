"""The Pulumi engine as whoever watches: what users should see goes through its log, and no call waits for that."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from trueup.core.progress import Quiet, lasting
from trueup.core.secrets import scrub

if TYPE_CHECKING:
    from typing import Any

_PATIENCE: Final = 2.0
"""Seconds that the last words may take when the process ends."""
_DIRECT: Final = (("grpc.enable_http_proxy", 0),)
"""gRPC heeds http_proxy even on the way to this machine, where the engine is; its no_proxy knows no `*`."""


class Host(Quiet):
    """Says things in the engine's log. Without an address nobody listens."""

    def __init__(self, address: str = "") -> None:
        self._channel = grpc.aio.insecure_channel(address, options=_DIRECT) if address else None
        self._stub = engine_pb2_grpc.EngineStub(self._channel) if self._channel else None
        self._saying: set[asyncio.Task[None]] = set()
        self._last = ""

    def info(self, text: str, urn: str = "") -> None:
        """Something that whoever runs it should know."""
        self._say(engine_pb2.INFO, text, urn)

    def warn(self, text: str, urn: str = "") -> None:
        """Something that is not as they may think."""
        self._say(engine_pb2.WARNING, text, urn)

    def note(self, text: str) -> None:
        """A line for people."""
        self.info(text)

    def decision(self, text: str) -> None:
        """Told to whoever asked for debugging."""
        self._say(engine_pb2.DEBUG, text, "")

    def waiting(self, why: str, seconds: float) -> None:
        """Why nothing happens; said once, however many calls wait."""
        if why != self._last:
            self._last = why
            self.info(lasting(why, f"{seconds:.0f} s") if why.endswith(" in") else why)

    async def aclose(self) -> None:
        """Says what is left to say."""
        if self._saying:
            await asyncio.wait(self._saying, timeout=_PATIENCE)
        if self._channel is not None:
            await self._channel.close()

    def _say(self, severity: engine_pb2.LogSeverity.ValueType, text: str, urn: str) -> None:
        if self._stub is None:
            return
        request = engine_pb2.LogRequest(severity=severity, message=scrub(text), urn=urn)
        task = asyncio.ensure_future(_said(self._stub.Log(request)))
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)


async def _said(call: Any) -> None:
    with contextlib.suppress(grpc.aio.AioRpcError, asyncio.CancelledError):
        await call
