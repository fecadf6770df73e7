"""Standard output and standard error: their width, their colours, and broken streams.

Everything passes through `scrub`, and writing never raises: an apply continues after its reader has left.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TextIO

if TYPE_CHECKING:
    from trueup.cli.asked import Asked
    from trueup.core.errors import TrueupError
    from trueup.report.format import Format, Subject
    from trueup.report.page import Page

_WIDTH: Final = 100
"""Columns when the width is unknown."""
_OURS: Final = "…"
"""Non-ASCII characters in the command's own messages."""


class Stream:
    """Standard output or standard error."""

    def __init__(self, file: TextIO | None, *, color: bool) -> None:
        self._file = file
        self.failure: OSError | None = None
        """Why writing failed; a closed pipe is not a failure."""
        self.tty = file is not None and _asks(file)
        self.unicode = file is not None and _can_encode(file)
        self.color = color and wants_color(os.environ, tty=self.tty)
        self.lively = self.tty and os.environ.get("TERM") != "dumb"
        """Whether a printed line can be rewritten."""
        if file is not None and hasattr(file, "reconfigure"):
            file.reconfigure(errors="backslashreplace")

    @property
    def page(self) -> Page:
        """The page for a report."""
        from trueup.report.page import NARROWEST, Page

        return Page(max(self._width(), NARROWEST), self.color, self.unicode)

    @property
    def log(self) -> Page:
        """The same page, without wrapping unless this is a terminal."""
        from dataclasses import replace

        return replace(self.page, wrap=self.tty)

    @property
    def width_of_help(self) -> int:
        """Return the width of help text; passing it spares click an expensive import."""
        return max(min(self._width(), _WIDTH) - 2, 40)

    def print(self, text: str, *, end: str = "\n") -> None:
        """Print lines for people."""
        from trueup.core.secrets import scrub

        self._write(scrub(text) + end)

    def document(self, text: str) -> None:
        """Write a document: the same bytes on every machine, UTF-8 whatever the locale says; nothing for an empty one.

        Its values were scrubbed one by one: a secret that reads `true` must not break what surrounds it.
        """
        self._write(text if text.endswith("\n") or not text else f"{text}\n", exact=True)

    def _write(self, text: str, *, exact: bool = False) -> None:
        if self._file is None:
            return
        try:
            if exact and hasattr(self._file, "buffer"):
                self._file.buffer.write(text.encode())
            else:
                self._file.write(text if self.unicode else text.replace(_OURS, "..."))
            self._file.flush()
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.failure = error
            self._silence()

    def _width(self) -> int:
        with contextlib.suppress(ValueError):
            if (columns := int(os.environ.get("COLUMNS", ""))) > 0:
                return columns
        if self._file is not None and self.tty:
            with contextlib.suppress(OSError, ValueError):
                return os.get_terminal_size(self._file.fileno()).columns or _WIDTH
        return _WIDTH

    def _silence(self) -> None:
        # The buffer must be emptied somewhere, or the interpreter complains at exit.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._file.fileno())  # type: ignore[union-attr]
            os.close(nowhere)
        self._file = None


class Console:
    """Both streams, and the format of what is shown on standard output."""

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        color = "--no-color" not in arguments
        self.out = Stream(sys.stdout, color=color)
        self.err = Stream(sys.stderr, color=color)
        self._arguments = arguments
        self._format = ""
        self._renders: Mapping[str, Mapping[str, str]] = {}

    def take(self, asked: Asked, renders: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """Use the parsed options from now on, instead of a guess from the arguments.

        `renders` are the renderers that the command adds to each format.
        """
        self._format, self._renders = asked.output, renders or {}

    @property
    def format(self) -> Format:
        """The output format, guessed from the arguments until they are parsed."""
        from trueup.report.registry import FORMATS, named

        self._format = self._format or _format_in(self._arguments, FORMATS)
        found = named(self._format)
        if more := self._renders.get(self._format):
            from dataclasses import replace

            return replace(found, renders={**found.renders, **more})
        return found

    def show(self, subject: Subject | str, value: Any, page: Page | None = None) -> None:
        """Print a value on standard output in that format."""
        text = self.format.render(subject, value, page or self.out.page)
        if self.format.for_people:
            self.out.print(text)
        else:
            self.out.document(text)

    def failed(self, error: TrueupError) -> None:
        """Print an error on standard output for a program, if the format supports errors."""
        if not self.format.for_people and "failure" in self.format.renders:
            self.show("failure", error)


def wants_color(environment: Mapping[str, str], *, tty: bool) -> bool:
    """Return whether to use colours: NO_COLOR precedes FORCE_COLOR and CLICOLOR_FORCE, which precede the terminal."""
    if environment.get("NO_COLOR"):
        return False
    if any(environment.get(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return tty and environment.get("TERM") != "dumb" and environment.get("CLICOLOR") != "0"


def _format_in(arguments: Sequence[str], names: Collection[str]) -> str:
    """Return the output format, guessed from arguments that may be invalid."""
    joined = {f"{flag}{name}": name for name in names for flag in ("-o", "--output=")}
    found = os.environ.get("TRUEUP_OUTPUT", "")
    for one, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if one in joined or one in ("-o", "--output"):
            found = joined.get(one, following)
            break
    return found if found in names else "text"


def _asks(file: TextIO) -> bool:
    try:
        return file.isatty()
    except ValueError:  # closed
        return False


def _can_encode(file: TextIO) -> bool:
    try:
        _OURS.encode(file.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
