"""Time until the Pulumi provider prints its port, against a bare servicer of the same protocol."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2_grpc

from bench.figure import Figure, alternating, middle
from bench.stack import BARE

GOAL = 1.3
PAIRS = 25
ENGINE = "127.0.0.1:9"
"""An address as the engine gives its own; nobody listens there, and until something is said nobody needs to."""


def measure() -> Figure:
    """Fresh processes, in turns; the detail tells of the first answer as well, since ours loads on after the port."""
    ours = [str(Path(sys.executable).with_name("pulumi-resource-trueup")), ENGINE]
    bare = [sys.executable, "-P", str(BARE), "-", ENGINE]
    answers: dict[str, list[float]] = {"ours": [], "bare": []}

    def took(name: str, command: list[str]) -> float:
        port, answer = _took(command)
        answers[name].append(answer)
        return port

    pairs, detail = alternating(PAIRS, lambda: took("ours", ours), lambda: took("bare", bare))
    figure, floor = middle(pairs)
    first, least = statistics.median(answers["ours"]), statistics.median(answers["bare"])
    detail += f"; the first answer after {first:.3f} against {least:.3f} seconds"
    return Figure("plugin-start", figure, floor, GOAL, "seconds", "ratio", detail)


def _took(command: list[str]) -> tuple[float, float]:
    """Seconds until the port is printed, and until a first call is answered."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        printed = time.perf_counter() - began
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            provider_pb2_grpc.ResourceProviderStub(channel).GetPluginInfo(empty_pb2.Empty())
            answered = time.perf_counter() - began
        process.terminate()
    return printed, answered
