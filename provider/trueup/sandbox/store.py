"""The servers' data: named tables of JSON rows in memory, written through to one SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

Row = dict[str, Any]


class RowIndex:
    """An index of a table: ids of rows by the result of a function, so that no request scans the table."""

    def __init__(self, rows: dict[str, Row], by: Callable[[Row], str]) -> None:
        self._rows = rows
        self._by = by
        self._ids: dict[str, dict[str, None]] = {}
        self._places: dict[str, str] = {}  # the key of each row, since the row itself may have changed
        for key, row in rows.items():
            self.put(key, row)

    def put(self, key: str, row: Row) -> None:
        """Note a row that was set."""
        place = self._by(row)
        if self._places.get(key) != place:
            self.delete(key)
            self._places[key] = place
            self._ids.setdefault(place, {})[key] = None

    def delete(self, key: str) -> None:
        """Forget a row."""
        place = self._places.pop(key, None)
        if place is not None:
            ids = self._ids[place]
            del ids[key]
            if not ids:
                del self._ids[place]

    def get(self, place: str) -> list[Row]:
        """The rows there, in order of insertion (a row that moved comes last)."""
        return [self._rows[key] for key in self._ids.get(place, ())]


class Table:
    """Rows by id. Change a row only by `put`, which marks it to be written."""

    def __init__(self, name: str, dirty: dict[tuple[str, str], None]) -> None:
        self.name = name
        self._rows: dict[str, Row] = {}
        self._dirty = dirty
        self._indexes: list[RowIndex] = []

    def index(self, by: Callable[[Row], str]) -> RowIndex:
        """Return an index, kept up to date from now on. `by` must accept any row, even one without fields."""
        made = RowIndex(self._rows, by)
        self._indexes.append(made)
        return made

    def get(self, key: str) -> Row | None:
        """The row, or None. A caller that changes it calls `put` afterwards."""
        return self._rows.get(key)

    def put(self, key: str, row: Row) -> Row:
        """Set the row and returns it."""
        self._rows[key] = row
        self._dirty[self.name, key] = None
        for index in self._indexes:
            index.put(key, row)
        return row

    def delete(self, key: str) -> None:
        """Remove the row, if it exists."""
        if self._rows.pop(key, None) is not None:
            self._dirty[self.name, key] = None
            for index in self._indexes:
                index.delete(key)

    def values(self) -> Iterator[Row]:
        """The rows, in order of insertion."""
        return iter(list(self._rows.values()))

    def items(self) -> Iterator[tuple[str, Row]]:
        """Ids and rows, in order of insertion."""
        return iter(list(self._rows.items()))

    def __len__(self) -> int:
        return len(self._rows)


class Store:
    """All tables; `commit` writes what changed since the last one, in one transaction.

    `path` is a file or `:memory:`. The servers call `commit` before they answer, so that an answered write survives.
    """

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("CREATE TABLE IF NOT EXISTS rows (tab TEXT, key TEXT, row TEXT, PRIMARY KEY (tab, key))")
        self._dirty: dict[tuple[str, str], None] = {}  # a set that keeps the order in which rows came
        self._tables: dict[str, Table] = {}
        for tab, key, row in self._db.execute("SELECT tab, key, row FROM rows ORDER BY rowid"):
            self.table(tab)._rows[key] = json.loads(row)

    def table(self, name: str) -> Table:
        """Return the table of that name, created when first used."""
        return self._tables.setdefault(name, Table(name, self._dirty))

    def commit(self) -> None:
        """Write every changed row."""
        if not self._dirty:
            return
        self._db.execute("BEGIN")
        for tab, key in self._dirty:
            row = self._tables[tab].get(key)
            if row is None:
                self._db.execute("DELETE FROM rows WHERE tab = ? AND key = ?", (tab, key))
            else:
                self._db.execute(
                    "INSERT INTO rows VALUES (?, ?, ?) ON CONFLICT (tab, key) DO UPDATE SET row = excluded.row",
                    (tab, key, json.dumps(row)),
                )
        self._db.execute("COMMIT")
        self._dirty.clear()

    def dump(self) -> dict[str, dict[str, Row]]:
        """Everything, as JSON: table, id, row."""
        return {name: dict(table.items()) for name, table in sorted(self._tables.items())}

    def load(self, tables: dict[str, dict[str, Row]]) -> None:
        """Replace everything by the result of a `dump`."""
        for table in self._tables.values():
            for key, _ in table.items():
                table.delete(key)
        for name, rows in tables.items():
            for key, row in rows.items():
                self.table(name).put(key, row)
        self.commit()

    def close(self) -> None:
        """Write what is left and closes the file."""
        self.commit()
        self._db.close()
