"""ConnectorAccess: who may see or change an instance."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from trueup.core.errors import NotFound
from trueup.core.fields import field
from trueup.core.kinds import Handler, kind
from trueup.core.reasons import Reason
from trueup.core.values import Call, Listing, Live, Refusal
from trueup.systems import children
from trueup.systems.den import lists, principals, rows
from trueup.systems.den.ids import ids
from trueup.systems.den.organization import organization

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from trueup.core.api import Answer, Api
    from trueup.core.changes import Change
    from trueup.core.kinds import Declared, Scope
    from trueup.core.values import Desired, Kept
    from trueup.systems.den.organization import Organization

LIST: Final = "/v1/connector-instances/{connectorInstanceId}/access"
_PRINCIPALS: Final = ("member", "team", "organization")
_WHOM: Final = {"orgMembershipId": principals.MEMBER_ID, "teamId": principals.TEAM_ID}
_SHAPE: Final[rows.Shape] = {"role": ("role", str)}
_ID: Final = re.compile(r"cia_[0-9a-z]{26}")


@dataclass(frozen=True)
class ConnectorAccess:
    """An access grant of Den: the role that a member, a team or the whole organisation has for an instance."""

    connectorInstance: str = field(
        "The instance: the name of a declared ConnectorInstance, or an id `cin_…`.",
        reference="ConnectorInstance",
        immutable=True,
        min_length=1,
        id_pattern="^cin_[0-9a-z]{26}$",
        example="docs",
    )
    member: str | None = field(
        "A member of the organisation, by e-mail or by an id `om_…`.",
        trimmed=True,
        immutable=True,
        min_length=1,
        max_length=320,
        pattern=r"@|^\s*om_[0-9a-z]{26}\s*$",
    )
    team: str | None = field(
        "A team, by its name or by an id `tem_…`.",
        trimmed=True,
        immutable=True,
        min_length=1,
        max_length=255,
        example="Platform",
    )
    organization: bool | None = field("The whole organisation.", immutable=True, enum=[True])
    role: Literal["viewer", "editor", "manager"] = field(
        "The permission: read it, change it, or also manage access to it.", grows=True, example="editor"
    )


class _Handler(Handler):
    """The API of access grants. Source: recorded cases `access.*`."""

    computed: Mapping[str, str] = MappingProxyType(
        {"createdAt": "When it was given.", "createdByOrgMembershipId": "The member who gave it."}
    )
    dated = False
    translates = True  # e-mails and names of teams to ids
    follows = False  # a grant to another principal is another grant

    def key(self, spec: dict[str, Any]) -> Hashable:
        """Unique in its instance: whom it is for."""
        whom = next((name for name in _PRINCIPALS if spec.get(name)), "")
        return (spec.get("connectorInstance"), whom, spec.get(whom))

    def identity(self, spec: dict[str, Any]) -> str | None:
        """Return None: a grant is found by whom it is for."""
        return None

    def label(self, spec: dict[str, Any]) -> str:
        """Return whom it is for."""
        return str(spec.get("member") or spec.get("team") or "organization")

    def canonical(self, spec: dict[str, Any], listing: Listing) -> dict[str, Any] | Refusal:
        """Return e-mail and team name as the ids that Den knows them by."""
        known: Organization | None = listing.context
        if known is None:
            return spec
        return principals.with_ids(spec, known)

    def moved(
        self, spec: dict[str, Any], found: dict[str, Any] | Refusal, live: Live, name: str, listing: Listing
    ) -> Reason | None:
        """Return how to write a team or member that was renamed: its grant is the same one."""
        return principals.moved(spec, found, live, name, listing.context) if listing.context is not None else None

    async def read(self, api: Api, scope: Scope) -> Listing:
        """Return one list for each instance that is asked for, and the organisation, which tells names from ids."""
        if not scope.parents and not scope.declared:
            return Listing([])
        known = await organization(api)
        listing = await children.read(
            api, scope.parents, lambda parent: _rows(api, parent), live, missing=lists.missing
        )
        for one in listing.items:
            # Den grants it to the creator of an instance; without it no one may be left who can.
            one.implied = one.spec.get("member") == known.member
            one.name = known.called.get(one.name, one.name)
        listing.context = known
        return listing

    def read_cost(self, scope: Scope) -> int:
        """Return one list for each instance, and the organisation."""
        return len(scope.parents) + 1 if scope.parents or scope.declared else 0

    async def reread(self, api: Api, lives: Sequence[Live]) -> dict[str, Live]:
        """Return one list for each instance."""
        return await children.reread(api, lives, "connectorInstance", lambda parent: _rows(api, parent), live)

    def reread_cost(self, lives: Sequence[Live | None], parents: int) -> int:
        """Return one list for each instance."""
        return parents

    def calls(self, live: Live, desired: Desired, changes: Sequence[Change]) -> tuple[Call, ...] | Refusal:
        """Return one grant, which takes the place of the former."""
        return (Call("grant", 1, ("role",)),)

    def creation(self, declared: Declared, near: Sequence[Live]) -> tuple[Call, ...] | Refusal:
        """Return one grant."""
        return (Call("grant", 1, tuple(declared.spec)),)

    def removal(self, live: Live, policy: str) -> tuple[Call, ...] | Kept:
        """Return one DELETE; the grant stays listed as revoked."""
        return (Call("revoke"),)

    async def perform(self, api: Api, call: Call, live: Live | None, desired: Desired) -> Live | None:
        """Grant, which is safe to repeat since it is an upsert (case `access.upgrade-editor-upsert`), or revoke."""
        if call.verb == "revoke":
            assert live is not None
            params = {"connectorInstanceId": live.spec["connectorInstance"], "grantId": live.id}
            with contextlib.suppress(NotFound):
                await api.request("DELETE", f"{LIST}/{{grantId}}", params=params)
            return None
        spec = desired.spec
        names = {"member": "orgMembershipId", "team": "teamId", "organization": "orgWide"}
        body = {names[name]: spec[name] for name in _PRINCIPALS if spec.get(name)} | {"role": spec["role"]}
        params = {"connectorInstanceId": spec["connectorInstance"]}
        answer = await api.request("POST", LIST, params=params, body=body)
        made = live_of(answer, answer.body.get("item") if isinstance(answer.body, dict) else None, **params)
        if made is None or self.key(made.spec) != self.key(spec):
            raise answer.malformed("another grant than was to be given")
        return made


async def _rows(api: Api, parent: str) -> list[dict[str, Any]]:
    """Return all grants of an instance, in one answer: this list is not paged, and has no `updatedAt`."""
    answer = await api.get(LIST, None, connectorInstanceId=parent)
    items = answer.body.get("items") if isinstance(answer.body, dict) else None
    if not isinstance(items, list):
        raise answer.malformed("something that is not a list")
    for item in items:
        _check(answer, item)
        if item.get("connectorInstanceId", parent) != parent:
            raise answer.malformed("a grant of another instance")
    if len({item["id"] for item in items}) < len(items):
        raise answer.malformed("the same grant twice")
    return items


def _check(answer: Answer, item: Any) -> None:
    if not isinstance(item, dict) or not isinstance(item.get("id"), str) or not _ID.fullmatch(item["id"]):
        raise answer.malformed("a grant without an id")
    whom = [(item[name], form) for name, form in _WHOM.items() if item.get(name) is not None]
    sound = all(isinstance(value, str) and form.fullmatch(value) for value, form in whom)
    if not sound or len(whom) + (item.get("orgWide") is True) != 1:
        raise answer.malformed("a grant of which it does not say whose it is")
    if not isinstance(item.get("removedAt"), str | None):
        raise answer.malformed("a grant of which it does not say whether it was revoked")


def live_of(answer: Answer, item: Any, connectorInstanceId: str) -> Live | None:
    """Return the grant that an answer holds. Raises Malformed."""
    _check(answer, item)
    return live(item, connectorInstanceId)


def live(item: dict[str, Any], parent: str) -> Live | None:
    """A row of the list below an instance; None for a grant that was revoked, which stays listed."""
    if item.get("removedAt") is not None:
        return None
    spec: dict[str, Any] = {"connectorInstance": parent, "role": item.get("role")}
    if isinstance(item.get("orgMembershipId"), str):
        spec["member"] = item["orgMembershipId"]
    elif isinstance(item.get("teamId"), str):
        spec["team"] = item["teamId"]
    elif item.get("orgWide") is True:
        spec["organization"] = True
    name = str(spec.get("member") or spec.get("team") or "organization")
    server = {name: item.get(name) for name in ("createdAt", "createdByOrgMembershipId")}
    hidden = rows.unreadable(item, _SHAPE)
    return Live("ConnectorAccess", item["id"], name, spec, None, hidden, server=server)


KIND = kind(
    ConnectorAccess,
    system="den",
    handler=_Handler(),
    ids=ids("cia_", composed=True),
    parent="connectorInstance",
    one_of=_PRINCIPALS,
)
