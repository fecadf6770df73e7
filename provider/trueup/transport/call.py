"""One call on its way: what is sent, how often it was tried, and the errors that tell how it failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from trueup.core.errors import Ambiguous, ApiError, TrueupError, Unavailable, Unreachable

if TYPE_CHECKING:
    from trueup.transport.dialect import ApiClient

_Error = TypeVar("_Error", bound=ApiError)


class Again(Exception):
    """This attempt failed, and another one may mend it."""

    def __init__(self, failure: TrueupError, why: str = "", *, wait: float | None = None, down: bool = False) -> None:
        super().__init__()
        self.failure = failure
        self.why = why
        """The failure in a few words: `Connection refused`."""
        self.wait = wait
        """Seconds that the server asked for."""
        self.down = down
        """It was as when a server is restarted."""


@dataclass(slots=True)
class Request:
    """A request with all its tries."""

    method: str
    route: str
    url: str
    query: dict[str, str]
    body: Any
    repeatable: bool
    guarded: bool = False
    """A secret takes part in it, so that the server's own words are not shown."""
    counted: bool = True
    """Whether the server counts it, unless it refuses it."""
    tried: int = 0
    excused: int = 0
    """Tries that do not count, since an outage was waited for."""
    heard: int | None = None
    """How many answers the client had when a try of it last failed in an outage."""
    at: str = ""
    """When the latest try was sent, in UTC."""
    correlation: str = ""
    """The id that we gave the latest try."""
    unexplained: int = 0
    maybe: bool = False
    """A try of it may have had its effect."""
    careful: bool = False
    """It is sent alone, to find out whether the credential is taken again."""

    def error(self, kind: type[_Error], status: int | None, request_id: str, said: str) -> _Error:
        """An error of that class about this call."""
        message = f"{self.method} {self.route} {said}"
        made = kind(message, method=self.method, route=self.route, status=status, request_id=request_id)
        return self.traced(made)

    def traced(self, error: _Error) -> _Error:
        """The error with what finds its request in a log, where the server answered and gave it no id."""
        if error.status is not None and not error.request_id:
            error.method, error.route = self.method, self.route
            error.at, error.correlation = self.at, self.correlation
        return error

    def unreachable(self, api: ApiClient, why: str, hint: str = "") -> Unreachable:
        """The error of a call that no server got, and that another try would not mend."""
        message = f"{self.method} {self.route} of {api.dialect.system} at {api.url} was not sent: {why}."
        return Unreachable(message, method=self.method, route=self.route, hint=hint)

    def unavailable(
        self, api: ApiClient, why: str, status: int | None = None, request_id: str = "", hint: str = ""
    ) -> Unavailable:
        """The error to raise when no further try is made."""
        times = "once" if self.tried == 1 else f"{self.tried} times"
        message = f"{self.method} {self.route} of {api.dialect.system} at {api.url} was tried {times}: {why}."
        if not status:
            hint = hint or f'Check the url of connection "{api.credential.name}", and that the server is up.'
        made = Unavailable(
            message, method=self.method, route=self.route, status=status, request_id=request_id, hint=hint
        )
        return self.traced(made)

    def uncertain(
        self,
        api: ApiClient,
        why: str,
        status: int | None = None,
        request_id: str = "",
        *,
        wait: float | None = None,
        hint: str = "",
        down: bool = False,
    ) -> Exception:
        """The call may have happened: sent again where that does no harm, else Ambiguous."""
        if self.repeatable:
            failure = self.unavailable(api, why, status, request_id, hint)
            self.maybe = failure.maybe = self.method != "GET"
            return Again(failure, why if status else f"gave no answer: {why}", wait=wait, down=down)
        lost = self.error(Ambiguous, status, request_id, f"may or may not have happened: {why}.")
        lost.hint = hint
        return lost
