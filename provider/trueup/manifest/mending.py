"""Text that libyaml reads otherwise than other programs: marks between joined files, halves of characters, line ends.

A byte order mark may stand at the beginning of each document (YAML 1.2, section 5.2), and libyaml knows of the first
one alone. JSON writes a character beyond U+FFFF as two escapes, which libyaml refuses each for itself. U+0085, U+2028
and U+2029 end a line for libyaml, which is what YAML 1.1 says; in YAML 1.2 (section 5.4) and JSON they do not.
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from trueup.manifest.text import Source

MARK: Final = "\ufeff"
_START: Final = r"(?:\A|(?<=[\r\n\x85\u2028\u2029]))"
_LINE: Final = r"[ \t]*(?:#[^\r\n]*)?(?:\r\n|[\r\n])"
_BEFORE: Final = re.compile(rf"{_START}{MARK}+(?=(?:---|\.\.\.)(?:\s|\Z)|[%#]|[ \t]*(?:[\r\n]|\Z))")
"""Marks in front of a line that no value can begin with."""
_BEHIND: Final = re.compile(rf"({_START}(?:---|\.\.\.){_LINE}(?:{_LINE})*){MARK}+")
"""Marks behind the line that begins or ends a document."""

_PAIR: Final = re.compile(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|.)", re.DOTALL)
_HALF: Final = re.compile(r"(?:u|U0000)([dD][89a-fA-F][0-9a-fA-F]{2})")
_REST: Final = re.compile(r'(?:[^"\\]++|\\.)*+"', re.DOTALL)
_KEY: Final = r"[A-Za-z_][\w.-]*:"
_END: Final = r"[ \t]*(?:\r\n|\n)"
_PLAIN: Final = rf"(?:---|[ \t]*(?:- )*{_KEY}(?:[ \t]+(?:[\w./]+|\{{[\w ,:./-]*\}}))?){_END}"
_GAP: Final = re.compile(
    r"(?:[\s,:\[\]{}]|-?\d[\d.eE+-]*(?=[\s,\]}])|(?:true|false|null)(?=[\s,\]}])|(?<=\n)---(?=\s))*(?=\")"
    rf"|[ \t]*,[ \t]*(?:{_KEY}[ \t]+[\w./]+,[ \t]*)*{_KEY}[ \t]+(?=\")"
    rf"|[ \t]*[\]}}]*{_END}(?:{_PLAIN})*[ \t]*(?:- )*{_KEY}[ \t]+(?:\{{(?:[\w ,:./-]*: )?)?(?=\")"
)
"""The text allowed between two texts in double quotes so that the second is one for sure: JSON, or plain keys."""


_BREAKS: Final = re.compile("[\x85\u2028\u2029]")
_PLACES: Final = range(0x10FFFD, 0x100000, -1)
"""Characters of a private use plane, which stand for others while libyaml reads them."""


def hide_breaks(source: Source) -> dict[int, str]:
    """Put characters that mean nothing in place of U+0085, U+2028 and U+2029; return what each stands for.

    No place in the text moves by that.
    """
    text = source.text
    if text.isascii() or _BREAKS.search(text) is None:
        return {}
    lowered = text.lower()  # nor may an escape mean one of them
    free = (one for one in _PLACES if chr(one) not in text and f"{one:08x}" not in lowered)
    hidden = {next(free): char for char in "\x85\u2028\u2029"}
    source.text = text.translate({ord(char): one for one, char in hidden.items()})
    return hidden


def shown_breaks(value: Any, hidden: dict[int, str]) -> Any:
    """Return the value with those characters in their place again, in keys as well."""
    if isinstance(value, str):
        return value.translate(hidden)
    if isinstance(value, list):
        return [shown_breaks(item, hidden) for item in value]
    if isinstance(value, dict):
        items = [(name.translate(hidden), shown_breaks(item, hidden)) for name, item in value.items()]
        value.clear()  # in place: it may know the line that it begins on
        value.update(items)
    return value


def without_marks(text: str) -> str:
    """Return the text without the byte order marks at the beginning of its documents."""
    if MARK not in text:
        return text
    return _BEHIND.sub(r"\1", _BEFORE.sub("", text))


def join_halves(source: Source, error: yaml.YAMLError, base: int) -> bool:
    """Make one escape of each pair of surrogates from the text on at which libyaml gave up; whether there was one.

    `base` is where the stream began that it read. Only texts in double quotes are changed: elsewhere a backslash is
    one. It goes on as long as it is sure of those, so that a large JSON document is read twice and not once a pair.
    """
    start: Any = getattr(error, "context_mark", None)
    if half_of(source, error, base) is None or start is None:
        return False
    text = source.text
    at = start.index + base + 1
    pieces = [text[:at]]
    length = at
    first = True
    while (end := _REST.match(text, at)) is not None:
        kept = at
        for found in _PAIR.finditer(text, at, end.end()):
            if found[1] is None:
                continue
            code = 0x10000 + ((int(found[1], 16) - 0xD800) << 10) + (int(found[2], 16) - 0xDC00)
            pieces += (text[kept : found.start()], f"\\U{code:08x}")
            length += found.start() - kept
            source.mended.append((length, found[0]))
            length += 10
            kept = found.end()
            first = False
        if first:
            return False
        gap = _GAP.match(text, end.end())
        at = gap.end() + 1 if gap is not None else end.end()
        pieces.append(text[kept:at])
        length += at - kept
        if gap is None:
            break
    pieces.append(text[at:])
    source.text = "".join(pieces)
    return True


def half_of(source: Source, error: yaml.YAMLError, base: int) -> str | None:
    """Return the code of the surrogate that libyaml gave up at (`D83D`); None when it was at something else."""
    mark: Any = getattr(error, "problem_mark", None)
    if mark is None or getattr(error, "problem", None) != "found invalid Unicode character escape code":
        return None
    found = _HALF.match(source.text, mark.index + base - 1)
    return found[1].upper() if found else None
