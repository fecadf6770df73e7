"""The comparison of mappings, by our own walk and by deepdiff: CPU time of each on the same inputs, and what they find.

`python -m bench.differences` prints the table of docs/adr/0019-deepdiff-where-mappings-differ.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from trueup.core.compare import covers, leaves, pairs, same
from trueup.core.secrets import Secret

COUNT: Final = 2_000
ROUNDS: Final = 5
_BASE: Final = {
    "branch": "main",
    "depth": 3,
    "paths": ["docs/**", "guides/**", "api/**"],
    "filters": {"include": ["*.md", "*.mdx"], "exclude": ["draft/**"], "maxBytes": 1_048_576},
    "labels": {"team": "platform", "tier": "1"},
}


def _mappings(changed: Callable[[dict[str, Any], int], dict[str, Any]]) -> list[tuple[Any, Any]]:
    """Pairs of live and declared mappings; every second one is a copy, so that nothing is equal by identity."""
    import copy

    return [(copy.deepcopy(_BASE), changed(copy.deepcopy(_BASE), number)) for number in range(COUNT)]


CASES: Final[dict[str, Callable[[dict[str, Any], int], dict[str, Any]]]] = {
    "equal": lambda value, _: value,
    "one value differs": lambda value, number: {**value, "branch": f"release-{number}"},
    "a nested value differs": lambda value, number: {**value, "filters": {**value["filters"], "maxBytes": number}},
    "an item of a list differs": lambda value, number: {**value, "paths": [*value["paths"][:2], f"p{number}"]},
    "a key is added": lambda value, number: {**value, "extra": number},
    "a secret differs": lambda value, number: {**value, "token": Secret(f"secret-{number}")},
}


def _with_deepdiff(before: Any, after: Any) -> Any:
    from deepdiff import DeepDiff

    return DeepDiff(before, after, view="tree", threshold_to_diff_deeper=0, zip_ordered_iterables=True)


def _took(work: Callable[[Any, Any], Any], given: list[tuple[Any, Any]]) -> float:
    """Microseconds of CPU a pair, in the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for before, after in given:
            work(before, after)
        best = min(best, time.process_time() - began)
    return 1e6 * best / len(given)


def main() -> None:
    """Print a row for each case."""
    began = time.process_time()
    import deepdiff  # noqa: F401

    imported = time.process_time() - began
    print(f"importing deepdiff: {1e3 * imported:.0f} ms\n")
    print(f"{'µs a mapping':<28}{'same':>8}{'covers':>8}{'leaves':>8}{'pairs':>8}{'deepdiff':>10}  found alike")
    for name, changed in CASES.items():
        given = _mappings(changed)
        alike = all(list(leaves(*one)) == pairs(*one) for one in given)
        walks = (same, covers, lambda *one: list(leaves(*one)), pairs)
        row = [f"{_took(work, given):>8.1f}" for work in walks]
        tree = "not given" if "secret" in name else f"{_took(_with_deepdiff, given):.1f}"
        print(f"{name:<28}{''.join(row)}{tree:>10}  {'yes' if alike else 'no'}")


if __name__ == "__main__":
    main()
