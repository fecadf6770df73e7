"""Open a ledger: check that it is one, create or upgrade it, and get its key."""

from __future__ import annotations

import os
import secrets
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy as sql

from trueup.core.errors import LedgerError
from trueup.core.reasons import Reason
from trueup.ledger import copies, snapshots
from trueup.ledger.database import Database, database, in_memory
from trueup.ledger.migrations import SCHEMA_VERSION, STEPS
from trueup.ledger.tables import FACTS, META

if TYPE_CHECKING:
    from sqlalchemy import Connection

_KEY_BYTES: Final = 32
_OLDEST: Final = {"facts", "records"}
"""Tables that an older trueup may have left, empty, when it was killed during creation."""

_MAY_NOT: Final = ("42501", "25006")
"""SQLSTATE of a missing privilege, and of a read-only transaction."""

BROKEN: Final = (sql.exc.SQLAlchemyError, ValueError, TypeError, KeyError, RecursionError)
"""Errors of a database that does not answer, and of one with invalid contents."""


def opened(where: Path | str) -> tuple[Database, bytes]:
    """Return the database, upgraded, and the key of its fingerprints. Raises LedgerError, and then changed nothing."""
    found = database(where)
    try:
        with found.reading() as connection:
            version, facts = _looked_at(found, connection)
        found.prepare()
        if version < SCHEMA_VERSION:
            found, facts = _up_to_date(found, version)
        return found, _key(facts)
    except LedgerError:
        found.close()
        raise
    except OSError as error:
        found.close()
        raise found.unusable(ValueError(error.strerror or "it cannot be copied")) from None
    except (*BROKEN, sqlite3.Error) as error:
        found.close()
        raise found.unusable(error) from None


def _looked_at(found: Database, connection: Connection) -> tuple[int, dict[str, str]]:
    """Return the version of the schema, 0 when there is none yet, and the facts."""
    tables = found.tables(connection)
    facts = {}
    if "facts" in tables:
        facts = {row.name: row.value for row in connection.execute(sql.select(FACTS))}
    if not facts and tables <= _OLDEST:
        return 0, facts
    version = facts.get("schema_version")
    if version is None:
        raise LedgerError(
            f"the ledger {found.name} is not a ledger: it holds data of another program.",
            hint="Nothing was changed. Set TRUEUP_LEDGER to another location, or to `off`.",
        )
    if not (isinstance(version, str) and version.isascii() and version.isdigit() and int(version[:9]) > 0):
        raise ValueError("its schema version is invalid")
    if int(version[:9]) > SCHEMA_VERSION:
        raise LedgerError(
            f"the ledger {found.name} has schema version {version}; this trueup supports up to {SCHEMA_VERSION}.",
            hint="Use the newer trueup that wrote it.",
        )
    return int(version), facts


def _up_to_date(found: Database, version: int) -> tuple[Database, dict[str, str]]:
    """Return the upgraded database and its facts; a copy in memory where the server allows only reading."""
    try:
        with found.upgrading() as connection:
            found.alone(connection)
            version, facts = _looked_at(found, connection)  # another process may have been faster
            return found, _brought_up(found, connection, version, facts)
    except sql.exc.DBAPIError as error:
        if version == 0 or getattr(error.orig, "sqlstate", None) not in _MAY_NOT:
            raise
    with found.reading() as connection:
        tables = sorted(found.tables(connection) & set(META.tables))
        rows = {
            name: [
                dict(row)
                for row in connection.execute(sql.select(sql.text("*")).select_from(sql.table(name))).mappings()
            ]
            for name in tables
        }
    found.close()
    memory = snapshots.of_tables(rows, STEPS[:version])
    return _up_to_date(in_memory(found.name, memory, "this user may only read it"), version)


def _keep_copy(found: Database, connection: Connection, version: int) -> None:
    if found.read_only:
        return
    if found.is_sqlite:
        copy = Reason("copy-in-file", file=str(copies.file_copy(Path(found.name), version)))
    else:
        tables = found.tables(connection)
        suffix = copies.table_copies(connection, tables & set(META.tables), tables, version)
        copy = Reason("copy-in-tables", suffix=suffix)
    found.notes.append(Reason("ledger-upgraded", ledger=found.name, version=SCHEMA_VERSION, former=version, copy=copy))


def _brought_up(found: Database, connection: Connection, version: int, facts: dict[str, str]) -> dict[str, str]:
    if 0 < version < SCHEMA_VERSION:
        _keep_copy(found, connection, version)
    for step in STEPS[version:]:
        step(connection)
    facts = {"key": secrets.token_hex(_KEY_BYTES), **facts, "schema_version": str(SCHEMA_VERSION)}
    found.put(connection, FACTS, [{"name": name, "value": value} for name, value in facts.items()])
    return facts


def _key(facts: dict[str, str]) -> bytes:
    if shared := os.environ.get("TRUEUP_FINGERPRINT_KEY"):
        return os.fsencode(shared)
    key = bytes.fromhex(facts["key"])
    if len(key) != _KEY_BYTES:
        raise ValueError("its key is invalid")
    return key
