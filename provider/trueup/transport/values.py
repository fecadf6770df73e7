"""The parts of a connection: its credential, its limits, how its API speaks, and the answers it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from trueup.core.errors import Malformed, SecretError, Unauthorized
from trueup.core.secrets import Secret

if TYPE_CHECKING:
    from trueup.transport.client import Client


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one credential: `requests` in a window that closes after `silence` seconds without any."""

    requests: int | None = None
    silence: float = 0.0


@dataclass(slots=True)
class Signs:
    """By what the behaviour of a server is recognised."""

    answers: int = 0
    with_request_id: int = 0
    probe: str = ""
    """The answer of the server when asked why it refused the credential; empty when not asked."""


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
        """The error to raise when the body is not what the API promises; a write has happened all the same, maybe."""
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


@dataclass(frozen=True, slots=True)
class Wait:
    """The verdict that the credential's window is spent: be silent for that many seconds, then go on."""

    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Presumed:
    """The verdict that a key which worked before has probably spent its window, where the server does not say.

    After that many seconds one request is sent; if it is refused as well, `refusal` is concluded.
    """

    seconds: float
    why: str
    refusal: Unauthorized


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

    async def unauthorized(self, client: Client) -> Wait | Presumed | Unauthorized | None:
        """Return why a 401 came, with one request at most.

        That is a spent window, known or presumed, or a bad credential; None when nothing speaks for either.
        """

    def unexplained(self, client: Client) -> str:
        """Return a hint for a credential that is refused without a reason."""


@dataclass(frozen=True, slots=True)
class Credential:
    """Who asks: an API key or a session token, never printed."""

    key: Secret | None = None
    token: Secret | None = None
    tenant: str | None = None
    """The tenant that a session is meant for, where one session may act in several."""
    name: str = "default"
    """The connection's name, for messages."""
    origin: str = ""
    """Where the credential comes from, for messages: a variable, a file."""

    def __post_init__(self) -> None:
        if self.key is not None and self.token is not None:
            # A server that refuses the one may take the other, and act as someone else.
            raise SecretError(
                f'connection "{self.name}" has both an API key and a session token, which are never sent together.',
                hint="Leave one of them out.",
            )
        for secret in (self.key, self.token):
            if secret is not None and not all("!" <= char <= "~" for char in secret.reveal()):
                # Checked here: the error of the HTTP library would show it.
                origin = f" ({self.origin})" if self.origin else ""
                raise SecretError(
                    f'the credential of connection "{self.name}"{origin} cannot be sent: it holds a space, a line '
                    "break, or a character that is not ASCII.",
                    hint="Copy it again, without what stands around it.",
                )
