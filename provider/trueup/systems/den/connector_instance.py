"""ConnectorInstance: one connected repository of an account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from trueup.model import field, kind


@dataclass(frozen=True)
class ConnectorInstance:
    """A connector instance of Den: one connected repository of a connector account."""

    connectorAccount: str = field(
        "The account it belongs to: the name of a declared ConnectorAccount, or an id `cac_…`. It cannot change.",
        reference="ConnectorAccount",
        immutable=True,
        min_length=1,
        example="acme",
    )
    name: str | None = field(
        "Its name, unique in the organisation whatever its case; by default `metadata.name`.",
        min_length=1,
        max_length=255,
        pattern=r"\S",
    )
    remoteId: str | None = field(
        "The repository at the upstream.", nullable=True, min_length=1, max_length=255, example="acme/docs"
    )
    status: Literal["active", "disabled", "archived"] | None = field(
        "Whether it syncs. Left out, it is left as it is.", example="active"
    )
    config: dict[str, Any] | None = field(
        "Configuration. Only the declared keys are ours; all others belong to the server and are carried over.",
        owned_by_key=True,
        example={"branch": "main"},
    )
    autoImportNewPlugins: bool | None = field(
        "Whether new plugins are imported by themselves; absent means true on the server.", default=True
    )
    id: str | None = field(
        "Adopt the instance with this id, whatever its name.", pattern="^cin_[0-9a-z]{26}$", local=True
    )


KIND = kind(ConnectorInstance, system="den")
