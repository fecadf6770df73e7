"""Wexa's tables: projects, keys and connectors, their rows, and the schema of a stored state."""

from __future__ import annotations

import secrets
import time
from typing import Any

from trueup.sandbox.clock import MovableClock
from trueup.sandbox.shapes import CompiledSchema, record
from trueup.sandbox.store import Row, Store, Table

_TEXT = {"type": "string"}
_ID = {"type": "string", "pattern": "^[0-9a-f]{24}$"}
_ROWS = {
    "wexa.projects": record(
        {
            "_id": _ID,
            "projectName": _TEXT,
            "description": _TEXT,
            "orgId": _TEXT,
            "status": _TEXT,
            "createdAt": _TEXT,
            "updatedAt": _TEXT,
        },
        ["_id", "projectName", "description", "orgId", "status", "createdAt", "updatedAt"],
    ),
    "wexa.apiKeys": record(
        {"key": _TEXT, "principal": _TEXT, "orgId": _TEXT, "projectID": _ID},
        ["key", "principal", "orgId", "projectID"],
    ),
    "wexa.connectors": record(
        {
            "connectorID": _ID,
            "projectID": _ID,
            "category": _TEXT,
            "sourceName": _TEXT,
            "description": _TEXT,
            "status": _TEXT,
            "statusWrittenAt": {"type": ["string", "null"], "format": "date-time"},
            "config": {"type": "object"},
            "data_loader_config": {
                "type": ["object", "null"],
                "required": ["source", "batch_size", "auth"],
                "properties": {"auth": {"type": "object"}},
            },
            "triggers": {"type": "array"},
            "deleted": {"type": "boolean"},
        },
        [
            *("connectorID", "projectID", "category", "sourceName", "description", "status", "statusWrittenAt"),
            *("config", "data_loader_config", "triggers", "deleted"),
        ],
    ),
}
_TABLES = {
    name: CompiledSchema({"type": "object", "additionalProperties": schema, "properties": {}})
    for name, schema in _ROWS.items()
}


def check(tables: dict[str, Any]) -> None:
    """Raise ValueError for rows of Wexa's tables that the server could not use."""
    for name, rows in tables.items():
        if name.startswith("wexa."):
            if name not in _TABLES:
                raise ValueError(f"there is no table {name}; Wexa has {', '.join(_TABLES)}")
            _TABLES[name].check(rows, name)


def new_id() -> str:
    """24 hexadecimal characters, the first eight of them the time."""
    return f"{int(time.time()):08x}{secrets.token_hex(8)}"


class Rows:
    """Wexa's tables in a store."""

    def __init__(self, store: Store, clock: MovableClock) -> None:
        self.store = store
        self.clock = clock

    @property
    def projects(self) -> Table:
        return self.store.table("wexa.projects")

    @property
    def keys(self) -> Table:
        """Keys by the key itself, in clear: they are invented, and a reader of the state must be able to use them."""
        return self.store.table("wexa.apiKeys")

    @property
    def connectors(self) -> Table:
        return self.store.table("wexa.connectors")

    def of_project(self, project: str) -> list[Row]:
        """Return its connectors, including deleted ones, in order of creation."""
        return [row for row in self.connectors.values() if row["projectID"] == project]

    def stamp(self) -> str:
        """The time in RFC 3339."""
        return self.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def add_project(self, principal: str, identity: str | None = None, **fields: Any) -> Row:
        """A project of an organisation of its own, and a random key for it that `principal` names."""
        now = self.stamp()
        row = {
            "_id": identity or new_id(),
            "projectName": "sandbox",
            "description": "",
            "orgId": new_id(),
            "status": "active",
            "createdAt": now,
            "updatedAt": now,
            **fields,
        }
        key = secrets.token_urlsafe(32)
        self.keys.put(key, {"key": key, "principal": principal, "orgId": row["orgId"], "projectID": row["_id"]})
        return self.projects.put(row["_id"], row)

    def add_connector(self, project: str, category: str, name: str, **fields: Any) -> Row:
        """A connector of a project."""
        row = {
            "connectorID": new_id(),
            "projectID": project,
            "category": category,
            "sourceName": name,
            "description": "",
            "status": "pending",
            "statusWrittenAt": None,
            "config": {},
            "data_loader_config": None,
            "triggers": [],
            "deleted": False,
            **fields,
        }
        return self.connectors.put(row["connectorID"], row)
