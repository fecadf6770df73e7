"""The provider behind real gRPC, without the engine: what the engine would send, and what it would keep."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc, status_pb2
from world import World

from trueup.plugin.codec import bare, decode, encode
from trueup.plugin.serve import listening
from trueup.plugin.servicer import Provider
from trueup.sandbox.presets import DEMO_PROJECT

MODES = provider_pb2.CheckRequest.AutonamingOptions
CONFIG = {"branch": "main", "path": "guides"}
AUTH = {"username": "reader", "password": "a-password-of-somebody"}


class Engine(engine_pb2_grpc.EngineServicer):
    """What the provider says to people."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def Log(self, request: Any, context: Any) -> Any:
        """Remembers it."""
        self.said.append(f"{engine_pb2.LogSeverity.Name(request.severity)} {request.message}")
        return empty_pb2.Empty()


@dataclass
class Resource:
    """One resource of a stack's state."""

    urn: str
    id: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)


@dataclass
class Rpc:
    """A provider that serves, and its engine."""

    stub: Any
    engine: Engine

    async def configure(self, **args: Any) -> None:
        """As the engine does after CheckConfig. Raises AioRpcError."""
        await self.stub.Configure(provider_pb2.ConfigureRequest(args=encode(args)))

    async def check(
        self, kind: str, name: str, inputs: dict[str, Any], olds: dict[str, Any] | None = None, **more: Any
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """The checked inputs, and the failures by property."""
        request = provider_pb2.CheckRequest(urn=urn(kind, name), news=encode(inputs), olds=encode(olds or {}), **more)
        answer = await self.stub.Check(request)
        return decode(answer.inputs), {one.property: one.reason for one in answer.failures}

    async def create(self, kind: str, name: str, /, **inputs: Any) -> Resource:
        """Check and Create. Raises AioRpcError."""
        checked, failures = await self.check(kind, name, inputs)
        assert failures == {}
        found = Resource(urn(kind, name), inputs=checked)
        answer = await self.stub.Create(provider_pb2.CreateRequest(urn=found.urn, properties=encode(checked)))
        found.id, found.state = answer.id, decode(answer.properties)
        return found

    async def read(self, one: Resource) -> Any:
        """Read as a refresh does it; the resource is as it would be kept."""
        answer = await self.stub.Read(
            provider_pb2.ReadRequest(id=one.id, urn=one.urn, properties=encode(one.state), inputs=encode(one.inputs))
        )
        if answer.id:
            one.inputs, one.state = decode(answer.inputs), decode(answer.properties)
        return answer

    async def imported(self, kind: str, name: str, key: str) -> Resource | None:
        """Read by id alone; None when it is not there."""
        answer = await self.stub.Read(provider_pb2.ReadRequest(id=key, urn=urn(kind, name)))
        if not answer.id:
            assert not answer.HasField("properties")
            return None
        return Resource(urn(kind, name), answer.id, decode(answer.inputs), decode(answer.properties))

    async def diff(self, one: Resource, inputs: dict[str, Any], **more: Any) -> Any:
        """Diff against what is kept. Raises AioRpcError."""
        return await self.stub.Diff(
            provider_pb2.DiffRequest(
                id=one.id,
                urn=one.urn,
                olds=encode(one.state),
                old_inputs=encode(one.inputs),
                news=encode(inputs),
                **more,
            )
        )

    async def update(self, one: Resource, *, preview: bool = False, **inputs: Any) -> dict[str, Any]:
        """Update to those inputs; what it gives is kept, but in a preview. Raises AioRpcError."""
        answer = await self.stub.Update(
            provider_pb2.UpdateRequest(
                id=one.id,
                urn=one.urn,
                olds=encode(one.state),
                old_inputs=encode(one.inputs),
                news=encode(inputs),
                preview=preview,
            )
        )
        state = decode(answer.properties)
        if not preview:
            one.inputs, one.state = inputs, state
        return state

    async def delete(self, one: Resource) -> None:
        """Delete. Raises AioRpcError."""
        await self.stub.Delete(
            provider_pb2.DeleteRequest(
                id=one.id, urn=one.urn, properties=encode(one.state), old_inputs=encode(one.inputs)
            )
        )

    async def invoke(self, token: str, **args: Any) -> tuple[Any, dict[str, str]]:
        """A function's answer, and the failures by property."""
        answer = await self.stub.Invoke(provider_pb2.InvokeRequest(tok=token, args=encode(args)))
        given = bare(decode(getattr(answer, "return")))
        return given, {one.property: one.reason for one in answer.failures}


def urn(kind: str, name: str) -> str:
    """`urn:pulumi:dev::test::trueup:den:ConnectorInstance::docs`; of another system the kind is `desk:Board`."""
    token = kind if ":" in kind else f"{'wexa' if kind == 'Connector' else 'den'}:{kind}"
    return f"urn:pulumi:dev::test::trueup:{token}::{name}"


def in_part(error: grpc.aio.AioRpcError) -> Any:
    """The ErrorResourceInitFailed that an error carries; None when it carries none."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            for packed in status_pb2.Status.FromString(value).details:
                found = provider_pb2.ErrorResourceInitFailed()
                if packed.Unpack(found):
                    return found
    return None


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Rpc]:
    """A provider that works in that folder, and an engine that listens."""
    engine, listener = Engine(), grpc.aio.server()
    engine_pb2_grpc.add_EngineServicer_to_server(engine, listener)
    address = f"127.0.0.1:{listener.add_insecure_port('127.0.0.1:0')}"
    await listener.start()
    provider = Provider("", folder)
    server, port = await listening(provider)
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    options.append(("grpc.enable_http_proxy", 0))  # as a Go engine, which never asks a proxy for this machine
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        stub = provider_pb2_grpc.ResourceProviderStub(channel)
        await stub.Handshake(provider_pb2.ProviderHandshakeRequest(engine_address=address))
        try:
            yield Rpc(stub, engine)
        finally:
            await server.stop(None)
            await provider.aclose()
            await listener.stop(None)


async def account(rpc: Rpc, **more: Any) -> Resource:
    """An account, as most others need one."""
    return await rpc.create("ConnectorAccount", "acme", **{"remoteId": "1001", "displayName": "acme", **more})


async def fails(call: Any, *words: str) -> grpc.aio.AioRpcError:
    """The error that a call ends with, which says those words."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    for word in words:
        assert word in str(caught.value.details())
    return caught.value


async def instance(rpc: Rpc, name: str = "docs", **more: Any) -> Resource:
    """An instance, with its account unless one is given."""
    above = more.pop("connectorAccount", None) or (await account(rpc)).id
    return await rpc.create(
        "ConnectorInstance", name, **{"connectorAccount": above, "remoteId": f"acme/{name}", **more}
    )


def connector(**more: Any) -> dict[str, Any]:
    """The inputs of a connector of Wexa."""
    config = {"source": "mongodb", "batchSize": 200, "auth": AUTH}
    return {"projectId": DEMO_PROJECT, "status": "active", "dataLoaderConfig": config, **more}


@pytest.fixture
async def rpc(world: World, tmp_path: Path) -> AsyncIterator[Rpc]:
    """A provider that is configured for the servers of the test."""
    async with serving(tmp_path) as found:
        await found.configure()
        yield found
