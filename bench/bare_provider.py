"""A provider that does nothing: `python bench/bare_provider.py SCHEMA ENGINE_ADDRESS` prints its port and serves.

Read gives back what it was given, Check what is in the state, and Diff finds nothing: the least that a provider in
Python can take.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc


class Bare(provider_pb2_grpc.ResourceProviderServicer):
    """The calls of a run in which nothing changes."""

    def __init__(self, schema: str) -> None:
        self._schema = Path(schema)

    async def Handshake(self, request: Any, context: Any) -> Any:
        """What the provider that is measured says as well."""
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True)

    async def GetPluginInfo(self, request: Any, context: Any) -> Any:
        """No version of its own."""
        return plugin_pb2.PluginInfo(version="0.0.0")

    def _text(self) -> str:
        return self._schema.read_text(encoding="utf-8")

    async def GetSchema(self, request: Any, context: Any) -> Any:
        """That of the other provider, from a file."""
        return provider_pb2.GetSchemaResponse(schema=self._text())

    async def CheckConfig(self, request: Any, context: Any) -> Any:
        """As given."""
        return provider_pb2.CheckResponse(inputs=request.news)

    async def DiffConfig(self, request: Any, context: Any) -> Any:
        """Nothing."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    async def Configure(self, request: Any, context: Any) -> Any:
        """Nothing to do."""
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptResources=True)

    async def Check(self, request: Any, context: Any) -> Any:
        """As the state has it: other inputs than those would make the engine write its state anew for each of them."""
        return provider_pb2.CheckResponse(inputs=request.olds if request.olds.fields else request.news)

    async def Diff(self, request: Any, context: Any) -> Any:
        """Nothing."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    async def Read(self, request: Any, context: Any) -> Any:
        """As given."""
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    async def Cancel(self, request: Any, context: Any) -> Any:
        """Nothing is under way."""
        return empty_pb2.Empty()


async def _serve(schema: str) -> None:
    ending = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, ending.set)
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 1 << 30)])
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Bare(schema), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    await ending.wait()
    await server.stop(0)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
