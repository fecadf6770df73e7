"""The interface of a running command of a system: the client, the progress, and the output of results."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from trueup.core.progress import Progress
    from trueup.transport.client import Client

T = TypeVar("T")
INTERRUPTED = 130
"""The exit code of a command that a signal ended."""


class CommandRun(Protocol):
    """A command that runs with one connection of its system."""

    @property
    def client(self) -> Client:
        """The client of the connection; its clock is that of the run."""

    @property
    def progress(self) -> Progress:
        """The observer of the run: phases, steps and notes."""

    @property
    def for_people(self) -> bool:
        """Whether the results are text for people."""

    @property
    def unread(self) -> bool:
        """Whether standard output was closed by its reader."""

    def command(self, *words: str, then: tuple[str, ...] = ()) -> str:
        """Return a `trueup` command to paste: words, the shared options as they were given, and more words."""

    def cost(self) -> Any:
        """Return the requests and the time so far as a Reading, which `trueup.report.spent` renders."""

    def stoppable(self) -> None:
        """Make a signal stop the client at its next request, which then raises Stopped."""

    async def watched(self, watch: Coroutine[Any, Any, T]) -> T | None:
        """Return the result; None if a signal ended it, since a command that only watches has nothing to finish."""

    def close(self) -> None:
        """End the progress, before the result is shown."""

    def show(self, subject: str, value: Any) -> None:
        """Show a value in the requested format."""

    def happened(self, subject: str, value: Any, *, aside: bool = False) -> None:
        """Show one value of many as it comes, among the progress; `aside` as one line of text on standard error."""

    def log(self, text: str) -> None:
        """Log a line on standard error."""

    def say(self, text: str) -> None:
        """Print a line on standard error."""

    def print(self, text: str) -> None:
        """Print a line for people on standard output."""
