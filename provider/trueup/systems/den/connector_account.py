"""ConnectorAccount: the account at the upstream (a GitHub installation) that instances belong to."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from trueup.core import texts
from trueup.core.errors import NotFound
from trueup.core.fields import field
from trueup.core.kinds import Handler, kind
from trueup.core.reasons import Reason
from trueup.core.values import Call, Kept, Listing, Live, Refusal
from trueup.systems import writes
from trueup.systems.den import lists, rows
from trueup.systems.den.ids import ids

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from trueup.core.api import Api
    from trueup.core.changes import Change
    from trueup.core.kinds import Declared, Scope
    from trueup.core.values import Desired

ROUTE: Final = "/v1/connector-accounts"
_ID: Final = "connectorAccountId"
_NEEDS: Final = ("connectorType", "remoteId")
_SHAPE: Final[rows.Shape] = {
    "displayName": ("displayName", str),
    "externalAccountRef": ("externalAccountRef", str | None),
    "metadata": ("metadata", dict | None),
}


@dataclass(frozen=True)
class ConnectorAccount:
    """A connector account of Den: the upstream account, such as a GitHub installation, that instances belong to.

    Den has no route that changes an account, so a difference is refused: replacing the account would delete all of its
    instances.
    """

    connectorType: Literal["github"] | None = field(
        "The type of the upstream.", default="github", immutable=True, grows=True
    )
    remoteId: str = field(
        "The account's id at the upstream; unique in the organisation.",
        trimmed=True,
        immutable=True,
        min_length=1,
        max_length=255,
        example="1001",
    )
    displayName: str = field(
        "The name shown to users.",
        trimmed=True,
        immutable=True,
        min_length=1,
        max_length=255,
        pattern=r"\S",
        example="acme",
    )
    externalAccountRef: str | None = field(
        "Another reference to the upstream account.",
        trimmed=True,
        immutable=True,
        min_length=1,
        max_length=255,
        nullable=True,
    )
    metadata: dict[str, Any] | None = field(
        "Further data; only the declared keys are compared.", immutable=True, owned_by_key=True
    )
    deletionPolicy: Literal["retain", "disconnect"] | None = field(
        "What pruning does once it is no longer declared. `disconnect` deletes the account with all of its instances, "
        "and has to be allowed for the run as well.",
        program="The action when the resource is deleted. `disconnect` deletes the account with all of its instances, "
        "and requires `allowDisconnect` of the provider as well.",
        default="retain",
        local=True,
    )


class _Handler(Handler):
    """The API of connector accounts. Source: recorded cases `accounts.*`."""

    computed: Mapping[str, str] = MappingProxyType(
        {
            "organizationId": "The organisation that it belongs to.",
            "status": "Den's own status of it.",
            "createdAt": "When it was created.",
        }
    )
    statuses = ("active", "inactive", "disconnected", "error")  # as the published document lists them

    def key(self, spec: dict[str, Any]) -> Hashable:
        """Unique in the organisation: connectorType and remoteId."""
        return (spec.get("connectorType", "github"), spec.get("remoteId"))

    def near(self, spec: dict[str, Any]) -> Hashable | None:
        """The remoteId, whatever its case and accents."""
        return (spec.get("connectorType", "github"), texts.near(str(spec.get("remoteId"))))

    def identity(self, spec: dict[str, Any]) -> str | None:
        """Return None: an account is found by its remoteId."""
        return None

    async def read(self, api: Api, scope: Scope) -> Listing:
        """Return all accounts."""
        return Listing([_live(item) for item in await lists.read_all(api, ROUTE, needs=_NEEDS)])

    async def reread(self, api: Api, lives: Sequence[Live]) -> dict[str, Live]:
        """Return them by id when there are few of them, else from the head of the list."""
        wanted = {live.id: live for live in lives}
        return {key: _live(item) for key, item in (await lists.reread(api, ROUTE, _ID, wanted, _NEEDS)).items()}

    def reread_cost(self, lives: Sequence[Live | None], parents: int) -> int:
        """Return the requests of `lists.reread`."""
        return lists.reread_cost(len(lives))

    def calls(self, live: Live, desired: Desired, changes: Sequence[Change]) -> tuple[Call, ...] | Refusal:
        """Return None: Den has no route that changes an account."""
        names = tuple(sorted({change.name for change in changes}))
        return Refusal(Reason("den/account-cannot-change", fields=names))

    def creation(self, declared: Declared, near: Sequence[Live]) -> tuple[Call, ...] | Refusal:
        """Return one POST."""
        paths = tuple(name for name in declared.spec if name != "deletionPolicy")
        return (Call("create", 1, paths, admin=True),)

    def removal(self, live: Live, policy: str) -> tuple[Call, ...] | Kept:
        """Return Kept, unless the manifest asked for disconnecting it."""
        if policy != "disconnect":
            return Kept(Reason("policy-retain"))
        return (Call("disconnect", admin=True),)

    async def cascade(self, api: Api, live: Live, calls: Sequence[Call]) -> tuple[Reason, ...]:
        """Describe the objects that a disconnection deletes besides the instances, which are named."""
        if all(call.verb != "disconnect" for call in calls):
            return ()
        return (Reason("den/lost-with-an-account"),)

    async def perform(self, api: Api, call: Call, live: Live | None, desired: Desired) -> Live | None:
        """Create it, once, or disconnect it."""
        if call.verb == "disconnect":
            assert live is not None
            with contextlib.suppress(NotFound):  # another client was faster, or it answers a retry
                await api.request("POST", f"{ROUTE}/{{{_ID}}}/disconnect", params={_ID: live.id})
            return None
        spec = {name: value for name, value in desired.spec.items() if name != "deletionPolicy"}
        body = {"connectorType": "github", **spec}

        async def siblings(query: dict[str, Any] | None = None) -> Iterable[Live]:
            return map(_live, await lists.read_all(api, ROUTE, query, needs=_NEEDS))

        async def in_the_way() -> Live | None:
            return writes.in_the_way(self, await siblings(), desired.spec)

        return await writes.create(
            api,
            self,
            ROUTE,
            desired.spec,
            body,
            read=lambda answer: _live(lists.item_of(answer, needs=_NEEDS)),
            siblings=lambda: siblings({"q": desired.spec["remoteId"]}),
            noun="account",
            what=f"an account with remoteId {desired.spec['remoteId']}",
            in_the_way=in_the_way,
        )


def _live(item: dict[str, Any]) -> Live:
    metadata = item.get("metadata")
    spec = {
        "connectorType": str(item.get("connectorType")),
        "remoteId": str(item.get("remoteId")),
        "displayName": item.get("displayName"),
        "externalAccountRef": item.get("externalAccountRef"),
        "metadata": metadata if isinstance(metadata, dict) else {},
    }
    server = {key: item.get(key) for key in ("organizationId", "status", "createdAt")}
    name = str(item.get("displayName") or item.get("remoteId"))
    hidden = rows.unreadable(item, _SHAPE)
    live = Live("ConnectorAccount", item["id"], name, spec, item.get("updatedAt"), hidden, server=server)
    if (status := item.get("status")) in ("inactive", "disconnected", "error"):
        # A deleted GitHub installation sets it to disconnected; no route sets it back.
        live.trouble = Reason("den/account-not-connected", status=status)
    return live


KIND = kind(ConnectorAccount, system="den", handler=_Handler(), ids=ids("cac_"))
