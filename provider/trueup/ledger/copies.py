"""A copy of a ledger before it is brought up to date, with which an older trueup can go on. None is ever removed."""

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
    """Return the copy of a SQLite ledger, which stands beside it. Raises OSError and sqlite3.Error.

    The caller is the only one that writes to the ledger. An earlier copy is not overwritten; an equal one is enough.
    """
    being_made = path.with_name(f"{path.name}.v{version}.tmp")
    being_made.unlink(missing_ok=True)
    os.close(os.open(being_made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(path)) as ledger, closing(sqlite3.connect(being_made)) as copy:
            ledger.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file holds all of it
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
        raise AssertionError  # the numbers do not end
    finally:
        being_made.unlink(missing_ok=True)


def table_copies(connection: Connection, tables: Iterable[str], known: Iterable[str], version: int) -> str:
    """Return how the copies of tables of a PostgreSQL ledger end, which the same transaction makes in its schema."""
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
