"""Ids as Den makes and checks them: a prefix, an underscore, and 26 base32 characters of a UUIDv7 (a TypeID).

The first 48 bits are the time in milliseconds, so ids of one kind sort by the moment they were made. Recorded cases
`accounts.get.bad-id`, `instances.get.upper-id` and `*.bad-id` show what is said of a malformed one.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_SUFFIX = 26


def new_id(prefix: str, now: datetime) -> str:
    """A fresh id of that kind."""
    milliseconds = int(now.timestamp() * 1000)
    value = (milliseconds << 80) | (0x7 << 76) | (secrets.randbits(12) << 64) | (0b10 << 62) | secrets.randbits(62)
    return prefix + "_" + "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))


def id_issues(value: str, prefix: str) -> list[dict[str, Any]]:
    """What is wrong with an id of that kind, in the server's words; empty when nothing is."""
    length = len(prefix) + 1 + _SUFFIX
    issues: list[dict[str, Any]] = []
    if len(value) != length:
        size = (
            {"code": "too_small", "minimum": length} if len(value) < length else {"code": "too_big", "maximum": length}
        )
        said = f"TypeID must be {length} characters ({prefix}_<26 char suffix>)"
        issues.append({"origin": "string", **size, "inclusive": True, "exact": True, "message": said})
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


def _base32(suffix: str) -> bool:
    return all(character in _ALPHABET for character in suffix)


def _well_formed(value: str) -> bool:
    """Whether any kind's id could look so; the prefix need not be the expected one."""
    prefix, underscore, suffix = value.rpartition("_")
    if not underscore:
        return False
    # 26 characters hold 130 bits: the first of them may only carry three.
    lettered = bool(prefix) and all("a" <= character <= "z" for character in prefix)
    return lettered and len(suffix) == _SUFFIX and _base32(suffix) and suffix[0] <= "7"
