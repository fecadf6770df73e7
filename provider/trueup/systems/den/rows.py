"""Rows of Den as they are compared: a field that is missing, or of another type, is unreadable, and not undone.

A newer server may leave a field out or say it otherwise. What was not read is neither different nor written anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from trueup.core.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import UnionType

    from trueup.core.changes import Path
    from trueup.systems.den.lists import Item

    Shape = Mapping[str, tuple[str, type | UnionType]]
    """Of our fields the name that Den has for each, and the types that its value may have."""

_NOTHING: Final = object()


def unreadable(item: Item, shape: Shape) -> frozenset[Path]:
    """Return the paths of the fields that a row does not show, or shows as another type."""
    return frozenset(
        (name,) for name, (theirs, types) in shape.items() if not isinstance(item.get(theirs, _NOTHING), types)
    )


def mapping_of(item: Item, name: str) -> dict[str, Any]:
    """Return a mapping that a write replaces as a whole; null is an empty one. Raises Malformed where it is missing."""
    found = item.get(name, _NOTHING)
    if found is None:
        return {}
    if isinstance(found, dict):
        return found
    raise Malformed(
        f"Den shows {item['id']} without its {name}, and writing one key of it replaces the others.",
        hint="Nothing was written.",
    )
