"""Names of what is live -> names that a manifest and a file can have: readable, and each once.

They depend on nothing but what is live and the names that the ledger has: another import gives the same ones. Of
several that would be alike the oldest keeps the name, which the ids tell, and the others get the end of their ids
behind it.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import count
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LONGEST: Final = 253
_LONGEST_FILE: Final = 60
"""Characters of a file's name, so that it stays within 255 bytes in any script."""
_ID: Final = re.compile(r"[a-z]{3}_[0-9a-z]{26}")
_RESERVED: Final = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?")
"""Names that Windows takes for devices."""
_ENDS: Final = (6, 10, 16)
"""How many characters of the end of an id are tried, before all of it."""


def resource_names(
    found: Iterable[tuple[str, str]], kept: Mapping[str, str] | None = None, reserved: Iterable[str] = ()
) -> dict[str, str]:
    """Names for `metadata.name` by id, of pairs of an id and what it is called.

    Those that are `kept`, by id, stay as they are; no other one is like them or one that is reserved.
    """
    kept = kept or {}
    wanted = ((key, resource_name(called)) for key, called in found if key not in kept)
    return {**kept, **_each_once(wanted, LONGEST, (*kept.values(), *reserved))}


def file_names(found: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Names of files by id, without an ending, of pairs of an id and its `metadata.name`."""
    return _each_once(((key, _file_name(name)) for key, name in found), _LONGEST_FILE)


def resource_name(called: str) -> str:
    """Return the valid name nearest to a text; empty when there is none."""
    name = "".join("-" if char == "/" or not char.isprintable() else char for char in called).strip()[:LONGEST].strip()
    return "" if _ID.fullmatch(name) or not any(char not in "- " for char in name) else name


def _file_name(name: str) -> str:
    kept = "".join(char if char.isalnum() or char in "._-" else "-" for char in unicodedata.normalize("NFC", name))
    kept = re.sub(r"-{2,}", "-", kept).lstrip(".-")[:_LONGEST_FILE].rstrip(".-")
    return "" if _RESERVED.fullmatch(kept) else kept


def _each_once(wanted: Iterable[tuple[str, str]], longest: int, others: Iterable[str] = ()) -> dict[str, str]:
    names: dict[str, str] = {}
    taken = set(map(_alike, others))
    alike: list[tuple[str, str]] = []
    for key, name in sorted(wanted):
        if name and _alike(name) not in taken:
            taken.add(_alike(name))
            names[key] = name
        else:
            alike.append((key, name))
    for key, name in alike:  # once it is known which names are taken as they are
        names[key] = next(one for one in _told_apart(key, name, longest) if _alike(one) not in taken)
        taken.add(_alike(names[key]))
    return names


def _told_apart(key: str, name: str, longest: int) -> Iterator[str]:
    """Names that tell a resource from others, the shortest first."""
    if name:
        for end in (key.rpartition("_")[2][-length:] for length in _ENDS):
            yield f"{name[: longest - len(end) - 1].rstrip()}-{end}"
    yield key
    for number in count(2):
        yield f"{key}-{number}"


def _alike(name: str) -> str:
    """Return the form that is equal for two names which a person or a file system would confuse."""
    return unicodedata.normalize("NFC", name.casefold())
