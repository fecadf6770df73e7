"""The part of a server's free-form values that a manifest may hold: no secrets, and only what YAML can express."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from trueup.core.changes import MISSING
from trueup.core.reasons import Reason
from trueup.core.secret_forms import without_forms
from trueup.core.secrets import Secret
from trueup.manifest.literals import named_items

if TYPE_CHECKING:
    from trueup.core.changes import Path

_GUARDED: Final = Reason("import-guarded")
_REFERENCE: Final = Reason("import-value-from")
_NUMBER: Final = Reason("import-number")
_HALF: Final = Reason("import-half-a-character")
_DEEP: Final = Reason("import-too-deep")
_LARGE: Final = Reason("import-too-large")
_DEEPEST: Final = 40
_LARGEST: Final = 50_000
"""Values of one field: a document may hold twice as many."""
_EXACT: Final = 2**53 - 1
_LONGEST: Final = 10**21
"""From here on JavaScript writes a number with an exponent."""


@dataclass
class Pruned:
    """The remaining value, and the removed paths with their reasons."""

    value: Any = MISSING
    gone: list[tuple[Path, Reason]] = field(default_factory=list)


def pruned(value: Any, path: Path) -> Pruned:
    """The value without secrets and without what cannot be written; MISSING when nothing is left of it.

    A mapping loses single keys. A list is compared as a whole, so that it is either taken or left.
    """
    walk = _Walk()
    try:
        return Pruned(walk.taken(value, path), walk.gone)
    except _TooLarge:
        return Pruned(MISSING, [(path, _LARGE)])


def is_secret(text: str) -> bool:
    """Whether a text has the form of a secret, or holds one that this run knows."""
    return without_forms(text) != text


class _TooLarge(Exception):
    pass


class _Walk:
    def __init__(self) -> None:
        self.gone: list[tuple[Path, Reason]] = []
        self._count = 0

    def taken(self, value: Any, path: Path, *, named: str = "") -> Any:
        self._count += 1
        if self._count > _LARGEST:
            raise _TooLarge
        why: Reason | None
        if isinstance(value, dict):
            if "valueFrom" in value:
                why = _REFERENCE
            elif len(path) > _DEEPEST:
                why = _DEEP
            else:
                return self._mapping(value, path, named)
        elif isinstance(value, list):
            return self._list(value, path, named)
        else:
            why = _unfit(value, named=bool(named))
        if why:
            self.gone.append((path, why))
            return MISSING
        return value

    def _mapping(self, value: dict[str, Any], path: Path, named: str) -> Any:
        kept: dict[str, Any] = {}
        for key, item, name in named_items(value, named):
            here = (*path, key)
            if is_secret(key) or _is_half(key):
                self.gone.append((here, _GUARDED if is_secret(key) else _HALF))
            elif (found := self.taken(item, here, named=name)) is not MISSING:
                kept[key] = found
        return kept if kept or not value else MISSING

    def _list(self, value: list[Any], path: Path, named: str) -> Any:
        before = len(self.gone)
        items = [self.taken(item, (*path, number), named=named) for number, item in enumerate(value)]
        if len(path) > _DEEPEST:
            self.gone.append((path, _DEEP))
        if len(self.gone) > before:
            self.gone[before:] = [(path, self.gone[before][1])]
            return MISSING
        return items


def _unfit(value: Any, *, named: bool) -> Reason | None:
    if isinstance(value, Secret):
        return _GUARDED
    if isinstance(value, str):
        if value and (named or is_secret(value)):
            return _GUARDED
        return _HALF if _is_half(value) else None
    if named and isinstance(value, int | float) and not isinstance(value, bool):
        return _GUARDED
    if isinstance(value, int) and not isinstance(value, bool):
        return _NUMBER if abs(value) > _EXACT and not _is_double(value) else None
    if isinstance(value, float):
        return None if math.isfinite(value) else _NUMBER
    return None


def _is_double(number: int) -> bool:
    """Whether it is few digits and noughts behind them, so that no double stands for another number as well."""
    return abs(number) < _LONGEST and len(str(abs(number)).rstrip("0")) <= sys.float_info.dig


def _is_half(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)
