"""A Wexa that shows a configuration under other keys, or in another structure, is written once for each change."""

from __future__ import annotations

from typing import Any

import pytest
from declare import connector
from world import World

from trueup.core.kinds import Declared
from trueup.core.secrets import Secret

PROJECT = "68063653fc2e1fb859700001"
AUTH = {"username": "reader", "password": "canary-of-wexa"}
FULL = {"source": "mongodb", "batch_size": 300, "auth": AUTH}

SHAPES: dict[str, dict[str, Any]] = {
    "other names everywhere": {"config": {"config": {"loader": {"src": "mongodb", "size": 300, "creds": AUTH}}}},
    "capitals": {"config": {"config": {"SOURCE": "mongodb", "BATCH_SIZE": 300, "AUTH": AUTH}}},
    "camel case": {"dataLoader": {"sourceName": "mongodb", "batchSize": 300, "auth": AUTH}},
    "other names in auth": {"config": {"config": {**FULL, "auth": {"user": "reader", "pass": "canary-of-wexa"}}}},
    "auth one level down": {"config": {"config": {**FULL, "auth": {"basic": AUTH}}}},
    "auth empty": {"config": {"config": {**FULL, "auth": {}}}},
    "auth null": {"config": {"config": {**FULL, "auth": None}}},
    "auth masked": {"config": {"config": {**FULL, "auth": {"username": "r***r", "password": "****"}}}},
    "a source of something else": {"config": {"config": {"source": "marketplace", "host": "db.example"}}},
    "a source beside it": {"source": "marketplace", "config": {"config": {"host": "db.example"}}},
    "a size as text": {"config": {"config": {**FULL, "batch_size": "300"}}},
    "a size as a float": {"config": {"config": {**FULL, "batch_size": 300.0}}},
    "a source as an object": {"config": {"config": {**FULL, "source": {"type": "mongodb"}}}},
    "a source in a list": {"config": {"config": {**FULL, "source": ["mongodb"]}}},
    "empty": {"config": {}},
    "null": {"config": None, "data_loader_config": None},
    "a list": {"config": {"config": [AUTH]}},
}


def _declared(size: int) -> list[Declared]:
    config = {"source": "mongodb", "batchSize": size, "auth": {name: Secret(value) for name, value in AUTH.items()}}
    return [connector(name, PROJECT, status="active", dataLoaderConfig=config) for name in ("crm", "events", "archive")]


@pytest.mark.parametrize("shape", SHAPES)
async def test_it_is_written_once(world: World, shape: str) -> None:
    body = {"name": "x", "status": "ready", **SHAPES[shape]}
    world.fault(system="wexa", method="GET", route="/connector/{connectorID}", status=200, body=body)
    world.forget()
    report = await world.apply(*_declared(300))
    assert report.exit_code == 0
    assert len(world.writes()) == 3
    assert not (await world.plan(*_declared(300))).has_changes
    world.forget()
    await world.apply(*_declared(300))
    assert world.writes() == []


async def test_what_was_undone_is_still_noticed(world: World) -> None:
    """A read with the declared keys and another value leads to one more write."""
    await world.apply(*_declared(300))
    config = {"source": "mongodb", "batch_size": 7, "auth": AUTH}
    connector_id = "68063653fc2e1fb859700011"
    world.upstream("config-changed", system="wexa", connectorID=connector_id, data_loader_config=config)
    plan = await world.plan(*_declared(300))
    assert [step.action for step in plan.steps] == ["update"]


@pytest.mark.parametrize("status", [None, 7, {"state": "ready"}, "missing"])
async def test_a_status_that_is_not_shown_is_not_written_again(world: World, status: Any) -> None:
    await world.apply(*_declared(300))
    project = world.sandbox.wexa.get(f"/connectors/{PROJECT}").json()
    for category in project:
        for item in category["accountDetails"] if isinstance(category.get("accountDetails"), list) else []:
            item["status"] = status
            if status == "missing":
                del item["status"]
    world.fault(system="wexa", method="GET", route="/connectors/{projectID}", status=200, body=project)
    world.forget()
    report = await world.apply(*_declared(300))
    assert (report.outcomes, world.writes()) == ([], [])
    assert (await world.plan(*_declared(300))).unverifiable == 3
    await world.apply(*_declared(400))
    assert len(world.writes()) == 3
