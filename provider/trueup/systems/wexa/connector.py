"""Connector: a connector of a Wexa project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from trueup.model import field, kind


@dataclass(frozen=True)
class Connector:
    """A connector of a Wexa project: its status and the configuration of its data loader.

    It is written with the documented `change_status`, which requires the configuration; without `dataLoaderConfig` the
    connector is only observed. Creating one is not documented, so it has to exist.
    """

    projectId: str = field(
        "The project it belongs to.", pattern="^[0-9a-f]{24}$", immutable=True, example="68063653fc2e1fb8597c7700"
    )
    connectorId: str | None = field(
        "Its id; or give `name`.", pattern="^[0-9a-f]{24}$", immutable=True, example="68063653fc2e1fb8597c775e"
    )
    name: str | None = field(
        "Its `sourceName`, unique in the project; by default `metadata.name`, unless `connectorId` is given.",
        min_length=1,
        max_length=255,
        immutable=True,
        example="crm",
    )
    status: Literal["pending", "active", "inactive"] | None = field("The status to set.", example="active")
    dataLoaderConfig: dict[str, Any] | None = field(
        "Configuration of the data loader, sent with every change of status.",
        owned_by_key=True,
        write_only=True,
        secret=("auth",),
        properties={
            "source": {"type": "string", "minLength": 1, "description": "Where the data comes from."},
            "batchSize": {"type": "integer", "minimum": 1, "description": "Records in one batch."},
            "auth": {"type": "object", "description": "Credentials: secret references.", "minProperties": 1},
        },
        required_keys=["source", "batchSize", "auth"],
        additional_properties=False,
    )


KIND = kind(Connector, system="wexa")
