"""The requests of one connection and their answers, as the handler of a kind knows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from trueup.core.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from trueup.core.progress import Progress

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with a status of 2xx, its JSON body, and what identifies it."""

    status: int
    body: Any
    request_id: str
    method: str
    route: str
    at: str = ""
    correlation: str = ""

    def malformed(self, what: str) -> Malformed:
        """Return the error for a body that is not what the API promises; a write may have happened all the same."""
        error = Malformed(
            f"{self.method} {self.route} answered {self.status} with {what}.",
            method=self.method,
            route=self.route,
            status=self.status,
            request_id=self.request_id,
            hint="Nothing was concluded from it.",
        )
        error.maybe = self.method != "GET"
        if not self.request_id:
            error.at, error.correlation = self.at, self.correlation
        return error


class Api(Protocol):
    """The client of one connection, as the handler of a kind uses it."""

    @property
    def title(self) -> str:
        """The system's name in a sentence."""

    @property
    def progress(self) -> Progress:
        """The observer of the run."""

    async def get(self, route: str, query: Mapping[str, Any] | None = None, **params: str) -> Answer:
        """Send a GET. `route` is a pattern such as `/v1/things/{id}`; `params` fill it. Raises ApiError and Stopped."""

    async def request(
        self,
        method: str,
        route: str,
        *,
        params: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        repeatable: bool = True,
        guarded: bool = False,
    ) -> Answer:
        """Send a request, again while that is safe.

        `repeatable` says that sending it twice does no more than sending it once. One that is not is sent again only
        when it cannot have happened; otherwise this raises Ambiguous. `body` may hold secrets; with `guarded` the
        answer does. Raises ApiError, Stopped and SafetyError.
        """

    async def once(self, name: str, make: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Return the result of a coroutine that is run once for all callers."""

    async def pause(self, seconds: float) -> None:
        """Wait. Raises Stopped."""
