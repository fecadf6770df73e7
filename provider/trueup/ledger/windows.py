"""The request window of a credential, shared by the runs of a ledger: one row a credential."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sql

from trueup.core.errors import LedgerError
from trueup.core.records import Use, Used
from trueup.core.secrets import fingerprint
from trueup.ledger.tables import WINDOWS

if TYPE_CHECKING:
    from trueup.ledger.database import Database
    from trueup.ledger.store import Ledger


class SharedWindow:
    """The row of one credential; the ledger holds only its fingerprint."""

    def __init__(self, ledger: Ledger, scope: str, credential: str) -> None:
        self._ledger = ledger
        self._credential = fingerprint(ledger.key, f"{scope}\n{credential}")

    async def note(self, use: Use) -> Used | None:
        """Add the requests of this run and return those of all runs; None when the ledger cannot be used now.

        Only estimates depend on it, so that a busy or read-only ledger stops no run.
        """
        try:
            return await self._ledger.work(lambda: _note(self._ledger.database, self._credential, use))
        except LedgerError:
            return None


def _note(database: Database, credential: str, use: Use) -> Used:
    query = sql.select(WINDOWS.c.requests, WINDOWS.c.last).where(WINDOWS.c.credential == credential)
    if not use.requests:
        with database.reading() as connection:
            row = connection.execute(query).one_or_none()
            now = _now(database, connection, use)
        return _used(row, now, use.silence)
    with database.writing() as connection:
        if (row := connection.execute(query.with_for_update()).one_or_none()) is None:
            empty = database.insert(WINDOWS).values(credential=credential, requests=0, last=0.0)
            connection.execute(empty.on_conflict_do_nothing())  # only an existing row can be locked
            row = connection.execute(query.with_for_update()).one()
        now = _now(database, connection, use)
        before = _used(row, now - use.first, use.silence)
        total = before.requests + use.requests
        # A time in the future comes from a clock that was set back since: the other time is right.
        last = max((time for time in (now - use.last, row.last) if time <= now), default=now)
        database.put(connection, WINDOWS, [{"credential": credential, "requests": total, "last": last}])
    return Used(total, before.age)


def _now(database: Database, connection: sql.Connection, use: Use) -> float:
    """Return the time that all users of the ledger share: the server's, or that of the file's machine."""
    return use.now if database.is_sqlite else database.now(connection)


def _used(row: Any, now: float, silence: float) -> Used:
    if row is None or not row.last:
        return Used(0, None)
    age = max(0.0, now - row.last)
    return Used(0 if silence and age > silence else row.requests, age)
