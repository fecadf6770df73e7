"""Opens a ledger: looks whether it is one, makes it or brings it up to date, and finds its key."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Final

import sqlalchemy as sql

from trueup.errors import LedgerError
from trueup.ledger.database import Database, database
from trueup.ledger.migrations import SCHEMA_VERSION, STEPS
from trueup.ledger.tables import FACTS

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

_KEY_BYTES: Final = 32
_OLDEST: Final = {"facts", "records"}
"""What an older trueup that was killed while it made a ledger may have left, empty."""

BROKEN: Final = (sql.exc.SQLAlchemyError, ValueError, TypeError, KeyError, RecursionError)
"""What comes of a database that does not answer, and of one that holds what it should not."""


def opened(where: Path | str) -> tuple[Database, bytes]:
    """The database, up to date, and the key of its fingerprints. Raises LedgerError, and then nothing was changed."""
    found = database(where)
    try:
        with found.reading() as connection:
            version, facts = _looked_at(found, connection)
        found.prepare()
        if version < SCHEMA_VERSION:
            with found.writing() as connection:
                found.alone(connection)
                version, facts = _looked_at(found, connection)  # another process may have been first
                facts = _brought_up(found, connection, version, facts)
        return found, _key(facts)
    except LedgerError:
        found.close()
        raise
    except BROKEN as error:
        found.close()
        raise found.unusable(error) from None


def _looked_at(found: Database, connection: Connection) -> tuple[int, dict[str, str]]:
    """The version of the schema, 0 when there is none yet, and the facts."""
    tables = found.tables(connection)
    facts = {}
    if "facts" in tables:
        facts = {row.name: row.value for row in connection.execute(sql.select(FACTS))}
    if not facts and tables <= _OLDEST:
        return 0, facts
    version = facts.get("schema_version")
    if version is None:
        raise LedgerError(
            f"the ledger {found.name} is no ledger: it holds what another program put there.",
            hint="Nothing was changed. Set TRUEUP_LEDGER to another place, or to `off`.",
        )
    if not (isinstance(version, str) and version.isascii() and version.isdigit() and int(version[:9]) > 0):
        raise ValueError("its schema version is none")
    if int(version[:9]) > SCHEMA_VERSION:
        raise LedgerError(
            f"the ledger {found.name} has schema version {version}, and this trueup knows {SCHEMA_VERSION}.",
            hint="Use the newer trueup that wrote it.",
        )
    return int(version), facts


def _brought_up(found: Database, connection: Connection, version: int, facts: dict[str, str]) -> dict[str, str]:
    for step in STEPS[version:]:
        step(connection)
    facts = {"key": secrets.token_hex(_KEY_BYTES), **facts, "schema_version": str(SCHEMA_VERSION)}
    connection.execute(found.upsert(FACTS), [{"name": name, "value": value} for name, value in facts.items()])
    return facts


def _key(facts: dict[str, str]) -> bytes:
    if shared := os.environ.get("TRUEUP_FINGERPRINT_KEY"):
        return os.fsencode(shared)
    key = bytes.fromhex(facts["key"])
    if len(key) != _KEY_BYTES:
        raise ValueError("its key is none")
    return key
