"""CPU time of load, validate and plan of 100,000 documents, against libyaml composing them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.documents import write
from bench.figure import Figure, alternating, middle
from bench.load_and_plan import measured

GOAL = 2.0
PAIRS = 3


def measure() -> Figure:
    """Fresh processes, in turns; the floor drops each document as soon as it is composed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder)
        pairs, detail = alternating(
            PAIRS, lambda: measured("plan", folder).seconds, lambda: measured("compose", folder).seconds
        )
    figure, floor = middle(pairs)
    return Figure("cpu-load", figure, floor, GOAL, "CPU seconds", "ratio", detail)
