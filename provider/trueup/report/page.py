"""Where a report is shown: its width in cells, whether it takes colours and Unicode; and text that is laid out for it.

Whatever comes from a server or a manifest goes through `safe`, so that it cannot steer a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.cells import cell_len, chop_cells

from trueup.core.secrets import censored

NARROWEST: Final = 40
_LEAST: Final = 20
"""Cells that a text has whatever the page is like."""
_DEEP: Final = 10
"""Cells in front of what is aside and has a line of its own: deeper than any field."""
_NUMBER: Final = re.compile(r"(?<![\w.:/-])[\d.,]*\d$")
_UNIT: Final = re.compile(r" (?:[^\W\d_]|%)")
"""A unit that stays with its number: `68 %`, `1.5 s`, `12 requests`."""
_STYLES: Final = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36}


def safe(text: str) -> str:
    """The text without secrets of ours, and with everything that is not printable as an escape: `\\n`, `\\x1b`."""
    text = censored(text)
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


@dataclass(frozen=True, slots=True)
class Page:
    """What a report may use."""

    width: int = 100
    color: bool = False
    unicode: bool = True
    wrap: bool = True
    """Break long sentences at the width; False where lines are searched rather than read."""

    @property
    def ellipsis(self) -> str:
        """What stands for what was left out."""
        return "…" if self.unicode else "..."

    def paint(self, text: str, style: str) -> str:
        """The text in a style (`bold red`), which only repeats what the words or symbols say."""
        if not self.color or not style or not text:
            return text
        codes = ";".join(str(_STYLES[one]) for one in style.split())
        return f"\x1b[{codes}m{text}\x1b[0m"

    def filled(self, text: str, indent: int, hang: int = 0, *, words: bool = False) -> list[str]:
        """The text as lines of at most the width, indented; the second and further ones by `hang` more.

        `words` leaves a word that is longer than a line whole: a path or an address that is to be pasted.
        """
        if not self.wrap:
            return [" " * indent + text]
        room = max(self.width, NARROWEST) - indent
        lines = wrapped(text, room, words=words)[:1]
        if rest := text[len(lines[0]) :].lstrip() if lines else "":
            lines += wrapped(rest, room - hang, words=words)
        return [(" " * (indent + (hang if number else 0)) + line).rstrip() for number, line in enumerate(lines)] or [""]


def wrapped(text: str, room: int, *, words: bool = False) -> list[str]:
    """The text over lines of at most that many cells, broken at spaces; put together again they are the text.

    A word that is longer than a line is broken as well, unless `words` asks for whole ones.
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
            head += " "  # not to be seen at the end of a line, but in the way at the beginning of one
        lines.append(head)
        text = text[len(head) :]
    return lines


def _break_in(text: str, head: str) -> int:
    """Return how much of the beginning a line may hold: it ends behind a space, and not between a number and its unit.

    0 when it holds no such space.
    """
    end = len(head)
    while (end := head.rfind(" ", 0, end)) > 0:
        if not (_UNIT.match(text, end) and _NUMBER.search(head, 0, end)):
            return end + 1
    return 0


def first(text: str, room: int) -> str:
    """As much of the beginning as fits into that many cells."""
    return chop_cells(text, room)[0] if cell_len(text) > room else text


@dataclass(frozen=True, slots=True)
class Parts:
    """What stands behind a label: on one line where it fits, otherwise below, each part on lines of its own."""

    beside: str
    below: tuple[tuple[str, str], ...]
    """What stands in front of a part, and the part."""
    note: str = ""
    """What is said below of parts that were left out."""
    lines: int = 10
    """How many lines a part may take before something is left out of it."""

    def broken(self, room: int, ellipsis: str) -> list[str]:
        """The parts, one below the other, in that many cells."""
        front = max((cell_len(before) for before, _ in self.below), default=0)
        room = max(room - front, _LEAST)
        found = [wrapped(text, room) for _, text in self.below]
        cut = any(len(lines) > self.lines for lines in found)
        if cut:
            # What the parts share at the front can go, so that what differs stays in sight.
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
    """Rows with something aside (a place, the verbs), one under the other; the lines of `render` fit the page."""

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
        """A sentence, broken where needed."""
        self._rows += [self.page.paint(line, style) for line in self.page.filled(text, indent, hang)]

    def line(self, text: str = "") -> None:
        """A line as it is."""
        self._rows.append(text)

    def render(self) -> str:
        """All of it, without a newline at the end."""
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
    """A row on a page: its first line and what had to go below."""

    def __init__(self, row: _Row, page: Page) -> None:
        self.row = row
        self._page = page
        self._label = row.label
        self._text = row.body.beside
        self._below: list[str] = []
        if not self._fits() and self._label.endswith(" "):
            self._label = f"{self._label.rstrip()}  "  # rather out of line than below
        if not self._fits():
            self._label, self._text = row.label.rstrip(), ""
            room = page.width - row.indent - 2
            whole = row.body.beside.strip()
            self._below = [whole] if cell_len(whole) <= room else row.body.broken(room, page.ellipsis)
        self.left = row.indent + cell_len(self._label) + cell_len(self._text)

    def _fits(self) -> bool:
        return self.row.indent + cell_len(self._label) + cell_len(self._text) <= self._page.width

    def lines(self, column: int) -> list[str]:
        """The row with what is aside in that column, or on a line of its own, deeper than the label."""
        row, page = self.row, self._page
        indent = " " * row.indent
        if self._text or not self._below or row.indent < 6:
            found = [(indent + page.paint(self._label, row.style) + self._text).rstrip()]
        else:  # a field may be called anything
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
    """The labels made equally wide, with two cells behind the longest; those over `widest` are left longer."""
    column = max((cell_len(one) for one in labels if cell_len(one) <= widest), default=0)
    return [one + " " * (max(column - cell_len(one), 0) + 2) for one in labels]
