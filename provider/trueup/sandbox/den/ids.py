"""Ids as Den creates and checks them: a prefix, an underscore, and 26 base32 characters of a UUIDv7 (a TypeID).

The first 48 bits are the time in milliseconds, so ids of one kind sort by creation time. Recorded cases
`accounts.get.bad-id`, `instances.get.upper-id` and `*.bad-id` show the errors of a malformed one.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_SUFFIX = 26
_PREFIX = re.compile("[a-z]([a-z_]*[a-z])?")


def new_id(prefix: str, now: datetime) -> str:
    """A fresh id of that kind."""
    milliseconds = int(now.timestamp() * 1000)
    value = (milliseconds << 80) | (0x7 << 76) | (secrets.randbits(12) << 64) | (0b10 << 62) | secrets.randbits(62)
    return prefix + "_" + "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))


def id_issues(value: str, prefix: str) -> list[dict[str, Any]]:
    """Return the issues of an id of that kind, in the server's words; empty when there are none."""
    issues = length_issues(len(value), "string", prefix)
    if not value.startswith(prefix + "_"):
        issues.append(
            {
                "origin": "string",
                "code": "invalid_format",
                "format": "starts_with",
                "prefix": prefix + "_",
                "message": f"TypeID must start with '{prefix}_'",
            }
        )
    if not _base32(value[len(prefix) + 1 :]):
        issues.append({"code": "custom", "message": "TypeID suffix contains invalid base32 characters"})
    if not _well_formed(value):
        issues.append({"code": "custom", "message": "TypeID is structurally invalid"})
    return issues


def length_issues(length: int, origin: str, prefix: str) -> list[dict[str, Any]]:
    """Return the issues with the length of an id of that kind. `origin` is the type that was measured."""
    right = len(prefix) + 1 + _SUFFIX
    if length == right:
        return []
    bound = {"code": "too_small", "minimum": right} if length < right else {"code": "too_big", "maximum": right}
    said = f"TypeID must be {right} characters ({prefix}_<26 char suffix>)"
    return [{"origin": origin, **bound, "inclusive": True, "exact": True, "message": said}]


def is_id(value: str, prefix: str) -> bool:
    """Whether it is a well-formed id of that kind."""
    return not id_issues(value, prefix)


def _base32(suffix: str) -> bool:
    return bool(suffix) and all(character in _ALPHABET for character in suffix)


def _well_formed(value: str) -> bool:
    """Whether it could be an id of some kind; it may have another prefix, or none."""
    prefix, underscore, suffix = value.rpartition("_")
    lettered = _PREFIX.fullmatch(prefix) if underscore else True
    # 26 characters hold 130 bits: the first of them may only carry three.
    return bool(lettered) and len(suffix) == _SUFFIX and _base32(suffix) and suffix[0] <= "7"
