"""A clock for leases: it runs while the machine sleeps, and is never set.

Users and NTP set the wall clock. `time.monotonic` stops in suspend on Linux, so that a lease would look fresh after a
night with the lid closed. Linux has CLOCK_BOOTTIME; elsewhere the faster of the two other clocks decides, so that a
lease is taken for older than it is rather than for younger.
"""

from __future__ import annotations

import time
from typing import Final

_BOOT: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)

Reading = tuple[float, ...]
"""A moment, comparable with later ones of the same process."""


def reading() -> Reading:
    """Return this moment."""
    if _BOOT is not None:
        return (time.clock_gettime(_BOOT),)
    return time.monotonic(), time.time()


def since(earlier: Reading) -> float:
    """Return the seconds since a moment."""
    if _BOOT is not None:
        return time.clock_gettime(_BOOT) - earlier[0]
    return max(now - then for now, then in zip(reading(), earlier, strict=True))


def booted() -> float:
    """Return the boot time in seconds since 1970 by the present wall clock; 0 where it is unknown.

    It changes with every step of the wall clock, and so reveals one.
    """
    return time.time() - time.clock_gettime(_BOOT) if _BOOT is not None else 0.0
