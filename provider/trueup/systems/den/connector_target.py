"""ConnectorTarget: what of the upstream an instance follows, such as a branch."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from trueup.core import texts
from trueup.core.errors import NotFound, UsageError
from trueup.core.fields import field
from trueup.core.kinds import Handler, kind
from trueup.core.reasons import Reason
from trueup.core.values import Call, Kept, Live, Refusal
from trueup.systems import children, writes
from trueup.systems.den import lists, named, rows
from trueup.systems.den.ids import ids
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from trueup.core.api import Api
    from trueup.core.changes import Change
    from trueup.core.kinds import Declared, Scope
    from trueup.core.values import Desired, Listing

LIST: Final = "/v1/connector-instances/{connectorInstanceId}/targets"
ONE: Final = "/v1/connector-targets/{connectorTargetId}"
_NEEDS: Final = ("remoteId",)
_SHAPE: Final[rows.Shape] = {
    "targetKind": ("targetKind", str),
    "externalTargetRef": ("externalTargetRef", str | None),
    "config": ("targetConfigJson", dict | None),
}


@dataclass(frozen=True)
class ConnectorTarget:
    """A connector target of Den: the part of the upstream that an instance follows, such as a branch of a repository.

    Den has no route that deletes a target: it is deleted with its instance.
    """

    connectorInstance: str = field(
        "The instance it belongs to: the name of a declared ConnectorInstance, or an id `cin_…`.",
        reference="ConnectorInstance",
        immutable=True,
        min_length=1,
        id_pattern="^cin_[0-9a-z]{26}$",
        example="docs",
    )
    remoteId: str = field(
        "The repository at the upstream; unique among the targets of its instance.",
        trimmed=True,
        min_length=1,
        max_length=255,
        pattern=r"\S",
        example="acme/docs",
    )
    targetKind: Literal["repository_branch"] | None = field(
        "The type of the followed part.", default="repository_branch", immutable=True, grows=True
    )
    externalTargetRef: str | None = field(
        "Another reference to the followed part, such as the branch.",
        trimmed=True,
        nullable=True,
        min_length=1,
        max_length=255,
        example="main",
    )
    config: dict[str, Any] | None = field(
        "Configuration. Only the declared keys are managed; Den's own, such as discovered values, are kept.",
        owned_by_key=True,
        example={"repositoryFullName": "acme/docs", "branch": "main", "ref": "refs/heads/main"},
    )
    mappings: list[dict[str, Any]] | None = field(
        "Its mappings, in a short form: each like the spec of a ConnectorMapping, without `connectorTarget`.",
        inline=("ConnectorMapping", ""),
    )
    id: str | None = field("Adopt the target with this id.", pattern="^ctg_[0-9a-z]{26}$", local=True)


class _Handler(Handler):
    """The API of connector targets. Source: recorded cases `targets.*`."""

    computed: Mapping[str, str] = MappingProxyType({"createdAt": "When it was created."})
    naming = "remoteId"

    def key(self, spec: dict[str, Any]) -> Hashable:
        """Unique in its instance: the remoteId, whatever its case."""
        return (spec.get("connectorInstance"), texts.folded(str(spec.get("remoteId"))))

    def near(self, spec: dict[str, Any]) -> Hashable | None:
        """The remoteId, whatever its accents."""
        return (spec.get("connectorInstance"), texts.near(str(spec.get("remoteId"))))

    def label(self, spec: dict[str, Any]) -> str:
        """Return the remoteId."""
        return str(spec["remoteId"])

    async def read(self, api: Api, scope: Scope) -> Listing:
        """Return one list for each instance that is asked for."""
        return await children.read(api, scope.parents, lambda parent: _rows(api, parent), live, missing=lists.missing)

    def read_cost(self, scope: Scope) -> int:
        """Return one list for each instance."""
        return len(scope.parents)

    async def find(self, api: Api, given: str) -> tuple[Live, ...]:
        """Return the target of that id, or of INSTANCE/REMOTEID behind its instance, without their specs."""
        if named.is_target_id(given):
            await named.belongs(api, given)
            return (Live("ConnectorTarget", given, given, {"connectorInstance": ""}),)
        owner, sign, remote = given.partition("/")
        if not (sign and remote.strip() and owner.strip()):
            raise UsageError(
                f'"{plain(given, 80)}" is no target: it is an id (ctg_…), or INSTANCE/REMOTEID.',
                hint=Reason("den/list-targets"),
            )
        instance = await named.instance_of(api, owner)
        target = await named.target_of(api, remote, instance)
        return (
            Live("ConnectorInstance", instance.id, str(instance), {}),
            Live("ConnectorTarget", target.id, str(target), {"connectorInstance": instance.id}),
        )

    async def reread(self, api: Api, lives: Sequence[Live]) -> dict[str, Live]:
        """Return one list for each instance; a target with an unknown instance is read by its id."""
        known = [one for one in lives if "connectorInstance" in one.spec]
        found = await children.reread(api, known, "connectorInstance", lambda parent: _rows(api, parent), live)
        for one in lives:
            if "connectorInstance" not in one.spec:
                with contextlib.suppress(NotFound):
                    answer = await api.get(ONE, None, connectorTargetId=one.id)
                    found[one.id] = _live(lists.item_of(answer, one.id, _NEEDS))
        return found

    def reread_cost(self, lives: Sequence[Live | None], parents: int) -> int:
        """Return one list for each instance."""
        return parents

    def calls(self, live: Live, desired: Desired, changes: Sequence[Change]) -> tuple[Call, ...] | Refusal:
        """Return one PATCH; what it does not take is refused."""
        touched = {str(change.path[0]) for change in changes}
        if fixed := sorted(touched & {"connectorInstance", "targetKind"}):
            return Refusal(Reason("den/target-cannot-change", fields=fixed))
        paths = tuple(name for name in ("remoteId", "externalTargetRef", "config") if name in touched)
        return (Call("patch", 2 if "config" in paths else 1, paths),)

    def creation(self, declared: Declared, near: Sequence[Live]) -> tuple[Call, ...] | Refusal:
        """Return one POST."""
        if key := self.identity(declared.spec):
            return Refusal(Reason("den/no-target-to-adopt", id=key), error=True)
        return (Call("create", 1, tuple(name for name in declared.spec if name != "mappings")),)

    def removal(self, live: Live, policy: str) -> tuple[Call, ...] | Kept:
        """Return None: Den has no route that deletes a target."""
        return Kept(Reason("den/target-cannot-be-deleted"))

    async def perform(self, api: Api, call: Call, live: Live | None, desired: Desired) -> Live | None:
        """Make one call."""
        if call.verb == "create":
            return await self._create(api, desired)
        assert live is not None
        body = {name: desired.spec[name] for name in call.paths if name != "config"}
        if "config" in call.paths:
            # PATCH replaces the whole object, so it is read just before.
            fresh = lists.item_of(await api.get(ONE, None, connectorTargetId=live.id), live.id)
            body["config"] = writes.merged(rows.mapping_of(fresh, "targetConfigJson"), desired, "config")

        async def send(repeatable: bool) -> Live:
            params = {"connectorTargetId": live.id}
            answer = await api.request("PATCH", ONE, params=params, body=body, repeatable=repeatable)
            return _live(lists.item_of(answer, live.id, _NEEDS))

        if "remoteId" not in body:
            return await send(repeatable=True)
        what = f"the remoteId of {live.name} was not changed to {body['remoteId']}"
        return await writes.rename(api, send, what, lambda: self._in_the_way(api, {**live.spec, **body}, live.id))

    async def _in_the_way(self, api: Api, spec: dict[str, Any], own: str = "") -> Live | None:
        """Return another target of the instance whose remoteId the database may take for this one."""
        found = [live(item, spec["connectorInstance"]) for item in await _rows(api, spec["connectorInstance"])]
        return writes.in_the_way(self, found, spec, own)

    async def _create(self, api: Api, desired: Desired) -> Live:
        spec = desired.spec
        parent = spec["connectorInstance"]
        body: dict[str, Any] = {
            "connectorType": "github",
            "targetKind": "repository_branch",
            "config": {},
            **{name: spec[name] for name in ("remoteId", "targetKind", "externalTargetRef", "config") if name in spec},
        }

        async def siblings() -> Iterable[Live]:
            return map(_live, await _rows(api, parent))

        return await writes.create(
            api,
            self,
            LIST,
            spec,
            body,
            params={"connectorInstanceId": parent},
            read=lambda answer: _live(lists.item_of(answer, needs=_NEEDS)),
            siblings=siblings,
            noun="target",
            what=f"a target with remoteId {spec['remoteId']}",
            in_the_way=lambda: self._in_the_way(api, spec),
        )


async def _rows(api: Api, parent: str) -> list[dict[str, Any]]:
    return await lists.read_children(api, LIST, _NEEDS, connectorInstanceId=parent)


def live(item: dict[str, Any], parent: str) -> Live:
    """A row of the list below an instance."""
    found = _live(item)
    found.spec["connectorInstance"] = parent  # whatever the row says: it is what was asked for
    return found


def _live(item: dict[str, Any]) -> Live:
    config = item.get("targetConfigJson")
    remote = str(item.get("remoteId"))
    spec = {
        "connectorInstance": item.get("connectorInstanceId"),
        "remoteId": remote,
        "targetKind": item.get("targetKind"),
        "externalTargetRef": item.get("externalTargetRef"),
        "config": config if isinstance(config, dict) else {},
    }
    server = {"createdAt": item.get("createdAt")}
    hidden = rows.unreadable(item, _SHAPE)
    return Live("ConnectorTarget", item["id"], remote, spec, item.get("updatedAt"), hidden, server=server)


KIND = kind(ConnectorTarget, system="den", handler=_Handler(), ids=ids("ctg_"), parent="connectorInstance")
