"""What has to hold before a write is sent, whichever command or program sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from trueup.client.client import Client
    from trueup.client.values import Answer


class Guard(Protocol):
    """Holds the tenant that a connection is meant for against the one that its credential belongs to."""

    def vouch(self) -> None:
        """Take it as known: it was confirmed not long ago, by another process."""

    def saw(self, answer: Answer) -> None:
        """Take an answer as evidence. Raises SafetyError when it belongs to another tenant."""

    async def confirm(self, client: Client) -> None:
        """Return once the tenant is known to be the right one; ask, unless an answer has shown it.

        Raises SafetyError and ApiError.
        """
