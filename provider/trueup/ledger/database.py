"""The differences between SQLite and PostgreSQL: opening, starting a transaction, the clock."""

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
from trueup.core.reasons import Reason
from trueup.core.secrets import Secret, scrub
from trueup.ledger import snapshots

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection, Table

PATIENCE = 30.0
"""Seconds to wait for another process that is writing."""
_SCHEMES: Final = ("postgresql+psycopg", "postgresql", "postgres")
_HINT_FILE: Final = "Move it aside and run again: write-only values will be sent once."
_HINT_FULL: Final = "Free some space and run again. Leave the ledger in place: nothing in it is lost."
_HINT_DISK: Final = "Check the disk, and leave the ledger in place: it need not be damaged."
_IO_ERROR: Final = "disk I/O error"
_ROOM: Final = 1 << 18
"""Free bytes without which the log of a ledger cannot be written."""
_HINT_SERVER: Final = "Check TRUEUP_LEDGER and whether that server is reachable, or set it to `off`."
_MAGIC: Final = b"SQLite format 3\0"
_SECRETS: Final = ("password", "sslpassword")
_POSTGRESQL_LOCK: Final = 0x74727565  # an arbitrary number that must not change
_POSTGRESQL_TABLES: Final = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'trueup'"
_SQLITE_TABLES: Final = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
_CLOCKS: Final = {
    "postgresql": "SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision)",
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400.0",
}


class Database:
    """A database of either type, not connected yet."""

    def __init__(self, name: str, engine: sql.Engine, read_only: str = "") -> None:
        self.name = name
        """Its path or URL for messages, without a password."""
        self.read_only = read_only
        """Why it is read-only; empty when it can be written."""
        self.notes: list[Reason] = []
        """Notes to show to the user once it is open."""
        self._upserts: dict[str, Any] = {}
        self._reading = engine
        self._writing = engine.execution_options(trueup_writes=True)
        self.is_sqlite = engine.dialect.name == "sqlite"

    def reading(self) -> AbstractContextManager[Connection]:
        """Return a transaction that reads."""
        return self._reading.begin()

    def writing(self) -> AbstractContextManager[Connection]:
        """Return a transaction that writes all or nothing: it rolls back when the block raises. Raises LedgerError."""
        if self.read_only:
            raise LedgerError(
                f"the ledger {self.name} cannot be written: {self.read_only}.",
                hint="Make it writable for this user, or set TRUEUP_LEDGER to another location, or to `off`.",
            )
        return self._writing.begin()

    def upgrading(self) -> AbstractContextManager[Connection]:
        """Return a transaction for the upgrade; of a read-only ledger it changes the copy in memory."""
        return self._writing.begin()

    def close(self) -> None:
        """Close all connections."""
        self._reading.dispose()

    def insert(self, table: Table) -> Any:
        """Return an insert statement with conflict handling."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def put(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, replacing those with the same primary key; later rows win over earlier ones."""
        if not rows:
            return
        values: Any = rows
        if not self.is_sqlite:
            keys = [one.name for one in table.primary_key]
            values = {"rows": json.dumps(list({tuple(row[key] for key in keys): row for row in rows}.values()))}
        connection.execute(self._upsert(table), values)

    def _upsert(self, table: Table) -> Any:
        """Return the insert that replaces rows with the same primary key, built once for each table."""
        if table.name in self._upserts:
            return self._upserts[table.name]
        command = self.insert(table)
        if not self.is_sqlite:  # one statement for all rows: there may be thousands
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
        """Return seconds since 1970 by the clock of the database, which all its users share."""
        found = connection.exec_driver_sql(_CLOCKS["sqlite" if self.is_sqlite else "postgresql"]).scalar_one()
        return float(found)

    def tables(self, connection: Connection) -> set[str]:
        """Return the names of its tables."""
        return set(connection.exec_driver_sql(_SQLITE_TABLES if self.is_sqlite else _POSTGRESQL_TABLES).scalars())

    def prepare(self) -> None:
        """Enable use by several processes, once the database is known to be a ledger or empty."""
        if not self.is_sqlite or self.read_only:
            return
        until = time.monotonic() + PATIENCE
        while True:
            try:
                with self._reading.connect().execution_options(trueup_bare=True) as connection:
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                return
            except sql.exc.OperationalError as error:
                # When several connections change the mode at once, SQLite rejects all but one, whatever their timeout.
                if "is locked" not in str(error.orig) or time.monotonic() > until:
                    raise
                time.sleep(0.02)

    def alone(self, connection: Connection) -> None:
        """Exclude other schema changes until this transaction ends; it has to be one that writes."""
        if self.is_sqlite:
            return  # SQLite has a single writer
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_POSTGRESQL_LOCK})")
        found = connection.exec_driver_sql("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'trueup'")
        if found.first() is None:  # IF NOT EXISTS would need the privilege to create one
            connection.exec_driver_sql("CREATE SCHEMA trueup")

    def one_taker(self, connection: Connection) -> None:
        """Exclude other transactions that take a lock until this one ends; it has to be one that writes."""
        if not self.is_sqlite:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_POSTGRESQL_LOCK + 1})")

    def unusable(self, error: BaseException) -> LedgerError:
        """Return the LedgerError that explains a database error."""
        said = getattr(error, "orig", None) or (error if type(error) is ValueError else type(error).__name__)
        said = getattr(getattr(said, "diag", None), "message_primary", None) or said  # a server adds long details to it
        reason = scrub(" ".join(str(said).split())).rstrip(".")
        if "is locked" in reason or "lock timeout" in reason:
            return LedgerError(f"the ledger {self.name} is locked by another run.", hint="Try again when it has ended.")
        if "disk is full" in reason or "No space left" in reason or (reason == _IO_ERROR and self._is_full()):
            return LedgerError(f"the ledger {self.name} cannot be written: its disk is full.", hint=_HINT_FULL)
        hint = _HINT_DISK if reason == _IO_ERROR else _HINT_FILE if self.is_sqlite else _HINT_SERVER
        return LedgerError(f"the ledger {self.name} cannot be used: {reason}.", hint=hint)

    def _is_full(self) -> bool:
        """Return whether the file system of its file is nearly full."""
        try:
            found = os.statvfs(Path(self.name).parent)
        except (OSError, AttributeError):
            return False
        return found.f_bavail * found.f_frsize < _ROOM


def database(where: Path | str) -> Database:
    """Return the database of a path or URL. Raises LedgerError."""
    if isinstance(where, str) and "://" in where:
        return _postgresql(where)
    return _sqlite(Path(where))


def in_memory(name: str, memory: sqlite3.Connection, read_only: str) -> Database:
    """Return the database of a read-only ledger's copy in memory."""
    engine = snapshots.engine_of(memory)
    _begin_as_asked(engine)
    return Database(name, engine, read_only)


def _read_only(path: Path, why: str) -> Database:
    """Return the database of a read-only file. Raises LedgerError."""
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
    def started(connection: Connection) -> None:
        options = connection.get_execution_options()
        if not options.get("trueup_bare"):
            # Without IMMEDIATE, another transaction could write between a read and a write of this one.
            connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("trueup_writes") else "BEGIN")


def _sqlite(path: Path) -> Database:
    try:
        if why := snapshots.why_read_only(path):
            return _read_only(path, why)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Opening something other than a file, such as a pipe, must not block.
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_NONBLOCK", 0), 0o600)
        try:
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            begins = os.read(descriptor, len(_MAGIC)) if regular else b""
            if regular and not begins and hasattr(os, "fchmod"):  # the file existed, empty, and perhaps readable by all
                os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:  # ValueError: a NUL in it
        raise _no_place(path, getattr(error, "strerror", None) or "it is not a file path") from None
    if not regular:
        raise _no_place(path, "it is not a regular file")
    if begins and begins != _MAGIC:  # SQLite takes a file of a few bytes for an empty database
        raise LedgerError(f"the ledger {path} cannot be used: file is not a database.", hint=_HINT_FILE)
    url = sql.URL.create("sqlite", database=str(path))  # as text, a path with ? or % would be misread
    engine = sql.create_engine(url, connect_args={"timeout": PATIENCE}, hide_parameters=True)

    @sql.event.listens_for(engine, "connect")
    def connected(raw: Any, _: Any) -> None:
        raw.isolation_level = None  # the driver would start transactions itself, and not before every statement
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
        "prepare_threshold": None,  # a pooler such as PgBouncer may switch connections between transactions
    }
    engine = sql.create_engine(
        url,
        connect_args={key: value for key, value in arguments.items() if key not in url.query},
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        hide_parameters=True,
    )

    @sql.event.listens_for(engine, "begin")
    def started(connection: Connection) -> None:
        # For this transaction only, because of poolers. A schema of its own leaves other tables alone.
        connection.exec_driver_sql(
            "SELECT set_config('search_path', 'trueup', true), "
            f"set_config('lock_timeout', '{int(PATIENCE * 1000)}', true)"
        )

    return Database(name, engine)


def _parsed(where: str) -> sql.URL:
    """Return the URL and register its secrets for redaction."""
    scheme = where.partition("://")[0]
    if scheme.lower() not in _SCHEMES:
        raise LedgerError(
            f"the ledger has a URL that starts with {scheme}://; only postgresql:// is supported.",
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
    """Register every text that may be a password, also of an invalid URL, and as it is written."""
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
