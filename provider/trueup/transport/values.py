"""The values of a connection: its credential, the signs of its server, and the verdicts on a refused credential."""

from __future__ import annotations

from dataclasses import dataclass

from trueup.core.errors import SecretError, Unauthorized
from trueup.core.secrets import Secret


@dataclass(slots=True)
class Signs:
    """By what the behaviour of a server is recognised."""

    answers: int = 0
    with_request_id: int = 0
    probe: str = ""
    """The answer of the server when asked why it refused the credential; empty when not asked."""


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
