"""Peak memory of load, validate and plan of 100,000 documents, against libyaml keeping its nodes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.documents import write
from bench.figure import Figure
from bench.load_and_plan import measured

GOAL = 1.5


def measure() -> Figure:
    """One fresh process each; the live state is part of ours."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder)
        figure, floor = measured("plan", folder), measured("keep", folder)
    detail = "peak of the whole process, the live state included"
    return Figure("memory-plan", figure.mebibytes, floor.mebibytes, GOAL, "MiB", "ratio", detail)
