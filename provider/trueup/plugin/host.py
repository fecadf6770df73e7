"""The Pulumi engine as the observer of a run: messages go to its log, and no call waits for them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from trueup.core.progress import Quiet, lasting
from trueup.core.secrets import scrub
from trueup.report.reasons import PULUMI, worded

if TYPE_CHECKING:
    from typing import Any

    from trueup.core.reasons import Reason

_PATIENCE: Final = 2.0
"""Seconds that the last messages may take when the process ends."""
_DIRECT: Final = (("grpc.enable_http_proxy", 0),)
"""gRPC applies http_proxy even to the engine, which is local, and its no_proxy does not accept `*`."""


class Host(Quiet):
    """Sends messages to the engine's log; without an address they are dropped."""

    def __init__(self, address: str = "") -> None:
        self._channel = grpc.aio.insecure_channel(address, options=_DIRECT) if address else None
        self._stub = engine_pb2_grpc.EngineStub(self._channel) if self._channel else None
        self._saying: set[asyncio.Task[None]] = set()
        self._last = ""

    def info(self, text: str, urn: str = "") -> None:
        """Show information to the user."""
        self._say(engine_pb2.INFO, text, urn)

    def warn(self, text: str, urn: str = "") -> None:
        """Show a warning to the user."""
        self._say(engine_pb2.WARNING, text, urn)

    def note(self, reason: Reason) -> None:
        """Show a line of information."""
        self.info(worded(reason, PULUMI))

    def decision(self, text: str) -> None:
        """Log a message for debugging."""
        self._say(engine_pb2.DEBUG, text, "")

    def waiting(self, why: str, seconds: float) -> None:
        """Show why the run waits; once, even if many calls wait."""
        if why != self._last:
            self._last = why
            self.info(lasting(why, f"{seconds:.0f} s") if why.endswith(" in") else why)

    async def aclose(self) -> None:
        """Send the messages that are left."""
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
