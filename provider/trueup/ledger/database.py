"""What is different between the two databases: how they are opened, how a transaction begins, and their clock."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite

from trueup.core.errors import LedgerError
from trueup.core.secrets import Secret, scrub
from trueup.ledger import snapshots

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection, Table

PATIENCE = 30.0
"""Seconds to wait for another process that writes."""
_SCHEMES: Final = ("postgresql+psycopg", "postgresql", "postgres")
_HINT_FILE: Final = "Move it aside and run again: without it, what cannot be read back counts as never sent."
_HINT_FULL: Final = "Free some space and run again. Leave the ledger where it is: nothing of it is lost."
_HINT_DISK: Final = "Look at the disk, and leave the ledger where it is: nothing says that it is damaged."
_IO_ERROR: Final = "disk I/O error"
_ROOM: Final = 1 << 18
"""Bytes that a ledger's log needs to be written at all."""
_HINT_SERVER: Final = "Check TRUEUP_LEDGER and whether that server answers, or set it to `off`."
_MAGIC: Final = b"SQLite format 3\0"
_SECRETS: Final = ("password", "sslpassword")
_POSTGRESQL_LOCK: Final = 0x74727565  # any number will do, as long as it stays the same
_POSTGRESQL_TABLES: Final = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'trueup'"
_SQLITE_TABLES: Final = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
_CLOCKS: Final = {
    "postgresql": "SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision)",
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400.0",
}


class Database:
    """One of the two, which nobody has asked for anything yet."""

    def __init__(self, name: str, engine: sql.Engine, read_only: str = "") -> None:
        self.name = name
        """Where it is, for messages: no password is in it."""
        self.read_only = read_only
        """Why it can only be read; empty when it may be written."""
        self.notes: list[str] = []
        """Said to people once it is open."""
        self._upserts: dict[str, Any] = {}
        self._reading = engine
        self._writing = engine.execution_options(trueup_writes=True)
        self.is_sqlite = engine.dialect.name == "sqlite"

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that reads."""
        return self._reading.begin()

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that writes: all of it, or nothing when the block raises. Raises LedgerError."""
        if self.read_only:
            raise LedgerError(
                f"the ledger {self.name} cannot be written: {self.read_only}.",
                hint="Make it writable for this user, or set TRUEUP_LEDGER to another place, or to `off`.",
            )
        return self._writing.begin()

    def upgrading(self) -> AbstractContextManager[Connection]:
        """A transaction that brings it up to date; of one that may only be read, the copy in memory."""
        return self._writing.begin()

    def close(self) -> None:
        """Closes what is open."""
        self._reading.dispose()

    def insert(self, table: Table) -> Any:
        """An insert that knows of conflicts."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def put(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows, each in the place of the one with its primary key; later ones win over earlier ones."""
        if not rows:
            return
        values: Any = rows
        if not self.is_sqlite:
            keys = [one.name for one in table.primary_key]
            values = {"rows": json.dumps(list({tuple(row[key] for key in keys): row for row in rows}.values()))}
        connection.execute(self._upsert(table), values)

    def _upsert(self, table: Table) -> Any:
        """Return the insert that puts rows in the place of those with their primary keys, built once a table."""
        if table.name in self._upserts:
            return self._upserts[table.name]
        command = self.insert(table)
        if not self.is_sqlite:  # one statement with all of them, rather than one a row: thousands may come
            columns = [sql.column(one.name, one.type) for one in table.columns]
            text = sql.cast(sql.bindparam("rows", type_=sql.String), postgresql.JSON)
            given = sql.func.json_to_recordset(text).table_valued(*columns, name="given")
            command = command.from_select(
                [one.name for one in columns], sql.select(given.render_derived(with_types=True))
            )
        others = {one.name: command.excluded[one.name] for one in table.columns if not one.primary_key}
        keys = [one.name for one in table.primary_key]
        self._upserts[table.name] = command.on_conflict_do_update(index_elements=keys, set_=others)
        return self._upserts[table.name]

    def now(self, connection: Connection) -> float:
        """Seconds since 1970 by the clock of the database, which all who share it go by."""
        found = connection.exec_driver_sql(_CLOCKS["sqlite" if self.is_sqlite else "postgresql"]).scalar_one()
        return float(found)

    def tables(self, connection: Connection) -> set[str]:
        """What is in it."""
        return set(connection.exec_driver_sql(_SQLITE_TABLES if self.is_sqlite else _POSTGRESQL_TABLES).scalars())

    def prepare(self) -> None:
        """Makes it fit for several processes, once it is known to be ours or empty."""
        if not self.is_sqlite or self.read_only:
            return
        until = time.monotonic() + PATIENCE
        while True:
            try:
                with self._reading.connect().execution_options(trueup_bare=True) as connection:
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                return
            except sql.exc.OperationalError as error:
                # Of several that change it at once all but one are refused, whatever their patience.
                if "is locked" not in str(error.orig) or time.monotonic() > until:
                    raise
                time.sleep(0.02)

    def alone(self, connection: Connection) -> None:
        """In a transaction that writes: nobody else changes the schema until it ends."""
        if self.is_sqlite:
            return  # it has one writer anyway
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_POSTGRESQL_LOCK})")
        found = connection.exec_driver_sql("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'trueup'")
        if found.first() is None:  # IF NOT EXISTS would ask for the right to make one, which need not be ours
            connection.exec_driver_sql("CREATE SCHEMA trueup")

    def one_taker(self, connection: Connection) -> None:
        """Let no other transaction take a lock until this one, which writes, ends."""
        if not self.is_sqlite:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_POSTGRESQL_LOCK + 1})")

    def unusable(self, error: BaseException) -> LedgerError:
        """What is to be said of an error that came of it."""
        said = getattr(error, "orig", None) or (error if type(error) is ValueError else type(error).__name__)
        said = getattr(getattr(said, "diag", None), "message_primary", None) or said  # a server adds pages to that
        reason = scrub(" ".join(str(said).split())).rstrip(".")
        if "is locked" in reason or "lock timeout" in reason:
            return LedgerError(f"the ledger {self.name} is locked by another run.", hint="Try again when it has ended.")
        if "disk is full" in reason or "No space left" in reason or (reason == _IO_ERROR and self._is_full()):
            return LedgerError(f"the ledger {self.name} cannot be written: its disk is full.", hint=_HINT_FULL)
        hint = _HINT_DISK if reason == _IO_ERROR else _HINT_FILE if self.is_sqlite else _HINT_SERVER
        return LedgerError(f"the ledger {self.name} cannot be used: {reason}.", hint=hint)

    def _is_full(self) -> bool:
        """Whether hardly anything fits any more where its file is."""
        try:
            found = os.statvfs(Path(self.name).parent)
        except (OSError, AttributeError):
            return False
        return found.f_bavail * found.f_frsize < _ROOM


def database(where: Path | str) -> Database:
    """The database of a path or URL. Raises LedgerError."""
    if isinstance(where, str) and "://" in where:
        return _postgresql(where)
    return _sqlite(Path(where))


def in_memory(name: str, memory: sqlite3.Connection, read_only: str) -> Database:
    """A copy in memory of a ledger that may only be read."""
    engine = snapshots.engine_of(memory)
    _begin_as_asked(engine)
    return Database(name, engine, read_only)


def _read_only(path: Path, why: str) -> Database:
    """A file that may only be read. Raises LedgerError."""
    try:
        with path.open("rb") as file:
            begins = file.read(len(_MAGIC))
        if begins and begins != _MAGIC:
            raise LedgerError(f"the ledger {path} cannot be used: file is not a database.", hint=_HINT_FILE)
        return in_memory(str(path), snapshots.of_file(path), why)
    except OSError as error:
        raise _no_place(path, error.strerror or "it cannot be read") from None
    except sqlite3.Error as error:
        raise LedgerError(f"the ledger {path} cannot be used: {error}.", hint=_HINT_FILE) from None


def _begin_as_asked(engine: sql.Engine) -> None:
    @sql.event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        options = connection.get_execution_options()
        if not options.get("trueup_bare"):
            # Without IMMEDIATE, another transaction could write between a read and a write of this one.
            connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("trueup_writes") else "BEGIN")


def _sqlite(path: Path) -> Database:
    try:
        if why := snapshots.why_read_only(path):
            return _read_only(path, why)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Opening what is no file, such as a pipe, must not wait for anybody.
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_NONBLOCK", 0), 0o600)
        try:
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            begins = os.read(descriptor, len(_MAGIC)) if regular else b""
            if regular and not begins and hasattr(os, "fchmod"):  # it was there, empty, and perhaps for all to read
                os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:  # ValueError: a NUL in it
        raise _no_place(path, getattr(error, "strerror", None) or "that is no path of a file") from None
    if not regular:
        raise _no_place(path, "it is no regular file")
    if begins and begins != _MAGIC:  # SQLite takes a file of a few bytes for an empty one
        raise LedgerError(f"the ledger {path} cannot be used: file is not a database.", hint=_HINT_FILE)
    url = sql.URL.create("sqlite", database=str(path))  # as text, a path with ? or % would lead elsewhere
    engine = sql.create_engine(url, connect_args={"timeout": PATIENCE}, hide_parameters=True)

    @sql.event.listens_for(engine, "connect")
    def connected(raw: Any, _: Any) -> None:
        raw.isolation_level = None  # the driver would begin transactions by itself, and not before every statement
        raw.execute("PRAGMA synchronous=NORMAL")

    _begin_as_asked(engine)
    return Database(str(path), engine)


def _postgresql(where: str) -> Database:
    url = _parsed(where)
    name = url.set(query={}, drivername="postgresql").render_as_string(hide_password=True)
    try:
        import psycopg  # noqa: F401 - SQLAlchemy uses it
    except ImportError:
        raise LedgerError(
            f"the ledger {name} needs psycopg, which is not installed.", hint="Run: pip install 'trueup[postgresql]'"
        ) from None
    arguments: dict[str, Any] = {
        "connect_timeout": 10,
        "fallback_application_name": "trueup",
        "client_encoding": "utf8",
        "prepare_threshold": None,  # a pooler in between may give every transaction another connection
    }
    engine = sql.create_engine(
        url,
        connect_args={key: value for key, value in arguments.items() if key not in url.query},
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        hide_parameters=True,
    )

    @sql.event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        # For this transaction alone, for the same reason. A schema of its own leaves other tables of it alone.
        connection.exec_driver_sql(
            "SELECT set_config('search_path', 'trueup', true), "
            f"set_config('lock_timeout', '{int(PATIENCE * 1000)}', true)"
        )

    return Database(name, engine)


def _parsed(where: str) -> sql.URL:
    """The URL; what is secret in it is known as such from here on."""
    scheme = where.partition("://")[0]
    if scheme.lower() not in _SCHEMES:
        raise LedgerError(
            f"the ledger has a URL that begins with {scheme}://, and only postgresql:// is known.",
            hint="Set TRUEUP_LEDGER to a path, to postgresql://user@host/database, or to `off`.",
        )
    _keep_secret(where)
    try:
        url = sql.make_url(where).set(drivername="postgresql+psycopg")
    except (sql.exc.ArgumentError, ValueError):
        url = None
    if url is None or "@" in (url.host or ""):
        raise LedgerError(
            "the URL of the ledger cannot be read.",
            hint="It is postgresql://user:password@host:port/database, and in a password %40 stands for @, "
            "%2F for / and %3A for colons.",
        )
    for value in (url.password, *(url.query.get(name) for name in _SECRETS)):
        for one in value if isinstance(value, tuple) else (value,):
            if one:
                Secret(str(one))
    return url


def _keep_secret(where: str) -> None:
    """Whatever may be a password, also in a URL that turns out to be none, and as it was written."""
    before = where.partition("://")[2].rpartition("@")[0]
    password = before.partition(":")[2]
    for one in (password, unquote(password)):
        if one:
            Secret(one)


def _no_place(path: Path, why: str) -> LedgerError:
    if why == os.strerror(errno.ENOSPC):
        return LedgerError(f"the ledger {path} cannot be made: its disk is full.", hint=_HINT_FULL)
    return LedgerError(
        f"the ledger {path} cannot be opened: {why}.", hint="Set TRUEUP_LEDGER to another path, or to `off`."
    )
