"""`python -m bench`: the names; `python -m bench NAME…`: one line of JSON each; `python -m bench all`: all of them."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from bench import stack

NAMES = (
    *("requests-plan", "requests-converge", "requests-import", "requests-org", "requests-aged", "prediction"),
    *("organisation-from-nothing", "crash-points", "failing", "ledger-overhead"),
    *("wall-plan", "cpu-load", "memory-plan", "start-help"),
    *("pulumi-refresh", "pulumi-up-noop", "pulumi-wall", "plugin-start", "plugin-memory"),
    "house",
)


def main(arguments: list[str]) -> int:
    """Measure what is asked for. Return 0, goals met or not; 2 for an unknown name, or without its engine."""
    if not arguments:
        print("script/bench NAME…, or script/bench all:")
        for name in NAMES:
            print(f"  {name:<26} {(_module(name).__doc__ or '').splitlines()[0]}")
        return 0
    wanted = NAMES if arguments == ["all"] else tuple(arguments)
    if unknown := sorted(set(wanted) - set(NAMES)):
        print(f"bench: no figure is called {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    if (lacking := [name for name in wanted if hasattr(_module(name), "stack")]) and not stack.engine():
        said = "script/bootstrap --pulumi builds one. Nothing was measured."
        print(f"bench: {', '.join(lacking)} needs the Pulumi engine, which is not here; {said}", file=sys.stderr)
        return 2
    for name in wanted:
        measured = _module(name).measure()
        for figure in measured if isinstance(measured, list) else [measured]:
            print(figure.line(), flush=True)
    return 0


def _module(name: str) -> Any:
    return importlib.import_module(f"bench.{name.replace('-', '_')}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
