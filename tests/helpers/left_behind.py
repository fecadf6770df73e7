"""Restore the state of an earlier version: its ledger, and the embedded servers at that time."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
from repository import ROOT

from trueup.transport import embedded

FOLDER = ROOT / "tests" / "upgrades" / "0.1.0"


class Servers:
    """The embedded servers of a folder, for the duration of the block."""

    def __init__(self, control: str) -> None:
        self._control = control

    def writes(self) -> list[str]:
        """Return method and path of every request since the start, except GET."""
        log = httpx.get(f"{self._control}/requests").json()["log"]
        return [f"{one['method']} {one['path']}" for one in log if one["method"] != "GET"]

    def rows(self, table: str) -> list[dict[str, Any]]:
        tables = httpx.get(f"{self._control}/state").json()["tables"]
        return list(tables.get(table, {}).values())


@contextlib.asynccontextmanager
async def serving(state: Path, held: Path) -> AsyncIterator[Servers]:
    """Start the embedded servers of a state folder with the contents of that file."""
    folder = state / "sandbox"
    switches = _filled(folder, held)
    async with embedded.running(folder, ("trueup.sandbox", "--preset", "demo")) as servers:
        _set(servers.control, switches)
        yield Servers(servers.control)


def _filled(folder: Path, held: Path) -> dict[str, Any]:
    """Write the initial state of the servers. Return the switches of Wexa, which are not part of it."""
    known: dict[str, Any] = json.loads(held.read_text())
    rows = [(tab, key, json.dumps(row)) for tab, rows in known["tables"].items() for key, row in rows.items()]
    rows.append(("sandbox.preset", "preset", json.dumps({"name": "demo", "complete": True})))  # not filled again
    folder.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(folder / "state.db")) as database:
        database.execute("CREATE TABLE rows (tab TEXT, key TEXT, row TEXT, PRIMARY KEY (tab, key))")
        database.executemany("INSERT INTO rows VALUES (?, ?, ?)", rows)
        database.commit()
    switches: dict[str, Any] = known["wexa"]
    return switches


def _set(control: str, switches: dict[str, Any]) -> None:
    httpx.put(f"{control}/wexa", json=switches).raise_for_status()
    httpx.delete(f"{control}/requests").raise_for_status()


def placed(left: Path, state: Path, url: str = "") -> None:
    """Put the ledger of a folder where a command finds it: in the state folder, or in the database of a URL."""
    if url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute((left / "ledger.sql").read_bytes())
        return
    for path in left.glob("ledger.db*"):
        state.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, state / path.name)
        (state / path.name).chmod(0o600)
