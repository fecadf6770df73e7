"""Connector: a connector of a Wexa project."""

from __future__ import annotations

import contextlib
import difflib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from trueup.core.errors import NotFound, Refused
from trueup.core.fields import field
from trueup.core.kinds import Handler, Ids, kind
from trueup.core.reasons import Reason
from trueup.core.values import Call, Incomparable, Kept, Listing, Refusal
from trueup.systems.wexa import answers

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from trueup.core.api import Api
    from trueup.core.changes import Change, Path
    from trueup.core.kinds import Declared, Scope
    from trueup.core.values import Desired, Live

PROJECT_ID: Final = "^[0-9a-f]{24}$"
"""The pattern of a project's id."""
LIST: Final = "/connectors/{projectID}"
ONE: Final = "/connector/{connectorID}"
WRITTEN: Final = ("pending", "active", "inactive")
"""The words that `change_status` takes; what is read back may be others (`ready`, `failed`)."""


@dataclass(frozen=True)
class Connector:
    """A connector of a Wexa project: its status and the configuration of its data loader.

    It is written with the documented `change_status`, which requires the configuration; without `dataLoaderConfig` the
    connector is only observed. Its creation is not documented, so it must exist.
    """

    projectId: str = field(
        "The project it belongs to.", pattern=PROJECT_ID, immutable=True, example="68063653fc2e1fb859700001"
    )
    connectorId: str | None = field("Its id, in place of a name.", pattern="^[0-9a-f]{24}$", immutable=True)
    name: str | None = field(
        "Its `sourceName`, unique in the project; by default `metadata.name`, unless `connectorId` is given.",
        program="Its `sourceName`, unique in the project; by default the name of the resource in the program, "
        "unless `connectorId` is given.",
        trimmed=True,
        min_length=1,
        max_length=255,
        immutable=True,
        example="crm",
    )
    status: Literal["pending", "active", "inactive"] | None = field("The status to set.", example="active")
    dataLoaderConfig: dict[str, Any] | None = field(
        "Configuration of the data loader, sent with every change of status.",
        owned_by_key=True,
        write_only=True,
        secret=("auth",),
        properties={
            "source": {"type": "string", "minLength": 1, "pattern": r"\S", "description": "Where the data comes from."},
            "batchSize": {"type": "integer", "minimum": 1, "description": "Records in one batch."},
            "auth": {"type": "object", "description": "Credentials, each of them a secret.", "minProperties": 1},
        },
        required_keys=["source", "batchSize", "auth"],
        additional_properties=False,
        example={
            "source": "mongodb",
            "batchSize": 200,
            "auth": {"username": "reader", "password": {"valueFrom": {"env": "CRM_PASSWORD"}}},
        },
    )
    deletionPolicy: Literal["retain", "remove"] | None = field(
        "What pruning does once it is no longer declared. `remove` cannot be undone.",
        program="The action when the resource is deleted. `remove` cannot be undone.",
        default="retain",
        local=True,
    )


class _Handler(Handler):
    """The API of Wexa's connectors. Sources: the documented `change_status`, and what public clients send."""

    creates = False
    shortens = True
    settles = True
    computed: Mapping[str, str] = MappingProxyType({"category": "What Wexa lists it under."})

    def key(self, spec: dict[str, Any]) -> Hashable:
        """Project and name, or id; whether the server keeps names unique is unknown, so two matches are an error."""
        return (spec["projectId"], spec.get("name") or (spec.get("connectorId"),))

    def label(self, spec: dict[str, Any]) -> str:
        """Return its name or id."""
        return str(spec.get("name") or spec.get("connectorId"))

    def identity(self, spec: dict[str, Any]) -> str | None:
        """`connectorId`, when it is declared."""
        found: str | None = spec.get("connectorId")
        return found

    async def read(self, api: Api, scope: Scope) -> Listing:
        """Return one list for each project, and a request for each connector whose configuration is declared."""
        projects = sorted({declared.spec["projectId"] for declared in scope.declared} | set(scope.parents))
        lives = [live for project in projects for live in await self._list(api, project)]
        wanted = {
            self.identity(declared.spec) or self.key(declared.spec)
            for declared in scope.declared
            if "dataLoaderConfig" in declared.spec
        }
        await self._configs(api, [live for live in lives if live.id in wanted or self.key(live.spec) in wanted])
        return Listing(lives, parents=frozenset(projects))

    async def _list(self, api: Api, project: str) -> list[Live]:
        return answers.connectors(await api.get(LIST, None, projectID=project), project)

    async def _configs(self, api: Api, lives: Sequence[Live]) -> None:
        for live in lives:
            try:
                answers.add_config(live, await api.request("GET", ONE, params={"connectorID": live.id}, guarded=True))
            except NotFound:
                continue  # listed, but not to be read: then its configuration is unreadable

    async def whole(self, api: Api, live: Live) -> Live:
        """Return it with its configuration: one request."""
        await self._configs(api, [live])
        return live

    async def reread(self, api: Api, lives: Sequence[Live]) -> dict[str, Live]:
        """Return them from the list of each project, each with its configuration."""
        wanted = {live.id for live in lives}
        projects = sorted({live.spec["projectId"] for live in lives})
        found = [live for project in projects for live in await self._list(api, project) if live.id in wanted]
        await self._configs(api, found)
        return {live.id: live for live in found}

    def read_cost(self, scope: Scope) -> int:
        """Return one list for each project, and one request each whose configuration is declared."""
        configs = sum("dataLoaderConfig" in declared.spec for declared in scope.declared)
        return len({declared.spec["projectId"] for declared in scope.declared} | set(scope.parents)) + configs

    def reread_cost(self, lives: Sequence[Live | None], parents: int) -> int:
        """Return one list for each project, and one request each."""
        return parents + len(lives)

    def incomparable(self, path: Path, value: Any) -> Incomparable | None:
        """Return why a status in a word that cannot be written is incomparable: Wexa publishes no mapping of words."""
        if path != ("status",) or value in ("active", "inactive"):
            return None
        if value == "pending":
            return Incomparable(Reason("wexa/status-pending"), settling=True)
        why = Reason("wexa/status-unmapped", status=repr(value))
        return Incomparable(why, final=value == "failed", may_be=() if value == "failed" else ("active",))

    def calls(self, live: Live, desired: Desired, changes: Sequence[Change]) -> tuple[Call, ...] | Refusal:
        """Return one `change_status`, which takes status and configuration together."""
        touched = {str(change.path[0]) for change in changes}
        if fixed := touched & {"projectId", "connectorId", "name"}:
            return Refusal(
                Reason("wexa/connector-cannot-change", fields=tuple(sorted(fixed)), id=live.id, name=live.name)
            )
        if "dataLoaderConfig" not in desired.spec:
            return Refusal(Reason("wexa/config-not-declared"))
        if "status" not in desired.spec and live.spec.get("status") not in WRITTEN:
            return Refusal(Reason("wexa/status-not-declared"))
        return (Call("change_status", 1 if "status" in desired.spec else 2, ("status", "dataLoaderConfig")),)

    def removal(self, live: Live, policy: str) -> tuple[Call, ...] | Kept:
        """Return Kept, unless the manifest asked for removing it, which is irreversible."""
        return (Call("delete"),) if policy == "remove" else Kept(Reason("policy-retain"))

    def creation(self, declared: Declared, near: Sequence[Live]) -> tuple[Call, ...] | Refusal:
        """Return a refusal: creating is not documented."""
        project = declared.spec["projectId"]
        names = {live.name: live.id for live in near if live.spec["projectId"] == project}
        wanted = declared.spec.get("connectorId") or declared.spec.get("name", "")
        close = difflib.get_close_matches(wanted, [*names, *names.values()], n=3, cutoff=0.5) or sorted(names)[:5]
        known = Reason("near", names=close) if close else Reason("wexa/no-connectors")
        return Refusal(Reason("wexa/no-connector", project=project, name=wanted, known=known), error=True)

    async def perform(self, api: Api, call: Call, live: Live | None, desired: Desired) -> Live | None:
        """Send `change_status`, which sets a state and is safe to repeat; its answer shows nothing of the state."""
        assert live is not None
        if call.verb == "delete":
            query = {"projectID": live.spec["projectId"]}
            with contextlib.suppress(NotFound):
                await api.request("DELETE", ONE, params={"connectorID": live.id}, query=query)
            return None
        config = desired.spec["dataLoaderConfig"]
        status = desired.spec.get("status")
        if status is None:
            # It has to be sent along; read just before, so that a change by someone else is not reverted.
            fresh = (await self.reread(api, [live])).get(live.id)
            status = fresh.spec["status"] if fresh else None
            if status not in WRITTEN:
                raise Refused(
                    f"connector {live.name} reads {status}, which change_status does not take. Declare status."
                )
        body = {
            "new_status": status,
            "connectorID": live.id,
            "data_loader_config": {
                "source": config["source"],
                "batch_size": int(config["batchSize"]),  # 200.0 is a whole number to JSON Schema as well
                "auth": config["auth"],
            },
        }
        await api.request("POST", "/connectors/change_status", body=body)
        return None


IDS: Final = Ids("CONNECTOR", "[0-9a-fA-F]{24}", composed=True)
KIND = kind(Connector, system="wexa", handler=_Handler(), parent="projectId", ids=IDS)
