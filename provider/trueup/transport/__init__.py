"""One connection to one API: credentials, limits, the one retry layer, and answers that can be trusted to be JSON.

What is peculiar to an API (its error messages, its request window) is its Dialect, in the system's folder. What a
system needs to know of a connection is here; `transport.client` is the connection. Bodies and credentials are never
logged and never part of an error.
"""

from trueup.core.api import Answer, Api
from trueup.transport.dialect import ApiClient, Dialect, Guard
from trueup.transport.lease import WriteLease
from trueup.transport.values import Credential, Presumed, Wait
from trueup.transport.window import Limits

__all__ = ["Answer", "Api", "ApiClient", "Credential", "Dialect", "Guard", "Limits", "Presumed", "Wait", "WriteLease"]
