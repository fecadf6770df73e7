"""The second defence of secrets: remove every known secret from a text, whole, in parts, or re-encoded.

The first is that server text is not shown at all where a secret took part (`wire.recognised`). A short secret is
matched as a whole word only: within other words it would blank out most of the output. The words of trueup's own
messages are kept even then; those of a server, and values, are not.
"""

from __future__ import annotations

import base64
import contextlib
import html
import json
import re
import threading
import unicodedata
from collections.abc import Iterator, Set
from functools import lru_cache
from itertools import islice
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote, urlsplit

REDACTED: Final = "(sensitive)"
"""Shown in place of a secret."""

_SHORTEST: Final = 6
"""Minimum characters of a part that is matched anywhere; a shorter one would blank out pieces of ordinary words."""
_WORD: Final = 3
"""Minimum characters of a short secret that is matched as a word; a shorter one only when it is the whole value."""
_CASED: Final = 8
"""Minimum characters for a match in another case."""
_PIECE: Final = 8
"""Consecutive letters and digits that count as a piece of a credential."""
_LARGEST: Final = 1 << 16
"""Maximum characters of a secret that is searched for parts."""
_PARTS: Final = 2000
"""Maximum lines and values of one secret that are known separately."""


class Redactor:
    """The secrets of a process, and how a text loses them.

    It never forgets one, and threads share it: a reader sees what was complete before it started.
    """

    def __init__(self) -> None:
        self._adding = threading.Lock()
        self._texts: set[str] = set()
        self._starts: dict[str, list[str]] = {}
        """The same texts by their first characters, the longest first."""
        self._short: frozenset[str] = frozenset()
        """Short secrets, matched as a word or as a whole value."""
        self._pieces: set[str] = set()
        """Pieces of the longer secrets: runs of letters and digits."""

    def remember(self, value: str) -> None:
        """Add a secret: the text, its lines, the values in it if it is JSON or YAML, and each of them re-encoded."""
        if self._is_known(value) or not value.strip():
            return
        short: set[str] = set()
        if len(value) >= _SHORTEST:
            texts = {text for part in _parts(value) for text in _forms(part) if len(text) >= _SHORTEST}
        else:
            forms = {form for form in _forms(value) if form.strip()} if len(value) >= _WORD else {value}
            short = {form for form in forms if form == value or len(form) < _SHORTEST}
            texts = {form for form in forms if len(form) >= _SHORTEST}
        with self._adding:
            self._add(texts - self._texts)
            self._short |= short
            if _SHORTEST <= len(value) <= _LARGEST:
                self._pieces |= _pieces(value)

    def _add(self, texts: Set[str]) -> None:
        """Add texts to the index, whose lists are replaced as a whole: another thread may be reading them."""
        added: dict[str, list[str]] = {}
        for text in texts:
            added.setdefault(text[:_SHORTEST], []).append(text)
        for start, found in added.items():
            self._starts[start] = sorted([*self._starts.get(start, ()), *found], key=len, reverse=True)
        self._texts |= texts

    def scrub(self, text: str) -> str:
        """Return a text without known secrets; a short one that could be a word of trueup's own messages stays."""
        return self._without_words(self._without_texts(text), all_of_them=False)

    def censored(self, text: str) -> str:
        """Return text of a server or a manifest without any known secret, the short ones included."""
        if text in self._short:
            return REDACTED
        return self._without_words(self._without_texts(text), all_of_them=True)

    def is_known(self, value: float) -> bool:
        """Return whether a number is a whole secret: a server may turn a text of digits into one."""
        return self._is_known(str(value))

    def _is_known(self, text: str) -> bool:
        return text in self._texts or text in self._short

    def without_pieces(self, text: str) -> str:
        """Return the text without any eight consecutive letters or digits of a secret, whatever separates them."""
        return _cut(text, self._pieces)

    def touches(self, text: str) -> bool:
        """Return whether a text holds a secret or is a piece of one, whatever separates its letters and digits."""
        if self.censored(text) != text:
            return True
        bare = re.sub(r"[\W_]", "", text).lower()
        if len(bare) < _SHORTEST:
            return False
        return any(
            bare in one or one in bare
            for one in (re.sub(r"[\W_]", "", word).lower() for word in tuple(self._texts))
            if len(one) >= _SHORTEST
        )

    def _without_words(self, text: str, *, all_of_them: bool) -> str:
        """Return the text without the short secrets that are words of it."""
        words = frozenset(word for word in self._short if len(word) >= _WORD and (all_of_them or _is_odd(word)))
        return _one_of(words).sub(REDACTED, text) if words else text

    def _without_texts(self, text: str) -> str:
        """Return the text without the longer secrets, at any position."""
        if not self._starts:
            return text
        shown: list[str] = []
        begin = place = 0
        while place <= len(text) - _SHORTEST:
            candidates = self._starts.get(text[place : place + _SHORTEST], ())
            found = next((one for one in candidates if text.startswith(one, place)), None)
            if found is None:
                place += 1
                continue
            shown += (text[begin:place], REDACTED)
            begin = place = place + len(found)
        return "".join([*shown, text[begin:]])


process = Redactor()
"""The redactor of this process, which every output goes through, whichever thread writes it."""


def remember(value: str) -> None:
    """Have a secret removed from all that this process shows from now on."""
    process.remember(value)


def scrub(text: str) -> str:
    """Return a text without known secrets; a short secret that could be a word of trueup's own messages stays."""
    return process.scrub(text)


def censored(text: str) -> str:
    """Return text of a server or a manifest without any known secret, the short ones included."""
    return process.censored(text)


def is_known(value: float) -> bool:
    """Return whether a number is a whole secret: a server may turn a text of digits into one."""
    return process.is_known(value)


def touches(text: str) -> bool:
    """Return whether a text holds a secret or is a piece of one, whatever separates its letters and digits."""
    return process.touches(text)


def without_known_pieces(text: str) -> str:
    """Return the text without the pieces of any secret that this process has resolved."""
    return process.without_pieces(text)


def without_pieces(text: str, value: str) -> str:
    """Return the text without any eight consecutive letters or digits of a credential, whatever separates them.

    For server text about a request: it may repeat the key truncated, or broken into groups.
    """
    return _cut(text, _pieces(value))


@lru_cache(maxsize=16)
def _one_of(words: frozenset[str]) -> re.Pattern[str]:
    """Return a pattern that matches any of the words."""
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")


def _is_odd(word: str) -> bool:
    """Return whether a word mixes letters with digits or signs, so that it is no word of trueup's own messages."""
    return any(map(str.isalpha, word)) and not word.isalpha()


def _cut(text: str, pieces: Set[str]) -> str:
    if not text or not pieces:
        return text
    letters = list(_letters(text))
    bare = "".join(letter for _, letter in letters)
    shown: list[str] = []
    begin = end = 0
    for place in range(len(bare) - _PIECE + 1):
        if bare[place : place + _PIECE] not in pieces:
            continue
        start, last = letters[place][0], letters[place + _PIECE - 1][0] + 1
        if start >= end:  # otherwise it continues the previous match
            shown += (text[begin:start], REDACTED)
        begin = end = last
    return "".join([*shown, text[begin:]])


@lru_cache(maxsize=16)  # called for every answer
def _pieces(value: str) -> frozenset[str]:
    """Return the pieces of a credential."""
    whole = "".join(letter for _, letter in _letters(value))
    return frozenset(whole[place : place + _PIECE] for place in range(len(whole) - _PIECE + 1))


def _letters(text: str) -> Iterator[tuple[int, str]]:
    """Yield the letters and digits of a text in their plain form, each with its position."""
    for place, char in enumerate(text):
        for letter in char if char.isascii() else unicodedata.normalize("NFKC", char):
            if letter.isalnum():
                yield place, letter.lower()


def _parts(value: str) -> Iterator[str]:
    """Yield the secret itself, its lines with any line ending, and the values in it."""
    yield value
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:
        yield from dict.fromkeys(mark.join(lines) for mark in ("\n", "\r\n", "\r", " ", "", "\\n", "\\r\\n"))
    found = dict.fromkeys([*lines[:_PARTS], *islice(_values(value), _PARTS)])
    yield from (part for part in found if len(part) >= _SHORTEST and part != value)


def _values(value: str) -> Iterator[str]:
    """Yield the texts and numbers in a secret that is JSON, YAML, a URL with a password, or lines of `NAME=value`."""
    if len(value) > _LARGEST:
        return
    try:
        yield from _scalars(json.loads(value))
        return
    except (ValueError, RecursionError):
        pass
    with contextlib.suppress(ValueError):
        parts = urlsplit(value)
        yield from (unquote(one) for one in (parts.password, parts.username) if one)
        yield from (one for one in (parts.password, parts.username) if one)
    if ":" not in value and "- " not in value and "=" not in value:
        return
    import yaml

    with contextlib.suppress(yaml.YAMLError, ValueError, RecursionError, TypeError, AttributeError):
        for document in yaml.safe_load_all(value):
            yield from _scalars(document)
    # A file of `NAME=value` is not YAML: the text after the marks is taken in any case.
    for line in value.splitlines():
        _, mark, rest = line.partition("=" if "=" in line and ":" not in line.partition("=")[0] else ":")
        if mark:
            yield rest.strip().strip("\"'")


def _scalars(value: Any, depth: int = 0) -> Iterator[str]:
    if depth > 12:
        return
    if isinstance(value, dict):
        for inner in value.values():
            yield from _scalars(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _scalars(inner, depth + 1)
    elif isinstance(value, str):
        yield value
        if depth:  # a text in it may hold lines, or JSON, in turn
            yield from (line.strip() for line in value.splitlines())
            if value[:1] in "{[":
                with contextlib.suppress(ValueError, RecursionError):
                    yield from _scalars(json.loads(value), depth + 1)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def _forms(value: str) -> Iterator[str]:
    """Yield the text as it is, in JSON, a URL, HTML, Python, base64, hex, escapes, reversed, and in another case."""
    raw = value.encode("utf-8", "surrogatepass")
    in_json = json.dumps(value)[1:-1]
    yield from (value, in_json, json.dumps(value, ensure_ascii=False)[1:-1], in_json.replace("/", "\\/"))
    yield from (json.dumps(in_json)[1:-1], repr(value)[1:-1])
    yield from (quote(value, safe="", errors="surrogatepass"), quote(value, errors="surrogatepass"))
    yield quote_plus(value, errors="surrogatepass")
    yield re.sub("%..", lambda found: found[0].lower(), quote(value, safe="", errors="surrogatepass"))
    yield from (html.escape(value), html.escape(value, quote=False), html.escape(value).replace("&#x27;", "&#39;"))
    yield from (raw.hex(), raw.hex().upper(), raw.hex(" "), raw.hex(":"))
    yield "".join(f"\\u{ord(char):04x}" for char in value)
    yield "".join(f"\\u{ord(char):04X}" for char in value)
    yield "".join(f"\\x{byte:02x}" for byte in raw)
    yield "".join(f"&#{ord(char)};" for char in value)
    yield "".join(f"&#x{ord(char):x};" for char in value)
    yield "".join(f"%{byte:02X}" for byte in raw)
    yield value[::-1]
    if len(value) >= _CASED:
        yield from (value.upper(), value.lower(), value.swapcase())
    for offset in range(3):
        # Within longer data its base64 has three forms; the characters at both ends depend on the neighbours.
        text = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        core = text[(0, 2, 3)[offset] : len(text) - (1 if (offset + len(raw)) % 3 else 0)]
        if len(core) >= _CASED:
            yield from (core, core.replace("+", "-").replace("/", "_"))
    yield from (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode())
    yield base64.b32encode(raw).decode()
