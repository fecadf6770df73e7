"""The calls that an engine makes before any other: handshake, plugin information and schema.

Engines start some processes only for the schema, so these answers load nothing else.
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
    """The part of the provider that needs no configuration."""

    def heard(self, address: str) -> None:
        """Set the address of the engine's log."""

    async def Handshake(self, request: provider_pb2.ProviderHandshakeRequest, context: Context) -> Any:
        """Return the capabilities of the provider, and keep the engine's address."""
        if request.engine_address:
            self.heard(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True, accept_resources=True, accept_outputs=False, supports_autonaming_configuration=True
        )

    async def Attach(self, request: plugin_pb2.PluginAttach, context: Context) -> Any:
        """Keep the address of an engine that attached to a running provider."""
        self.heard(request.address)
        return empty_pb2.Empty()

    async def GetPluginInfo(self, request: empty_pb2.Empty, context: Context) -> Any:
        """Return the provider's version."""
        return plugin_pb2.PluginInfo(version=__version__)

    async def GetSchema(self, request: provider_pb2.GetSchemaRequest, context: Context) -> Any:
        """Return the package schema."""
        from trueup.plugin.schema import schema_text

        return provider_pb2.GetSchemaResponse(schema=await asyncio.to_thread(schema_text))

    async def GetMapping(self, request: provider_pb2.GetMappingRequest, context: Context) -> Any:
        """Return an empty mapping: no Terraform provider is converted to this one."""
        return provider_pb2.GetMappingResponse()

    async def GetMappings(self, request: provider_pb2.GetMappingsRequest, context: Context) -> Any:
        """Return an empty list, for the same reason."""
        return provider_pb2.GetMappingsResponse()
