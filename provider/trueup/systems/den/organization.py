"""The organisation of a credential: who is in it, and what the credential's own member may do.

Fact: `GET /v1/org` tells organisation, own role, members with e-mails, and teams, in one request (case `org-context`).
Newer servers make admins of a team's members: then `role` is the member's own, and `effectiveRole` the highest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from trueup.transport.wire import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trueup.transport import Answer, Api

ROUTE: Final = "/v1/org"
_ADMINS: Final = frozenset(("owner", "super-admin", "admin"))
_MEMBERS: Final = frozenset(("member", ""))


@dataclass(frozen=True, slots=True)
class Organization:
    """The organisation, as `GET /v1/org` shows it: up to five minutes old, and perhaps without some of its members.

    So an id or a name that is missing here proves nothing.
    """

    id: str
    member: str
    """The id of the member whose credential asks."""
    roles: frozenset[str]
    """The member's roles in the organisation, their own and that of a team."""
    members: dict[str, str]
    """Ids of members by e-mail, in small letters."""
    teams: dict[str, str]
    """Ids of teams by name."""
    doubles: frozenset[str] = frozenset()
    """Names that several teams have."""
    called: dict[str, str] = field(default_factory=dict)
    """E-mails of members and names of teams, by id."""
    untold: frozenset[str] = frozenset()
    """`member`, `team`: the lists that are not there at all."""

    @property
    def is_admin(self) -> bool:
        """Whether the member may create accounts and instances, and disconnect."""
        return not _ADMINS.isdisjoint(self.roles)

    @property
    def is_member(self) -> bool:
        """Whether the member is known to be no admin: what a role means that is not known, only the server says."""
        return bool(self.roles) and self.roles <= _MEMBERS


async def organization(api: Api) -> Organization:
    """The organisation of the client's credential, asked for once a client. Raises ApiError."""

    async def ask() -> Organization:
        return _read(await api.get(ROUTE))

    found: Organization = await api.once(ROUTE, ask)
    return found


def _read(answer: Answer) -> Organization:
    body = answer.body if isinstance(answer.body, dict) else {}
    own, me = body.get("organization"), body.get("currentMember")
    if not isinstance(own, dict) or not isinstance(own.get("id"), str):
        raise answer.malformed("no organization")
    if not isinstance(me, dict) or not isinstance(me.get("id"), str):
        raise answer.malformed("no member")
    members: dict[str, str] = {}
    called: dict[str, str] = {}
    for row in _rows(body.get("members")):
        user = row.get("user")
        email = user.get("email") if isinstance(user, dict) else None
        if isinstance(email, str):
            members.setdefault(email.casefold(), row["id"])
            called[row["id"]] = email
    teams: dict[str, str] = {}
    doubles: set[str] = set()
    for row in _rows(body.get("teams")):
        name = row.get("name")
        if isinstance(name, str):
            called[row["id"]] = name
            if teams.setdefault(name, row["id"]) != row["id"]:
                doubles.add(name)
    words = (me.get(name) for name in ("role", "directRole", "effectiveRole"))
    roles = frozenset(part.strip() for one in words if isinstance(one, str) for part in plain(one).split(","))
    lists = {"member": body.get("members"), "team": body.get("teams")}
    untold = frozenset(name for name, found in lists.items() if not isinstance(found, list))
    return Organization(own["id"], me["id"], roles, members, teams, frozenset(doubles), called, untold)


def _rows(value: Any) -> Iterator[dict[str, Any]]:
    for row in value if isinstance(value, list) else ():
        if isinstance(row, dict) and isinstance(row.get("id"), str):
            yield row
