"""Locks in the database: a lease is a row that its holder keeps renewing, and free for others when it does not.

An exclusive lease is the only one on its name; shared ones exclude only exclusive ones. Each has a token, which
increases with every lease taken, so that a late holder can be distinguished from the present one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sql

from trueup.ledger import clock
from trueup.ledger.identity import Process, this_process
from trueup.ledger.rows import to_lease
from trueup.ledger.tables import FACTS, LOCKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection, Row

    from trueup.core.records import Lease, Run
    from trueup.ledger.database import Database

HEARTBEAT: Final = 5.0
"""Seconds between renewals of a lease."""
DEAD_AFTER: Final = 30.0
"""The term: seconds after the last renewal, by the clock of the database, until the lease is free for others."""
_TOKEN: Final = "token"  # noqa: S105 - the name of a fact


class Beaten(Exception):
    """Another process was faster: nothing was taken, and another attempt is worthwhile."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The token of the leases that were taken; or the leases in the way, in which case none was taken."""

    token: int = 0
    blocking: list[Lease] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of the leases of a run."""

    state: Literal["held", "revoked", "lost"]
    by: str = ""
    """The user who revoked them."""


def take(
    database: Database, names: Sequence[str], run: Run, dead_after: float, *, shared: bool = False, token: int = 0
) -> Taken:
    """Take all of the names, or none. `token` is the run's existing one. Raises Beaten.

    Rows are always changed in the order of their names, so that two processes do not wait for each other.
    """
    here = this_process()
    with database.writing() as connection:
        database.one_taker(connection)
        now = database.now(connection)
        rows = _rows(connection, LOCKS.c.name.in_(names))
        leases = [_lease(database, row, now, here, dead_after) for row in rows]
        alive = [lease for lease in leases if not (lease.gone or (shared and lease.shared))]
        if alive:
            return Taken(blocking=alive)
        for row, lease in zip(rows, leases, strict=True):
            # Only the row as it was seen: not if its holder renewed it, or another run took it, since.
            if lease.gone and not _deleted(connection, row):
                raise Beaten
        token = token or _next_token(database, connection)
        values = {
            "run": run.id,
            "holder": run.holder,
            "since": now,
            "heartbeat": now,
            "host": here.host,
            "pid": here.pid,
            "started": here.started,
            "mode": "shared" if shared else "exclusive",
            "token": token,
            "booted": clock.booted(),
            "revoked": 0.0,
            "revoker": "",
        }
        for name in sorted(names):
            connection.execute(database.insert(LOCKS).values(name=name, **values).on_conflict_do_nothing())
        if len(connection.execute(_mine(names, run.id, token)).all()) != len(names):
            raise Beaten
    return Taken(token)


def confirm(database: Database, names: Sequence[str], run: str, token: int) -> Standing:
    """Renew the leases, unless another run holds one of them or it was revoked."""
    with database.writing() as connection:
        rows = connection.execute(_mine(names, run, token).with_for_update()).all()
        if len(rows) < len(names):
            return Standing("lost")
        if revoked := [row for row in rows if row.revoked]:
            return Standing("revoked", str(revoked[0].revoker))
        values = {"heartbeat": database.now(connection), "booted": clock.booted()}
        command = sql.update(LOCKS).values(values).where(LOCKS.c.run == run, LOCKS.c.token == token)
        connection.execute(command.where(LOCKS.c.name.in_(names)))
    return Standing("held")


def holds(connection: Connection, names: Sequence[str], run: str, token: int) -> bool:
    """Return whether the run still holds all of the leases, and keeps them until the transaction ends."""
    return len(connection.execute(_mine(names, run, token).with_for_update(read=True)).all()) == len(names)


def drop(database: Database, run: str, names: Iterable[str] | None = None) -> list[Lease]:
    """Delete the leases of a run, with `names` only those, and return them."""
    wanted = None if names is None else set(names)
    with database.writing() as connection:
        now, here = database.now(connection), this_process()
        rows = [row for row in _rows(connection, LOCKS.c.run == run) if wanted is None or row.name in wanted]
        gone = []
        for row in rows:
            command = sql.delete(LOCKS).where(LOCKS.c.name == row.name, LOCKS.c.run == run)
            if connection.execute(command).rowcount:
                gone.append(_lease(database, row, now, here, DEAD_AFTER))
        return gone


def revoke(database: Database, run: str, by: str) -> None:
    """Ask a run to release its leases: it renews none, and releases them when no call is in flight."""
    with database.writing() as connection:
        command = sql.update(LOCKS).values(revoked=database.now(connection), revoker=by)
        connection.execute(command.where(LOCKS.c.run == run, LOCKS.c.revoked == 0))


def pass_on(database: Database, run: str, dead_after: float) -> tuple[list[Lease], list[Lease]]:
    """Delete the leases of a run that have expired or whose process is gone. Return them, and those left."""
    with database.writing() as connection:
        now, here = database.now(connection), this_process()
        gone, left = [], []
        for row in _rows(connection, LOCKS.c.run == run):
            lease = _lease(database, row, now, here, dead_after)
            if lease.gone and _deleted(connection, row):
                gone.append(lease)
            else:
                left.append(lease)
        return gone, left


def leases(database: Database, connection: Connection, dead_after: float) -> list[Lease]:
    """Return all leases, including those that no run holds any more."""
    now, here = database.now(connection), this_process()
    return [_lease(database, row, now, here, dead_after) for row in _rows(connection)]


def _rows(connection: Connection, *conditions: Any) -> Sequence[Row[Any]]:
    return connection.execute(sql.select(LOCKS).where(*conditions).order_by(LOCKS.c.name, LOCKS.c.run)).all()


def _mine(names: Sequence[str], run: str, token: int) -> sql.Select[Any]:
    found = sql.select(LOCKS.c.name, LOCKS.c.revoked, LOCKS.c.revoker).order_by(LOCKS.c.name)
    return found.where(LOCKS.c.name.in_(names), LOCKS.c.run == run, LOCKS.c.token == token)


def _deleted(connection: Connection, row: Row[Any]) -> bool:
    """Delete a row if it is still as it was seen; return whether it was."""
    command = sql.delete(LOCKS).where(LOCKS.c.name == row.name, LOCKS.c.run == row.run)
    return connection.execute(command.where(LOCKS.c.heartbeat == row.heartbeat)).rowcount == 1


def _next_token(database: Database, connection: Connection) -> int:
    last = connection.execute(sql.select(FACTS.c.value).where(FACTS.c.name == _TOKEN)).scalar()
    token = int(last or 0) + 1
    database.put(connection, FACTS, [{"name": _TOKEN, "value": str(token)}])
    return token


def _lease(database: Database, row: Row[Any], now: float, here: Process, dead_after: float) -> Lease:
    """Return the lease of a row, by the database's clock. With SQLite that is this machine's, without its steps."""
    there = Process(row.host, row.pid, row.started)
    stepped = 0.0
    if database.is_sqlite and row.booted and there.boot and there.boot == here.boot and (booted := clock.booted()):
        stepped = booted - row.booted
    lease = to_lease(row, now - stepped)
    lease.gone = lease.age > dead_after or there.is_gone(here)
    return lease
