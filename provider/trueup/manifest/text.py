"""Text of a manifest, places in it, and what of it may be shown.

Marks count from 0 as libyaml does; a Fault counts from 1. What is quoted from a manifest is made harmless for a
terminal, and a line that may hold a secret is never an excerpt.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Any, Final, NamedTuple

from trueup.core.errors import Fault
from trueup.core.secrets import REDACTED
from trueup.core.texts import escaped
from trueup.manifest.literals import may_hold_secret, secret_form

_BREAK: Final = re.compile("[\r\n\x85\u2028\u2029]")  # what libyaml takes for the end of a line
_WIDEST: Final = 200
"""Characters of an excerpt; a place further right is shown without one."""
_LONGEST_QUOTE: Final = 80
LENGTH_OF_ESCAPE: Final = 10
"""Of `\\U0001f680`."""


class Mark(NamedTuple):
    """A place in a text: its distance from the beginning in characters, and its line and column, from 0."""

    at: int
    line: int
    column: int


def printable(text: str) -> str:
    """The text for a message: what a terminal might obey or hide as an escape, and nothing that looks like a secret."""
    if secret_form(text):
        return REDACTED
    return escaped(text)


def quoted(text: str) -> str:
    """The text between quotes, harmless and not too long, for a message."""
    if secret_form(text):
        return REDACTED
    cut = text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1] + "…"
    return '"' + printable(cut.replace("\\", "\\\\").replace('"', '\\"')) + '"'


class Source:
    """One file of manifests, or standard input, as text."""

    __slots__ = (
        *("among_others", "composed", "digest", "folder", "ignored", "mended", "mentioned", "name", "real", "text"),
    )

    def __init__(self, name: str, text: str, folder: str = ".") -> None:
        self.name = printable(name)
        self.real = name
        """Its path without symbolic links."""
        self.text = text
        self.folder = folder
        self.digest = ""
        """SHA-256 of its text, in whatever form its line ends are."""
        self.among_others = False
        """Whether it was found in a folder, where other tools have files as well, rather than named."""
        self.ignored = False
        """Whether Git ignores it."""
        self.mentioned = True
        """Whether it mentions us, so that it is ours even when it cannot be read."""
        self.mended: list[tuple[int, str]] = []
        """In order, each place that now has an escape of `LENGTH_OF_ESCAPE` characters, and what was written there."""
        self.composed: tuple[Any, Any] | None = None
        """The places of the document that was composed last: many faults of one document compose it once."""

    def line_at(self, mark: Mark) -> str:
        """The line that the mark is on, as it was written."""
        start = mark.at - mark.column
        end = _BREAK.search(self.text, start)
        return self._written(start, end.start() if end else len(self.text))

    def column(self, mark: Mark) -> int:
        """The column of a mark, from 0, in the line as it was written."""
        if not self.mended:
            return mark.column
        return len(self._written(mark.at - mark.column, mark.at))

    def _written(self, start: int, end: int) -> str:
        if not self.mended:
            return self.text[start:end]
        pieces: list[str] = []
        for at, written in self.mended[bisect_left(self.mended, (start, "")) : bisect_left(self.mended, (end, ""))]:
            pieces += (self.text[start:at], written)
            start = at + LENGTH_OF_ESCAPE
        return "".join([*pieces, self.text[start:end]])

    def fault(self, mark: Mark, code: str, message: str, hint: str, *, width: int = 1, hide: bool = False) -> Fault:
        """A fault at a mark; `hide` leaves the excerpt out, for a line that holds something secret."""
        excerpt = ""
        column = self.column(mark)
        if not hide and column < _WIDEST:
            line = self.line_at(mark)
            if not may_hold_secret(line):
                shown = line[:_WIDEST]
                excerpt = shown if shown.isprintable() else "".join(c if c.isprintable() else " " for c in shown)
                width = min(width, len(excerpt) - column)
        return Fault(self.name, mark.line + 1, column + 1, code, message, hint, excerpt, max(width, 1))
