"""Figure: one measurement beside its floor, and whether the goal is met."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Figure:
    """What was measured, and the least that anything could take in its place: counts, seconds or MiB."""

    bench: str
    figure: float
    floor: float
    goal: float
    unit: str
    goal_for: Literal["figure", "ratio"]
    """What the goal is an upper bound of."""
    detail: str

    @property
    def ratio(self) -> float:
        """The figure in floors; where the least is none at all, the figure itself, and one when it is none as well."""
        return self.figure / self.floor if self.floor else self.figure or 1.0

    @property
    def met(self) -> bool:
        """Whether the goal is met."""
        return (self.figure if self.goal_for == "figure" else self.ratio) <= self.goal

    def line(self) -> str:
        """The figure as one line of JSON."""
        return json.dumps(
            {
                "bench": self.bench,
                "figure": round(self.figure, 4),
                "floor": round(self.floor, 4),
                "ratio": round(self.ratio, 3),
                "goal": self.goal,
                "met": self.met,
                "unit": self.unit,
                "goal_for": self.goal_for,
                "detail": self.detail,
            }
        )


def middle(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Of pairs of figure and floor the one whose ratio is the median: neighbours share what the machine was doing."""
    ordered = sorted(pairs, key=lambda pair: pair[0] / pair[1])
    return ordered[(len(ordered) - 1) // 2]


def quiet(seconds: Sequence[float]) -> float:
    """Return the mean of the fastest quarter: other work on the machine can only add to a time."""
    fastest = sorted(seconds)[: max(1, len(seconds) // 4)]
    return statistics.fmean(fastest)


def alternating(
    count: int, figure: Callable[[], float], floor: Callable[[], float]
) -> tuple[list[tuple[float, float]], str]:
    """Both measured that often, in turns and each first every other time; and how far the ratios lie apart."""
    pairs: list[tuple[float, float]] = []
    for number in range(count):
        if number % 2:
            pairs.append((figure(), floor()))
        else:
            below = floor()
            pairs.append((figure(), below))
    return pairs, spread(pairs)


def spread(pairs: Sequence[tuple[float, float]]) -> str:
    """How many pairs there are, and how far their ratios lie apart."""
    ratios = [above / below for above, below in pairs]
    mean = statistics.fmean(ratios)
    return f"median of {len(pairs)} pairs, ratios {min(ratios):.2f} to {max(ratios):.2f}, mean {mean:.2f}"
