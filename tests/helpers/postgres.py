"""A PostgreSQL server of the tests' own, started when a test first wants it, and databases in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.postgres import PASSWORD as PASSWORD
from bench.postgres import USER as USER
from bench.postgres import Server as Server
from bench.postgres import Unavailable, serving


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """The server, started when a test first wants it."""
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(serving())
        except Unavailable as why:
            pytest.skip(str(why))
        yield server


@pytest.fixture
def database(postgresql: Server) -> Iterator[str]:
    """The URL of an empty database."""
    name = postgresql.make()
    yield postgresql.url(name)
    postgresql.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """A place for a ledger, where there is none yet, in each of the two databases."""
    if request.param == "sqlite":
        return tmp_path / "ledger.db"
    url: str = request.getfixturevalue("database")
    return url
