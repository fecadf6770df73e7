"""Den as a System: a credential acts in one organisation, which accounts and instances show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trueup.systems.den import (
    connection,
    connector_access,
    connector_account,
    connector_instance,
    connector_mapping,
    connector_target,
    guard,
    sessions,
)
from trueup.systems.den.dialect import DenDialect
from trueup.systems.den.functions import FUNCTIONS
from trueup.systems.den.organization import organization
from trueup.systems.den.words import WORDS
from trueup.systems.system import EmbeddedServer, Permissions, System, Tenant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trueup.core.reasons import Reason
    from trueup.core.values import Live
    from trueup.transport.dialect import ApiClient


class Organisation(Tenant):
    """An organisation of Den.

    Facts: case `org-context`; from members who are no admins its lists keep what they have no grant for.
    """

    setting = "organization"
    shows = True
    pattern = guard.ID
    title = "an organisation of Den"
    form = "org_ and 26 small letters and digits"
    doc = "The organisation this is meant for, `org_…`: a key of another one is refused before anything is planned."

    def guard(self, expected: str, said_by: str) -> guard.OrganizationGuard:
        """Return the guard of an organisation."""
        return guard.OrganizationGuard(expected, said_by)

    async def of(self, api: ApiClient) -> str:
        """Return the id of the organisation of the credential."""
        return (await organization(api)).id

    def shown(self, live: Live) -> str:
        """Return the `organizationId` of an account or instance."""
        return str(live.server.get("organizationId") or "")

    async def permissions(self, api: ApiClient) -> Permissions:
        """Return the roles of the credential's member."""
        found = await organization(api)
        return Permissions(True if found.is_admin else False if found.is_member else None, tuple(sorted(found.roles)))

    async def sees_all(self, api: ApiClient) -> bool:
        """Whether the member is an admin."""
        return (await organization(api)).is_admin

    async def warning(self, api: ApiClient, denied: Iterable[Reason], *, writes: bool) -> Reason | None:
        """Return why a session that is too old may not write."""
        return await sessions.stale(api, denied, writes=writes)

    def detected(self, api: ApiClient) -> list[str]:
        """Return the version of the server by its headers, and what get-session said."""
        signs, limits = api.signs, api.limits
        age = "as newer servers, which strip it" if not signs.with_request_id else "as servers until August 2026"
        ids = f"{signs.with_request_id:,} of {signs.answers:,} answers carried x-request-id, {age}."
        asked = signs.probe or "not asked, since no credential was refused"
        window = (
            f"windows of {limits.requests:,} requests a key, closed by {limits.silence:.0f} s of silence; "
            f"{api.window.used:,} counted, {'other runs included' if api.window.known else 'of this run alone'}."
            if limits.requests
            else "a session has no request window."
        )
        return [
            ids,
            f"get-session said: {asked}.",
            window,
            "GET /v1/org may be up to five minutes old on newer servers; nothing is concluded of it.",
        ]


SYSTEM: Final = System(
    "den",
    "Den",
    connection.URL,
    (
        connection.KIND,
        connector_account.KIND,
        connector_instance.KIND,
        connector_target.KIND,
        connector_mapping.KIND,
        connector_access.KIND,
    ),
    DenDialect,
    Organisation(),
    FUNCTIONS,
    "den_",
    EmbeddedServer("trueup.sandbox", ("--preset", "demo"), "sandbox"),
    WORDS,
)
