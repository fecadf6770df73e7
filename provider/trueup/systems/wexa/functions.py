"""Wexa's function for programs: list the connectors of a project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from trueup.systems.functions import Function, Property, RecordType, shown
from trueup.systems.wexa.connector import KIND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueup.systems.functions import LiveReader


async def _connectors(reads: LiveReader, given: Mapping[str, Any]) -> dict[str, Any]:
    found = (shown(KIND, live) for live in await reads.all(KIND, given["projectId"]))
    return {"connectors": sorted(found, key=lambda connector: str(connector.get("name")))}


_SUMMARY: Final = RecordType("ConnectorSummary", "A live connector, without its configuration.", KIND)

FUNCTIONS: Final = (
    Function(
        "getConnectors",
        "Lists the connectors of a project, sorted by name.",
        _connectors,
        {"projectId": Property("The project's id.")},
        {"connectors": Property("The connectors.", _SUMMARY)},
        required=("projectId",),
        always=("connectors",),
    ),
)
