"""SIGINT and SIGTERM during a run: the first lets requests in flight finish, the second ends at once.

A command that only reads has nothing to finish, so the first signal ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from trueup.cli.group import INTERRUPTED

if TYPE_CHECKING:
    from trueup.cli.progress import Lines

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """Signal handling. `stop` is set once there is something to finish, and called for the first signal."""

    def __init__(self, progress: Lines) -> None:
        self._progress = progress
        self.stop: Callable[[], None] | None = None
        self.stopped = False

    def came(self) -> None:
        """Handle a signal."""
        if self.stop is None:
            self._progress.close()
            self._progress.say("Interrupted. Nothing was changed.")
            os._exit(INTERRUPTED)  # a secret's program or a starting server would delay the end
        if self.stopped:
            self._progress.close()
            self._progress.say("Aborted. Requests in flight may or may not have taken effect. Run trueup plan to see.")
            os._exit(INTERRUPTED)
        self.stopped = True
        self._progress.say(
            "Stopping: waiting for requests in flight, sending no more. Press Ctrl-C again to abort at once."
        )
        self.stop()

    @contextlib.contextmanager
    def heeded(self) -> Iterator[None]:
        """Handle signals during the block."""
        loop = asyncio.get_running_loop()
        try:
            for number in _SIGNALS:
                loop.add_signal_handler(number, self.came)
        except NotImplementedError:  # Windows: Ctrl-C interrupts as usual
            yield
            return
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
