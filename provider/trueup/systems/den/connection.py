"""Connection: where Den is and who asks."""

from __future__ import annotations

from dataclasses import dataclass

from trueup.core.fields import field
from trueup.core.kinds import connection_kind
from trueup.systems.den.guard import ID

URL = "https://api.openworklabs.com"


@dataclass(frozen=True)
class DenConnection:
    """Where a Den is reached and with which credential: an API key, or a person's session token."""

    url: str | None = field(
        "`https://…`, `http://` on loopback, or `sandbox` for the embedded servers.",
        default=URL,
        example="sandbox",
        min_length=1,
        local=True,
    )
    apiKey: str | None = field("The organisation's API key.", secret=True, local=True)
    token: str | None = field(
        "A person's session token; older than 15 minutes it may no longer write.", secret=True, local=True
    )
    organization: str | None = field(
        "The organisation this is meant for, by its id (`org_…`): a credential of another one is refused before the "
        "first write.",
        pattern=ID,
        local=True,
    )
    allowHttp: bool | None = field(
        "Let `http://` reach a host that is not loopback, for a Den inside the cluster.", default=False, local=True
    )
    timeout: float | None = field(
        "Seconds that one request may take.", default=60, exclusive_minimum=0, maximum=600, local=True
    )
    concurrency: int | None = field(
        "Writes under way at once; never two on one resource.", default=8, minimum=1, maximum=64, local=True
    )


KIND = connection_kind(DenConnection, system="den")
