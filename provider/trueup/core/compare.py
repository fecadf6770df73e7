"""Compare two plain values and return the changes between them.

An equality test comes first; deepdiff runs only where it fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trueup.core.changes import MISSING, Change, Path
from trueup.core.secrets import Secret, holds_secret


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal as JSON means it: true is not 1, but 1 is 1.0.

    A secret equals the text that a server shows in clear.
    """
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other):
        if isinstance(one, bool) or isinstance(other, bool):
            return False
        if isinstance(one, Secret) and isinstance(other, str):
            return one.matches(other)
        if isinstance(other, Secret) and isinstance(one, str):
            return other.matches(one)
        return isinstance(one, int | float) and isinstance(other, int | float) and _same_number(one, other)
    if kind is dict:
        if len(one) != len(other):
            return False
        for key, value in one.items():
            if key not in other or not same(value, other[key]):
                return False
        return True
    if kind is list:
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def _same_number(one: float, other: float) -> bool:
    """Return whether an integer and a float are the same double, the only number type of JavaScript.

    JavaScript writes the double 1.2345678901234567e17 as 123456789012345670, which differs from its exact value.
    """
    try:
        return float(one) == float(other)
    except OverflowError:
        return False


def overlay(live: Any, declared: Any) -> Any:
    """Return the live value with the declared keys merged over it at every depth; lists are replaced whole."""
    if isinstance(live, dict) and isinstance(declared, dict):
        return {**live, **{key: overlay(live.get(key, MISSING), value) for key, value in declared.items()}}
    return declared


def covers(live: Any, declared: Any) -> bool:
    """Return whether every declared key is live with the same value, at every depth of mappings."""
    if isinstance(live, dict) and isinstance(declared, dict):
        for key, value in declared.items():
            if key not in live or not covers(live[key], value):
                return False
        return True
    return same(live, declared)


def diff(before: Any, after: Any, path: Path = ()) -> tuple[Change, ...]:
    """Return the changes from `before` to `after`, ordered by path; every path starts with `path`."""
    return tuple(Change(*pair, sensitive=holds_secret(pair[1:])) for pair in pairs(before, after, path))


Pair = tuple[Path, Any, Any]


def pairs(before: Any, after: Any, path: Path = ()) -> list[Pair]:
    """Return path, old and new value of everything that differs, ordered by path.

    Unlike `diff`, it returns secrets as they are.
    """
    if same(before, after):
        return []
    if not _comparable(before, after):
        return [(path, before, after)]
    if holds_secret(after) or holds_secret(before):
        return list(leaves(before, after, path))  # deepdiff prints what it compares: it must not get secrets
    from deepdiff import DeepDiff

    found: dict[Path, Pair] = {}
    tree = DeepDiff(
        before,
        after,
        view="tree",
        threshold_to_diff_deeper=0,
        zip_ordered_iterables=True,
        ignore_private_variables=False,  # deepdiff would skip keys that start with two underscores
    )
    for group in tree.values():
        for leaf in group:
            here = (*path, *leaf.path(output_format="list"))
            was, now = (MISSING if _is_absent(side) else side for side in (leaf.t1, leaf.t2))
            if not same(was, now):
                found[here] = (here, was, now)
    return [found[key] for key in sorted(found, key=_sortable)]


def leaves(before: Any, after: Any, path: Path = ()) -> Iterator[Pair]:
    """Yield what `pairs` returns, with a new mapping split into its values.

    It does not use deepdiff, so it is safe for secrets.
    """
    if isinstance(after, dict) and (before is MISSING or isinstance(before, dict)) and after:
        was = before if isinstance(before, dict) else {}
        for key in sorted({*was, *after}, key=str):
            yield from leaves(was.get(key, MISSING), after.get(key, MISSING), (*path, key))
    elif not same(before, after):
        yield (path, before, after)


def _comparable(before: Any, after: Any) -> bool:
    return any(isinstance(before, one) and isinstance(after, one) for one in (dict, list))


def _is_absent(side: Any) -> bool:
    return type(side).__name__ == "NotPresent"


def _sortable(path: Path) -> tuple[tuple[int, int, str], ...]:
    return tuple((0, part, "") if isinstance(part, int) else (1, 0, part) for part in path)
