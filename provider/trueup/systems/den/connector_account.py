"""ConnectorAccount: the account at the upstream (a GitHub installation) that instances belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from trueup.model import field, kind


@dataclass(frozen=True)
class ConnectorAccount:
    """A connector account of Den: the upstream account, such as a GitHub installation, that instances belong to.

    It is created when it is missing. Den has no route that changes one, so a difference is refused and explained:
    replacing it would delete every instance of the account.
    """

    connectorType: Literal["github"] | None = field("What the upstream is.", default="github", immutable=True)
    remoteId: str = field(
        "The account's id at the upstream; unique in the organisation.",
        immutable=True,
        min_length=1,
        max_length=255,
        example="1001",
    )
    displayName: str = field("The name people see.", immutable=True, min_length=1, max_length=255, example="acme")
    externalAccountRef: str | None = field(
        "Another reference to the upstream account.", immutable=True, min_length=1, max_length=255, nullable=True
    )
    metadata: dict[str, Any] | None = field(
        "Further facts; only the declared keys are compared.", immutable=True, owned_by_key=True
    )


KIND = kind(ConnectorAccount, system="den")
