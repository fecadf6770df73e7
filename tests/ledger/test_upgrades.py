"""A ledger is copied before an upgrade; an upgrade that fails leaves it usable for the older version."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sql
from ledgers import RECORD, raw

from trueup.core.errors import LedgerError
from trueup.ledger import opening
from trueup.ledger.migrations import SCHEMA_VERSION, STEPS
from trueup.ledger.store import Ledger
from trueup.report.reasons import worded

Where = Path | str
Newer = Callable[..., None]


def _step(connection: sql.Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE records ADD COLUMN later VARCHAR NOT NULL DEFAULT 'new'")


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> Newer:
    """Raise the schema version by one, with a step that can fail."""

    def become(step: Callable[[sql.Connection], None] = _step) -> None:
        monkeypatch.setattr(opening, "STEPS", [*STEPS, step])
        monkeypatch.setattr(opening, "SCHEMA_VERSION", SCHEMA_VERSION + 1)

    return become


async def _older(where: Where) -> None:
    async with await Ledger.open(where) as ledger:
        await ledger.write(records=[RECORD])


async def test_a_file_is_copied_beside_itself(tmp_path: Path, newer: Newer) -> None:
    path = tmp_path / "ledger.db"
    await _older(path)
    newer()
    async with await Ledger.open(path) as ledger:
        assert len(await ledger.records()) == 1
        (note,) = ledger.notes
    copy = tmp_path / f"ledger.db.v{SCHEMA_VERSION}.bak"
    assert str(copy) in worded(note)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as database:
        assert database.execute("select value from facts where name = 'schema_version'").fetchone() == (
            str(SCHEMA_VERSION),
        )
        assert database.execute("select count(*) from records").fetchone() == (1,)
    async with await Ledger.open(path) as ledger:
        assert ledger.notes == []
    assert sorted(os.listdir(tmp_path)) == ["ledger.db", copy.name]


async def test_the_copy_is_a_ledger_of_the_older_version(
    tmp_path: Path, newer: Newer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.db"
    await _older(path)
    newer()
    async with await Ledger.open(path):
        pass
    monkeypatch.undo()
    with pytest.raises(LedgerError, match="Use the newer trueup"):
        await Ledger.open(path)
    (tmp_path / f"ledger.db.v{SCHEMA_VERSION}.bak").rename(path)
    async with await Ledger.open(path) as ledger:
        assert list(await ledger.records()) == [(RECORD.scope, RECORD.id)]


async def test_an_earlier_copy_is_not_overwritten(tmp_path: Path, newer: Newer) -> None:
    path = tmp_path / "ledger.db"
    await _older(path)
    earlier = tmp_path / f"ledger.db.v{SCHEMA_VERSION}.bak"
    earlier.write_bytes(b"earlier")
    newer()
    async with await Ledger.open(path):
        pass
    assert earlier.read_bytes() == b"earlier"
    assert (tmp_path / f"ledger.db.v{SCHEMA_VERSION}_2.bak").stat().st_size > 0


async def test_tables_are_copied_in_their_schema(database: str, newer: Newer) -> None:
    await _older(database)
    newer()
    async with await Ledger.open(database) as ledger:
        assert len(await ledger.records()) == 1
        assert f"_v{SCHEMA_VERSION}" in worded(ledger.notes[0])
    with raw(database) as connection:
        assert connection.execute(f"select count(*) from records_v{SCHEMA_VERSION}").fetchone() == (1,)
        assert connection.execute(
            f"select value from facts_v{SCHEMA_VERSION} where name = 'schema_version'"
        ).fetchone() == (str(SCHEMA_VERSION),)


def _fails(connection: sql.Connection) -> None:
    _step(connection)
    raise ValueError("a step that fails")


async def test_a_step_that_fails_leaves_it_to_the_older_version(
    where: Where, newer: Newer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _older(where)
    newer(_fails)
    for _ in range(2):
        with pytest.raises(LedgerError, match="cannot be used"):
            await Ledger.open(where)
    if isinstance(where, Path):  # a second copy would be identical to the first
        assert sorted(os.listdir(where.parent)) == ["ledger.db", f"ledger.db.v{SCHEMA_VERSION}.bak"]
    monkeypatch.undo()
    async with await Ledger.open(where) as ledger:
        assert len(await ledger.records()) == 1


async def test_an_older_run_goes_on_while_it_is_brought_up_to_date(where: Where, newer: Newer) -> None:
    async with await Ledger.open(where) as older:
        await older.write(records=[RECORD])
        newer()
        async with await Ledger.open(where):
            pass
        await older.write(records=[RECORD])
        await older.write(forgotten=[(RECORD.scope, RECORD.id)])
        assert await older.records() == {}


async def test_a_database_that_may_only_be_read(database: str, newer: Newer) -> None:
    await _older(database)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("create role reader login password 'reader'")
        connection.execute("grant usage on schema trueup to reader")
        connection.execute("grant select on all tables in schema trueup to reader")
    url = f"postgresql://reader:reader@{database.rpartition('@')[2]}"
    try:
        newer()
        async with await Ledger.open(url) as ledger:
            assert list(await ledger.records()) == [(RECORD.scope, RECORD.id)]
            with pytest.raises(LedgerError, match="cannot be written: this user may only read it"):
                await ledger.write(records=[RECORD])
        with raw(database) as connection:
            facts: Any = connection.execute("select value from facts where name = 'schema_version'").fetchone()
        assert facts == (str(SCHEMA_VERSION),)
    finally:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("drop owned by reader")
            connection.execute("drop role reader")
