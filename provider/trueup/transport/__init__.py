"""One connection to one API: credentials, limits, the one retry layer, and answers that can be trusted to be JSON.

What is peculiar to an API (its error messages, its request window) is its Dialect, in the system's folder. Bodies and
credentials are never logged and never part of an error. The HTTP library is loaded with the first Client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trueup.transport.dialect import Api, Dialect, Guard
from trueup.transport.lease import WriteLease
from trueup.transport.values import Answer, Credential, Presumed, Wait
from trueup.transport.window import Limits

if TYPE_CHECKING:
    from trueup.transport.client import ATTEMPTS, LARGEST, PATIENCE, Client

__all__ = [
    "ATTEMPTS",
    "LARGEST",
    "PATIENCE",
    "Answer",
    "Api",
    "Client",
    "Credential",
    "Dialect",
    "Guard",
    "Limits",
    "Presumed",
    "Wait",
    "WriteLease",
]


def __getattr__(name: str) -> Any:
    """The client, imported when it is asked for."""
    if name in ("ATTEMPTS", "LARGEST", "PATIENCE", "Client"):
        from trueup.transport import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
