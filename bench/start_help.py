"""Time of `trueup --help`, against a Python that imports click and leaves."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from bench.figure import Figure, alternating, middle

GOAL = 1.5
PAIRS = 25


def measure() -> Figure:
    """Fresh processes, in turns."""
    trueup = str(Path(sys.executable).with_name("trueup"))
    pairs, detail = alternating(
        PAIRS, lambda: _took([trueup, "--help"]), lambda: _took([sys.executable, "-c", "import click"])
    )
    figure, floor = middle(pairs)
    return Figure("start-help", figure, floor, GOAL, "seconds", "ratio", detail)


def _took(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began
