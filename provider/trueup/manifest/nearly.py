"""Which text is meant for trueup in a repository that holds much else: ours, nearly ours, or of another tool.

A file that mentions `trueup.dev/` is ours, whatever else is wrong with it. A document of another apiVersion, or of
none, is another tool's, unless it reads like one of ours with a mistake in it: then it is an error rather than passed
over.
"""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import Any, Final

from trueup.systems import KINDS

MENTION: Final = b"trueup.dev/"
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

_BLANK: Final = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s*+(?:#[^\n]*+|---(?=\s|\Z))?(?:\n|\Z))*+\s*")
_SAYS_VERSION: Final = re.compile(rb"""apiVersion["']?\s*:\s*["']?([^\s"'#,}\]]{1,100})""")
_SAYS_KIND: Final = re.compile(rb"""(?:^|[\s{,"'])kind["']?\s*:\s*["']?([A-Za-z]{1,60})""")
_SAYS_FIELD: Final = re.compile(rb"\b(?:" + "|".join(sorted(_OWN)).encode() + rb""")["']?\s*:""")


def is_blank(raw: bytes) -> bool:
    """Return whether a text holds comments at most."""
    return _BLANK.fullmatch(raw) is not None


def mentions(raw: bytes) -> bool:
    """Return whether the text of a file mentions us, in whatever case and encoding."""
    if MENTION in raw:
        return True
    if b"\0" in raw:
        raw = raw.replace(b"\0", b"")
    return MENTION in raw.lower()


def mentioned_in(path: str) -> bool:
    """Return whether a file mentions us, however large it is; one that cannot be read does not."""
    rest = b""
    try:
        with open(path, "rb") as file:
            while piece := file.read(_CHUNK):
                if mentions(rest + piece):
                    return True
                rest = piece[-4 * len(MENTION) :]
    except (OSError, ValueError):
        return False
    return False


def suspicious(raw: bytes) -> bool:
    """Return whether a text that does not mention us may hold something that was meant for us: a quick look."""
    return (
        any(_like_version(found.decode("ascii", "replace")) for found in set(_SAYS_VERSION.findall(raw)))
        or any(_like_kind(found.decode()) for found in set(_SAYS_KIND.findall(raw)))
        or _SAYS_FIELD.search(raw) is not None
    )


def names_version(text: str) -> bool:
    """Return whether a text that is not YAML says an apiVersion that is ours or nearly so."""
    found = _SAYS_VERSION.findall(text.encode("utf-8", "replace"))
    return any(_like_version(one.decode("ascii", "replace")) for one in found)


def says_version(raw: bytes) -> bool:
    """Return whether a text has an apiVersion of ours in a line of its own."""
    return any(b"trueup" in found.lower() for found in _SAYS_VERSION.findall(raw))


def concerns(value: Any) -> bool:
    """Return whether a document is one of ours, or was meant as one."""
    if not isinstance(value, dict):
        return holds_ours(value)
    version, kind = value.get("apiVersion"), value.get("kind")
    if isinstance(version, str):
        if _like_version(version):
            return True
        if "." in version.partition("/")[0]:  # the group of another tool
            return holds_ours(value)
        return (_is_kind(kind) and bool(_own_fields(value))) or holds_ours(value)
    if _is_kind(kind) or (_like_kind(kind) and isinstance(value.get("spec"), dict)):
        return True
    if any(isinstance(text, str) and _like_version(text) and _like_key(key) for key, text in value.items()):
        return True
    return bool(_own_fields(value)) or holds_ours(value)


def kind_by_fields(value: dict[str, Any]) -> Any:
    """Return the kind whose fields a document without a kind has; None when there is none, or are several."""
    given = _own_fields(value)
    found = [kind for kind in KINDS if given and given <= set(kind.by_name)]
    return found[0] if len(found) == 1 else None


def _own_fields(value: dict[str, Any]) -> set[str]:
    """Return the fields of a document that no other tool has: below spec, or where spec was forgotten."""
    spec = value.get("spec")
    if isinstance(spec, dict):
        return set(_OWN.intersection(spec))
    found = set(_OWN.intersection(value))
    return found if len(found) > 1 or "metadata" in value else set()


def holds_ours(value: Any) -> bool:
    """Return whether one of our documents stands inside of another one, as in a `kind: List`."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            version, kind = item.get("apiVersion"), item.get("kind")
            if item is not value and isinstance(version, str) and isinstance(kind, str) and "trueup.dev/" in version:
                return True
            waiting.extend(part for part in item.values() if isinstance(part, dict | list))
        elif isinstance(item, list):
            waiting.extend(part for part in item if isinstance(part, dict | list))
    return False


def _is_kind(kind: Any) -> bool:
    return isinstance(kind, str) and kind in _KINDS


@lru_cache(maxsize=4096)
def _like_version(text: str) -> bool:
    folded = text.casefold()
    return "trueup" in folded or any(_ratio(folded, one) >= _ALIKE for one in _VERSIONS)


def _like_kind(text: Any) -> bool:
    return isinstance(text, str) and _near_kind(text)


@lru_cache(maxsize=4096)
def _near_kind(text: str) -> bool:
    folded = text.casefold()
    return any(_ratio(folded, one.casefold()) > _ALIKE for one in _KINDS)


def _like_key(key: Any) -> bool:
    return isinstance(key, str) and _ratio(key.casefold(), "apiversion") >= _ALIKE


def _ratio(one: str, other: str) -> float:
    if len(one) > 2 * len(other):
        return 0.0
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()
