"""The schema, step by step: each function migrates a ledger to the next version, in SQL of both databases.

A released step is never changed; a new one is appended to the list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sql

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection


def _first(connection: Connection) -> None:
    # An older trueup that was killed during creation may have left some of them.
    _all(
        connection,
        """CREATE TABLE IF NOT EXISTS facts (
            name VARCHAR NOT NULL, value VARCHAR, PRIMARY KEY (name))""",
        """CREATE TABLE IF NOT EXISTS records (
            scope VARCHAR NOT NULL, id VARCHAR NOT NULL, address VARCHAR NOT NULL, at VARCHAR NOT NULL,
            body VARCHAR NOT NULL, PRIMARY KEY (scope, id))""",
    )


def _runs_and_locks(connection: Connection) -> None:
    for name in ("kind", "realm", "parent", "name", "policy"):
        connection.exec_driver_sql(f"ALTER TABLE records ADD COLUMN {name} VARCHAR NOT NULL DEFAULT ''")
    connection.exec_driver_sql("ALTER TABLE records ADD COLUMN protected INTEGER NOT NULL DEFAULT 0")
    _all(
        connection,
        """CREATE TABLE runs (
            id VARCHAR NOT NULL, place INTEGER NOT NULL, began VARCHAR NOT NULL, holder VARCHAR NOT NULL,
            ended VARCHAR NOT NULL, result VARCHAR NOT NULL, PRIMARY KEY (id))""",
        """CREATE TABLE intents (
            run VARCHAR NOT NULL, number INTEGER NOT NULL, scope VARCHAR NOT NULL, realm VARCHAR NOT NULL,
            address VARCHAR NOT NULL, kind VARCHAR NOT NULL, verb VARCHAR NOT NULL, id VARCHAR NOT NULL,
            parent VARCHAR NOT NULL, key VARCHAR NOT NULL, record VARCHAR, at VARCHAR NOT NULL,
            state VARCHAR NOT NULL, PRIMARY KEY (run, number))""",
        "CREATE INDEX intents_open ON intents (scope) WHERE state = 'open'",
        """CREATE TABLE seen (
            scope VARCHAR NOT NULL, kind VARCHAR NOT NULL, parent VARCHAR NOT NULL, at VARCHAR NOT NULL,
            digest VARCHAR NOT NULL, PRIMARY KEY (scope, kind, parent))""",
        """CREATE TABLE locks (
            name VARCHAR NOT NULL, run VARCHAR NOT NULL, holder VARCHAR NOT NULL, since DOUBLE PRECISION NOT NULL,
            heartbeat DOUBLE PRECISION NOT NULL, host VARCHAR NOT NULL, pid INTEGER NOT NULL,
            started VARCHAR NOT NULL, PRIMARY KEY (name))""",
    )
    records = sql.table("records", *(sql.column(name) for name in ("scope", "id", "address", "kind")))
    rows = [
        {"of": row.scope, "which": row.id, "kind": _kind(str(row.address))}
        for row in connection.execute(sql.select(records.c.scope, records.c.id, records.c.address))
    ]
    if rows:
        command = sql.update(records).values(kind=sql.bindparam("kind"))
        command = command.where(records.c.scope == sql.bindparam("of"), records.c.id == sql.bindparam("which"))
        connection.execute(command, rows)


def _windows(connection: Connection) -> None:
    _all(
        connection,
        """CREATE TABLE windows (
            credential VARCHAR NOT NULL, requests INTEGER NOT NULL, last DOUBLE PRECISION NOT NULL,
            PRIMARY KEY (credential))""",
    )


def _sets(connection: Connection) -> None:
    # Existing records belong to no set yet: a set claims one by declaring it.
    connection.exec_driver_sql("ALTER TABLE records ADD COLUMN stack VARCHAR NOT NULL DEFAULT ''")


def _shared_leases_and_tokens(connection: Connection) -> None:
    """Keep the table usable for processes of the former version: columns unknown to them have defaults."""
    columns = """mode VARCHAR NOT NULL DEFAULT 'exclusive', token INTEGER NOT NULL DEFAULT 0,
        booted DOUBLE PRECISION NOT NULL DEFAULT 0, revoked DOUBLE PRECISION NOT NULL DEFAULT 0,
        revoker VARCHAR NOT NULL DEFAULT ''"""
    if connection.dialect.name == "sqlite":  # SQLite cannot change a primary key
        former = "name, run, holder, since, heartbeat, host, pid, started"
        _all(
            connection,
            f"""CREATE TABLE locks_3 (
                name VARCHAR NOT NULL, run VARCHAR NOT NULL, holder VARCHAR NOT NULL, since DOUBLE PRECISION NOT NULL,
                heartbeat DOUBLE PRECISION NOT NULL, host VARCHAR NOT NULL, pid INTEGER NOT NULL,
                started VARCHAR NOT NULL, {columns}, PRIMARY KEY (name, run))""",
            f"INSERT INTO locks_3 ({former}) SELECT {former} FROM locks",  # noqa: S608 - names alone
            "DROP TABLE locks",
            "ALTER TABLE locks_3 RENAME TO locks",
        )
    else:
        added = ", ".join(f"ADD COLUMN {one.strip()}" for one in columns.split(","))
        _all(connection, f"ALTER TABLE locks {added}, DROP CONSTRAINT locks_pkey, ADD PRIMARY KEY (name, run)")
    # Processes of the former version rely on it, and this one does too: one exclusive lease a name.
    _all(connection, "CREATE UNIQUE INDEX locks_exclusive ON locks (name) WHERE mode = 'exclusive'")


STEPS: Final[list[Callable[[Connection], None]]] = [_first, _runs_and_locks, _windows, _sets, _shared_leases_and_tokens]
"""The first step creates version 1, each further one the next version."""

SCHEMA_VERSION: Final = len(STEPS)


def _kind(address: str) -> str:
    """Return `ConnectorInstance` of `den/ConnectorInstance/docs` and of `den:staging/ConnectorInstance/docs`."""
    parts = address.split("/", 2)
    return parts[1] if len(parts) == 3 else ""


def _all(connection: Connection, *statements: str) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)
