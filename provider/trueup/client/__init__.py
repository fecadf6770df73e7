"""One connection to one API: credentials, limits, the one retry layer, and answers that can be trusted to be JSON.

What is peculiar to an API (how it says no, how its request window works) is its Manner, in the system's folder.
Bodies and credentials are never logged and never part of an error.
"""

from trueup.client.client import ATTEMPTS, LARGEST, PATIENCE, Client
from trueup.client.permit import Guard, Lease
from trueup.client.values import Answer, Credential, Limits, Manner, Presumed, Wait

__all__ = [
    "ATTEMPTS",
    "LARGEST",
    "PATIENCE",
    "Answer",
    "Client",
    "Credential",
    "Guard",
    "Lease",
    "Limits",
    "Manner",
    "Presumed",
    "Wait",
]
