"""The ledger in PostgreSQL: which URLs are taken, no password is ever shown, and what a server may do in between."""

from __future__ import annotations

import asyncio
import builtins
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ledgers import RECORD, raw, run_of, stored
from postgres import PASSWORD, Server
from waiting import until

from trueup.core.errors import LedgerError, UsageError
from trueup.core.secrets import scrub
from trueup.ledger import locks
from trueup.ledger.place import is_there, ledger_place
from trueup.ledger.store import Ledger


def test_where_the_ledger_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for named, place in {
        "": tmp_path / "ledger.db",
        "off": None,
        "OFF": None,
        "none": None,
        "some/where.db": Path("some/where.db"),
        "postgresql://host/db": "postgresql://host/db",
        "mysql://host/db": "mysql://host/db",
    }.items():
        monkeypatch.setenv("TRUEUP_LEDGER", named)
        assert ledger_place(tmp_path) == place
    assert not is_there(None)
    assert not is_there(tmp_path / "ledger.db")
    assert is_there(tmp_path)
    assert is_there("postgresql://host/db")


def test_importing_the_ledger_imports_no_driver_and_asking_where_it_is_not_even_a_database() -> None:
    script = (
        "import sys\nimport trueup.ledger.place\nassert 'sqlalchemy' not in sys.modules\n"
        "import trueup.ledger.store\nassert 'sqlalchemy' in sys.modules\nassert 'psycopg' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgresql", "postgres"])
async def test_schemes(database: str, scheme: str) -> None:
    url = f"{scheme}{database.removeprefix('postgresql')}"
    async with await Ledger.open(url) as ledger:
        await ledger.write(records=[RECORD])
    assert len(await stored(database)) == 1


@pytest.mark.parametrize("url", ["mysql://u:hunter2hunter2@h/db", "sqlite:///x.db", "://", "postgresql+asyncpg://h/db"])
async def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(LedgerError, match=r"only postgresql:// is supported.*TRUEUP_LEDGER") as raised:
        await Ledger.open(url)
    assert "hunter2" not in str(raised.value)


# Secrets


@pytest.mark.parametrize(
    "named",
    [
        "host=h port=5432 password=hunter2hunter2",
        "dbname = d",
        "ann:hunter2hunter2@h:5432/db",
        "postgresql:ann:hunter2hunter2@h/db",
        "postgresql:/ann:hunter2hunter2@h/db",
        "postgresql//ann:hunter2hunter2@h/db",
        "//ann:hunter2hunter2@h/db",
    ],
)
def test_a_database_without_a_url_is_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("TRUEUP_LEDGER", named)
    with pytest.raises(UsageError, match="lacks its ://") as raised:
        ledger_place(tmp_path)
    assert "hunter2" not in f"{raised.value} {raised.value.hint}"


@pytest.mark.parametrize("named", ["a/b@c.db", "./x:1/y", "C:\\me@home\\l.db", "my ledger.db", "/srv/postgresql/l.db"])
def test_a_path_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("TRUEUP_LEDGER", named)
    assert ledger_place(tmp_path) == Path(named)


BROKEN = [
    "postgresql://ann:hunter2hunter2@127.0.0.1:1/db",
    "postgresql://ann:hunter2hunter2@127.0.0.1:none/db",
    "postgresql://ann:hunter2@hunter2@127.0.0.1:1/db",
    "postgresql://ann:hunter2hunter2",
    "postgresql://ann:hunter2@[/db",
    "postgresql://ann@127.0.0.1:1/db?password=hunter2hunter2",
    "postgresql://ann@127.0.0.1:1/db?sslpassword=hunter2hunter2&sslmode=disable",
    "postgresql://ann@127.0.0.1:1/db?hunter2=hunter2hunter2",
    "postgresql://ann:h%75nter2hunter2@127.0.0.1:1/db?connect_timeout=2",
    "postgresql://ann:hunter2/x@127.0.0.1:1/db",
    "postgresql://:hunter2hunter2@127.0.0.1:1",
]


@pytest.mark.parametrize("url", BROKEN)
async def test_a_url_that_leads_nowhere_is_told_without_its_password(url: str) -> None:
    with pytest.raises(LedgerError) as raised:
        await Ledger.open(url)
    error = raised.value
    told = str(error) + repr(error) + "".join(traceback.format_exception(error))
    assert "hunter2" not in told.replace("hunter2=", "").replace('"hunter2"', "")
    assert "h%75nter2" not in told


async def test_a_password_is_known_as_a_secret_from_then_on(postgresql: Server, database: str) -> None:
    assert scrub(f"it is {PASSWORD}") == f"it is {PASSWORD}"
    async with await Ledger.open(database) as ledger:
        assert PASSWORD not in repr(ledger)
        assert "trueup:***@127.0.0.1" in repr(ledger)
        name = (await ledger.contents()).name
    assert "word" not in name
    for text in (PASSWORD, database, f"psql {database} failed"):
        shown = scrub(text)
        assert PASSWORD not in shown
        assert "pass%40word" not in shown
    with pytest.raises(LedgerError, match="password authentication failed") as raised:
        await Ledger.open(database.replace("server@", "service@"))
    assert "service" not in str(raised.value)


# The server


async def test_without_psycopg_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *arguments: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "psycopg":
            raise ModuleNotFoundError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(LedgerError) as raised:
        await Ledger.open("postgresql://ann:hunter2hunter2@127.0.0.1/db")
    assert raised.value.message == (
        "the ledger postgresql://ann:***@127.0.0.1/db needs psycopg, which is not installed."
    )
    assert raised.value.hint == "Run: pip install 'trueup[postgresql]'"


async def test_a_server_that_is_not_there_and_a_database_that_is_none(postgresql: Server) -> None:
    with pytest.raises(LedgerError, match=r'database "nowhere" does not exist\. Check TRUEUP_LEDGER'):
        await Ledger.open(postgresql.url("nowhere"))
    with pytest.raises(LedgerError, match=r"cannot be used: .*refused"):
        await Ledger.open("postgresql://ann@127.0.0.1:1/db")


async def test_what_else_is_in_the_database_is_left_alone(postgresql: Server, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        for name in ("facts", "records", "runs", "locks"):
            connection.execute(f"create table public.{name} (mine text)")
    async with await Ledger.open(database) as ledger:
        await ledger.write(records=[RECORD])
        assert await ledger.forget() == 1
    with psycopg.connect(database) as connection:
        found = connection.execute(
            "select tablename from pg_tables where schemaname = 'public' order by tablename"
        ).fetchall()
    assert [name for (name,) in found] == ["facts", "locks", "records", "runs"]


async def test_a_user_who_may_only_use_the_schema_that_somebody_made(postgresql: Server, database: str) -> None:
    name = database.rpartition("/")[2]
    role = f"small_{name}"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"create role {role} login password 'a small one'")
    small = f"postgresql://{role}:a%20small%20one@127.0.0.1:{postgresql.port}/{name}"
    try:
        with pytest.raises(LedgerError, match=rf"permission denied for database {name}\."):
            await Ledger.open(small)
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(f"create schema trueup authorization {role}")
        async with await Ledger.open(small) as ledger:
            await ledger.write(records=[RECORD])
        assert len(await stored(small)) == 1
    finally:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(f"drop owned by {role} cascade")
            connection.execute(f"drop role {role}")


async def test_a_connection_that_was_cut_is_made_again(postgresql: Server, database: str) -> None:
    name = database.rpartition("/")[2]
    async with await Ledger.open(database) as ledger:
        await ledger.write(records=[RECORD])
        with postgresql.connect() as connection:
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))
        assert len(await ledger.records(["den:x"])) == 1


async def test_a_lock_outlives_a_connection_that_was_cut(
    postgresql: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirmed: list[str] = []
    confirm = locks.confirm

    def counted(*given: Any) -> locks.Standing:
        found = confirm(*given)
        confirmed.append(found.state)
        return found

    monkeypatch.setattr(locks, "confirm", counted)
    name = database.rpartition("/")[2]
    lost = asyncio.Event()
    async with await Ledger.open(database) as ledger, await Ledger.open(database) as other:
        ledger.heartbeat = 0.02
        async with ledger.locked(["a"], run_of(), timeout=0, on_lost=lost.set):
            for _ in range(5):
                with postgresql.connect() as connection:
                    connection.execute(
                        "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
                    )
                before = len(confirmed)
                await until(lambda: len(confirmed) > before + 1)  # noqa: B023
            assert [one.run for one in await other.leases()] == ["r-1"]
    assert not lost.is_set()


async def test_nothing_of_a_session_is_left_to_whoever_has_the_connection_next(database: str) -> None:
    """As with a pooler in between, which gives every transaction another one."""
    async with await Ledger.open(database) as ledger:
        await ledger.write(records=[RECORD])

        def settings() -> tuple[Any, Any, Any]:
            raw_connection = ledger.database._reading.raw_connection()
            try:
                cursor = raw_connection.cursor()
                found = []
                for name in ("search_path", "lock_timeout"):
                    cursor.execute(f"show {name}")
                    found.append(cursor.fetchone()[0])  # type: ignore[index]
                cursor.execute("select count(*) from pg_prepared_statements")
                return (*found, cursor.fetchone()[0])  # type: ignore[index]
            finally:
                raw_connection.close()

        assert await ledger.work(settings) == ('"$user", public', "0", 0)


async def test_settings_of_the_url_win(database: str) -> None:
    async with await Ledger.open(f"{database}?application_name=mine&connect_timeout=3") as ledger:
        with ledger.database.reading() as connection:
            assert connection.exec_driver_sql("show application_name").scalar() == "mine"
    async with await Ledger.open(database) as ledger:
        with ledger.database.reading() as connection:
            assert connection.exec_driver_sql("show application_name").scalar() == "trueup"


async def test_a_server_with_another_isolation_level_is_no_different(postgresql: Server, database: str) -> None:
    name = database.rpartition("/")[2]
    with postgresql.connect() as connection:
        connection.execute(f"alter database {name} set default_transaction_isolation = 'serializable'")
    async with await Ledger.open(database) as ledger:
        with ledger.database.reading() as found:
            assert found.exec_driver_sql("show transaction_isolation").scalar() == "read committed"
        await ledger.write(records=[RECORD])
    with raw(database) as tables:
        assert tables.execute("select count(*) from records").fetchone() == (1,)
