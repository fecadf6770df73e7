"""Literal secrets: which values look like one, by the name of their key or by their own form.

Names are split into words, so that `dbPassword` and `github_token` are found, and `tokenUrl` is
not. The forms are those that issuers publish for their keys, cut so that ordinary names do not look like them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from trueup.core.secret_forms import secret_forms

if TYPE_CHECKING:
    from trueup.core.changes import Path

PLAIN: Final = ("username", "user", "login", "email", "type", "method", "region", "host", "port", "database")
"""Keys below a mapping of secrets that may hold a literal all the same."""

_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET_WORD: Final = re.compile(
    "(?:password|passwd|passphrase|pass|pwd|pw|psk|secret|token|credential|apikey|privatekey|accesskey|secretkey|authorization)s?"
)
_KEY_WORDS: Final = frozenset(("api", "private", "access", "secret", "signing", "encryption"))
_HOLDERS: Final = frozenset(("value", "values", "literal", "plain", "plaintext", "text", "raw", "data", "content"))
"""Keys below which the value stands that the mapping itself is named for."""
_NAMED_BY: Final = ("name", "key")
"""Keys that name the mapping which they are in."""
_COUNTS: Final = re.compile(r"(?<![sS])[sS]$|^(?:[mM]ax|MAX|[mM]in|MIN|[nN]um|NUM)(?![a-z])")
"""Names of several secrets: a number under one says how many they are, or may be."""
_LINE: Final = re.compile(
    r"(?i)(?:pass|pwd|\bpw|psk|secret|token|api[_-]?key|(?:private|access)[_-]?key|credential|authorization)"
    r"[\w-]*[\"']?\s*[:=]\s*(?!valueFrom\b)[^\s{]"
)


@lru_cache(maxsize=4096)
def secret_name(name: str) -> bool:
    """Whether a key of that name holds a secret."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words:
        return False
    if _SECRET_WORD.fullmatch(words[-1]):
        return True
    return words[-1] in ("key", "keys") and len(words) > 1 and words[-2] in _KEY_WORDS


def leads_to_secret(name: str) -> bool:
    """Whether a literal secret may stand below a key of that name, whatever form it has."""
    return secret_name(name) or name.lower() in _HOLDERS


def names_secret(name: str, value: Any) -> bool:
    """Whether a key of that name makes a secret of its value: not of a number where the name counts, as `maxTokens`."""
    return secret_name(name) and not (_is_number(value) and _COUNTS.search(name) is not None)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def secret_form(value: str) -> bool:
    """Whether a text has the form of a key, a token, or a URL with a password."""
    return secret_forms.pattern.search(value) is not None


def may_hold_secret(text: str) -> bool:
    """Whether a piece of manifest text had better not be shown."""
    return _LINE.search(text) is not None or secret_forms.pattern.search(text) is not None


def needs_a_look(text: str) -> bool:
    """Whether a value somewhere in that text may have a secret's form: one quick look at a whole file."""
    return any(needle in text for needle in secret_forms.needles)


def holds_literal(value: Any) -> bool:
    """Whether there is a literal secret anywhere in a document."""
    return next(literals(value), None) is not None


def named_items(mapping: Mapping[str, Any], named: str = "") -> Iterator[tuple[str, Any, str]]:
    """Yield keys and values of a mapping, each with the name that makes a secret of the value; empty where none does.

    That is the key itself, or for what holds a value (`password: {value: x}`, `{name: PASSWORD, value: x}`) the name
    of the mapping.
    """
    names = [named, *(name for one in _NAMED_BY if isinstance(name := mapping.get(one), str))]
    for key, item in mapping.items():
        meant = [key, *(names if key.lower() in _HOLDERS else ())]
        yield key, item, next((name for name in meant if names_secret(name, item)), "") if key != "valueFrom" else ""


def literals(value: Any, path: Path = (), named: str = "") -> Iterator[tuple[Path, str]]:
    """The paths of literal secrets, each with why: its `name`, its `form`, or a password in a `url`."""
    if isinstance(value, dict):
        for key, item, name in named_items(value, named):
            yield from literals(item, (*path, key), name)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from literals(item, (*path, number), named)
    elif isinstance(value, str) and value:
        if named:
            yield path, "name"
        elif found := secret_forms.pattern.search(value):
            yield path, "url" if value[: found.start()].endswith("://") else "form"
    elif named and _is_number(value):
        yield path, "name"
