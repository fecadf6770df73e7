"""An upgrade of a ledger that is killed at each of its instants: either version can go on, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from left_behind import FOLDER
from sqlalchemy import event
from sqlalchemy.engine import Engine

from trueup.ledger.migrations import SCHEMA_VERSION
from trueup.ledger.store import Ledger

LEFT = FOLDER / "sqlite" / "interrupted"
OLDER = "2"


def held(path: Path) -> tuple[str, int, int]:
    """Return the version of a ledger, and how many records and calls without an outcome it holds."""
    queries = (
        "select value from facts where name = 'schema_version'",
        "select count(*) from records",
        "select count(*) from intents where state = 'open'",
    )
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        version, records, open_calls = (database.execute(query).fetchone()[0] for query in queries)
    return version, records, open_calls


async def _opened(path: Path) -> None:
    async with await Ledger.open(path) as ledger:
        assert len(await ledger.records()) == 18


def upgraded(path: Path, *, killed_at: int) -> bool:
    """Return whether a process of its own upgraded a ledger, or was killed at that instant of doing so."""
    child = os.fork()
    if not child:
        _upgrade_and_die(path, killed_at)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _upgrade_and_die(path: Path, killed_at: int) -> None:
    left = killed_at

    def instant(*_: Any) -> None:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(name: str, _: Any) -> None:
        if name in ("open", "os.rename", "os.remove", "sqlite3.connect"):
            instant()

    try:
        for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
            event.listen(Engine, name, instant)
        sys.addaudithook(audit)
        asyncio.run(_opened(path))
    except BaseException:
        os._exit(1)
    os._exit(0)


async def test_an_upgrade_that_is_killed_anywhere_loses_nothing(tmp_path: Path) -> None:
    instants = versions = 0
    done = False
    while not done:
        instants += 1
        folder = tmp_path / str(instants)
        folder.mkdir()
        for name in ("ledger.db", "ledger.db-wal"):
            shutil.copy(LEFT / name, folder)
        path = folder / "ledger.db"
        done = await asyncio.to_thread(upgraded, path, killed_at=instants)
        looked = tmp_path / f"{instants}-looked"  # a look takes the journal in
        shutil.copytree(folder, looked)
        version, *rest = held(looked / "ledger.db")
        copies = list(looked.glob("*.bak"))
        assert rest == [18, 4]
        assert version == OLDER or copies, "it is upgraded only once there is a copy"
        assert {held(copy) for copy in copies} <= {(OLDER, 18, 4)}
        versions += version != OLDER
        await _opened(path)
        assert held(path) == (str(SCHEMA_VERSION), 18, 4)
        assert sorted(os.listdir(folder)) == ["ledger.db", f"ledger.db.v{OLDER}.bak"]
    assert instants > 20
    assert versions > 1, "it was killed after the upgrade as well"
