"""Time of an apply of 1,000 changes with a ledger, in SQLite and in PostgreSQL, against one without."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import many, postgres
from bench.figure import Figure, middle, quiet
from bench.servers import Servers, serving
from trueup.core.tasks import blocking
from trueup.engine.loop import apply, load
from trueup.ledger.store import Ledger
from trueup.manifest import Manifest

GOAL = 1.15
_DATABASE = "bench"
ROUNDS = 25
"""A single ratio is off by a fifth or more, since a shared machine is slower for seconds at a time."""


def measure() -> Figure:
    """Return the worse of the two: in each round all three run, from the same state and an open window.

    The ratio is that of the quiet quarters. The pairs' median ratio stands in the detail: in 25 pairs it still varies
    by a tenth from run to run, because what disturbs an apply of three seconds has passed before its neighbour runs.
    """
    with serving("golden") as servers, postgres.serving() as server:
        desired = load(many.write(servers.folder / "manifests"))
        state = servers.state()

        def sqlite() -> str:
            shutil.rmtree(servers.folder / "ledger", ignore_errors=True)
            (servers.folder / "ledger").mkdir()
            return _made(servers.folder / "ledger" / "ledger.db")

        def postgresql() -> str:
            server.drop(_DATABASE)
            where = _made(server.url(server.make(_DATABASE)))
            server.checkpoint()  # a new database is many pages, which the apply is not to wait for
            return where

        ledgers: dict[str, Callable[[], str]] = {"none": lambda: "off", "SQLite": sqlite, "PostgreSQL": postgresql}
        for ledger in ledgers.values():  # whatever is imported only when it is needed is imported here
            _applied(servers, desired, state, ledger())
        rounds: list[dict[str, float]] = []
        for number in range(ROUNDS):
            order = list(ledgers)[:: -1 if number % 2 else 1]
            rounds.append({name: _applied(servers, desired, state, ledgers[name]()) for name in order})
    os.environ.pop("TRUEUP_LEDGER", None)
    floor = quiet([one["none"] for one in rounds])
    figures = {name: quiet([one[name] for one in rounds]) for name in ("SQLite", "PostgreSQL")}
    detail = []
    for name, figure in figures.items():
        above, below = middle([(one[name], one["none"]) for one in rounds])
        detail.append(f"{name} {figure / floor:.3f} (median of {ROUNDS} pairs {above / below:.3f})")
    return Figure("ledger-overhead", max(figures.values()), floor, GOAL, "seconds", "ratio", "; ".join(detail))


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
    os.sync()
    began = time.perf_counter()
    report = blocking(apply(desired, servers.options()))
    seconds = time.perf_counter() - began
    assert (report.exit_code, len(report.outcomes)) == (0, many.COUNT + 1), report.exit_code
    return seconds
