"""Time of an apply of 1,000 changes with a ledger, in SQLite and in PostgreSQL, against one without."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import many, postgres
from bench.figure import Figure, alternating, middle
from bench.servers import Servers, serving
from trueup.ledger import Ledger
from trueup.manifest import Manifest
from trueup.run import apply, blocking, load

GOAL = 1.15
PAIRS = 9


def measure() -> Figure:
    """The worse of the two: each in pairs with an apply without ledger, from the same state and an open window."""
    with serving("golden") as servers, postgres.serving() as server:
        desired = load(many.write(servers.folder / "manifests"))
        state = servers.state()

        def measured(ledger: Callable[[], str]) -> Callable[[], float]:
            return lambda: _applied(servers, desired, state, ledger())

        def sqlite() -> str:
            shutil.rmtree(servers.folder / "ledger", ignore_errors=True)
            (servers.folder / "ledger").mkdir()
            return _made(servers.folder / "ledger" / "ledger.db")

        def postgresql() -> str:
            return _made(server.url(server.make()))

        without = measured(lambda: "off")
        for ledger in (sqlite, postgresql):  # whatever is imported only when it is needed is imported here
            measured(ledger)()
        found: dict[str, tuple[float, float, str]] = {}
        for name, ledger in (("SQLite", sqlite), ("PostgreSQL", postgresql)):
            pairs, told = alternating(PAIRS, measured(ledger), without)
            figure, floor = middle(pairs)
            found[name] = figure, floor, told
    os.environ.pop("TRUEUP_LEDGER", None)
    worse = max(found.values(), key=lambda one: one[0] / one[1])
    detail = "; ".join(f"{name} {one[0] / one[1]:.3f} ({one[2]})" for name, one in found.items())
    return Figure("ledger-overhead", worse[0], worse[1], GOAL, "seconds", "ratio", detail)


def _made(where: Path | str) -> str:
    """A ledger in which nothing is yet: that it has to be made once is no part of an apply."""

    async def make() -> None:
        async with await Ledger.open(where):
            pass

    blocking(make())
    return str(where)


def _applied(servers: Servers, desired: Manifest, state: Any, ledger: str) -> float:
    """Seconds of an apply that makes it all, with the window closed in time that passes at once."""
    os.environ["TRUEUP_LEDGER"] = ledger
    servers.restore(state)
    servers.forget()
    servers.fresh_window()
    began = time.perf_counter()
    report = blocking(apply(desired, servers.options()))
    seconds = time.perf_counter() - began
    assert (report.exit_code, len(report.outcomes)) == (0, many.COUNT + 1), report.exit_code
    return seconds
