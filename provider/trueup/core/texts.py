"""Length, trimming and comparison of texts as a JavaScript server does them.

Facts: zod's `z.string().trim().min(1).max(255)` and its cases in `tests/recordings/zod-text.json`. Python's `strip`
takes U+001C to U+001F and U+0085 as well, and leaves U+FEFF; its `len` counts a character beyond U+FFFF once.
"""

from __future__ import annotations

import unicodedata
from typing import Final

BLANKS: Final = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f"
    "\u3000\ufeff"
)
"""The characters that JavaScript's `trim` removes from both ends."""
_ASCII_BLANKS: Final = "\t\n\v\f\r "
"""The ASCII subset: most texts are ASCII, and are trimmed faster with these."""
_ONE_BY_ONE: Final = str.maketrans({"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe"})
"""Letters that a collation equates with others and that Unicode does not decompose."""
_KATAKANA: Final = {char: char - 0x60 for char in range(0x30A1, 0x30F7)}
_IGNORED: Final = ("Mn", "Me", "Cf", "Cc")


def trimmed(text: str) -> str:
    """Return the text without whitespace at its ends."""
    return text.strip(_ASCII_BLANKS if text.isascii() else BLANKS)


def length(text: str) -> int:
    """Return the length in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def escaped(text: str) -> str:
    """Return the text for a terminal, with unprintable characters as escapes: `\\n`, `\\x1b`."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def has_half(text: str) -> bool:
    """Return whether the text holds half of a surrogate pair, which no database accepts."""
    return not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)


def folded(text: str) -> str:
    """Return the text in lower case, character by character, so that any case-insensitive comparison finds it equal.

    `casefold` also equates `ß` with `ss`, which only some comparisons do: see `near`.
    """
    if text.isascii():
        return text.lower()
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)


def near(text: str) -> str:
    """Return the text as a collation compares it that ignores accents, case, width and invisible characters.

    MySQL's `utf8mb4_0900_ai_ci` is one: it equates `café` with `CAFE`, wide letters with ASCII, and `ß` with `ss`.
    """
    if text.isascii() and text.isprintable():
        return text.lower()
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join(char for char in apart if unicodedata.category(char) not in _IGNORED)
    return plain.translate(_ONE_BY_ONE).translate(_KATAKANA)


def tidied(one: object, other: object) -> bool:
    """Whether two texts differ in blanks at the ends or in case alone, as servers tidy names."""
    return isinstance(one, str) and isinstance(other, str) and folded(trimmed(one)) == folded(trimmed(other))
