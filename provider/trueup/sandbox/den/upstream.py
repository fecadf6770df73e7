"""What happens to Den from outside of its API: GitHub's webhooks, and a colleague in the web interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueup.sandbox.den.world import World


def change(world: World, wanted: dict[str, Any]) -> dict[str, Any]:
    """Does it, and says what was touched. ValueError says what is wrong with `wanted`."""
    raise ValueError(f"unknown type of change: {wanted.get('type')!r}")
