"""Where a report is shown: its width in cells, whether it takes colours and Unicode; and text that is laid out for it.

Whatever comes from a server or a manifest goes through `safe`, so that it cannot steer a terminal.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.cells import cell_len, set_cell_size

from trueup.secrets import scrub

NARROWEST: Final = 40
_LEAST: Final = 24
"""Cells that a text has whatever the page is like."""
_STYLES: Final = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36}


def safe(text: str) -> str:
    """The text without secrets of ours, and with everything that is not printable as an escape: `\\n`, `\\x1b`."""
    text = scrub(text)
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

    def cut(self, text: str, room: int) -> str:
        """The text, shortened in its middle to that many cells."""
        if cell_len(text) <= room:
            return text
        kept = max(room - cell_len(self.ellipsis), 2)
        tail = kept // 2
        return first(text, kept - tail) + self.ellipsis + first(text[::-1], tail)[::-1]

    def filled(self, text: str, indent: int, hang: int = 0) -> list[str]:
        """The text as lines of at most the width, indented; the second and further ones by `hang` more."""
        first = " " * indent
        if not self.wrap:
            return [first + text]
        return textwrap.wrap(
            text,
            max(self.width, NARROWEST),
            initial_indent=first,
            subsequent_indent=" " * (indent + hang),
            break_long_words=False,
            break_on_hyphens=False,
        ) or [first.rstrip()]


def first(text: str, room: int) -> str:
    """As much of the beginning as fits into that many cells."""
    return set_cell_size(text, room).rstrip() if cell_len(text) > room else text


@dataclass(slots=True)
class _Row:
    indent: int
    label: str
    body: Callable[[int], str]
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
        body: Callable[[int], str] | str,
        aside: str = "",
        *,
        style: str = "",
        counts: bool = True,
    ) -> None:
        """A label in a style, a text that is told how much room it has, and what stands aside.

        The asides stand in one column, which is as wide as the widest of those that count.
        """
        self._rows.append(_Row(indent, label, body if callable(body) else (lambda _: body), aside, style, counts))

    def say(self, text: str, indent: int = 0, *, style: str = "", hang: int = 0) -> None:
        """A sentence, broken where needed."""
        self._rows += [self.page.paint(line, style) for line in self.page.filled(text, indent, hang)]

    def line(self, text: str = "") -> None:
        """A line as it is."""
        self._rows.append(text)

    def render(self) -> str:
        """All of it, without a newline at the end. A text is cut for the page's sake alone, never for what is aside."""
        page = self.page
        rows = [row for row in self._rows if isinstance(row, _Row)]
        bodies = {id(row): row.body(max(page.width - row.indent - cell_len(row.label), _LEAST)) for row in rows}
        lefts = {id(row): row.indent + cell_len(row.label) + cell_len(bodies[id(row)]) for row in rows}
        widest = max((cell_len(row.aside) for row in rows if row.counts), default=0)
        beside = [lefts[id(row)] for row in rows if row.aside and lefts[id(row)] + 2 + widest <= page.width]
        column = max(beside, default=0) + 2
        lines: list[str] = []
        for row in self._rows:
            if isinstance(row, str):
                lines.append(row)
                continue
            left = lefts[id(row)]
            lines.append((" " * row.indent + page.paint(row.label, row.style) + bodies[id(row)]).rstrip())
            if row.aside:
                start = min(column, page.width - cell_len(row.aside))
                gap = max(start, left + 2) - left
                if left + gap + cell_len(row.aside) <= page.width:
                    lines[-1] += " " * gap + page.paint(row.aside, "dim")
                else:
                    lines.append(" " * max(start, row.indent) + page.paint(row.aside, "dim"))
        return "\n".join(lines)


def padded(labels: Sequence[str], widest: int) -> list[str]:
    """The labels made equally wide, with two cells behind the longest; those over `widest` are left longer."""
    column = max((cell_len(one) for one in labels if cell_len(one) <= widest), default=0)
    return [one + " " * (max(column - cell_len(one), 0) + 2) for one in labels]
