"""A connector of Wexa with a password, the one that the sandbox has."""

from __future__ import annotations

from typing import Any

import pytest
from declare import connector
from world import World

from trueup.core.kinds import Declared
from trueup.core.secrets import Reference
from trueup.sandbox.presets import DEMO_CONNECTORS, DEMO_PROJECT

PASSWORD = "correct horse battery staple"
CRM = DEMO_CONNECTORS["crm"]


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_PASSWORD", PASSWORD)


def crm(status: str | None = "active", batch: int = 50, **spec: Any) -> Declared:
    auth = {"username": "reader", "password": Reference("env", "CRM_PASSWORD")}
    loader = {"source": "mongodb", "batchSize": batch, "auth": auth}
    wanted = {"status": status, "dataLoaderConfig": loader, **spec}
    return connector("crm", DEMO_PROJECT, **{key: value for key, value in wanted.items() if value is not None})


def writes(world: World) -> int:
    return world.routes()["POST /connectors/change_status"]
