"""Changes to Wexa from outside its API, by another user in the web interface."""

from __future__ import annotations

from typing import Any

from trueup.sandbox.shapes import CompiledSchema, record
from trueup.sandbox.wexa.rows import Rows

_FIELDS: dict[str, dict[str, Any]] = {
    "status-changed": {"status": {"type": "string"}},
    "config-changed": {
        "data_loader_config": {
            "type": ["object", "null"],
            "required": ["source", "batch_size", "auth"],
            "properties": {"auth": {"type": "object"}},
        }
    },
    "connector-renamed": {"sourceName": {"type": "string"}},
    "connector-removed": {},
}
_SHAPES = {
    kind: CompiledSchema(record({"type": {}, "connectorID": {"type": "string"}, **fields}, ["connectorID", *fields]))
    for kind, fields in _FIELDS.items()
}


def change(rows: Rows, wanted: dict[str, Any]) -> dict[str, Any]:
    """Make a change and return `{"type", "touched": [ids]}`.

    Raises ValueError for an invalid change. A status may be any word, even one that is only read, such as `failed`.
    """
    kind = wanted.get("type")
    if kind not in _SHAPES:
        raise ValueError(f"change.type is {kind!r}; Wexa has {', '.join(_SHAPES)}")
    _SHAPES[kind].check(wanted, "change")
    row = rows.connectors.get(wanted["connectorID"])
    if row is None or row["deleted"]:
        raise ValueError("change.connectorID names no connector")
    new = {key: value for key, value in wanted.items() if key in _FIELDS[kind]}
    gone = {"deleted": True} if kind == "connector-removed" else {}
    settled = {"statusWrittenAt": None} if kind == "status-changed" else {}
    rows.connectors.put(row["connectorID"], {**row, **new, **gone, **settled})
    rows.store.commit()
    return {"type": kind, "touched": [row["connectorID"]]}
