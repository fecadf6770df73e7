"""The provider as a process: `pulumi-resource-trueup [flags] ENGINE_ADDRESS` prints its port and serves until it ends.

Facts: the engine reads the first line of standard output as the port, sends Cancel before it ends, then SIGINT to the
whole group, and kills after five seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from trueup.plugin.greeting import Greeting

if TYPE_CHECKING:
    from trueup.plugin.servicer import Provider

_LARGEST: Final = 1 << 30
"""The maximum bytes of a message. The state of a large stack is never one message, but a resource may be large."""
_GRACE: Final = 3.0
"""Seconds that calls may take to finish; the engine kills the process after five."""
_LOOK: Final = 1.0
"""Seconds between two checks that the engine is still alive."""


def main() -> None:
    """Entry point of the Pulumi provider process."""
    try:
        asyncio.run(_serve(address_of(sys.argv[1:])))
    except KeyboardInterrupt:  # before the signal handlers were installed
        sys.exit(130)


def address_of(words: list[str]) -> str:
    """Return the engine's address from the command line; the engine's flags are ignored."""
    rest = iter(words)
    for word in rest:
        if word in ("--tracing", "-tracing", "-v", "--v", "--verbose"):
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return ""


async def _serve(address: str) -> None:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, ending.set)
    late = LateGreeting(address)
    server, port = await listening(late)
    print(port, flush=True)
    # The engine reads no more of standard output; later prints are for people.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    watching = asyncio.ensure_future(_orphaned(ending)) if address else None
    await ending.wait()
    if watching is not None:
        watching.cancel()
    await server.stop(_GRACE)
    with contextlib.suppress(Exception):
        await late.aclose()


class LateGreeting(Greeting):
    """A provider whose modules load with the first call that is not part of the greeting."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._made: asyncio.Task[Provider] | None = None

    def heard(self, address: str) -> None:
        """Set the engine's address, now or once the provider is loaded."""
        self._address = address
        if self._made is not None and self._made.done():
            self._made.result().heard(address)

    async def provider(self) -> Provider:
        """Return the provider, loading it first if needed."""
        if self._made is None:
            self._made = asyncio.ensure_future(self._make())
        return await asyncio.shield(self._made)

    async def aclose(self) -> None:
        """Close the provider if it was loaded."""
        if self._made is not None:
            await (await self._made).aclose()

    async def _make(self) -> Provider:
        module = await asyncio.to_thread(importlib.import_module, "trueup.plugin.servicer")
        made: Provider = module.Provider(self._address)
        return made

    async def Cancel(self, request: Any, context: Any) -> Any:
        """Cancel the calls in progress; a provider that is not loaded has none."""
        return empty_pb2.Empty() if self._made is None else await (await self.provider()).Cancel(request, context)

    async def List(self, request: Any, context: Any) -> Any:
        """Return the resources of a kind; the one call that returns a stream."""
        async for one in (await self.provider()).List(request, context):
            yield one


def _forwarded(name: str) -> Any:
    async def call(self: LateGreeting, request: Any, context: Any) -> Any:
        return await getattr(await self.provider(), name)(request, context)

    return call


for _method in provider_pb2.DESCRIPTOR.services_by_name["ResourceProvider"].methods:
    if not _method.server_streaming and _method.name not in {**vars(Greeting), **vars(LateGreeting)}:
        setattr(LateGreeting, _method.name, _forwarded(_method.name))


async def listening(provider: provider_pb2_grpc.ResourceProviderServicer) -> tuple[grpc.aio.Server, int]:
    """Return a server for that provider on a local port, for messages of any size."""
    options = [("grpc.max_receive_message_length", _LARGEST), ("grpc.max_send_message_length", _LARGEST)]
    server = grpc.aio.server(options=options)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, port


async def _orphaned(ending: asyncio.Event) -> None:
    """End when the engine that started this process is gone, even if it was killed."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - the system tells of it in no other way
        await asyncio.sleep(_LOOK)
    ending.set()
