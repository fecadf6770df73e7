"""The end of the server process: at SIGINT or SIGTERM, or when no user holds the users' lock any more.

This module imports almost nothing, so that a signal is handled while everything else is still being imported.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import IO

GRACE = 3.0
"""Seconds after the start during which a free users' lock does not end the process."""
PERIOD = 0.5
"""Seconds between checks of the lock."""


class Signals:
    """SIGINT and SIGTERM, which end the process with exit code 0, however early and however often they come."""

    def __init__(self) -> None:
        self._stop: Callable[[], object] | None = None

    def catch(self) -> None:
        """Make a signal end the process: at once, or through the function given to `connect`."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._came)

    def connect(self, stop: Callable[[], object]) -> None:
        """Pass later signals to `stop`, which must be safe to call at any time."""
        self._stop = stop

    def ignore(self) -> None:
        """Ignore further signals, because the process is ending."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)

    def _came(self, number: int, frame: FrameType | None) -> None:
        if self._stop is None:
            os._exit(0)  # nothing runs yet, and an exception might be swallowed by whatever is being imported
        self._stop()


signals = Signals()
"""The signals of this process."""


class Lock:
    """An advisory lock of the kernel (`flock`) on a file, which is created if missing; it ends with the process.

    Raises OSError when the file cannot be opened for writing.
    """

    def __init__(self, path: str) -> None:
        self._file: IO[str] = open(path, "a")  # noqa: SIM115 - held for as long as the process lives

    def take(self) -> bool:
        """Take it exclusively, without waiting; return False if another process holds or shares it."""
        import fcntl

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Release it."""
        self._file.close()


async def unused(users: Lock) -> None:
    """Wait until no user shares the lock, and keep it from then on until the process ends.

    A new user who waits for the lock therefore gets it only after this server is gone, and starts another.
    """
    import asyncio

    await asyncio.sleep(GRACE)
    while not users.take():  # noqa: ASYNC110 - the kernel does not report a released lock
        await asyncio.sleep(PERIOD)
