"""The ledger's interface: plain values in and out, each call one transaction in a single thread."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import sqlalchemy as sql

from trueup.core.errors import Locked
from trueup.core.records import Run, Seen
from trueup.ledger import holding, locks, rows
from trueup.ledger.holding import Hold as Hold
from trueup.ledger.opening import BROKEN, opened
from trueup.ledger.tables import INTENTS, LOCKS, RECORDS, RUNS, SEEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from sqlalchemy import Connection

    from trueup.core.reasons import Reason
    from trueup.core.records import Intent, Lease, Record
    from trueup.ledger.database import Database

_T = TypeVar("_T")

_AT_ONCE: Final = 500
"""Maximum numbers in one condition: SQLite has a limit."""
HISTORY: Final = 200
"""Number of finished runs that are kept."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents of a ledger except its key."""

    name: str
    """Its path or URL, without a password."""
    records: list[Record]
    runs: list[Run]
    """Newest first."""
    intents: list[Intent]
    """The open intents."""
    seen: list[Seen]
    leases: list[Lease]


class Ledger:
    """An open ledger. `async with await Ledger.open(where)`; use its methods from one event loop."""

    def __init__(self, database: Database, key: bytes, thread: ThreadPoolExecutor) -> None:
        self.database = database
        self._thread = thread
        self.key = key
        """The key of its fingerprints."""
        self.heartbeat, self.dead_after, self.poll = locks.HEARTBEAT, locks.DEAD_AFTER, holding.POLL

    def __repr__(self) -> str:
        return f"<Ledger {self.database.name}>"

    @classmethod
    async def open(cls, where: Path | str) -> Self:
        """Open the ledger of a path or URL, creating it if missing. Raises LedgerError."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        try:
            database, key = await asyncio.get_running_loop().run_in_executor(thread, opened, where)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        return cls(database, key, thread)

    @property
    def notes(self) -> list[Reason]:
        """Notes for the user on the opening of the ledger."""
        return self.database.notes

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the database."""
        await self.work(self.database.close)
        self._thread.shutdown()

    async def work(self, job: Callable[[], _T]) -> _T:
        """Run a job in the thread of the database. Raises LedgerError."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, job)
        except BROKEN as error:
            raise self.database.unusable(error) from None

    # Managed resources, and readings

    async def records(self, scopes: Iterable[str] | None = None) -> dict[tuple[str, str], Record]:
        """Return the records of those scopes, or of all, by scope and id."""
        query = _of(sql.select(RECORDS), RECORDS, scopes)

        def read() -> dict[tuple[str, str], Record]:
            with self.database.reading() as connection:
                found = (rows.to_record(row) for row in connection.execute(query))
                return {(one.scope, one.id): one for one in found}

        return await self.work(read)

    async def seen(self, scopes: Iterable[str] | None = None) -> dict[tuple[str, str, str], Seen]:
        """Return the last readings of each parent's children in those scopes, or in all, by scope, kind and parent."""
        query = _of(sql.select(SEEN), SEEN, scopes)

        def read() -> dict[tuple[str, str, str], Seen]:
            with self.database.reading() as connection:
                found = (rows.to_seen(row) for row in connection.execute(query))
                return {(one.scope, one.kind, one.parent): one for one in found}

        return await self.work(read)

    async def write(
        self,
        *,
        records: Iterable[Record] = (),
        forgotten: Iterable[tuple[str, str]] = (),
        intents: Iterable[Intent] = (),
        outcomes: Iterable[tuple[str, int, str]] = (),
        seen: Iterable[Seen] = (),
        under: Hold | None = None,
    ) -> None:
        """Write everything in one transaction, or nothing. Later values win over earlier ones.

        `forgotten` are scopes and ids of records; `outcomes` are run, number and state of intents, of which settled
        ones stay as they are. With `under` it writes only while that run still holds its locks, and otherwise raises
        Locked: the knowledge of a late run is older than what its successor wrote.
        """
        gone = sql.delete(RECORDS).where(RECORDS.c.scope == sql.bindparam("of"), RECORDS.c.id == sql.bindparam("which"))
        # Everyone uses the same order, so that two processes do not wait for each other.
        removed = [{"of": scope, "which": one} for scope, one in sorted(forgotten)]
        written = [
            (RECORDS, _sorted(map(rows.from_record, records), "scope", "id")),
            (INTENTS, _sorted(map(rows.from_intent, intents), "run", "number")),
            (SEEN, _sorted(map(_plain, seen), "scope", "kind", "parent")),
        ]
        settled = list(_settling(outcomes))
        if not (removed or settled or any(values for _, values in written)):
            return

        def write() -> bool:
            with self.database.writing() as connection:
                if under is not None and not locks.holds(connection, under.names, under.run.id, under.token):
                    return False
                if removed:
                    connection.execute(gone, removed)
                for table, values in written:
                    self.database.put(connection, table, values)
                for command in settled:
                    connection.execute(command)
            return True

        if under is not None:
            under.used = True
        if not await self.work(write) and under is not None:
            under.lost()
            raise Locked(
                f"run {under.run.id} has lost its locks: the ledger accepts nothing more of what it did.",
                hint="The next run determines the outcome by looking.",
            )

    async def forget(self, scope: str | None = None, address: str | None = None, stack: str | None = None) -> int:
        """Delete the records that match, and the readings of their parents; return the number of records."""
        wanted = ((RECORDS.c.scope, scope), (RECORDS.c.address, address), (RECORDS.c.stack, stack))
        conditions = [column == value for column, value in wanted if value is not None]

        def delete() -> int:
            with self.database.writing() as connection:
                found = connection.execute(sql.select(RECORDS.c.scope).where(*conditions)).scalars().all()
                connection.execute(sql.delete(RECORDS).where(*conditions))
                scopes = {*found, *([scope] if scope else ())}
                everything = scope is None and address is None and stack is None
                connection.execute(_of(sql.delete(SEEN), SEEN, None if everything else scopes))
                return len(found)

        return await self.work(delete)

    # Runs

    async def begin(self, run: Run) -> None:
        """Record the start of a run."""
        place = sql.select(sql.func.coalesce(sql.func.max(RUNS.c.place), 0) + 1).scalar_subquery()
        command = self.database.insert(RUNS).values(**_plain(run), place=place)
        command = command.on_conflict_do_update(
            index_elements=["id"],
            set_={name: command.excluded[name] for name in ("began", "holder", "ended", "result")},
        )

        def write() -> None:
            with self.database.writing() as connection:
                connection.execute(command)

        await self.work(write)

    async def finish(self, run_id: str, ended: str, result: str) -> None:
        """Record the end and the result of a run; delete settled runs beyond the history."""
        command = sql.update(RUNS).values(ended=ended, result=result).where(RUNS.c.id == run_id)

        def write() -> None:
            with self.database.writing() as connection:
                connection.execute(command)
                _prune(connection)

        await self.work(write)

    async def runs(self, limit: int | None = 20) -> list[Run]:
        """Return the runs, newest first."""

        def read() -> list[Run]:
            with self.database.reading() as connection:
                return _runs(connection, limit)

        return await self.work(read)

    async def unfinished(self, scopes: Iterable[str] | None = None) -> list[tuple[Run, list[Intent]]]:
        """Return the runs with open calls in those scopes, or in any, and these calls; oldest first."""

        def read() -> list[tuple[Run, list[Intent]]]:
            with self.database.reading() as connection:
                intents = _open(connection, scopes)
                known = {run.id: run for run in reversed(_runs(connection, None))} if intents else {}
            by_run: dict[str, list[Intent]] = {}
            for one in intents:
                by_run.setdefault(one.run, []).append(one)
            lost = [Run(name, "", "") for name in by_run if name not in known]
            return [(run, by_run[run.id]) for run in (*lost, *known.values()) if run.id in by_run]

        return await self.work(read)

    async def contents(self) -> Contents:
        """Return all contents at one moment."""

        def read() -> Contents:
            with self.database.reading() as connection:
                records = connection.execute(sql.select(RECORDS).order_by(RECORDS.c.scope, RECORDS.c.address))
                seen = connection.execute(sql.select(SEEN).order_by(SEEN.c.scope, SEEN.c.kind, SEEN.c.parent))
                return Contents(
                    self.database.name,
                    [rows.to_record(row) for row in records],
                    _runs(connection, None),
                    _open(connection, None),
                    [rows.to_seen(row) for row in seen],
                    locks.leases(self.database, connection, self.dead_after),
                )

        return await self.work(read)

    # Locks

    def locked(
        self,
        names: Iterable[str],
        run: Run,
        *,
        timeout: float,
        on_lost: Callable[[], None],
        waiting: Callable[[Lease], None] | None = None,
    ) -> AbstractAsyncContextManager[Hold | None]:
        """Hold all locks of those names while the block runs, waiting at most `timeout` seconds. Raises Locked.

        `waiting` is called once for each lease that is waited for, `on_lost` when the lock is lost.
        Without names it holds nothing and yields None.
        """
        return holding.held(self, sorted(set(names)), run, timeout, on_lost, waiting)

    def sharing(self, run: Run, on_lost: Callable[[], None]) -> Hold:
        """Return shared locks, none of which is taken yet: they exclude only exclusive locks."""
        return Hold(self, run, on_lost, shared=True)

    async def leases(self) -> list[Lease]:
        """Return every lease that is held, or that expired without being released (`gone`)."""

        def read() -> list[Lease]:
            with self.database.reading() as connection:
                return locks.leases(self.database, connection, self.dead_after)

        return await self.work(read)

    async def unlock(self, run_id: str) -> list[Lease]:
        """Delete the leases of a run and return them; the run notices with its next heartbeat."""
        return await self.work(lambda: locks.drop(self.database, run_id))

    async def revoke(self, run_id: str, by: str) -> None:
        """Ask a run for its locks: it stops and releases them; at the latest they expire with their term."""
        await self.work(lambda: locks.revoke(self.database, run_id, by))

    async def pass_on(self, run_id: str) -> tuple[list[Lease], list[Lease]]:
        """Delete the expired leases of a run; return them, and those left."""
        return await self.work(lambda: locks.pass_on(self.database, run_id, self.dead_after))


def _of(statement: Any, table: sql.Table, scopes: Iterable[str] | None) -> Any:
    return statement if scopes is None else statement.where(table.c.scope.in_(sorted(scopes)))


def _plain(one: Run | Seen) -> dict[str, Any]:
    return {field.name: getattr(one, field.name) for field in fields(one)}


def _sorted(values: Iterable[dict[str, Any]], *by: str) -> list[dict[str, Any]]:
    return sorted(values, key=lambda one: [one[name] for name in by])


def _settling(outcomes: Iterable[tuple[str, int, str]]) -> Iterable[Any]:
    """Yield the statements that set the states of intents: few, each for many intents."""
    last: dict[tuple[str, int], str] = {(run, number): rows.known_state(state) for run, number, state in outcomes}
    numbers: dict[tuple[str, str], list[int]] = defaultdict(list)
    for (run, number), state in sorted(last.items()):
        numbers[run, state].append(number)
    for (run, state), found in numbers.items():
        for start in range(0, len(found), _AT_ONCE):
            chosen = INTENTS.c.number.in_(found[start : start + _AT_ONCE])
            open_yet = INTENTS.c.state == "open"  # keep what a later run determined by looking
            yield sql.update(INTENTS).values(state=state).where(INTENTS.c.run == run, chosen, open_yet)


def _runs(connection: Connection, limit: int | None) -> list[Run]:
    query = sql.select(RUNS).order_by(RUNS.c.place.desc(), RUNS.c.id.desc()).limit(limit)
    return [rows.to_run(row) for row in connection.execute(query)]


def _open(connection: Connection, scopes: Iterable[str] | None) -> list[Intent]:
    query = _of(sql.select(INTENTS).where(INTENTS.c.state == "open"), INTENTS, scopes)
    return [rows.to_intent(row) for row in connection.execute(query.order_by(INTENTS.c.run, INTENTS.c.number))]


def _prune(connection: Connection) -> None:
    """Keep the newest runs, those with open calls, and those that hold a lock, since they are running."""
    newest = sql.select(RUNS.c.id).order_by(RUNS.c.place.desc(), RUNS.c.id.desc()).limit(HISTORY)
    unsettled = sql.select(INTENTS.c.run).where(INTENTS.c.state == "open")
    old = sql.select(RUNS.c.id).where(
        RUNS.c.id.not_in(newest), RUNS.c.id.not_in(unsettled), RUNS.c.id.not_in(sql.select(LOCKS.c.run))
    )
    gone = connection.execute(old).scalars().all()[:HISTORY]
    if gone:
        connection.execute(sql.delete(INTENTS).where(INTENTS.c.run.in_(gone)))
        connection.execute(sql.delete(RUNS).where(RUNS.c.id.in_(gone)))
