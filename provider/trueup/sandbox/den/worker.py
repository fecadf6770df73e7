"""The sync worker: takes queued events up every five seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trueup.sandbox.den.world import World

PERIOD = 5.0
"""Seconds between two rounds."""


async def run(world: World) -> None:
    """Rounds, until cancelled."""
    while True:
        await world.clock.sleep(PERIOD)
