"""Connection: URL and credentials of Den."""

from __future__ import annotations

from dataclasses import dataclass

from trueup.core.fields import field
from trueup.core.kinds import connection_kind
from trueup.systems.den.guard import ID

URL = "https://api.openworklabs.com"


@dataclass(frozen=True)
class DenConnection:
    """The URL of a Den and the credential for it: an API key, or a user's session token."""

    url: str | None = field(
        "`https://…`, `http://` on loopback, or `sandbox` for the embedded servers.",
        default=URL,
        example="sandbox",
        min_length=1,
        local=True,
    )
    apiKey: str | None = field("The organisation's API key.", secret=True, local=True)
    token: str | None = field(
        "A user's session token. It may write for 15 minutes after signing in.", secret=True, local=True
    )
    organization: str | None = field(
        "The organisation that the credential must belong to, by its id (`org_…`). Any other is refused before the "
        "first write.",
        pattern=ID,
        local=True,
    )
    allowHttp: bool | None = field(
        "Allow `http://` to a host that is not loopback, for a Den inside the cluster.", default=False, local=True
    )
    timeout: float | None = field(
        "Timeout of a request in seconds.", default=60, exclusive_minimum=0, maximum=600, local=True
    )
    concurrency: int | None = field(
        "Concurrent writes; never two on one resource.", default=8, minimum=1, maximum=64, local=True
    )


KIND = connection_kind(DenConnection, system="den")
