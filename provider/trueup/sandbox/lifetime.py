"""When the server process ends: at SIGINT or SIGTERM, or when nobody holds the users' lock any more.

This module imports next to nothing, so that a signal is heeded while everything else is still being imported.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import IO

GRACE = 3.0
"""Seconds after the start during which a lock that nobody holds is not yet a reason to leave."""
PERIOD = 0.5
"""Seconds between two looks at the lock."""


class Signals:
    """SIGINT and SIGTERM, as a wish to leave with exit code 0, however early and however often they come."""

    def __init__(self) -> None:
        self._stop: Callable[[], object] | None = None

    def catch(self) -> None:
        """From now on a signal ends the process: at once, or through what `connect` was given."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._came)

    def connect(self, stop: Callable[[], object]) -> None:
        """Hands the next signals to `stop`, which has to be safe to call at any moment."""
        self._stop = stop

    def ignore(self) -> None:
        """The process is leaving: a further signal, even during the interpreter's last steps, changes nothing."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)

    def _came(self, number: int, frame: FrameType | None) -> None:
        if self._stop is None:
            os._exit(0)  # nothing runs yet, and an exception might be swallowed by whatever is being imported
        self._stop()


signals = Signals()
"""The process has one set of them."""


class Lock:
    """An advisory lock of the kernel (`flock`) on a file, which is made when missing; it ends with the process.

    Raises OSError when the file cannot be opened for writing.
    """

    def __init__(self, path: str) -> None:
        self._file: IO[str] = open(path, "a")  # noqa: SIM115 - held for as long as the process lives

    def take(self) -> bool:
        """Takes it for ourselves alone, without waiting; False when somebody else holds it or shares it."""
        import fcntl

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Gives it up."""
        self._file.close()


async def unused(users: Lock) -> None:
    """Returns when no user shares the lock any more, which from then on is ours until the process is gone.

    A newcomer who waits for the lock therefore gets it only when nothing answers here any longer, and starts afresh.
    """
    import asyncio

    await asyncio.sleep(GRACE)
    while not users.take():  # noqa: ASYNC110 - the kernel tells nobody that a lock was dropped
        await asyncio.sleep(PERIOD)
