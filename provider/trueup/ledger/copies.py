"""Copy a ledger before an upgrade, for an older trueup to continue with. A copy is never removed."""

from __future__ import annotations

import itertools
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection


def file_copy(path: Path, version: int) -> Path:
    """Copy a SQLite ledger to a file beside it and return its path. Raises OSError and sqlite3.Error.

    No one else writes to the ledger meanwhile. An earlier copy is not overwritten; an identical one is reused.
    """
    being_made = path.with_name(f"{path.name}.v{version}.tmp")
    being_made.unlink(missing_ok=True)
    os.close(os.open(being_made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(path)) as ledger, closing(sqlite3.connect(being_made)) as copy:
            ledger.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # keeps everything in one file
        with being_made.open("r+b") as file:
            os.fsync(file.fileno())
        content = being_made.read_bytes()
        for name in _numbered(f"{path.name}.v{version}", ".bak"):
            copied = path.with_name(name)
            if not copied.exists():
                being_made.rename(copied)
                return copied
            if copied.read_bytes() == content:
                return copied
        raise AssertionError  # the sequence of numbers is endless
    finally:
        being_made.unlink(missing_ok=True)


def table_copies(connection: Connection, tables: Iterable[str], known: Iterable[str], version: int) -> str:
    """Copy tables of a PostgreSQL ledger within its schema and transaction; return the suffix of the copies' names."""
    there = set(known)
    names = sorted(tables)
    ending = next(one for one in _numbered(f"_v{version}", "") if not any(name + one in there for name in names))
    for name in names:
        connection.exec_driver_sql(f"CREATE TABLE {name}{ending} AS TABLE {name}")
    return ending


def _numbered(stem: str, ending: str) -> Iterator[str]:
    yield stem + ending
    for number in itertools.count(2):
        yield f"{stem}_{number}{ending}"
