"""Time until the Pulumi provider prints its port, against a bare servicer of the same protocol."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from bench.figure import Figure, alternating, middle
from bench.stack import BARE

GOAL = 1.3
PAIRS = 25
ENGINE = "127.0.0.1:9"
"""An address as the engine gives its own; nobody listens there, and until something is said nobody needs to."""


def measure() -> Figure:
    """Fresh processes, in turns."""
    ours = str(Path(sys.executable).with_name("pulumi-resource-trueup"))
    pairs, detail = alternating(
        PAIRS, lambda: _took([ours, ENGINE]), lambda: _took([sys.executable, "-P", str(BARE), "-", ENGINE])
    )
    figure, floor = middle(pairs)
    return Figure("plugin-start", figure, floor, GOAL, "seconds", "ratio", detail)


def _took(command: list[str]) -> float:
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = process.stdout.readline()
        seconds = time.perf_counter() - began
        process.terminate()
    assert int(port) > 0, port
    return seconds
