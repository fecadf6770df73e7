"""The tree of errors. Whoever catches one knows from its class whether anything was sent and what exit code it is.

    TrueupError                 1  anything we can explain
    ├── ManifestError           1  faults in manifests, all of them; nothing was sent
    ├── UsageError              1  a wrong option, an unknown connection; nothing was sent
    ├── SecretError             1  a reference that leads nowhere; nothing was sent
    ├── NetworkError            1  a variable for proxies or certificates that cannot be used; nothing was sent
    ├── LedgerError             1  the ledger cannot be read or written
    │   └── Locked              5  another run is at work on the same organisation or project
    ├── PlanFileError           1  a saved plan that cannot be used: edited, cut off, of another version
    ├── Stale                   5  what a saved plan was made from has changed since
    ├── SandboxError            1  the embedded servers did not start
    ├── ApiError                1  a call failed, and the server's state is known
    │   ├── Unauthorized           the credential is bad, expired, disabled or missing
    │   ├── Forbidden              the credential may not do this
    │   ├── NotFound               what was asked for is not there: the only failure that means absent
    │   ├── NoRoute                the server knows no such route, so the path of its URL is wrong
    │   ├── Refused                the server found the request wrong (4xx)
    │   ├── Unavailable            no answer, or 5xx, after every retry, on something safe to repeat
    │   │   └── Unreachable        no connection, for a reason that lasts: a certificate, a proxy, a protocol
    │   ├── Malformed              an answer that is not what the API promises
    │   └── Ambiguous              a call that may or may not have happened
    ├── SafetyError             3  refused before anything was sent, to protect what is live
    └── Stopped                 4  a person stopped the run

The numbers are exit codes; 2 ("there are differences") and 4 ("partly applied") are results as well, not only errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class TrueupError(Exception):
    """An error we can explain: a code to look up, what went wrong, and what to do about it."""

    exit_code: ClassVar[int] = 1
    default_code: ClassVar[str] = "E000"
    maybe: bool = False
    """Whether the call may have happened although it failed."""

    def __init__(self, message: str, *, code: str | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.hint = hint

    def __str__(self) -> str:
        text = f"error[{self.code}]: {self.message}"
        return f"{text} {self.hint}" if self.hint else text


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong in a manifest: where (1-based), what, and what would be right."""

    file: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""
    excerpt: str = ""
    """The source line; empty when it holds something that must not be shown."""
    width: int = 1
    """How many characters of the excerpt are meant."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: error[{self.code}]: {self.message}"


class ManifestError(TrueupError):
    """Every fault of every file, at once."""

    default_code = "E100"

    def __init__(self, faults: list[Fault], files: int) -> None:
        self.faults = sorted(faults)
        self.files = files
        broken = len({fault.file for fault in faults})
        errors = "1 error" if len(faults) == 1 else f"{len(faults)} errors"
        super().__init__(f"{errors} in {broken} of {files} file{'' if files == 1 else 's'}. Nothing was sent.")


class UsageError(TrueupError):
    """The command or the API was called with something it cannot use."""

    default_code = "E001"


class SecretError(TrueupError):
    """A secret reference that leads nowhere; names the variable, file or program, never a value."""

    default_code = "E201"

    @classmethod
    def all(cls, errors: Sequence[SecretError]) -> SecretError:
        """Several of them as one, each said once."""
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
    """A saved plan that cannot be used: edited, cut off, or of another version."""

    default_code = "E403"


class Stale(TrueupError):
    """What a saved plan was made from has changed since; nothing was sent."""

    exit_code = 5
    default_code = "E404"


class SandboxError(TrueupError):
    """The embedded servers did not start or went away."""

    default_code = "E601"


class ApiError(TrueupError):
    """A call that failed; carries method, route, status and request id, never a body or a credential."""

    default_code = "E300"

    def __init__(
        self,
        message: str,
        *,
        method: str = "",
        route: str = "",
        status: int | None = None,
        request_id: str = "",
        code: str | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.method = method
        self.route = route
        self.status = status
        self.request_id = request_id
        self.at = ""
        """When it was sent, in UTC; set with `correlation` where the server gave no id of its own."""
        self.correlation = ""
        """Our own id of the request, which it carried as `x-correlation-id`."""

    @property
    def reference(self) -> str:
        """Text to find the request in a log: `request req_…`, or the time, the route and our own id of it."""
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
    """The credential is good but may not do this."""

    default_code = "E302"


class NotFound(ApiError):
    """What was asked for is not there."""

    default_code = "E303"


class NoRoute(ApiError):
    """The server knows no such route, so the path of its URL is wrong. It says nothing of any resource."""

    default_code = "E309"


class Refused(ApiError):
    """The server found the request wrong."""

    default_code = "E304"


class Unavailable(ApiError):
    """No usable answer after every retry, on something that is safe to repeat."""

    default_code = "E305"


class Unreachable(Unavailable):
    """No connection, for a reason that lasts: a certificate, a proxy that refuses, another protocol."""

    default_code = "E308"


class Malformed(ApiError):
    """An answer that is not what the API promises."""

    default_code = "E306"


class Ambiguous(ApiError):
    """A call that may or may not have happened: look before sending it again."""

    default_code = "E307"

    def __init__(self, message: str, **more: Any) -> None:
        super().__init__(message, **more)
        self.maybe = True


class SafetyError(TrueupError):
    """Refused before anything was sent, to protect what is live."""

    exit_code = 3
    default_code = "E401"


class Stopped(TrueupError):
    """A person stopped the run; what was in flight was finished."""

    exit_code = 4
    default_code = "E402"
