"""What is found where a ledger is wanted: older ones, newer ones, what is none, and what is damaged."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sql
from ledgers import ADDRESSES, KEY, RECORD, first_ledger, intent_of, raw, run_of, started, stored, together

from trueup.core.errors import LedgerError
from trueup.core.records import Record, Seen
from trueup.ledger import migrations
from trueup.ledger.migrations import SCHEMA_VERSION
from trueup.ledger.store import Ledger
from trueup.ledger.tables import META

Where = Path | str

# As version 1 was made, to the letter.


async def test_a_ledger_of_version_1_is_brought_up_to_date_with_all_that_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    first_ledger(path)
    async with await Ledger.open(path) as ledger:
        assert ledger.key == bytes.fromhex(KEY)
        found = await ledger.records(["den:x"])
        await ledger.write(records=[RECORD], intents=[intent_of("r-1", 1)])
    assert {one.address: one.kind for one in found.values()} == ADDRESSES
    assert found["den:x", "cin_0"] == Record(
        "den:x",
        "cin_0",
        "den/ConnectorInstance/docs",
        kind="ConnectorInstance",
        written={"config.a": "f1"},
        read_back={"config.a": "f2"},
        settling=["status"],
        owned=[["config", "a"]],
        at="2026-01-01T00:00:00Z",
    )
    assert len(await stored(path)) == len(ADDRESSES)
    with raw(path) as database:
        assert database.execute("select value from facts where name = 'schema_version'").fetchone() == (
            str(SCHEMA_VERSION),
        )


OPENER = """
async def main():
    ready()
    async with await Ledger.open(where) as ledger:
        print(ledger.key.hex(), len(await ledger.records(["den:x"])))

asyncio.run(main())
"""


async def test_several_processes_bring_it_up_to_date_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    first_ledger(path, rows=3_000)
    said = await asyncio.to_thread(together, [started(OPENER, path) for _ in range(4)])
    assert said == [f"{KEY} {len(ADDRESSES) + 3_000}\n"] * 4


@pytest.mark.parametrize("times", range(3))
async def test_several_processes_make_it_at_once(where: Where, times: int) -> None:
    said = await asyncio.to_thread(together, [started(OPENER, where) for _ in range(4)])
    assert len(set(said)) == 1


async def test_a_step_that_fails_leaves_the_version_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.db"
    first_ledger(path)

    def broken(connection: sql.Connection) -> None:
        migrations.STEPS[1](connection)
        connection.exec_driver_sql("this is no statement")

    monkeypatch.setattr("trueup.ledger.opening.STEPS", [migrations.STEPS[0], broken])
    with pytest.raises(LedgerError, match="cannot be used"):
        await Ledger.open(path)
    with raw(path) as database:
        assert database.execute("select value from facts where name = 'schema_version'").fetchone() == ("1",)
        assert len(database.execute("select * from records").fetchone()) == 5
    monkeypatch.undo()
    assert len(await stored(path)) == len(ADDRESSES)


@pytest.mark.parametrize("left", ["", "create table facts (name varchar not null, value varchar, primary key (name))"])
async def test_what_a_killed_older_trueup_began_is_finished(tmp_path: Path, left: str) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(left)
    async with await Ledger.open(path) as ledger:
        await ledger.write(records=[RECORD])
    assert len(await stored(path)) == 1


async def test_the_tables_are_those_that_queries_name(where: Where) -> None:
    async with await Ledger.open(where) as ledger:
        with ledger.database.reading() as connection:
            found = sql.inspect(connection)
            assert set(META.tables) == set(found.get_table_names())
            for table in META.tables.values():
                assert [one.name for one in table.columns] == [
                    one["name"] for one in found.get_columns(table.name)
                ] or ({one.name for one in table.columns} == {one["name"] for one in found.get_columns(table.name)})
                keys = found.get_pk_constraint(table.name)["constrained_columns"]
                assert keys == [one.name for one in table.primary_key]
                nullable = {one["name"] for one in found.get_columns(table.name) if one["nullable"]}
                assert nullable == {one.name for one in table.columns if one.nullable}


# Newer ones


async def test_a_ledger_of_a_newer_trueup_is_left_alone(where: Where) -> None:
    async with await Ledger.open(where):
        pass
    with raw(where) as database:
        database.execute("update facts set value = '999' where name = 'schema_version'")
    with pytest.raises(
        LedgerError, match=rf"has schema version 999; this trueup supports up to {SCHEMA_VERSION}.*newer"
    ):
        await Ledger.open(where)


@pytest.mark.parametrize("version", ["0", "-1", "1.5", "", "two", "²", None])
async def test_a_version_that_is_none_is_told(where: Where, version: str | None) -> None:
    async with await Ledger.open(where):
        pass
    with raw(where) as database:
        database.execute("update facts set value = ? where name = 'schema_version'", (version,))
    with pytest.raises(LedgerError, match=r"cannot be used|not a ledger"):
        await Ledger.open(where)


# What is no ledger


@pytest.mark.parametrize(
    "content", [b"this is no database, it is a text of some length" * 50, b"SQLite format 3\0" + b"\0" * 200, b"x"]
)
async def test_a_file_that_is_no_ledger_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    with pytest.raises(LedgerError) as raised:
        await Ledger.open(path)
    assert str(path) in str(raised.value)
    assert raised.value.exit_code == 1
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "statement",
    [
        "create table people (name text)",
        "create table facts (what text)",
        "create table facts (name text, value text); insert into facts values ('a', 'b')",
        "create table facts (name text, value text); create table people (name text)",
    ],
)
async def test_a_database_of_another_program_is_left_alone(where: Where, statement: str) -> None:
    if isinstance(where, Path):
        with closing(sqlite3.connect(where)) as database:
            database.executescript(statement)
        before = where.read_bytes()
    else:
        with raw(where) as connection:
            connection.execute("create schema trueup")
            for one in statement.split(";"):
                connection.execute(one)
    with pytest.raises(LedgerError, match=r"not a ledger|cannot be used"):
        await Ledger.open(where)
    if isinstance(where, Path):
        assert where.read_bytes() == before
        assert os.listdir(where.parent) == [where.name]
    else:
        with raw(where) as connection:
            tables = connection.execute("select count(*) from pg_tables where schemaname = 'trueup'").fetchone()
        assert tables == (statement.count("create"),)


@pytest.mark.parametrize("length", [1, 100, 4096, 8192, 0.5, 0.9])
async def test_a_ledger_that_was_cut_off_is_told_and_left_alone(tmp_path: Path, length: float) -> None:
    path = tmp_path / "ledger.db"
    async with await Ledger.open(path) as ledger:
        await ledger.write(records=[Record("den:x", f"cin_{number}", "a" * 500) for number in range(200)])
    content = path.read_bytes()
    content = content[: int(length * len(content)) if length < 1 else int(length)]
    path.write_bytes(content)
    with pytest.raises(LedgerError, match="cannot be used"):
        await stored(path)
    assert path.read_bytes() == content


async def test_a_ledger_that_is_damaged_in_the_middle_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with await Ledger.open(path) as ledger:
        await ledger.write(records=[Record("den:x", f"cin_{number}", "a" * 500) for number in range(500)])
    content = bytearray(path.read_bytes())
    content[8192 : len(content) - 4096] = b"\xff" * (len(content) - 12288)
    path.write_bytes(content)
    with pytest.raises(LedgerError):
        await stored(path)


@pytest.mark.parametrize(
    "place", ["file/below/ledger.db", "file/ledger.db", "folder", "nul\0", "pipe", "socket", "loop"]
)
async def test_a_place_that_cannot_hold_one_is_told(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as one:
        os.chdir(tmp_path)  # the path of a socket has little room
        one.bind("socket")
        with pytest.raises(LedgerError, match=r"cannot be opened: .*TRUEUP_LEDGER"):
            await Ledger.open(tmp_path / place)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder", "loop", "pipe", "socket"]


async def test_a_device_is_no_ledger() -> None:
    with pytest.raises(LedgerError, match="not a regular file"):
        await Ledger.open(Path(os.devnull))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that others can reach too."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


@contextmanager
def somebody() -> Iterator[None]:
    """Not root, who may do anything."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


# What is not as it should be inside


@pytest.mark.parametrize(
    "body",
    [
        *("", "[]", "{}", '{"written": {}}', "not json", '"x"', "null", "[" * 100_000),
        '{"written": [], "read_back": {}, "settling": [], "owned": []}',
        '{"written": {"a": 1}, "read_back": {}, "settling": [], "owned": []}',
        '{"written": {}, "read_back": null, "settling": [], "owned": []}',
        '{"written": {}, "read_back": {}, "settling": "x", "owned": []}',
        '{"written": {}, "read_back": {}, "settling": [], "owned": ["x"]}',
        '{"written": {}, "read_back": {}, "settling": [], "owned": [[1]]}',
        '{"written": {}, "read_back": {}, "settling": [{}], "owned": [[]]}',
    ],
)
async def test_a_record_that_cannot_be_read_is_told(where: Where, body: str) -> None:
    async with await Ledger.open(where) as ledger:
        await ledger.write(records=[RECORD], intents=[intent_of("r-1", 1, record=RECORD)])
    with raw(where) as database:
        database.execute("update records set body = ?", (body,))
        database.execute("update intents set record = ?", (body,))
    async with await Ledger.open(where) as ledger:
        for reading in (ledger.records(["den:x"]), ledger.unfinished(["den:x"]), ledger.contents()):
            with pytest.raises(LedgerError, match="cannot be used"):
                await reading


@pytest.mark.parametrize("value", [None, 1, 1.5, b"\xff", b"text"])
@pytest.mark.parametrize("column", ["address", "at", "body", "kind", "protected"])
async def test_a_column_that_holds_something_else_is_told(tmp_path: Path, column: str, value: object) -> None:
    """SQLite lets a column hold anything."""
    path = tmp_path / "ledger.db"
    first_ledger(path)
    async with await Ledger.open(path):
        pass
    if (column, value) == ("protected", 1):
        return
    with raw(path) as database:
        database.execute("create table other as select * from records")
        database.execute("drop table records")
        database.execute("alter table other rename to records")
        database.execute(f"update records set {column} = ?", (value,))
        (kept,) = database.execute(f"select {column} from records").fetchone()
    if isinstance(kept, str) and not isinstance(value, bytes):
        return  # it became a text
    with pytest.raises(LedgerError, match="cannot be used"):
        await stored(path)


@pytest.mark.parametrize(
    "statement",
    [
        "update intents set state = 'odd'",
        "update intents set record = '{}'",
        "update locks set heartbeat = 1e300",
        "update locks set since = -1e300",
    ],
)
async def test_what_else_is_not_as_it_should_be_is_told(where: Where, statement: str) -> None:
    async with await Ledger.open(where) as ledger:
        await ledger.write(intents=[intent_of("r-1", 1)], seen=[Seen("den:x", "K", "p", "", "")])
        async with ledger.locked(["den:x"], run_of(), timeout=0, on_lost=lambda: None):
            with raw(where) as database:
                database.execute(statement)
            if "state" in statement:
                with raw(where) as database:
                    database.execute("update intents set state = 'open'")
                return
            with pytest.raises(LedgerError, match="cannot be used"):
                await ledger.contents()


@pytest.mark.parametrize("key", ["", "zz", "é", "ab", None])
async def test_a_key_that_is_none_is_told(where: Where, key: str | None) -> None:
    async with await Ledger.open(where):
        pass
    with raw(where) as database:
        database.execute("update facts set value = ? where name = 'key'", (key,))
    with pytest.raises(LedgerError, match="cannot be used"):
        await Ledger.open(where)
    with raw(where) as database:
        database.execute("delete from facts where name = 'key'")
    with pytest.raises(LedgerError, match="cannot be used"):
        await Ledger.open(where)
