"""How one API speaks, and what the code of a system may ask of the client that carries its requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from trueup.core.api import Api

if TYPE_CHECKING:
    import asyncio

    from trueup.core.api import Answer
    from trueup.core.errors import Unauthorized
    from trueup.core.progress import Clock
    from trueup.transport.values import Credential, Presumed, Signs, Wait
    from trueup.transport.window import Limits, Window


class ApiClient(Api, Protocol):
    """The client of one connection, as its Dialect, its Tenant and the parts of transport use it."""

    @property
    def url(self) -> str:
        """The URL of the server."""

    @property
    def dialect(self) -> Dialect:
        """How it speaks."""

    @property
    def credential(self) -> Credential:
        """The credential that every request carries."""

    @property
    def proven(self) -> bool:
        """Whether the server took the credential in this run, or in another one not long ago."""

    @property
    def answered(self) -> bool:
        """Whether the server answered earlier in this run."""

    @property
    def signs(self) -> Signs:
        """By what the server is recognised."""

    @property
    def limits(self) -> Limits:
        """The limits of the credential: a session has no request window."""

    @property
    def window(self) -> Window:
        """The request window of the credential."""

    @property
    def clock(self) -> Clock:
        """The time."""

    @property
    def stop(self) -> asyncio.Event:
        """Set once the run is being stopped."""

    async def probe(self, route: str) -> tuple[int, Any]:
        """Return status and JSON body of one GET past the gate; 0 and an empty object without an answer."""

    async def share(self) -> None:
        """Exchange with other runs how much of the window is spent."""


class Dialect(Protocol):
    """How one API speaks."""

    system: ClassVar[str]
    limits: ClassVar[Limits]

    vocabulary: ClassVar[frozenset[str]]
    """Codes and names of fields of this API: of an answer to a secret no other words are shown."""

    def headers(self, credential: Credential) -> dict[str, str]:
        """The headers that carry the credential."""

    def words(self, body: Any) -> str:
        """The message of an error body, in one line; empty when there is none."""

    def unrouted(self, body: Any) -> bool:
        """Whether a 404 with that body says that there is no such route, rather than no such resource."""

    def unstarted(self, body: Any) -> str:
        """Why a 503 with that body was certainly not carried out; empty when that is not known."""

    def failed(self, answer: Answer) -> str | None:
        """The reason when a 2xx answer says that it failed; None when it succeeded."""

    async def unauthorized(self, api: ApiClient) -> Wait | Presumed | Unauthorized | None:
        """Return why a 401 came, with one request at most.

        That is a spent window, known or presumed, or a bad credential; None when nothing speaks for either.
        """

    def unexplained(self, api: ApiClient) -> str:
        """Return a hint for a credential that is refused without a reason."""


class Guard(Protocol):
    """Holds the tenant that a connection is meant for against the one that its credential belongs to."""

    def vouch(self) -> None:
        """Take it as known: it was confirmed not long ago, by another process."""

    def saw(self, answer: Answer) -> None:
        """Take an answer as evidence. Raises SafetyError when it belongs to another tenant."""

    async def confirm(self, api: ApiClient) -> None:
        """Return once the tenant is known to be the right one; ask, unless an answer has shown it.

        Raises SafetyError and ApiError.
        """
