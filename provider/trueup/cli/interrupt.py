"""SIGINT and SIGTERM while a run lasts: the first one lets what is in flight finish, the second one ends at once.

A command that only reads has nothing to finish: there the first one ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from trueup.cli.ending import INTERRUPTED

if TYPE_CHECKING:
    from trueup.cli.progress import Lines

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """What a signal does. `stop` is set once there is something to finish; it is called for the first signal."""

    def __init__(self, progress: Lines) -> None:
        self._progress = progress
        self.stop: Callable[[], None] | None = None
        self.stopped = False

    def came(self) -> None:
        """A signal."""
        if self.stop is None:
            self._progress.close()
            self._progress.say("Interrupted. Nothing was changed.")
            os._exit(INTERRUPTED)  # a program that looks a secret up, or a server that starts, would hold up the end
        if self.stopped:
            self._progress.close()
            self._progress.say("Aborted. What was in flight may or may not have happened: trueup plan shows it.")
            os._exit(INTERRUPTED)
        self.stopped = True
        self._progress.say(
            "Stopping: what is in flight is finished, nothing more is sent. Ctrl-C again aborts at once."
        )
        self.stop()

    @contextlib.contextmanager
    def heeded(self) -> Iterator[None]:
        """While the block lasts, signals come here."""
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
