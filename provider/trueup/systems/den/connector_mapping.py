"""ConnectorMapping: what of a target becomes which kind of object, and in which plugin it lands."""

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
from trueup.core.values import Call, Live, Refusal
from trueup.systems import children, writes
from trueup.systems.den import lists, rows
from trueup.systems.den.ids import ids
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from trueup.core.api import Api
    from trueup.core.changes import Change
    from trueup.core.kinds import Declared, Scope
    from trueup.core.values import Desired, Kept, Listing

LIST: Final = "/v1/connector-targets/{connectorTargetId}/mappings"
ONE: Final = "/v1/connector-mappings/{connectorMappingId}"
_NEEDS: Final = ("selector", "objectType")
_KINDS: Final = ("path", "api", "custom")
"""The kinds that are known; a newer server may have others."""
_SHAPE: Final[rows.Shape] = {
    "mappingKind": ("mappingKind", str),
    "plugin": ("pluginId", str | None),
    "autoAddToPlugin": ("autoAddToPlugin", bool),
    "config": ("mappingConfigJson", dict | None),
}
_SENT: Final = {
    "selector": "selector",
    "objectType": "objectType",
    "plugin": "pluginId",
    "autoAddToPlugin": "autoAddToPlugin",
    "config": "config",
}
"""Fields of a PATCH by the names in manifests."""


@dataclass(frozen=True)
class ConnectorMapping:
    """A connector mapping of Den: which files of a target become which type of object, and in which plugin."""

    connectorTarget: str = field(
        "The target it belongs to: the name of a declared ConnectorTarget, or an id `ctg_…`.",
        reference="ConnectorTarget",
        immutable=True,
        min_length=1,
        id_pattern="^ctg_[0-9a-z]{26}$",
        example="docs-main",
    )
    mappingKind: Literal["path", "api", "custom"] = field(
        "The way of selection. Another value is another mapping: the mapping is deleted and created again.",
        immutable=True,
        grows=True,
        example="path",
    )
    selector: str = field(
        "The selected files; unique in the target together with the object type.",
        trimmed=True,
        min_length=1,
        max_length=255,
        pattern=r"\S",
        example="skills/**",
    )
    objectType: Literal["skill", "agent", "command", "tool", "mcp", "hook", "context", "custom"] = field(
        "The type of the created objects.", grows=True, example="skill"
    )
    plugin: str | None = field(
        "The id of the plugin that gets the objects.", pattern="^plg_[0-9a-z]{26}$", nullable=True
    )
    autoAddToPlugin: bool | None = field("Whether new objects are added to the plugin automatically.", default=False)
    config: dict[str, Any] | None = field("Configuration. Only the declared keys are managed.", owned_by_key=True)
    id: str | None = field("Adopt the mapping with this id.", pattern="^cmp_[0-9a-z]{26}$", local=True)


class _Handler(Handler):
    """The API of connector mappings. Source: recorded cases `mappings.*`."""

    computed: Mapping[str, str] = MappingProxyType({"createdAt": "When it was created."})
    naming = "selector"

    def key(self, spec: dict[str, Any]) -> Hashable:
        """Unique in its target: selector, whatever its case, and object type."""
        return (spec.get("connectorTarget"), texts.folded(str(spec.get("selector"))), spec.get("objectType"))

    def near(self, spec: dict[str, Any]) -> Hashable | None:
        """The selector, whatever its accents."""
        return (spec.get("connectorTarget"), texts.near(str(spec.get("selector"))), spec.get("objectType"))

    def label(self, spec: dict[str, Any]) -> str:
        """Return object type and selector."""
        return f"{spec['objectType']}:{spec['selector']}"

    async def read(self, api: Api, scope: Scope) -> Listing:
        """Return one list for each parent: there is no GET (case `mappings.get-single-not-a-route`)."""
        return await children.read(api, scope.parents, lambda parent: _rows(api, parent), live, missing=lists.missing)

    def read_cost(self, scope: Scope) -> int:
        """Return one list for each target."""
        return len(scope.parents)

    async def reread(self, api: Api, lives: Sequence[Live]) -> dict[str, Live]:
        """Return one list for each target."""
        return await children.reread(api, lives, "connectorTarget", lambda parent: _rows(api, parent), live)

    def reread_cost(self, lives: Sequence[Live | None], parents: int) -> int:
        """Return one list for each target."""
        return parents

    def calls(self, live: Live, desired: Desired, changes: Sequence[Change]) -> tuple[Call, ...] | Refusal:
        """Return one PATCH; another mappingKind deletes it and creates it anew."""
        touched = {str(change.path[0]) for change in changes}
        if "connectorTarget" in touched:
            return Refusal(Reason("den/mapping-cannot-move"))
        if "mappingKind" in touched and not isinstance(live.spec["mappingKind"], str):
            return Refusal(Reason("den/mapping-of-unknown-kind"), error=True)
        if "mappingKind" in touched and live.spec["mappingKind"] not in _KINDS:
            kind = plain(live.spec["mappingKind"], 80)
            return Refusal(Reason("den/mapping-of-newer-kind", kind=kind), error=True)
        if "mappingKind" in touched:
            return (Call("delete"), Call("create", 1, _declared(desired.spec)))
        paths = tuple(name for name in _SENT if name in touched)
        return (Call("patch", 2 if "config" in paths else 1, paths),)

    def creation(self, declared: Declared, near: Sequence[Live]) -> tuple[Call, ...] | Refusal:
        """Return one POST."""
        if key := self.identity(declared.spec):
            return Refusal(Reason("den/no-mapping-to-adopt", id=key), error=True)
        return (Call("create", 1, _declared(declared.spec)),)

    def removal(self, live: Live, policy: str) -> tuple[Call, ...] | Kept:
        """Return one DELETE."""
        return (Call("delete"),)

    async def cascade(self, api: Api, live: Live, calls: Sequence[Call]) -> tuple[Reason, ...]:
        """Describe the memberships that the deletion of a mapping ends; no route of Den counts them."""
        if all(call.verb != "delete" for call in calls):
            return ()
        return (Reason("den/lost-with-a-mapping"),)

    async def perform(self, api: Api, call: Call, live: Live | None, desired: Desired) -> Live | None:
        """Make one call."""
        if call.verb == "create":
            return await self._create(api, desired)
        assert live is not None
        params = {"connectorMappingId": live.id}
        if call.verb == "delete":
            with contextlib.suppress(NotFound):  # it is the answer to a second try (case `mappings.delete-again`)
                await api.request("DELETE", ONE, params=params)
            return None
        body = {_SENT[name]: desired.spec[name] for name in call.paths if name != "config"}
        if "config" in call.paths:
            listed = await _rows(api, live.spec["connectorTarget"])
            fresh = next((item for item in listed if item["id"] == live.id), {"id": live.id})
            body["config"] = writes.merged(rows.mapping_of(fresh, "mappingConfigJson"), desired, "config")

        async def send(repeatable: bool) -> Live:
            answer = await api.request("PATCH", ONE, params=params, body=body, repeatable=repeatable)
            return _live(lists.item_of(answer, live.id, _NEEDS))

        if body.keys().isdisjoint(("selector", "objectType")):
            return await send(repeatable=True)
        wanted = {**live.spec, **{name: desired.spec[name] for name in call.paths if name in desired.spec}}
        what = f"{live.name} was not changed to {wanted['objectType']} {wanted['selector']}"
        return await writes.rename(api, send, what, lambda: self._in_the_way(api, wanted, live.id))

    async def _in_the_way(self, api: Api, spec: dict[str, Any], own: str = "") -> Live | None:
        """Return another mapping of the target that the database may take for this one."""
        found = [live(item, spec["connectorTarget"]) for item in await _rows(api, spec["connectorTarget"])]
        return writes.in_the_way(self, found, spec, own)

    async def _create(self, api: Api, desired: Desired) -> Live:
        spec = desired.spec
        parent = spec["connectorTarget"]

        async def siblings() -> Iterable[Live]:
            return map(_live, await _rows(api, parent))

        return await writes.create(
            api,
            self,
            LIST,
            spec,
            {"mappingKind": spec["mappingKind"], **{sent: spec[name] for name, sent in _SENT.items() if name in spec}},
            params={"connectorTargetId": parent},
            read=lambda answer: _live(lists.item_of(answer, needs=_NEEDS)),
            siblings=siblings,
            noun="mapping",
            what=f"a mapping of {spec['selector']} to {spec['objectType']}",
            in_the_way=lambda: self._in_the_way(api, spec),
        )


def _declared(spec: dict[str, Any]) -> tuple[str, ...]:
    return ("connectorTarget", "mappingKind", *(name for name in _SENT if name in spec))


async def _rows(api: Api, parent: str) -> list[dict[str, Any]]:
    return await lists.read_children(api, LIST, _NEEDS, connectorTargetId=parent)


def live(item: dict[str, Any], parent: str) -> Live:
    """A row of the list below a target."""
    found = _live(item)
    found.spec["connectorTarget"] = parent  # whatever the row says: it is what was asked for
    return found


def _live(item: dict[str, Any]) -> Live:
    config = item.get("mappingConfigJson")
    selector = str(item.get("selector"))
    spec = {
        "connectorTarget": item.get("connectorTargetId"),
        "mappingKind": item.get("mappingKind"),
        "selector": selector,
        "objectType": str(item.get("objectType")),
        "plugin": item.get("pluginId"),
        "autoAddToPlugin": item.get("autoAddToPlugin"),
        "config": config if isinstance(config, dict) else {},
    }
    name = f"{spec['objectType']} {selector}"
    server = {"createdAt": item.get("createdAt")}
    hidden = rows.unreadable(item, _SHAPE)
    return Live("ConnectorMapping", item["id"], name, spec, item.get("updatedAt"), hidden, server=server)


KIND = kind(
    ConnectorMapping, system="den", handler=_Handler(), ids=ids("cmp_", composed=True), parent="connectorTarget"
)
