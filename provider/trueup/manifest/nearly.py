"""Which text is meant for trueup in a repository that holds much else: ours, nearly ours, or of another tool.

A file that mentions `trueup.dev/` is ours, whatever else is wrong with it. A document of another apiVersion, or of
none, is another tool's, unless it reads like one of ours with a mistake in it: then it is an error rather than passed
over.
"""

from __future__ import annotations

import difflib
import os
import re
from functools import lru_cache
from typing import Any, Final

from trueup.systems.registry import KINDS

MENTION: Final = b"trueup.dev/"
_ESCAPED: Final = MENTION.replace(b"/", b"\\/")
"""As some writers of JSON have it."""
_CHUNK: Final = 1 << 20
_VERSIONS: Final = tuple(sorted({kind.api_version for kind in KINDS}))
_KINDS: Final = tuple(sorted({kind.name for kind in KINDS}))
_ALIKE: Final = 0.8
"""How much a word has to be like one of ours (difflib): `den.truup.dev/v1`, and not `argoproj.io/v1alpha1`."""
_COMMON: Final = frozenset(("apiKey", "allowHttp", "deletionPolicy", "displayName", "projectId"))
"""Fields of ours that other tools have as well."""
_OWN: Final = frozenset(
    field.name for kind in KINDS for field in kind.fields if not field.name.islower() and field.name not in _COMMON
)
_BY_FOLD: Final = {name.lower(): name for name in sorted(_OWN)}
_ANYONES: Final = frozenset(("connection", "connector"))
"""Kinds of ours that other tools have as well; the others are known by their names."""
_LONGEST: Final = 40
"""Characters of a key or a value that may be like one of ours."""
_DELIMITERS: Final = b"_-"
_NO_DELIMITERS: Final = str.maketrans("", "", "_-")
_FOLDED: Final = bytes(range(256)).lower()
_PROPERTIES: Final = r"""(?:[&!>|]\S{0,100}\s{1,100})*"""
"""The text that may stand between a key and its value: an anchor, a tag, the head of a text of several lines."""

_BLANK: Final = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s*+(?:#[^\n]*+|---(?=\s|\Z))?(?:\n|\Z))*+\s*")
_SAYS_VERSION: Final = re.compile(
    rf"""apiversion\s?["']?\s*:\s*{_PROPERTIES}["']?\s?([^\s"'#,}}\]]{{1,100}})""".encode()
)
_SAYS_KIND: Final = re.compile(
    rf"""kind(?<![a-z0-9.]kind)\s?["']?\s*:\s*{_PROPERTIES}["']?\s?([a-z][a-z ]{{0,59}})""".encode()
)
_SAYS_FIELD: Final = tuple(re.compile(name.encode() + rb"""\s?["']?\s*:""") for name in _BY_FOLD)
"""One by one, since each begins with a text that is found quickly."""


def is_blank(raw: bytes) -> bool:
    """Return whether a text holds comments at most."""
    return _BLANK.fullmatch(raw) is not None


def mentions(raw: bytes) -> bool:
    """Return whether the text of a file mentions us, in whatever case and encoding."""
    if MENTION in raw:
        return True
    if b"\0" in raw:
        raw = raw.replace(b"\0", b"")
    raw = raw.lower()
    return MENTION in raw or _ESCAPED in raw


def mentioned_in(path: str) -> bool:
    """Return whether a file mentions us, however large it is; what is no file does not. Raises OSError."""
    if not os.path.isfile(path):
        return False
    rest = b""
    with open(path, "rb") as file:
        while piece := file.read(_CHUNK):
            if mentions(rest + piece):
                return True
            rest = piece[-4 * len(MENTION) :]
    return False


def suspicious(raw: bytes) -> bool:
    """Return whether a text that does not mention us may hold something that was meant for us: a quick look."""
    folded = raw.translate(_FOLDED, _DELIMITERS)
    return (
        any(_like_version(found.decode("ascii", "replace")) for found in set(_SAYS_VERSION.findall(folded)))
        or any(_near_kind(_fold(found.decode())) for found in set(_SAYS_KIND.findall(folded)))
        or any(says.search(folded) for says in _SAYS_FIELD)
    )


def names_us(text: str) -> bool:
    """Return whether a text that is not YAML says an apiVersion like ours, or a kind that no other tool has."""
    folded = text.encode("utf-8", "replace").translate(_FOLDED, _DELIMITERS)
    versions, kinds = _SAYS_VERSION.findall(folded), _SAYS_KIND.findall(folded)
    if any(_like_version(found.decode("ascii", "replace")) for found in versions):
        return True
    named = {_fold(found.decode()) for found in kinds}
    return any(_near_kind(name) and not any(_ratio(name, one) > _ALIKE for one in _ANYONES) for name in named)


def says_version(raw: bytes) -> bool:
    """Return whether a text has an apiVersion of ours in a line of its own."""
    return any(b"trueup" in found for found in _SAYS_VERSION.findall(raw.translate(_FOLDED, _DELIMITERS)))


def concerns(value: Any) -> bool:
    """Return whether a document is one of ours, or was meant as one, in whatever spelling."""
    if not isinstance(value, dict):
        return holds_ours(value)
    given = _folded(value)
    version, kind, fields = given.get("apiversion"), given.get("kind"), _own_fields(value)
    if any(isinstance(text, str) and _names_us(key, text) for key, text in given.items()) or holds_ours(value):
        return True
    if isinstance(version, str):
        foreign = "." in version.partition("/")[0]  # the group of another tool
        return bool(fields) and _is_kind(kind) and not (foreign and _fold(kind) in _ANYONES)
    shaped = isinstance(given.get("spec"), dict) or isinstance(given.get("metadata"), dict)
    return bool(fields) or _is_exactly(kind) or (shaped and _is_kind(kind))


def kind_by_fields(value: dict[str, Any]) -> Any:
    """Return the kind whose fields a document without a kind has; None when there is none, or are several."""
    given = _own_fields(value)
    found = [kind for kind in KINDS if given and given <= set(kind.by_name)]
    return found[0] if len(found) == 1 else None


def _own_fields(value: dict[str, Any]) -> set[str]:
    """Return the fields of a document that no other tool has: below spec, or where spec was forgotten."""
    given = _folded(value)
    spec = given.get("spec")
    if isinstance(spec, dict):
        return _fields_in(spec)
    found = _fields_in(value)
    return found if len(found) > 1 or "metadata" in given else set()


def _fields_in(value: dict[str, Any]) -> set[str]:
    return {_BY_FOLD[folded] for key in value if len(key) <= _LONGEST and (folded := _fold(key)) in _BY_FOLD}


def holds_ours(value: Any) -> bool:
    """Return whether one of our documents stands inside of another one, as in a `kind: List`.

    What only refers to one (an owner, the target of a patch) has neither metadata nor a spec, and is no document.
    """
    waiting: list[tuple[Any, bool]] = [(value, False)]
    while waiting:
        item, listed = waiting.pop()
        if isinstance(item, dict):
            if item is not value and _is_ours_inside(item, listed=listed):
                return True
            for key, part in item.items():
                if isinstance(part, dict | list):
                    waiting.append((part, key == "items"))
        elif isinstance(item, list):
            listed = listed or item is value
            waiting.extend((part, listed) for part in item if isinstance(part, dict | list))
    return False


def _is_ours_inside(item: dict[str, Any], *, listed: bool) -> bool:
    if not any(len(key) <= _LONGEST and _fold(key) == "apiversion" for key in item):
        return False
    given = _folded(item)
    version = given["apiversion"]
    if not (isinstance(version, str) and _like_version(version)):
        return False
    return (listed and "kind" in given) or any(name in given for name in ("metadata", "spec"))


def _names_us(key: str, text: str) -> bool:
    """Return whether a key and its value are an apiVersion like ours, under that key or nearly so."""
    if len(text) > _LONGEST:
        return False
    return _like_version(text) and (_ratio(key, "apiversion") >= _ALIKE or text.casefold().strip() in _VERSIONS)


def _is_exactly(kind: Any) -> bool:
    return isinstance(kind, str) and kind in _KINDS


def _is_kind(kind: Any) -> bool:
    """Return whether a kind is one of ours or nearly so."""
    return isinstance(kind, str) and _near_kind(_fold(kind))


@lru_cache(maxsize=4096)
def _like_version(text: str) -> bool:
    folded = text.casefold().translate(_NO_DELIMITERS).strip()
    return "trueup" in folded or any(_ratio(folded, one) >= _ALIKE for one in _VERSIONS)


@lru_cache(maxsize=4096)
def _near_kind(folded: str) -> bool:
    return any(_ratio(folded, one.casefold()) > _ALIKE for one in _KINDS)


@lru_cache(maxsize=4096)
def _fold(word: str) -> str:
    """Return a key or a kind as one word in small letters, however its parts are joined."""
    return word.casefold().translate(_NO_DELIMITERS).replace(" ", "")


def _folded(value: dict[str, Any]) -> dict[str, Any]:
    """Return a mapping by its folded keys; of two that fold alike the one in our spelling counts."""
    exact = {name: value[name] for name in ("apiVersion", "kind", "metadata", "spec") if name in value}
    folded = {_fold(key): item for key, item in value.items() if len(key) <= _LONGEST}
    return {**folded, **{_fold(key): item for key, item in exact.items()}}


def _ratio(one: str, other: str) -> float:
    if len(one) > 2 * len(other):
        return 0.0
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()
