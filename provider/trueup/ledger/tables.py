"""The tables for queries. `migrations` creates them, and a test holds the two together."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Float, Integer, MetaData, String, Table

META: Final = MetaData()

FACTS: Final = Table("facts", META, Column("name", String, primary_key=True), Column("value", String))
"""The schema version, and the key of the fingerprints."""

RECORDS: Final = Table(
    "records",
    META,
    Column("scope", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("address", String, nullable=False),
    Column("at", String, nullable=False),
    Column("body", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("realm", String, nullable=False),
    Column("parent", String, nullable=False),
    Column("name", String, nullable=False),
    Column("policy", String, nullable=False),
    Column("protected", Integer, nullable=False),
    Column("stack", String, nullable=False),
)

RUNS: Final = Table(
    "runs",
    META,
    Column("id", String, primary_key=True),
    Column("place", Integer, nullable=False),  # the order of runs, independent of the clocks of several machines
    Column("began", String, nullable=False),
    Column("holder", String, nullable=False),
    Column("ended", String, nullable=False),
    Column("result", String, nullable=False),
)

INTENTS: Final = Table(
    "intents",
    META,
    Column("run", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("scope", String, nullable=False),
    Column("realm", String, nullable=False),
    Column("address", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("verb", String, nullable=False),
    Column("id", String, nullable=False),
    Column("parent", String, nullable=False),
    Column("key", String, nullable=False),
    Column("record", String),
    Column("at", String, nullable=False),
    Column("state", String, nullable=False),
)

SEEN: Final = Table(
    "seen",
    META,
    Column("scope", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("parent", String, primary_key=True),
    Column("at", String, nullable=False),
    Column("digest", String, nullable=False),
)

WINDOWS: Final = Table(
    "windows",
    META,
    Column("credential", String, primary_key=True),
    Column("requests", Integer, nullable=False),
    Column("last", Float, nullable=False),
)
"""Requests that runs spent of a credential's window, by its fingerprint, and the time of the last one."""

LOCKS: Final = Table(
    "locks",
    META,
    Column("name", String, primary_key=True),
    Column("run", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("since", Float, nullable=False),
    Column("heartbeat", Float, nullable=False),
    Column("host", String, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started", String, nullable=False),
    Column("mode", String, nullable=False),  # `exclusive` or `shared`
    Column("token", Integer, nullable=False),
    Column("booted", Float, nullable=False),  # of the holder's machine, by its wall clock at the heartbeat; 0: unknown
    Column("revoked", Float, nullable=False),  # 0: not revoked
    Column("revoker", String, nullable=False),
)
"""Times are seconds since 1970 by the clock of the database."""
