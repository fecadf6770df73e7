"""Ledgers as tests see them from outside: their raw tables, and processes of their own that use them."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from trueup.core.records import Intent, Record, Run
from trueup.ledger.store import Ledger

RECORD = Record(
    "den:x",
    "cin_1",
    "den/ConnectorInstance/docs",
    kind="ConnectorInstance",
    realm="org_1",
    parent="cta_1",
    name="Docs",
    policy="archive",
    protected=True,
    written={"config.a": "f1"},
    read_back={"config.a": "f2"},
    settling=["status"],
    owned=[["config", "a"]],
    at="2026-01-01T00:00:00Z",
)
PATIENCE = 60.0


def run_of(name: str = "r-1", holder: str = "ann@host, process 1") -> Run:
    return Run(name, "2026-01-01T00:00:00Z", holder)


def intent_of(run: str, number: int, **more: Any) -> Intent:
    values = {"scope": "den:x", "realm": "org_1", "address": "den/ConnectorInstance/docs", **more}
    return Intent(run, number, kind="ConnectorInstance", verb="create", at="2026-01-01T00:00:00Z", **values)


async def stored(where: Path | str, scope: str = "den:x") -> dict[tuple[str, str], Record]:
    async with await Ledger.open(where) as ledger:
        return await ledger.records([scope])


@contextlib.contextmanager
def raw(where: Path | str) -> Iterator[Any]:
    """A connection to the tables themselves, whose changes are kept at once; `?` stands for parameters."""
    if isinstance(where, Path):
        with contextlib.closing(sqlite3.connect(where, isolation_level=None, timeout=PATIENCE)) as database:
            yield database
        return
    with psycopg.connect(where, autocommit=True, options="-c search_path=trueup") as connection:
        yield _Words(connection)


class _Words:
    """psycopg with the parameters of sqlite3."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        return self._connection.execute(statement.replace("?", "%s").encode(), parameters or None)


def started(program: str, where: Path | str, *words: str) -> subprocess.Popen[str]:
    """A process that runs this program with a place and words as its arguments."""
    return subprocess.Popen(
        [sys.executable, "-c", OPENING + program, str(where), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def together(processes: Sequence[subprocess.Popen[str]], *, ended: bool = True) -> list[str]:
    """Lets processes that say `ready` go on at the same moment, as far as that can be had; what they said then.

    Those that have not `ended` say one line each, and then wait until all of them have.
    """
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    lines = ["" if ended or process.stdout is None else process.stdout.readline() for process in processes]
    said = [process.communicate(timeout=PATIENCE) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), [error for _, error in said]
    return [line + out for line, (out, _) in zip(lines, said, strict=True)]


OPENING = """
import asyncio, os, signal, sys
from pathlib import Path
from trueup.core.errors import Locked
from trueup.ledger.identity import holder
from trueup.ledger.store import Ledger
from trueup.core.records import Intent, Record, Run, Seen

where = sys.argv[1] if "://" in sys.argv[1] else Path(sys.argv[1])

def ready():
    print("ready", flush=True)
    sys.stdin.readline()
"""


def nothing() -> None:
    """Fail: a lock was lost that no test loses."""
    raise AssertionError


async def held(ledger: Ledger) -> list[tuple[str, str]]:
    return [(one.name, one.run) for one in await ledger.leases()]


FIRST = """
CREATE TABLE facts (name VARCHAR NOT NULL, value VARCHAR, PRIMARY KEY (name));
CREATE TABLE records (scope VARCHAR NOT NULL, id VARCHAR NOT NULL, address VARCHAR NOT NULL, at VARCHAR NOT NULL,
    body VARCHAR NOT NULL, PRIMARY KEY (scope, id));
INSERT INTO facts VALUES ('schema_version', '1');
"""
KEY = "ab" * 32
BODY = (
    '{"written": {"config.a": "f1"}, "read_back": {"config.a": "f2"}, "settling": ["status"], '
    '"owned": [["config", "a"]]}'
)
ADDRESSES = {
    "den/ConnectorInstance/docs": "ConnectorInstance",
    "den:staging/ConnectorAccount/x": "ConnectorAccount",
    "wexa/Connector/a/b": "Connector",
    "odd": "",
}


def first_ledger(path: Path, *, rows: int = 0) -> None:
    """A ledger of version 1, with records of those addresses."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.executescript(FIRST)
        database.execute("insert into facts values ('key', ?)", (KEY,))
        for number, address in enumerate([*ADDRESSES, *["den/K/x"] * rows]):
            values = ("den:x", f"cin_{number}", address, "2026-01-01T00:00:00Z", BODY)
            database.execute("insert into records values (?, ?, ?, ?, ?)", values)
        database.commit()
