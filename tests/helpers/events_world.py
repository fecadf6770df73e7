"""What tests of sync events share: a client of the sandbox's Den, and events that are simply there."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from declare import manifest
from den_calls import target
from world import World

from trueup.core.values import ConnectionId
from trueup.engine.loop import Session
from trueup.sandbox.den.ids import new_id
from trueup.systems.den import sync_events
from trueup.systems.den.sync_events import Event
from trueup.transport.client import Client

WINDOW = {"code": "RATE_LIMITED", "details": {"tryAgainIn": 50_000}}
"""How Den says that a key's window is spent."""


def passed(world: World) -> float:
    """Seconds that were slept in this test, with a world that is `live`."""
    return sum(world.clock.slept[1:])


@contextlib.asynccontextmanager
async def den(world: World) -> AsyncIterator[Client]:
    """A client of the sandbox's Den, whose time is the sandbox's."""
    async with Session(manifest(), world.options(), ("den",)) as session:
        yield session.clients[ConnectionId("den", "default")]


def add(
    world: World, count: int, *, every: float = 60.0, ago: float = 0.0, name: str = "old-wiki", **fields: Any
) -> list[dict[str, Any]]:
    """That many events, the newest first, each `every` seconds older than the one before; the first `ago` seconds."""
    instance = world.instance(name)
    now = datetime.now(UTC) + timedelta(seconds=world.sandbox.control.get("/clock").json()["advanced"])
    rows = []
    for number in range(count):
        began = now - timedelta(seconds=ago + every * number + 0.001)
        row = {
            "id": new_id("cse", began),
            "organizationId": instance["organizationId"],
            "connectorInstanceId": instance["id"],
            "connectorTargetId": None,
            "connectorType": "github",
            "eventType": "push",
            "externalEventRef": f"delivery-{number}",
            "sourceRevisionRef": None,
            "remoteId": "acme-archive/old-wiki",
            "status": "completed",
            "summaryJson": None,
            "attemptCount": 0,
            "nextAttemptAt": None,
            "startedAt": sync_events.stamp_of(began),
            "completedAt": sync_events.stamp_of(began),
            **fields,
        }
        rows.append(row)
    put(world, *rows)
    return rows


def put(world: World, *rows: dict[str, Any]) -> None:
    """Sets events as somebody with access to the database would."""
    state = world.sandbox.control.get("/state").json()
    state["tables"].setdefault("den.syncEvents", {}).update({row["id"]: row for row in rows})
    assert world.sandbox.control.put("/state", json=state).status_code == 200


def drop(world: World, *keys: str) -> None:
    state = world.sandbox.control.get("/state").json()
    for key in keys:
        del state["tables"]["den.syncEvents"][key]
    assert world.sandbox.control.put("/state", json=state).status_code == 200


def post(world: World, path: str) -> Any:
    answer = world.sandbox.den.post(path)
    assert answer.is_success, answer.text
    return answer.json()


def a_target(world: World, remote: str = "acme-archive/old-wiki", name: str = "old-wiki") -> dict[str, Any]:
    return target(world.sandbox.den, world.instance(name), remote)


def ids(events: list[Event]) -> list[str]:
    return [one.id for one in events]
