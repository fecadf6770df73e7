"""Time of `pulumi up --refresh` of 1,000 instances without a change, against a provider that does nothing."""

from __future__ import annotations

from bench.figure import Figure, alternating, middle
from bench.stack import stack

GOAL = 1.3
PAIRS = 5


def measure() -> Figure:
    """The same program and state by the same engine, in turns; the servers' requests are part of ours."""
    with stack() as found:
        found.up("--refresh", provider="bare")
        pairs, detail = alternating(
            PAIRS,
            lambda: found.up("--refresh").seconds,
            lambda: found.up("--refresh", provider="bare").seconds,
        )
    figure, floor = middle(pairs)
    return Figure("pulumi-wall", figure, floor, GOAL, "seconds", "ratio", detail)
