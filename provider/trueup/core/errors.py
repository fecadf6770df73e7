"""The tree of errors. The class of an error determines its exit code, and whether anything was sent.

    TrueupError                 1  any error with an explanation
    ├── ManifestError           1  faults in manifests, all of them; nothing was sent
    ├── UsageError              1  a wrong option, an unknown connection; nothing was sent
    ├── SecretError             1  a reference that leads nowhere; nothing was sent
    ├── NetworkError            1  a variable for proxies or certificates that cannot be used; nothing was sent
    ├── LedgerError             1  the ledger cannot be read or written
        │   └── Locked              5  another run holds the lock of the same organisation or project
        ├── PlanFileError           1  a saved plan that cannot be used: edited, truncated, or of another version
        ├── Stale                   5  something that a saved plan is based on has changed since
    ├── SandboxError            1  the embedded servers did not start
    ├── ApiError                1  a call failed, and the server's state is known
    │   ├── Unauthorized           the credential is bad, expired, disabled or missing
        │   ├── Forbidden              the credential lacks permission
        │   ├── NotFound               the object does not exist: the only failure that means absent
        │   ├── NoRoute                the server does not know the route, so the path in its URL is wrong
        │   ├── Refused                the server rejected the request (4xx)
        │   ├── Unavailable            no answer, or 5xx, after every retry of a request that is safe to repeat
        │   │   └── Unreachable        no connection, for a lasting reason: a certificate, a proxy, a protocol
        │   ├── Malformed              an answer that the API does not document
        │   └── Ambiguous              a call that may have taken effect
        ├── SafetyError             3  refused before anything was sent, to protect live resources
        └── Stopped                 4  a user stopped the run

The numbers are exit codes; 2 (differences) and 4 (partly applied) are also results of runs without an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from trueup.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence


class TrueupError(Exception):
    """An error with an explanation: a code to look up, the cause, and a remedy (`hint`).

    Where the words depend on the door that shows it, cause and remedy are reasons: `reason` and `remedy`.
    """

    exit_code: ClassVar[int] = 1
    default_code: ClassVar[str] = "E000"
    maybe: bool = False
    """Whether the call may have taken effect although it failed."""

    def __init__(self, message: str | Reason, *, code: str | None = None, hint: str | Reason = "") -> None:
        super().__init__(message)
        self.message = str(message)
        self.code = code or self.default_code
        self.hint = ""
        self.reason = message if isinstance(message, Reason) else None
        self.remedy: Reason | None = None
        self.advise(hint)

    def advise(self, hint: str | Reason) -> None:
        """Set the remedy."""
        self.remedy = hint if isinstance(hint, Reason) else None
        self.hint = hint.cure if isinstance(hint, Reason) else hint

    def __str__(self) -> str:
        text = f"error[{self.code}]: {self.message}"
        return f"{text} {self.hint}" if self.hint else text


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault in a manifest: its place (1-based), the cause, and a remedy (`hint`)."""

    file: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""
    excerpt: str = ""
    """The source line; empty when it holds a value that must not be shown."""
    width: int = 1
    """Number of characters of the excerpt that the fault covers."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: error[{self.code}]: {self.message}"


class ManifestError(TrueupError):
    """All faults of all files."""

    default_code = "E100"

    def __init__(self, faults: list[Fault], files: int) -> None:
        self.faults = sorted(faults)
        self.files = files
        broken = len({fault.file for fault in faults})
        errors = "1 error" if len(faults) == 1 else f"{len(faults)} errors"
        super().__init__(f"{errors} in {broken} of {files} file{'' if files == 1 else 's'}. Nothing was sent.")


class UsageError(TrueupError):
    """The command or the API was called with an argument that it cannot use."""

    default_code = "E001"


class SecretError(TrueupError):
    """A secret reference that leads nowhere; names the variable, file or program, never a value."""

    default_code = "E201"

    @classmethod
    def all(cls, errors: Sequence[SecretError]) -> SecretError:
        """Return one error for several, each distinct message once."""
        messages = list(dict.fromkeys(error.message for error in errors))
        hints = list(dict.fromkeys(error.hint for error in errors if error.hint))
        return cls(" ".join(messages), code=errors[0].code, hint=" ".join(hints))


class NetworkError(TrueupError):
    """A variable for proxies or certificates that cannot be used; names the variable, never a user or a password."""

    default_code = "E202"


class LedgerError(TrueupError):
    """The ledger cannot be read or written."""

    default_code = "E501"


class Locked(LedgerError):
    """Another run holds the lock of the same organisation or project."""

    exit_code = 5
    default_code = "E502"


class PlanFileError(TrueupError):
    """A saved plan that cannot be used: edited, truncated, or of another version."""

    default_code = "E403"


class Stale(TrueupError):
    """Something that a saved plan is based on has changed since; nothing was sent."""

    exit_code = 5
    default_code = "E404"


class SandboxError(TrueupError):
    """The embedded servers did not start, or exited."""

    default_code = "E601"


class ApiError(TrueupError):
    """A failed call, with its method, route, status and request id; never a body or a credential."""

    default_code = "E300"

    def __init__(
        self,
        message: str | Reason,
        *,
        method: str = "",
        route: str = "",
        status: int | None = None,
        request_id: str = "",
        code: str | None = None,
        hint: str | Reason = "",
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.method = method
        self.route = route
        self.status = status
        self.request_id = request_id
        self.at = ""
        """Time of the request, in UTC; set together with `correlation` when the server returned no request id."""
        self.correlation = ""
        """The id that trueup sent as `x-correlation-id`."""

    @property
    def reference(self) -> str:
        """Text to find the request in a log: `request req_…`, or the time, the route and the correlation id."""
        if self.request_id:
            return f"request {self.request_id}"
        if not self.correlation:
            return ""
        route = "" if f"{self.method} {self.route}" in self.message else f"{self.method} {self.route}, "
        return f"{route}{self.at}, correlation id {self.correlation}"

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text} ({self.reference})" if self.reference else text


class Unauthorized(ApiError):
    """The credential is bad, expired, disabled or missing."""

    default_code = "E301"


class Forbidden(ApiError):
    """The credential is valid but lacks permission."""

    default_code = "E302"


class NotFound(ApiError):
    """The object does not exist."""

    default_code = "E303"


class NoRoute(ApiError):
    """The server does not know the route, so the path in its URL is wrong; nothing follows for any resource."""

    default_code = "E309"


class Refused(ApiError):
    """The server rejected the request."""

    default_code = "E304"


class Unavailable(ApiError):
    """No usable answer after every retry of a request that is safe to repeat."""

    default_code = "E305"


class Unreachable(Unavailable):
    """No connection, for a lasting reason: a certificate, a proxy that refuses, another protocol."""

    default_code = "E308"


class Malformed(ApiError):
    """An answer that the API does not document."""

    default_code = "E306"


class Ambiguous(ApiError):
    """A call that may have taken effect: look before sending it again."""

    default_code = "E307"

    def __init__(self, message: str, **more: Any) -> None:
        super().__init__(message, **more)
        self.maybe = True


class SafetyError(TrueupError):
    """Refused before anything was sent, to protect live resources."""

    exit_code = 3
    default_code = "E401"


class Stopped(TrueupError):
    """A user stopped the run; calls in flight were finished."""

    exit_code = 4
    default_code = "E402"
