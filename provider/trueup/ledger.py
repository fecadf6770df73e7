"""What we did last, from run to run: SQLite by default, through SQLAlchemy. Every run is right without it.

It holds ids, times, and keyed fingerprints of what was written and of what read back otherwise: never a value. The key
is in the ledger itself, or in TRUEUP_FINGERPRINT_KEY for several machines. One thread touches the database.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import sqlalchemy as sql
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.schema import CreateTable

from trueup.errors import LedgerError
from trueup.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_T = TypeVar("_T")

SCHEMA_VERSION: Final = 1
_KEY_BYTES = 32
_PATIENCE = 30.0
"""Seconds to wait for another process that writes."""

_meta = sql.MetaData()
_facts = sql.Table("facts", _meta, sql.Column("name", sql.String, primary_key=True), sql.Column("value", sql.String))
_records = sql.Table(
    "records",
    _meta,
    sql.Column("scope", sql.String, primary_key=True),
    sql.Column("id", sql.String, primary_key=True),
    sql.Column("address", sql.String, nullable=False),
    sql.Column("at", sql.String, nullable=False),
    sql.Column("body", sql.String, nullable=False),
)
_BODY: Final = ("written", "read_back", "settling", "owned")


class Ledger:
    """An open ledger. `async with Ledger.open(path)`; its methods may be called from one event loop."""

    def __init__(self, engine: sql.Engine, key: bytes, thread: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._thread = thread
        self.key = key
        """The key of its fingerprints."""

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Opens the ledger of that path, making it when it is missing. Raises LedgerError."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        try:
            engine, key = await asyncio.get_running_loop().run_in_executor(thread, _connect, path)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        return cls(engine, key, thread)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the database."""
        await self._run(self._engine.dispose)
        self._thread.shutdown()

    async def records(self, scopes: Iterable[str]) -> dict[tuple[str, str], Record]:
        """What is known of those scopes, by scope and id."""

        def read() -> dict[tuple[str, str], Record]:
            query = sql.select(_records).where(_records.c.scope.in_(list(scopes)))
            with self._engine.connect() as connection:
                return {(row.scope, row.id): _record(row) for row in connection.execute(query)}

        return await self._run(read)

    async def put(self, records: Sequence[Record]) -> None:
        """Writes them in one transaction."""
        if not records:
            return

        def write() -> None:
            rows = [
                {
                    "scope": one.scope,
                    "address": one.address,
                    "id": one.id,
                    "at": one.at,
                    "body": json.dumps({name: getattr(one, name) for name in _BODY}),
                }
                for one in records
            ]
            command = insert(_records)
            command = command.on_conflict_do_update(
                index_elements=["scope", "id"],
                set_={name: command.excluded[name] for name in ("address", "at", "body")},
            )
            with self._engine.begin() as connection:
                connection.execute(command, rows)

        await self._run(write)

    async def _run(self, work: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sql.exc.SQLAlchemyError, ValueError, TypeError, KeyError) as error:
            raise _unusable(self._engine.url.database or "", error) from None


def _connect(path: Path) -> tuple[sql.Engine, bytes]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        os.close(descriptor)
    except OSError as error:
        raise LedgerError(
            f"the ledger {path} cannot be opened: {error.strerror}.",
            hint="Set TRUEUP_LEDGER to another path, or to `off`.",
        ) from None
    url = sql.URL.create("sqlite", database=str(path))  # as text, a path with ? or % would lead elsewhere
    engine = sql.create_engine(url, connect_args={"timeout": _PATIENCE})
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            connection.exec_driver_sql("PRAGMA synchronous=NORMAL")
        with engine.begin() as connection:
            for table in _meta.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))  # another process may be making them
            facts = {row.name: row.value for row in connection.execute(sql.select(_facts))}
            version = facts.get("schema_version", str(SCHEMA_VERSION))
            if version != str(SCHEMA_VERSION):
                raise LedgerError(
                    f"the ledger {path} has schema version {version}, and this trueup knows {SCHEMA_VERSION}.",
                    hint="Use the newer trueup that wrote it.",
                )
            if "key" not in facts:
                facts["key"] = secrets.token_hex(_KEY_BYTES)
                for name, value in {"schema_version": version, "key": facts["key"]}.items():
                    connection.execute(insert(_facts).values(name=name, value=value).on_conflict_do_nothing())
                facts = {row.name: row.value for row in connection.execute(sql.select(_facts))}
        return engine, _key(facts["key"])
    except LedgerError:
        engine.dispose()
        raise
    except (sql.exc.SQLAlchemyError, ValueError) as error:
        engine.dispose()
        raise _unusable(str(path), error) from None


def _key(own: str) -> bytes:
    if shared := os.environ.get("TRUEUP_FINGERPRINT_KEY"):
        return shared.encode()
    key = bytes.fromhex(own)
    if len(key) != _KEY_BYTES:
        raise ValueError("its key is none")
    return key


def _record(row: Any) -> Record:
    body = json.loads(row.body)
    return Record(row.scope, row.id, row.address, at=row.at, **{name: body[name] for name in _BODY})


def _unusable(path: str, error: Exception) -> LedgerError:
    reason = str(getattr(error, "orig", None) or type(error).__name__)
    if "is locked" in reason:
        return LedgerError(f"the ledger {path} is locked by another run.", hint="Try again when that has ended.")
    return LedgerError(
        f"the ledger {path} cannot be used: {reason}.",
        hint="Move it aside and run again: without it, what cannot be read back counts as never sent.",
    )
