"""Locks as the database has them: a lease is a row, confirmed again and again, and free for others when it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sql

from trueup.ledger.identity import Process, this_process
from trueup.ledger.rows import to_lease
from trueup.ledger.tables import LOCKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection, Row

    from trueup.ledger.database import Database
    from trueup.records import Lease, Run

HEARTBEAT: Final = 5.0
"""Seconds from one confirmation of a lease to the next."""
DEAD_AFTER: Final = 30.0
"""Seconds after the last one, by the clock of the database, when it is free for others."""


class Beaten(Exception):
    """Another process was quicker: nothing was taken, and it is worth looking again."""


def take(database: Database, names: Sequence[str], run: Run, dead_after: float) -> list[Lease]:
    """Takes all of the names, or none: then the leases that are in the way. Raises Beaten.

    Rows are changed in the order of their names everywhere, so that no two wait for each other.
    """
    here = this_process()
    with database.writing() as connection:
        now = database.now(connection)
        rows = {row.name: row for row in connection.execute(sql.select(LOCKS).where(LOCKS.c.name.in_(names)))}
        leases = {name: to_lease(row, now) for name, row in rows.items()}
        alive = [leases[name] for name in sorted(rows) if not _is_dead(rows[name], leases[name], here, dead_after)]
        if alive:
            return alive
        values = {
            "run": run.id,
            "holder": run.holder,
            "since": now,
            "heartbeat": now,
            "host": here.host,
            "pid": here.pid,
            "started": here.started,
        }
        for name in sorted(names):
            command: Any
            if row := rows.get(name):
                command = sql.update(LOCKS).values(values)
                # As it was seen: not if its holder has confirmed it, or another one has taken it, since.
                command = command.where(
                    LOCKS.c.name == name, LOCKS.c.run == row.run, LOCKS.c.heartbeat == row.heartbeat
                )
            else:
                command = database.insert(LOCKS).values(name=name, **values).on_conflict_do_nothing()
            connection.execute(command)
        ours = connection.execute(sql.select(LOCKS.c.name).where(LOCKS.c.name.in_(names), LOCKS.c.run == run.id))
        if len(ours.all()) != len(names):
            raise Beaten
    return []


def confirm(database: Database, names: Sequence[str], run: str) -> bool:
    """Confirms the leases; whether all of them are still this run's."""
    with database.writing() as connection:
        now = database.now(connection)
        for name in sorted(names):
            command = sql.update(LOCKS).values(heartbeat=now).where(LOCKS.c.name == name, LOCKS.c.run == run)
            if connection.execute(command).rowcount != 1:
                return False
    return True


def drop(database: Database, run: str, names: Iterable[str] | None = None) -> list[Lease]:
    """Gives the leases of a run back; with `names` those alone. What they were."""
    with database.writing() as connection:
        now = database.now(connection)
        rows = connection.execute(sql.select(LOCKS).where(LOCKS.c.run == run).order_by(LOCKS.c.name)).all()
        wanted = None if names is None else set(names)
        found = [to_lease(row, now) for row in rows if wanted is None or row.name in wanted]
        gone = []
        for one in found:
            command = sql.delete(LOCKS).where(LOCKS.c.name == one.name, LOCKS.c.run == run)
            if connection.execute(command).rowcount:
                gone.append(one)
        return gone


def leases(database: Database, connection: Connection, dead_after: float) -> list[Lease]:
    """All of them, also those that nobody holds any more."""
    found = connection.execute(sql.select(LOCKS).order_by(LOCKS.c.name)).all()
    now, here = database.now(connection), this_process()
    leases = [to_lease(row, now) for row in found]
    for row, lease in zip(found, leases, strict=True):
        lease.gone = _is_dead(row, lease, here, dead_after)
    return leases


def _is_dead(row: Row[Any], lease: Lease, here: Process, dead_after: float) -> bool:
    return lease.age > dead_after or Process(row.host, row.pid, row.started).is_gone(here)
