"""Load a read-only ledger into memory, where an older one can be upgraded without changing the original."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import sqlalchemy as sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

_PATIENCE: Final = 30.0


def why_read_only(path: Path) -> str:
    """Return why an existing SQLite ledger cannot be written; empty when it can."""
    if not path.is_file():
        return ""
    if not _may(path, os.W_OK):
        return "its file is read-only"
    beside = [path.with_name(path.name + ending) for ending in ("-wal", "-shm")]
    if _may(path.parent, os.W_OK) or all(one.exists() and _may(one, os.W_OK) for one in beside):
        return ""
    return "its folder is read-only"


def of_file(path: Path) -> sqlite3.Connection:
    """Return a copy in memory of a SQLite ledger. Raises OSError and sqlite3.Error."""
    memory = sqlite3.connect(":memory:", check_same_thread=False)
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_PATIENCE)) as source:
            source.backup(memory)
        return memory
    except sqlite3.OperationalError:
        # The log of a killed run needs an index, which cannot be created there. No run is writing at this time.
        memory.close()
    memory = sqlite3.connect(":memory:", check_same_thread=False)
    with tempfile.TemporaryDirectory(prefix="trueup-") as name:
        copied = Path(name) / "ledger.db"
        for ending in ("", "-wal"):
            beside = path.with_name(path.name + ending)
            if beside.exists():
                shutil.copyfile(beside, copied.with_name(copied.name + ending))
        with closing(sqlite3.connect(copied)) as source:
            source.backup(memory)
    return memory


def of_tables(
    rows: Mapping[str, Sequence[Mapping[Any, Any]]], steps: Iterable[Callable[[Connection], None]]
) -> sqlite3.Connection:
    """Return a copy in memory of tables read elsewhere; `steps` create them."""
    memory = sqlite3.connect(":memory:", check_same_thread=False)
    engine = engine_of(memory)
    with engine.begin() as connection:
        for step in steps:
            step(connection)
        for name, found in rows.items():
            if found:
                table = sql.table(name, *(sql.column(column) for column in found[0]))
                connection.execute(sql.insert(table), [dict(row) for row in found])
    return memory


def engine_of(memory: sqlite3.Connection) -> sql.Engine:
    """Return the engine of a database in memory, which has a single connection."""
    memory.isolation_level = None
    return sql.create_engine("sqlite://", creator=lambda: memory, poolclass=sql.StaticPool, hide_parameters=True)


def _may(path: Path, how: int) -> bool:
    return os.access(path, how, effective_ids=os.access in os.supports_effective_ids)
