"""Peak memory of the Pulumi provider in `pulumi up --refresh` of 1,000 instances, beside one that does nothing."""

from __future__ import annotations

from bench.figure import Figure
from bench.stack import stack

GOAL = 150


def measure() -> Figure:
    """One run each, nothing changed."""
    with stack() as found:
        figure = found.up("--refresh").mebibytes
        floor = found.up("--refresh", provider="bare").mebibytes
    assert min(figure, floor) > 0, "the processes could not be looked at; that takes /proc"
    return Figure("plugin-memory", figure, floor, GOAL, "MiB", "figure", "peak of the resident memory of the process")
