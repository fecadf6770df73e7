"""The page that a report is written to: width in cells, colours, Unicode, and the layout of text on it.

All text from a server or a manifest passes through `safe`, so that it cannot control a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.cells import cell_len, chop_cells

from trueup.core.secrets import censored
from trueup.core.texts import escaped

NARROWEST: Final = 40
_LEAST: Final = 20
"""Least cells of a text."""
_DEEP: Final = 10
"""Indent of an aside that gets its own line: deeper than any field."""
_NUMBER: Final = re.compile(r"(?<![\w.:/-])[\d.,]*\d$")
_UNIT: Final = re.compile(r" (?:[^\W\d_]|%)")
"""A unit that stays with its number: `68 %`, `1.5 s`, `12 requests`."""
_STYLES: Final = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36}


def safe(text: str) -> str:
    """Return the text without known secrets, and with unprintable characters escaped: `\\n`, `\\x1b`."""
    return escaped(censored(text))


@dataclass(frozen=True, slots=True)
class Page:
    """The width, colours and characters that a report may use."""

    width: int = 100
    color: bool = False
    unicode: bool = True
    wrap: bool = True
    """Break long sentences at the width; False for a log or a pipe, whose lines are searched."""

    @property
    def ellipsis(self) -> str:
        """The sign for omitted text."""
        return "…" if self.unicode else "..."

    def paint(self, text: str, style: str) -> str:
        """Return the text in a style (`bold red`). Colours carry no information of their own."""
        if not self.color or not style or not text:
            return text
        codes = ";".join(str(_STYLES[one]) for one in style.split())
        return f"\x1b[{codes}m{text}\x1b[0m"

    def filled(self, text: str, indent: int, hang: int = 0, *, words: bool = False) -> list[str]:
        """Return the text as indented lines of at most the width; all but the first are indented by `hang` more.

        `words` keeps words that are longer than a line whole, such as a path to be pasted.
        """
        if not self.wrap:
            return [" " * indent + text]
        room = max(self.width, NARROWEST) - indent
        lines = wrapped(text, room, words=words)[:1]
        if rest := text[len(lines[0]) :].lstrip() if lines else "":
            lines += wrapped(rest, room - hang, words=words)
        return [(" " * (indent + (hang if number else 0)) + line).rstrip() for number, line in enumerate(lines)] or [""]


def wrapped(text: str, room: int, *, words: bool = False) -> list[str]:
    """Return the text as lines of at most `room` cells, broken at spaces; joined, they are the text.

    A word that is longer than a line is broken too, unless `words` is set.
    """
    lines: list[str] = []
    while text:
        head = first(text[: 4 * room], room)
        if len(head) < len(text) and text[len(head)] != " ":
            behind = _break_in(text, head)
            end = text.find(" ", behind)
            word = text[behind : end if end >= 0 else None]
            if behind and (words or cell_len(word[: 2 * room]) <= room):
                head = text[:behind]
            elif words:
                head = word
        elif len(head) < len(text) and _UNIT.match(text, len(head)) and _NUMBER.search(head):
            head = text[: _break_in(text, head)] or head
        while head and len(head) < len(text) and text[len(head)] == " ":
            head += " "  # invisible at the end of a line, but not at the start of the next
        lines.append(head)
        text = text[len(head) :]
    return lines


def _break_in(text: str, head: str) -> int:
    """Return the length of `head` up to its last space that is not between a number and its unit; 0 without one."""
    end = len(head)
    while (end := head.rfind(" ", 0, end)) > 0:
        if not (_UNIT.match(text, end) and _NUMBER.search(head, 0, end)):
            return end + 1
    return 0


def first(text: str, room: int) -> str:
    """Return as much of the start of the text as fits into `room` cells."""
    return chop_cells(text, room)[0] if cell_len(text) > room else text


@dataclass(frozen=True, slots=True)
class Parts:
    """The text after a label: on the same line if it fits, otherwise below, each part on its own lines."""

    beside: str
    below: tuple[tuple[str, str], ...]
    """Each part with its prefix."""
    note: str = ""
    """A note that is added if a part was cut."""
    lines: int = 10
    """Lines of a part, beyond which it is cut."""

    def broken(self, room: int, ellipsis: str) -> list[str]:
        """Return the parts, one below the other, as lines of at most `room` cells."""
        front = max((cell_len(before) for before, _ in self.below), default=0)
        room = max(room - front, _LEAST)
        found = [wrapped(text, room) for _, text in self.below]
        cut = any(len(lines) > self.lines for lines in found)
        if cut:
            # Omit the common prefix, so that the difference stays visible.
            start = max(_alike([text for _, text in self.below]) - room, 0)
            found = [
                self._window(text, start, room, ellipsis) if len(lines) > self.lines else lines
                for (_, text), lines in zip(self.below, found, strict=True)
            ]
        shown = [
            (before if not number else "").ljust(front) + line.rstrip()
            for (before, _), lines in zip(self.below, found, strict=True)
            for number, line in enumerate(lines)
        ]
        return [*shown, *(line.rstrip() for line in wrapped(self.note, room + front) if cut)]

    def _window(self, text: str, start: int, room: int, ellipsis: str) -> list[str]:
        lines = wrapped((ellipsis if start else "") + text[start:], room)
        if len(lines) > self.lines:
            last = first(lines[self.lines - 1].rstrip(), room - cell_len(ellipsis))
            lines = [*lines[: self.lines - 1], last + ellipsis]
        return lines


def _alike(texts: Sequence[str]) -> int:
    if len(texts) < 2:
        return 0
    for number, both in enumerate(zip(*texts, strict=False)):
        if len(set(both)) > 1:
            return number
    return min(map(len, texts))


@dataclass(slots=True)
class _Row:
    indent: int
    label: str
    body: Parts
    aside: str
    style: str
    counts: bool


@dataclass
class Sheet:
    """Rows with aligned asides (a place, the verbs), laid out to fit the page."""

    page: Page
    _rows: list[_Row | str] = field(default_factory=list)

    def row(
        self,
        indent: int,
        label: str,
        body: Parts | str,
        aside: str = "",
        *,
        style: str = "",
        counts: bool = True,
    ) -> None:
        """A label in a style, what stands behind or below it, and what stands aside.

        The asides stand in one column, which is as wide as the widest of those that count.
        """
        parts = Parts(body, (("", body.strip()),)) if isinstance(body, str) else body
        self._rows.append(_Row(indent, label, parts, aside, style, counts))

    def say(self, text: str, indent: int = 0, *, style: str = "", hang: int = 0) -> None:
        """Add a sentence, wrapped to the page."""
        self._rows += [self.page.paint(line, style) for line in self.page.filled(text, indent, hang)]

    def line(self, text: str = "") -> None:
        """Add a line unchanged."""
        self._rows.append(text)

    def render(self) -> str:
        """Return the lines as text, without a newline at the end."""
        page = self.page
        rows = {id(row): _Laid(row, page) for row in self._rows if isinstance(row, _Row)}
        widest = max((cell_len(laid.row.aside) for laid in rows.values() if laid.row.counts), default=0)
        beside = [laid.left for laid in rows.values() if laid.row.aside and laid.left + 2 + widest <= page.width]
        column = max(beside, default=0) + 2
        lines: list[str] = []
        for row in self._rows:
            lines += [row] if isinstance(row, str) else rows[id(row)].lines(column)
        return "\n".join(lines)


class _Laid:
    """A row laid out on a page: its first line and the lines below."""

    def __init__(self, row: _Row, page: Page) -> None:
        self.row = row
        self._page = page
        self._label = row.label
        self._text = row.body.beside
        self._below: list[str] = []
        if not self._fits() and self._label.endswith(" "):
            self._label = f"{self._label.rstrip()}  "  # better out of line than below
        if not self._fits():
            self._label, self._text = row.label.rstrip(), ""
            room = page.width - row.indent - 2
            whole = row.body.beside.strip()
            self._below = [whole] if cell_len(whole) <= room else row.body.broken(room, page.ellipsis)
        self.left = row.indent + cell_len(self._label) + cell_len(self._text)

    def _fits(self) -> bool:
        return self.row.indent + cell_len(self._label) + cell_len(self._text) <= self._page.width

    def lines(self, column: int) -> list[str]:
        """Return the row with its aside in that column, or on its own line, indented deeper than the label."""
        row, page = self.row, self._page
        indent = " " * row.indent
        if self._text or not self._below or row.indent < 6:
            found = [(indent + page.paint(self._label, row.style) + self._text).rstrip()]
        else:  # the name of a field may be long
            found = [
                indent + page.paint(part.rstrip(), row.style) for part in wrapped(self._label, page.width - row.indent)
            ]
        below = [f"{indent}  {line}" for line in self._below]
        if row.aside:
            wide = cell_len(row.aside)
            start = min(column, page.width - wide)
            gap = max(start, self.left + 2) - self.left
            if self.left + gap + wide <= page.width:
                found[-1] += " " * gap + page.paint(row.aside, "dim")
            else:
                start = max(start, min(_DEEP, max(page.width - wide, row.indent + 1)))
                below.append(" " * start + page.paint(row.aside, "dim"))
        return found + below


def padded(labels: Sequence[str], widest: int) -> list[str]:
    """Return the labels padded to equal width, two cells after the longest; labels over `widest` stay longer."""
    column = max((cell_len(one) for one in labels if cell_len(one) <= widest), default=0)
    return [one + " " * (max(column - cell_len(one), 0) + 2) for one in labels]
