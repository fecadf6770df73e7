"""One connection to one API: credentials, limits, the one retry layer, and answers that can be trusted to be JSON.

What is peculiar to an API (how it says no, how its request window works) is its Dialect, in the system's folder.
Bodies and credentials are never logged and never part of an error.
"""

from trueup.transport.client import ATTEMPTS, LARGEST, PATIENCE, Client
from trueup.transport.permit import Guard, Lease
from trueup.transport.values import Answer, Credential, Dialect, Limits, Presumed, Wait

__all__ = [
    "ATTEMPTS",
    "LARGEST",
    "PATIENCE",
    "Answer",
    "Client",
    "Credential",
    "Dialect",
    "Guard",
    "Lease",
    "Limits",
    "Presumed",
    "Wait",
]
