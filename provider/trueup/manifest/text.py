"""Text of a manifest, places in it, and what of it may be shown.

Marks count from 0 as libyaml does; a Fault counts from 1. What is quoted from a manifest is made harmless for a
terminal, and a line that may hold a secret is never an excerpt.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from trueup.core.errors import Fault
from trueup.core.secrets import REDACTED
from trueup.core.values import Where
from trueup.manifest.literals import may_hold_secret, secret_form

if TYPE_CHECKING:
    from trueup.core.changes import Path
    from trueup.manifest.places import Places

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
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


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
        self.composed: tuple[Any, Places] | None = None
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


class Span:
    """Where one document stands in its source: whole lines. Called with a path, it finds the place of a field.

    Positions are not kept while loading: the few that are asked for are found by composing the document again. Paths
    begin at `base`, which is the spec, or the place of a short form in it.
    """

    __slots__ = ("base", "end", "line", "source", "start")

    def __init__(self, source: Source, start: int, end: int, line: int, base: Path = ("spec",)) -> None:
        self.base = base
        self.source = source
        self.start = start
        self.end = end
        self.line = line

    @property
    def text(self) -> str:
        """The document's own text."""
        return self.source.text[self.start : self.end]

    def places(self) -> Places:
        """The places of all that is in it; costs a second look at its text."""
        from trueup.manifest.places import Places

        key = (self.start, self.end)
        if self.source.composed is None or self.source.composed[0] != key:
            self.source.composed = key, Places(self)
        return self.source.composed[1]

    def absolute(self, mark: Any) -> Mark:
        """A mark of the document's own text as one of the whole source."""
        return Mark(mark.index + self.start, mark.line + self.line, mark.column)

    def below(self, path: Path) -> Span:
        """The same document, with paths that begin at a path below this base."""
        return Span(self.source, self.start, self.end, self.line, (*self.base, *path))

    def __call__(self, path: Path) -> Where:
        mark = self.places().key((*self.base, *path), nearest=2).mark
        return Where(self.source.name, mark.line + 1, self.source.column(mark) + 1)
