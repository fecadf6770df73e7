"""What tests of the embedded Den share: a server whose time stands still. A pytest plugin."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from sandbox_server import DenServer, StandingClock


@pytest.fixture(scope="module")
def one_den() -> Iterator[tuple[DenServer, str]]:
    """One server a module, and its state when it was golden."""
    with DenServer(clock=StandingClock) as server:
        yield server, json.dumps(server.dump())


@pytest.fixture
def den(one_den: tuple[DenServer, str]) -> DenServer:
    """A golden Den whose worker is idle until its clock is advanced."""
    server, golden = one_den
    server.load(json.loads(golden))
    return server


@pytest.fixture
def owner(den: DenServer) -> Iterator[httpx.Client]:
    """The first organisation's owner, by key."""
    with den.client("owner-api-key") as client:
        yield client


@pytest.fixture
def member(den: DenServer) -> Iterator[httpx.Client]:
    """A member of it without grants."""
    with den.client("member-session") as client:
        yield client
