"""ConnectorInstance: one connected repository of an account."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from trueup.core import texts
from trueup.core.errors import Forbidden, NotFound, Refused
from trueup.core.fields import field
from trueup.core.kinds import Handler, kind
from trueup.core.reasons import Reason
from trueup.core.values import Call, Kept, Listing, Live, Refusal
from trueup.systems import writes
from trueup.systems.den import lists, named, rows
from trueup.systems.den.ids import ids

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from trueup.core.api import Api
    from trueup.core.changes import Change
    from trueup.core.kinds import Declared, Scope
    from trueup.core.values import Desired

ROUTE: Final = "/v1/connector-instances"
_ID: Final = "connectorInstanceId"
_VERBS: Final = {"active": "enable", "disabled": "disable", "archived": "archive"}
_FEW: Final = 5
_NEEDS: Final = ("name",)
_SHAPE: Final[rows.Shape] = {
    "connectorAccount": ("connectorAccountId", str),
    "remoteId": ("remoteId", str | None),
    "status": ("status", str),
    "config": ("instanceConfigJson", dict | None),
    "autoImportNewPlugins": ("instanceConfigJson", dict | None),
}
"""Maximum number of instances to look up separately when the others are not needed."""


@dataclass(frozen=True)
class ConnectorInstance:
    """A connector instance of Den: one connected repository of a connector account."""

    connectorAccount: str = field(
        "The account it belongs to: the name of a declared ConnectorAccount, or an id `cac_…`.",
        reference="ConnectorAccount",
        immutable=True,
        min_length=1,
        id_pattern="^cac_[0-9a-z]{26}$",
        example="acme",
    )
    name: str | None = field(
        "Its name, unique in the organisation regardless of case; by default `metadata.name`. Another name, here or in "
        "Den, renames the instance: the ledger has its id. Without a ledger set `id`. Another `metadata.name` is "
        "another resource.",
        program="Its name, unique in the organisation regardless of case; by default the name of the resource in the "
        "program. Another name, here or in Den, renames the instance.",
        trimmed=True,
        min_length=1,
        max_length=255,
        pattern=r"\S",
        example="docs",
    )
    remoteId: str | None = field(
        "The repository at the upstream.",
        trimmed=True,
        nullable=True,
        min_length=1,
        max_length=255,
        example="acme/docs",
    )
    status: Literal["active", "disabled", "archived"] | None = field(
        "Whether it syncs. If omitted, the live value is kept.", example="active"
    )
    config: dict[str, Any] | None = field(
        "Configuration. Only the declared keys are managed; all others belong to the server and are kept.",
        owned_by_key=True,
        properties={"autoImportNewPlugins": {"not": {}}},  # it has a route and a field of its own
        example={"branch": "main"},
    )
    autoImportNewPlugins: bool | None = field("Whether new plugins are imported automatically.", default=True)
    targets: list[dict[str, Any]] | None = field(
        "Its targets, in a short form: each like the spec of a ConnectorTarget, without `connectorInstance`.",
        inline=("ConnectorTarget", ""),
    )
    access: dict[str, Any] | None = field(
        "Its access grants, in a short form.",
        inline=("ConnectorAccess", "grants"),
        properties={
            "exclusive": {
                "type": "boolean",
                "description": "Revoke every grant that is not declared, except that of the member whose key is used.",
            }
        },
    )
    deletionPolicy: Literal["archive", "remove", "retain"] | None = field(
        "What pruning does once it is no longer declared. `remove` deletes it with everything that was imported "
        "through it, and also allows its replacement when its account changes.",
        program="The action when the resource is deleted. `remove` deletes it with everything that was imported "
        "through it, and also allows its replacement when its account changes.",
        default="archive",
        local=True,
    )
    id: str | None = field(
        "Adopt the instance with this id, regardless of its name.", pattern="^cin_[0-9a-z]{26}$", local=True
    )


class _Handler(Handler):
    """The API of connector instances. Source: recorded cases `instances.*`, `lifecycle.*`, `auto-import.*`."""

    computed: Mapping[str, str] = MappingProxyType(
        {
            "organizationId": "The organisation that it belongs to.",
            "createdAt": "When it was created.",
        }
    )
    naming = "name"
    statuses = (*_VERBS, "error")  # as the published document lists them

    def key(self, spec: dict[str, Any]) -> Hashable:
        """Unique in the organisation: the name, whatever its case."""
        return texts.folded(texts.trimmed(str(spec["name"])))

    def near(self, spec: dict[str, Any]) -> Hashable | None:
        """The name, whatever its accents."""
        return texts.near(texts.trimmed(str(spec["name"])))

    async def read(self, api: Api, scope: Scope) -> Listing:
        """Return all instances; when the rest does not matter and few are wanted, those alone, by id or by name."""
        if not scope.whole and len(scope.declared) <= _FEW:
            found: dict[str, Live] = {}
            for declared in scope.declared:
                for live in await self._look(api, declared.spec):
                    found[live.id] = live
                if (former := self.former(declared, declared.spec)) is not None:
                    for live in await self._look(api, {"name": former}):
                        found[live.id] = live
            renamed = {key: Live("ConnectorInstance", key, "", {}) for key in scope.known if key not in found}
            try:
                items = await lists.reread(api, ROUTE, _ID, renamed, _NEEDS)
            except Forbidden:  # this credential may not see one of them, which the plan shows
                items = {}
                for key, live in renamed.items():
                    with contextlib.suppress(Forbidden):
                        items |= await lists.reread(api, ROUTE, _ID, {key: live}, _NEEDS)
            found |= {key: _live(item) for key, item in items.items()}
            return Listing(list(found.values()), complete=False)
        return Listing([_live(item) for item in await lists.read_all(api, ROUTE, needs=_NEEDS)])

    def read_cost(self, scope: Scope) -> int:
        """Return a page for every hundred that are declared or known, and another look at the head."""
        if not scope.whole and len(scope.declared) <= _FEW:
            return len(scope.declared)
        pages = -(-max(len(scope.declared), len(scope.known), 1) // lists.PAGE)
        return pages + (pages > 1)

    async def _look(self, api: Api, spec: dict[str, Any]) -> list[Live]:
        if key := self.identity(spec):
            gone = Live("ConnectorInstance", key, "", {})
            return [_live(item) for item in (await lists.reread(api, ROUTE, _ID, {key: gone}, _NEEDS)).values()]
        return [_live(item) for item in await lists.read_all(api, ROUTE, {"q": spec["name"]}, needs=_NEEDS)]

    async def find(self, api: Api, given: str) -> tuple[Live, ...]:
        """Return the instance of that name or id, without its spec: two requests at most."""
        one = await named.instance_of(api, given)
        one = one if one.name else await named.known(api, one)
        return (Live("ConnectorInstance", one.id, str(one), {}),)

    async def reread(self, api: Api, lives: Sequence[Live]) -> dict[str, Live]:
        """Return them by id when there are few of them, else from the head of the list."""
        items = await lists.reread(api, ROUTE, _ID, {live.id: live for live in lives}, _NEEDS)
        return {key: _live(item) for key, item in items.items()}

    def reread_cost(self, lives: Sequence[Live | None], parents: int) -> int:
        """Return the requests of `lists.reread`."""
        return lists.reread_cost(len(lives))

    def revived(self, live: Live) -> dict[str, Any]:
        """Return active for an archived one that is adopted, as for one that is created."""
        return {"status": "active"} if live.spec.get("status") == "archived" else {}

    def calls(self, live: Live, desired: Desired, changes: Sequence[Change]) -> tuple[Call, ...] | Refusal:
        """Return PATCH, auto-import, and the verb of the status, so that it never syncs with what is on its way out."""
        touched = {str(change.path[0]) for change in changes}
        if "connectorAccount" in touched:
            if not isinstance(live.spec["connectorAccount"], str):
                return Refusal(Reason("den/instance-of-unknown-account"), error=True)
            if desired.spec.get("deletionPolicy") == "remove":
                return (Call("remove"), *_creation(desired.spec))
            return Refusal(Reason("den/instance-cannot-change-account"))
        found: list[Call] = []
        if "autoImportNewPlugins" in touched:
            found.append(Call("auto-import", 1, ("autoImportNewPlugins",)))
        if patched := tuple(name for name in ("name", "remoteId", "config") if name in touched):
            found.append(Call("patch", 2 if "config" in patched else 1, patched))
        if "status" in touched:
            verb = Call(_VERBS[desired.spec["status"]], 1, ("status",))
            found.insert(len(found) if verb.verb == "enable" else 0, verb)
        return tuple(found)

    def creation(self, declared: Declared, near: Sequence[Live]) -> tuple[Call, ...] | Refusal:
        """Return one POST, which makes it active, and the verb of another status."""
        if key := self.identity(declared.spec):
            return Refusal(Reason("den/no-instance-to-adopt", id=key), error=True)
        return _creation(declared.spec)

    def removal(self, live: Live, policy: str) -> tuple[Call, ...] | Kept:
        """Return the call that archives it, unless it is to be removed or retained."""
        if policy == "retain":
            return Kept(Reason("policy-retain"))
        if policy == "remove":
            return (Call("remove"),)
        return () if live.spec.get("status") == "archived" else (Call("archive", 1, ("status",)),)

    def ended(self, live: Live | None) -> bool:
        """Return whether it is gone or archived."""
        return live is None or live.spec.get("status") == "archived"

    async def cascade(self, api: Api, live: Live, calls: Sequence[Call]) -> tuple[Reason, ...]:
        """Describe the objects that a removal deletes with it: one request (case `configuration.get.unset`).

        Den counts mappings and imported objects, and names the plugins; it counts neither targets, grants and sync
        events, nor the plugin memberships of what was imported.
        """
        if all(call.verb != "remove" for call in calls):
            return ()
        try:
            answer = await api.get(f"{ROUTE}/{{{_ID}}}/configuration", None, **{_ID: live.id})
        except NotFound:
            return ()
        item = answer.body.get("item") if isinstance(answer.body, dict) else None
        found = item if isinstance(item, dict) else {}
        counts = {name: found.get(name) for name in ("mappingCount", "importedConfigObjectCount")}
        if not all(isinstance(count, int) for count in counts.values()):
            raise answer.malformed("no counts")
        mappings, objects = counts.values()
        plugins = found.get("configuredPlugins")
        fed = len(plugins) if isinstance(plugins, list) else 0
        where = Reason("den/fed-plugins", plugins=fed) if fed else None
        return (Reason("den/lost-with-an-instance", mappings=mappings, objects=objects, plugins=where),)

    async def perform(self, api: Api, call: Call, live: Live | None, desired: Desired) -> Live | None:
        """Make one call."""
        if call.verb == "create":
            return await self._create(api, desired)
        assert live is not None
        if call.verb == "patch":
            return await self._patch(api, call, live, desired)
        route = f"{ROUTE}/{{{_ID}}}/{call.verb}"
        if call.verb == "remove":
            with contextlib.suppress(NotFound):  # another client was faster, or it answers a retry
                await api.request("POST", route, params={_ID: live.id})
            return None
        if call.verb == "auto-import":
            body = {"autoImportNewPlugins": desired.spec["autoImportNewPlugins"]}
            answer = await api.request("POST", route, params={_ID: live.id}, body=body)
            item = answer.body.get("item") if isinstance(answer.body, dict) else None
            instance = item.get("connectorInstance") if isinstance(item, dict) else None
            return _live(lists.checked_item(answer, instance, live.id, _NEEDS))
        return _live(lists.item_of(await api.request("POST", route, params={_ID: live.id}), live.id, _NEEDS))

    async def _create(self, api: Api, desired: Desired) -> Live:
        spec = desired.spec
        body: dict[str, Any] = {"connectorAccountId": spec["connectorAccount"], "connectorType": "github"}
        body |= {"name": spec["name"]}
        if "remoteId" in spec:
            body["remoteId"] = spec["remoteId"]
        config = dict(spec.get("config") or {})
        if "autoImportNewPlugins" in spec:
            config["autoImportNewPlugins"] = spec["autoImportNewPlugins"]  # spares the call, and the sync in between
        if config:
            body["config"] = config

        async def send() -> Live:
            answer = await api.request("POST", ROUTE, body=body, repeatable=False)
            made = _live(lists.item_of(answer, needs=_NEEDS))
            if (self.key(made.spec), made.spec["connectorAccount"]) != (self.key(spec), spec["connectorAccount"]):
                raise answer.malformed("another instance than was to be created")
            return made

        async def find() -> Live | None:
            found = await self._look(api, {"name": spec["name"]})
            same = next((one for one in found if self.key(one.spec) == self.key(spec)), None)
            if same is not None and same.spec["connectorAccount"] != spec["connectorAccount"]:
                raise Refused(
                    f"the name {spec['name']} is taken by {same.id} of account {same.spec['connectorAccount']}.",
                    hint="Names are unique in an organisation. Choose another.",
                )
            return same

        what = f"an instance named {spec['name']}"
        return await writes.create_once(api, send, find, what, lambda: self._in_the_way(api, spec))

    async def _in_the_way(self, api: Api, spec: dict[str, Any], own: str = "") -> Live | None:
        """Return another instance whose name the database may take for this one: the list is read once a client."""

        async def ask() -> list[Live]:
            return [_live(item) for item in await lists.read_all(api, ROUTE, needs=_NEEDS)]

        alike = [one for one in await api.once(f"{ROUTE} by name", ask) if self.near(one.spec) == self.near(spec)]
        now = await self.reread(api, [one for one in alike if one.id != own][: writes.LOOKED])
        return writes.in_the_way(self, now.values(), spec, own)

    async def _patch(self, api: Api, call: Call, live: Live, desired: Desired) -> Live:
        body = {name: desired.spec[name] for name in call.paths if name != "config"}
        if "config" in call.paths:
            # PATCH replaces the whole object (case `instances.patch.config-replaces`), so it is read just before.
            fresh = lists.item_of(await api.get(f"{ROUTE}/{{{_ID}}}", None, **{_ID: live.id}), live.id)
            body["config"] = writes.merged(rows.mapping_of(fresh, "instanceConfigJson"), desired, "config")
        route = f"{ROUTE}/{{{_ID}}}"

        async def send(repeatable: bool) -> Live:
            answer = await api.request("PATCH", route, params={_ID: live.id}, body=body, repeatable=repeatable)
            return _live(lists.item_of(answer, live.id, _NEEDS))

        if "name" not in body:
            return await send(repeatable=True)
        what = f"{live.name} was not renamed to {body['name']}"
        return await writes.rename(api, send, what, lambda: self._in_the_way(api, body, live.id))


def _creation(spec: dict[str, Any]) -> tuple[Call, ...]:
    status = spec.get("status", "active")
    local = ("status", "deletionPolicy", "id", "access", "targets")
    create = Call("create", 1, tuple(name for name in spec if name not in local), admin=True)
    return (create,) if status == "active" else (create, Call(_VERBS[status], 1, ("status",)))


def _live(item: dict[str, Any]) -> Live:
    config = item.get("instanceConfigJson")
    config = dict(config) if isinstance(config, dict) else {}
    auto = config.pop("autoImportNewPlugins", True)
    name = texts.trimmed(str(item.get("name")))
    spec = {
        "name": name,
        "connectorAccount": item.get("connectorAccountId"),
        "remoteId": item.get("remoteId"),
        "status": item.get("status"),
        "config": config,
        "autoImportNewPlugins": auto is not False,
    }
    server = {key: item.get(key) for key in ("organizationId", "createdAt")}
    hidden = rows.unreadable(item, _SHAPE)
    if not isinstance(auto, bool):
        hidden |= {("autoImportNewPlugins",)}
    return Live("ConnectorInstance", item["id"], name, spec, item.get("updatedAt"), hidden, server=server)


KIND = kind(ConnectorInstance, system="den", handler=_Handler(), ids=ids("cin_"))
