"""A clock for leases: it goes on while the machine sleeps, and is never set.

The wall clock is set by people and by NTP. `time.monotonic` stands still in suspend on Linux, so that a lease would
look fresh after a night with the lid closed. Linux has CLOCK_BOOTTIME; elsewhere the one of the two others counts that
went further, so that a lease is taken for older than it is rather than for younger.
"""

from __future__ import annotations

import time
from typing import Final

_BOOT: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)

Reading = tuple[float, ...]
"""A moment, to be compared with later ones of the same process."""


def reading() -> Reading:
    """Return this moment."""
    if _BOOT is not None:
        return (time.clock_gettime(_BOOT),)
    return time.monotonic(), time.time()


def since(earlier: Reading) -> float:
    """Return the seconds that have passed since a moment."""
    if _BOOT is not None:
        return time.clock_gettime(_BOOT) - earlier[0]
    return max(now - then for now, then in zip(reading(), earlier, strict=True))


def booted() -> float:
    """When this machine was started, in seconds since 1970 as the wall clock has it now; 0 where that is not known.

    It moves with every step of the wall clock, and so tells of one.
    """
    return time.time() - time.clock_gettime(_BOOT) if _BOOT is not None else 0.0
