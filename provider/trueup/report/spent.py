"""The requests and the time that a command took, as text and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trueup.report.text import counted, window_left
from trueup.report.when import lasting

if TYPE_CHECKING:
    from trueup.engine.plan.steps import Reading


def cost(reading: Reading) -> str:
    """Return `3 requests, 0.1 s (597 of this key's 600 left).`"""
    return f"{counted(reading.requests, 'request')}, {lasting(reading.seconds)}{window_left(reading)}."


def took(reading: Reading) -> dict[str, Any]:
    """Return the cost as JSON, with the keys of the other documents."""
    found: dict[str, Any] = {"requests": reading.requests, "seconds": round(reading.seconds, 3)}
    if reading.window is None:
        return found
    found |= {"left": reading.left, "window": reading.window}
    return found if reading.known else found | {"left_is_at_most": True}
