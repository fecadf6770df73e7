"""Explain YAML syntax errors, each with a remedy.

libyaml names the place where it gave up and, often, where what it was reading began. Its own words are kept, since
they are what a search finds; the hint says what is usually meant.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any, Final

import yaml

from trueup.core.errors import Fault
from trueup.manifest import mending
from trueup.manifest.literals import may_hold_secret
from trueup.manifest.text import Mark, Source, quoted

_HINTS: Final = (
    ("mapping values are not allowed", 'Quote a value that holds ": ", or mend the indentation of this line.'),
    ("found unexpected document indicator", "Close the quote that is opened there."),
    ("found unexpected end of stream", "Close the quote or bracket that is opened there."),
    ("did not find expected ',' or", "Close the bracket that is opened there, or put a comma between its items."),
    (
        "did not find expected node content",
        "Close the bracket that is opened there, or give the value that is missing.",
    ),
    ("did not find expected key", "Indent this line like the others of its mapping, and close quotes before it."),
    ("did not find expected '-'", 'Begin each item of the list with "- ", all equally far to the right.'),
    ("could not find expected ':'", 'Write ": " after the key, or quote a text of several lines.'),
    ("block sequence entries are not allowed", 'Put the first "- " of a list on a line of its own.'),
    ("block mapping entries are not allowed", "Put the mapping on lines of its own, or in braces."),
    ("found unknown escape character", "Double the backslash, or use single quotes, in which it means itself."),
    ("undefined tag handle", 'Write the value without a tag; quote it when it begins with "!".'),
    ("incompatible YAML document", 'Leave the "%YAML" line out.'),
    ("did not find expected <document start>", 'Begin each document with a line "---".'),
    ("did not find expected alphabetic or numeric character", 'Quote a value that begins with "*" or "&".'),
    ("tab character", "Indent with blanks; YAML knows no tabs there."),
)
_OTHERWISE: Final = "Look for a missing quote, bracket or colon here or on the line before."
_FORBIDDEN: Final = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_LINES: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


class BrokenDocument(Exception):
    """A document that cannot be read any further."""

    def __init__(self, mark: Mark, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.mark = mark
        self.code = code
        self.message = message
        self.hint = hint

    def fault(self, source: Source, lost: str) -> Fault:
        """Return the fault, without an excerpt when the skipped text may hold a secret."""
        return source.fault(self.mark, self.code, self.message, self.hint, hide=may_hold_secret(lost))


def explain(error: yaml.YAMLError, source: Source, base: Mark) -> BrokenDocument:
    """A complaint of libyaml as one of ours. `base` is where the stream it read began."""
    problem: Any = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if problem is None:
        return BrokenDocument(base, "E110", "this is not YAML", _OTHERWISE)
    mark = Mark(problem.index + base.at, problem.line + base.line, problem.column)
    words: str = getattr(error, "problem", None) or "it cannot be read"
    start: Any = getattr(error, "context_mark", None)
    context: str = getattr(error, "context", None) or ""
    if context and start is not None and start.line != problem.line:
        context += f" that begins on line {start.line + base.line + 1}"
    if (half := mending.half_of(source, error, base.at)) is not None:
        mark = Mark(mark.at - 2, mark.line, mark.column - 2)
        message = f"\\u{half.lower()} is one half of a character: a surrogate without the other one"
        return BrokenDocument(
            mark, "E110", message, "Write the character itself, or both of its halves one after the other."
        )
    if source.text.startswith(mending.MARK, mark.at - mark.column):
        message = "this is not YAML: a byte order mark (U+FEFF, which is invisible) starts this line"
        hint = 'Remove it; where another document begins, put a line "---" before it.'
        return BrokenDocument(mark, "E110", message, hint)
    message = f"this is not YAML: {words}" + (f" ({context})" if context else "")
    return BrokenDocument(mark, "E110", message, _hint(words, source, mark))


def _hint(words: str, source: Source, mark: Mark) -> str:
    if "cannot start any token" in words:
        character = source.text[mark.at : mark.at + 1]
        if character == "\t":
            return "Indent with blanks; YAML knows no tabs there."
        return f"Quote the value: none begins with {quoted(character)} without quotes."
    return next((hint for part, hint in _HINTS if part in words), _OTHERWISE)


def forbidden(source: Source) -> BrokenDocument | None:
    """The first character of a source that YAML forbids."""
    found = _FORBIDDEN.search(source.text)
    if found is None:
        return None
    begin = 0
    line = 0
    for end in _LINES.finditer(source.text, 0, found.start()):
        begin = end.end()
        line += 1
    mark = Mark(found.start(), line, found.start() - begin)
    escape = f"\\u{ord(found.group()):04x}"
    hint = f'Remove it, or write it as "{escape}" between double quotes.'
    return BrokenDocument(
        mark, "E110", f"this is not YAML: the character U+{ord(found.group()):04X} is not allowed", hint
    )


def without_forbidden(text: str) -> str:
    """The text with those characters replaced one by one, so that what comes after them can be read."""
    return _FORBIDDEN.sub("\ufffd", text)


def lines_between(text: str, start: int, end: int) -> int:
    """How many lines end between two places, as libyaml counts."""
    return sum(1 for _ in _LINES.finditer(text, start, end))


def too_deep(limit: int) -> tuple[str, str]:
    """Message and hint."""
    return f"more than {limit} mappings and lists inside one another", "Flatten it; no API takes that."


def too_large(limit: int) -> tuple[str, str]:
    """Message and hint."""
    message = f"this document holds more than {limit:,} values, each alias counted as often as it is used"
    return message, "Split it, and do not nest aliases in what other aliases repeat."


def complex_key() -> tuple[str, str]:
    """Message and hint."""
    return "a key must be a text", 'Write "key: value"; quote a value that begins with "{", "[", "?" or "*".'


def anchor_twice(name: str) -> tuple[str, str]:
    """Message and hint."""
    return f"the anchor {quoted('&' + name)} is given twice in this document", "Rename one of them."


def alias_unknown(name: str, anchors: Iterable[str]) -> tuple[str, str]:
    """Message and hint."""
    near = difflib.get_close_matches(name, list(anchors), 1)
    meant = f"did you mean {quoted('*' + near[0])}? " if near else ""
    hint = f'{meant}Give it before with "&{name}" in the same document, or quote a value that begins with "*".'
    return f"the alias {quoted('*' + name)} has no anchor before it", hint


def alias_recursive(name: str) -> tuple[str, str]:
    """Message and hint."""
    return f"the alias {quoted('*' + name)} stands inside what it repeats", "Write out what is meant."
