"""What an engine asks a provider before it asks for anything: who it is, what it takes, and its schema.

An engine starts some processes for the schema alone, so nothing else is loaded for these answers.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from trueup.core.version import __version__

if TYPE_CHECKING:
    from grpc.aio import ServicerContext

    Context = ServicerContext[Any, Any]


class Greeting(provider_pb2_grpc.ResourceProviderServicer):
    """The first part of a provider."""

    def heard(self, address: str) -> None:
        """The engine listens there."""

    async def Handshake(self, request: provider_pb2.ProviderHandshakeRequest, context: Context) -> Any:
        """What we take, and where the engine listens."""
        if request.engine_address:
            self.heard(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True, accept_resources=True, accept_outputs=False, supports_autonaming_configuration=True
        )

    async def Attach(self, request: plugin_pb2.PluginAttach, context: Context) -> Any:
        """An engine that did not start us says where it listens."""
        self.heard(request.address)
        return empty_pb2.Empty()

    async def GetPluginInfo(self, request: empty_pb2.Empty, context: Context) -> Any:
        """Our version."""
        return plugin_pb2.PluginInfo(version=__version__)

    async def GetSchema(self, request: provider_pb2.GetSchemaRequest, context: Context) -> Any:
        """The package schema."""
        from trueup.plugin.schema import schema_text

        return provider_pb2.GetSchemaResponse(schema=await asyncio.to_thread(schema_text))

    async def GetMapping(self, request: provider_pb2.GetMappingRequest, context: Context) -> Any:
        """None: we are converted from nothing."""
        return provider_pb2.GetMappingResponse()

    async def GetMappings(self, request: provider_pb2.GetMappingsRequest, context: Context) -> Any:
        """None."""
        return provider_pb2.GetMappingsResponse()
