"""`POST /connectors/change_status`, Wexa's only documented write."""

from __future__ import annotations

from typing import Any

from trueup.sandbox.shapes import CompiledSchema
from trueup.sandbox.store import Row
from trueup.sandbox.wexa.errors import WexaError
from trueup.sandbox.wexa.switches import WexaSwitches

_KNOWN = ("new_status", "connectorID", "data_loader_config")
_LOADER = ("source", "batch_size", "auth")
_BODY = CompiledSchema(
    {
        "type": "object",
        "required": list(_KNOWN),
        "properties": {
            "new_status": {"type": "string"},
            "connectorID": {"type": "string", "pattern": "^[0-9a-fA-F]{24}$"},
            "data_loader_config": {
                "type": "object",
                "required": list(_LOADER),
                "properties": {
                    "source": {"type": "string"},
                    "batch_size": {"type": "integer"},
                    "auth": {"type": "object"},
                },
            },
        },
    }
)


def checked(body: Any, switches: WexaSwitches) -> tuple[str, str, dict[str, Any]]:
    """Return connector, status and loader config of a valid body. Raises Refused."""
    try:
        _BODY.check(body, "body")
    except ValueError as error:
        raise WexaError(400, str(error)) from None
    loader = body["data_loader_config"]
    if switches["unknownKeys"] == "refuse":
        for part, known in ((body, _KNOWN), (loader, _LOADER)):
            if unknown := sorted(part.keys() - set(known)):
                raise WexaError(400, f"Unknown field {', '.join(unknown)}")
    if switches["unknownKeys"] == "drop":
        loader = {key: loader[key] for key in _LOADER}
    _allowed("new_status", body["new_status"], switches["writable"])
    _allowed("source", loader["source"], switches["sources"])
    if (sizes := switches["batchSizes"]) and not sizes[0] <= loader["batch_size"] <= sizes[1]:
        raise WexaError(400, f"batch_size has to be between {sizes[0]} and {sizes[1]}")
    if missing := [key for key in switches["authKeys"] or () if key not in loader["auth"]]:
        raise WexaError(400, f"auth lacks {', '.join(missing)}")
    return body["connectorID"].lower(), body["new_status"], loader


def changed(row: Row, status: str, loader: dict[str, Any], now: str, switches: WexaSwitches) -> Row:
    """The connector after the change."""
    former = row["data_loader_config"]
    if former and switches["merge"] == "merge":
        loader = {**former, **loader, "auth": {**former["auth"], **loader["auth"]}}
    if switches["repeat"] == "refuse" and (status, loader) == (row["status"], former):
        raise WexaError(400, f"Connector is {status} already")
    return {**row, "status": status, "statusWrittenAt": now, "data_loader_config": loader}


def _allowed(name: str, value: str, allowed: list[str] | None) -> None:
    if allowed is not None and value not in allowed:
        raise WexaError(400, f"{name} has to be one of {', '.join(allowed)}")
