"""The shapes in which Wexa returns a connector: as seen, or by switches where none was seen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from trueup.sandbox.store import Row
from trueup.sandbox.wexa.switches import WexaSwitches

MASK = "********"
CATALOGUE = {
    "crm": "Contacts and deals of a customer relationship system",
    "files": "Documents of a file store",
    "mailbox": "Messages of a mailbox",
    "mongodb": "Records of a MongoDB database",
    "postgresql": "Rows of a PostgreSQL database",
}
"""Categories of the marketplace. They are invented: the real catalogue is not published."""
_RENAMED = {"source": "sourceType", "batch_size": "batchSize", "auth": "credentials"}


def status(row: Row, now: datetime, switches: WexaSwitches) -> str:
    """Return the status as the API returns it."""
    written: str = row["status"]
    since = row.get("statusWrittenAt")
    if since is not None and (now - datetime.fromisoformat(since)).total_seconds() < switches["settle"]:
        return "pending"
    words = switches["statuses"]
    return written if words == "echo" else words.get(written, written)


def connector(row: Row, now: datetime, switches: WexaSwitches) -> dict[str, Any]:
    """`GET /connector/{connectorID}`: only the keys that were seen there."""
    loader = _loader(row["data_loader_config"], switches["config"])
    config = _masked(row["config"]) if switches["config"] == "masked" else row["config"]
    beside = switches["place"] == "beside"
    view = {
        "name": row["sourceName"],
        "description": row["description"],
        "status": status(row, now, switches),
        "config": {"config": config if beside or not loader else {**config, **loader}},
    }
    return {**view, "data_loader_config": loader} if beside and loader else view


def listing(rows: Iterable[Row], now: datetime, switches: WexaSwitches) -> list[dict[str, Any]]:
    """`GET /connectors/{projectID}`: by category, of which some have no account, or flat."""
    groups: dict[str, list[dict[str, Any]]] = {category: [] for category in CATALOGUE}
    for row in rows:
        detail = {
            "connectorID": row["connectorID"],
            "sourceName": row["sourceName"],
            "status": status(row, now, switches),
        }
        groups.setdefault(row["category"], []).append(detail)
    if switches["list"] == "flat":
        return [{"category": category, **detail} for category, details in groups.items() for detail in details]
    return [
        {"category": category, "accounts": len(details), "accountDetails": details}
        for category, details in groups.items()
    ]


def triggers(row: Row) -> dict[str, Any]:
    """`GET /triggers/connector/{id}`."""
    return {"connector_id": row["connectorID"], "connector_type": row["category"], "triggers": row["triggers"]}


def _loader(config: dict[str, Any] | None, how: str) -> dict[str, Any] | None:
    if config is None or how == "absent":
        return None
    if how == "masked":
        return {**config, "auth": _masked(config["auth"])}
    if how == "renamed":
        return {_RENAMED.get(key, key): value for key, value in config.items()}
    return config


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _masked(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner) for inner in value]
    return MASK
