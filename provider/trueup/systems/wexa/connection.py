"""Connection: URL and credentials of Wexa."""

from __future__ import annotations

from dataclasses import dataclass

from trueup.core.fields import field
from trueup.core.kinds import connection_kind
from trueup.systems.wexa.connector import PROJECT_ID

URL = "https://api.wexa.ai"


@dataclass(frozen=True)
class WexaConnection:
    """The URL of a Wexa and the API key for it."""

    url: str | None = field(
        "`https://…`, `http://` on loopback, or `sandbox` for the embedded servers.",
        default=URL,
        example="sandbox",
        min_length=1,
        local=True,
    )
    apiKey: str | None = field("The API key.", secret=True, local=True)
    project: str | None = field(
        "The only project that may be managed, by its id. Connectors of others are refused before anything is sent.",
        pattern=PROJECT_ID,
        local=True,
    )
    allowHttp: bool | None = field("Allow `http://` to a host that is not loopback.", default=False, local=True)
    timeout: float | None = field(
        "Timeout of a request in seconds.", default=60, exclusive_minimum=0, maximum=600, local=True
    )
    concurrency: int | None = field(
        "Concurrent writes; never two on one resource.", default=8, minimum=1, maximum=64, local=True
    )


KIND = connection_kind(WexaConnection, system="wexa")
