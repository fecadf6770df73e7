"""The guard of an organisation: a credential of another one reads nothing on, and writes nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from trueup.core.errors import SafetyError
from trueup.systems.den.organization import ROUTE, organization

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trueup.transport import Answer, ApiClient

ID: Final = "^org_[0-9a-z]{26}$"
"""The pattern of an organisation's id."""


class OrganizationGuard:
    """The organisation that a connection is meant for. Accounts and instances show theirs: most runs need not ask."""

    def __init__(self, expected: str, said_by: str) -> None:
        """`said_by` is a subject and its verb: `connection "default" is meant for`."""
        self.expected = expected
        self._said_by = said_by
        self._known = False
        self._let = False

    def vouch(self) -> None:
        """Take it as known: another process found it so not long ago."""
        self._known = True

    def saw(self, answer: Answer) -> None:
        """Look at the organisations that an answer names. Raises SafetyError."""
        for found in _organizations(answer):
            if found != self.expected:
                raise SafetyError(
                    f"{self._said_by} organisation {self.expected}, and the credential belongs to {found}.",
                    hint=f"Nothing{' more' if self._let else ''} was sent. Use the credential of the right one.",
                )
            self._known = True

    async def confirm(self, client: ApiClient) -> None:
        """Ask `GET /v1/org` unless something that was read has shown it. Raises SafetyError and ApiError."""
        if not self._known:
            await organization(client)  # the guard sees the answer
        self._let = True


def _organizations(answer: Answer) -> Iterator[str]:
    body = answer.body if isinstance(answer.body, dict) else {}
    if answer.route == ROUTE:
        own = body.get("organization")
        yield from _text(own.get("id") if isinstance(own, dict) else None)
        return
    items = body.get("items")
    for item in (*(items if isinstance(items, list) else ()), body.get("item")):
        if isinstance(item, dict):
            yield from _text(item.get("organizationId"))


def _text(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value:
        yield value
