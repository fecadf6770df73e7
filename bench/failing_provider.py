"""Try the Pulumi inputs of `tests/failing` with the provider as a separate process, over gRPC."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2_grpc, provider_pb2, provider_pb2_grpc

from trueup.plugin.codec import encode

DIRECT = (("grpc.enable_http_proxy", 0),)
PATIENCE = 20.0


class Engine(engine_pb2_grpc.EngineServicer):
    """Engine that records the log messages of the provider."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def Log(self, request: Any, context: Any) -> Any:
        """Record the message."""
        self.said.append(request.message)
        return empty_pb2.Empty()


@contextlib.contextmanager
def provider(environment: Mapping[str, str], folder: Path) -> Iterator[tuple[Any, Engine]]:
    """Run a configured provider and its engine for the duration of the block."""
    engine = Engine()
    server = grpc.server(ThreadPoolExecutor(2))
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    command = [str(Path(sys.executable).with_name("pulumi-resource-trueup")), f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=folder, env=dict(environment)) as process:
        assert process.stdout is not None
        own = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{own}", options=DIRECT) as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            try:
                stub.Configure(provider_pb2.ConfigureRequest(args=encode({})), timeout=PATIENCE)
                yield stub, engine
            finally:
                process.kill()
    server.stop(None)


def _urn(kind: str, name: str) -> str:
    return f"urn:pulumi:dev::test::trueup:den:{kind}::{name}"


def _checked(stub: Any, kind: str, name: str, inputs: dict[str, Any]) -> Any:
    return stub.Check(provider_pb2.CheckRequest(urn=_urn(kind, name), news=encode(inputs)), timeout=PATIENCE)


def _behind_proxy(environment: Mapping[str, str], folder: Path) -> None:
    for number, variable in enumerate(("http_proxy", "https_proxy", "grpc_proxy")):
        with provider({**environment, variable: "http://127.0.0.1:9"}, folder) as (stub, engine):
            inputs = {"remoteId": f"20{number}", "displayName": variable}
            checked = _checked(stub, "ConnectorAccount", "acme", inputs).inputs
            urn = _urn("ConnectorAccount", variable)
            made = stub.Create(provider_pb2.CreateRequest(urn=urn, properties=checked), timeout=PATIENCE)
            stub.Delete(provider_pb2.DeleteRequest(id=made.id, urn=urn, properties=made.properties), timeout=PATIENCE)
            until = time.monotonic() + PATIENCE
            while not any("is left unchanged" in line for line in engine.said) and time.monotonic() < until:
                time.sleep(0.05)
            assert any("is left unchanged" in line for line in engine.said), (variable, engine.said)


def _double_colon(environment: Mapping[str, str], folder: Path) -> None:
    with provider(environment, folder) as (stub, _):
        inputs = {"connectorAccount": "cac_01jc4k8f7qfv9s8h1y1x7yq8zm", "remoteId": "acme/docs"}
        found = [_checked(stub, "ConnectorInstance", name, inputs) for name in ("a::b", "x::b")]
        assert [one.inputs["name"] for one in found] == ["a::b", "x::b"], found
        assert not any(one.failures for one in found), found


def _digits(environment: Mapping[str, str], folder: Path) -> None:
    with provider(environment, folder) as (stub, _):
        account = "cac_01jc4k8f7qfv9s8h1y1x7yq8zm"
        inputs = {"connectorAccount": account, "remoteId": "acme/docs", "config": {"n": 9007199254740993.0}}
        found = _checked(stub, "ConnectorInstance", "docs", inputs)
        assert found.failures, found


CHECKS: dict[str, Callable[[Mapping[str, str], Path], None]] = {
    "grpc-behind-http-proxy": _behind_proxy,
    "pulumi-name-double-colon": _double_colon,
    "pulumi-number-loses-digits": _digits,
}
