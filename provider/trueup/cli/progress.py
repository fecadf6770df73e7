"""Progress on standard error: lines in a log, or a bar at a terminal.

The outcome of each step is a result, so it goes to standard output as it happens: a killed run leaves its log.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from trueup.core.progress import lasting
from trueup.report.reasons import worded

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Progress, TaskID

    from trueup.cli.console import Console
    from trueup.core.reasons import Reason

_WORTH: Final = 2.0
"""Seconds of waiting that are shown without -v."""
_SLACK: Final = 0.5
"""Seconds by which overlapping waits may differ and still be shown as one."""
_STYLES: Final = {"+": "green", "~": "yellow", "!": "red"}


class Lines:
    """Progress in a log: a line for each result and wait, and with -v for each request."""

    def __init__(self, console: Console, verbose: int, *, results: bool) -> None:
        self._console = console
        self._verbose = verbose
        self._results = results
        self.name = ""
        self.total: int | None = None
        self.done = 0
        self.requests = 0
        self._until = 0.0
        """The end of the longest wait that was shown."""

    def phase(self, name: str, total: int | None = None) -> None:
        """Start a phase."""
        self.name, self.total, self.done, self.requests = name, total, 0, 0
        if self._verbose > 1:
            self.log(f"-- {name}" + (f" {total}" if total is not None else ""))

    def advance(self, text: str = "") -> None:
        """Count one more as done."""
        self.done += 1
        if text and self._results and self._console.format.for_people:
            from trueup.report.page import safe

            line, page = safe(text), self._console.out.page
            self.result(f"  {page.paint(line, _STYLES.get(line[:1], ''))}")

    def request(self, method: str, route: str, status: str, seconds: float, request_id: str) -> None:
        """Log a request that was answered or failed."""
        self.requests += 1
        if self._verbose:
            self.log(f"{method:<6} {route}  {status}  {seconds:.2f} s  {request_id}".rstrip())

    def decision(self, text: str) -> None:
        """Log a decision."""
        if self._verbose > 1:
            self.log(f"-- {text}")

    def note(self, reason: Reason) -> None:
        """Print a note."""
        self.log(worded(reason))

    def waiting(self, why: str, seconds: float) -> None:
        """Show a wait; waits at the same time are shown once."""
        if (self._longer(seconds) and seconds >= _WORTH) or self._verbose > 1:
            self.log(f"{lasting(why, f'{seconds:.0f} s')} ({self.so_far()}Ctrl-C is safe)")

    def _longer(self, seconds: float) -> bool:
        """Return whether the wait lasts longer than those before it, and so is the one to show."""
        until = time.monotonic() + seconds
        if until <= self._until + _SLACK:
            return False
        self._until = until
        return True

    def so_far(self) -> str:
        """Return `412 of 700 done; ` when there is a count."""
        return f"{self.done:,} of {self.total:,} done; " if self.total else ""

    def result(self, line: str) -> None:
        """Print a line on standard output."""
        self._console.out.print(line)

    def log(self, line: str) -> None:
        """Print a line on standard error."""
        from trueup.report.page import safe

        self._console.err.print(self._console.err.page.paint(safe(line), "dim"))

    def say(self, line: str) -> None:
        """Print a sentence for the user."""
        self._console.err.print(line)

    def close(self) -> None:
        """Stop all animation."""


class Bar(Lines):
    """Progress at a terminal: a bar or spinner that disappears, with the lines above it."""

    def __init__(self, console: Console, verbose: int, *, results: bool) -> None:
        super().__init__(console, verbose, results=results)
        self._shown: Progress | None = None
        self._task: TaskID | None = None
        self._why = ""

    def phase(self, name: str, total: int | None = None) -> None:
        """Show a new phase."""
        super().phase(name, total)
        shown = self._show()
        if self._task is not None:
            shown.remove_task(self._task)
        self._task = shown.add_task(name.capitalize(), total=total, what="")

    def advance(self, text: str = "") -> None:
        """Move the bar."""
        super().advance(text)
        if self._shown is not None and self._task is not None:
            self._shown.advance(self._task)

    def request(self, method: str, route: str, status: str, seconds: float, request_id: str) -> None:
        """Count the request when nothing else is counted."""
        super().request(method, route, status, seconds, request_id)
        if self._shown is not None and self._task is not None and self.total is None:
            self._shown.update(self._task, what=f"{self.requests:,} request{'' if self.requests == 1 else 's'}")

    def waiting(self, why: str, seconds: float) -> None:
        """Show a countdown."""
        if seconds < _WORTH or self._shown is None:
            super().waiting(why, seconds)
        elif self._longer(seconds):
            self._why = why
            if self._verbose > 1:
                self.log(lasting(why, f"{seconds:.0f} s"))

    def countdown(self) -> str:
        """Return the current wait and the time left."""
        left = self._until - time.monotonic()
        if left <= 0 or not self._why:
            return ""
        minutes, seconds = divmod(round(left), 60)
        left_text = f"{minutes}:{seconds:02} {self._console.err.page.ellipsis}"
        return f"{lasting(self._why, left_text)} ({self.so_far()}Ctrl-C is safe)"

    def result(self, line: str) -> None:
        """Print a line on standard output; above the bar when both share a terminal."""
        if self._shown is None or not self._console.out.tty:
            self._console.out.print(line)
        else:
            self._above(line)

    def log(self, line: str) -> None:
        """Print a line on standard error, above the bar."""
        from trueup.report.page import safe

        if self._shown is None:
            super().log(line)
        else:
            self._above(self._console.err.page.paint(safe(line), "dim"))

    def say(self, line: str) -> None:
        """Print a sentence above the bar."""
        if self._shown is None:
            super().say(line)
        else:
            self._above(line)

    def close(self) -> None:
        """Remove the bar."""
        if self._shown is not None:
            self._shown.stop()
            self._shown, self._task = None, None

    def _above(self, line: str) -> None:
        from rich.text import Text

        from trueup.core.secrets import scrub

        assert self._shown is not None
        self._shown.console.print(Text.from_ansi(scrub(line)), soft_wrap=True)

    def _show(self) -> Progress:
        if self._shown is None:
            self._shown = _progress(self)
            self._shown.start()
        return self._shown


def _progress(bar: Bar) -> Progress:
    import sys
    from collections.abc import Iterable

    from rich.console import Console as Terminal
    from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TextColumn
    from rich.text import Text

    class Counted(TextColumn):
        def render(self, task: Task) -> Text:
            if task.total is None:
                return Text(str(task.fields["what"]))
            return Text(f"{task.completed:,.0f}/{task.total:,.0f}")

    class Measured(BarColumn):
        def render(self, task: Task) -> RenderableType:  # type: ignore[override]
            return "" if task.total is None else super().render(task)

    class WithCountdown(Progress):
        def get_renderables(self) -> Iterable[RenderableType]:
            if text := bar.countdown():
                yield Text(text)
            yield from super().get_renderables()

    color = bar._console.err.color
    terminal = Terminal(file=sys.stderr, no_color=not color, highlight=False, markup=False, emoji=False)
    columns = (SpinnerColumn(finished_text=" "), TextColumn("{task.description}"), Measured(bar_width=36), Counted(""))
    return WithCountdown(
        *columns,
        console=terminal,
        transient=True,
        refresh_per_second=8,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def watching(console: Console, verbose: int, *, results: bool) -> Lines:
    """Return a bar for a terminal, otherwise lines."""
    return (Bar if console.err.lively else Lines)(console, verbose, results=results)
