"""The provider's functions as the package schema lists them: inputs and outputs.

`functions` implements them: a result has every property that is required here, and no property that is not listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from trueup.plugin.fields_schema import TEXT, Properties, always, enum, seen
from trueup.plugin.tokens import PACKAGE
from trueup.systems.registry import kind_named

if TYPE_CHECKING:
    from trueup.core.kinds import Kind

_ACCOUNT: Final = cast("Kind", kind_named("den", "ConnectorAccount"))
_INSTANCE: Final = cast("Kind", kind_named("den", "ConnectorInstance"))
_CONNECTOR: Final = cast("Kind", kind_named("wexa", "Connector"))

EVENTS: Final = 100
"""Events that are returned when no limit is given."""
EVENT_TYPES: Final = ("push", "installation", "installation_repositories", "repository", "manual_resync")
EVENT_STATUSES: Final = ("pending", "queued", "running", "completed", "failed", "partial", "ignored")
"""Both lists follow the API's published document."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function. Exactly one of the inputs in `one_of` must be given."""

    doc: str
    inputs: Properties
    outputs: Properties
    given: tuple[str, ...] = ()
    """Required inputs."""
    always: tuple[str, ...] = ()
    """Outputs that are always present."""
    one_of: tuple[str, ...] = ()

    def schema(self) -> dict[str, Any]:
        """Return the function as the package schema writes it."""
        inputs: dict[str, Any] = {"type": "object", "properties": self.inputs}
        if self.given:
            inputs["required"] = list(self.given)
        outputs = {"type": "object", "properties": self.outputs, "required": list(self.always)}
        doc = self.doc
        if self.one_of:
            doc += f" Exactly one of {' and '.join(f'`{name}`' for name in self.one_of)} must be given."
        return {"description": doc, "inputs": inputs, "outputs": outputs}


def _text(doc: str) -> dict[str, Any]:
    return TEXT | {"description": doc}


def _word(name: str, doc: str) -> dict[str, Any]:
    return {"$ref": f"#/types/{PACKAGE}:{name}", "description": doc}


def _list(name: str, doc: str) -> dict[str, Any]:
    return {"type": "array", "items": {"$ref": f"#/types/{PACKAGE}:{name}"}, "description": doc}


_EVENT: Final[Properties] = {
    "id": _text("The event's id, `cse_…`."),
    "eventType": _text("The cause of the sync: a push, or a manual request (`manual_resync`)."),
    "status": _text("The status of the sync."),
    "connectorInstance": _text("The id of the ConnectorInstance that was synced."),
    "connectorTarget": _text("The id of the ConnectorTarget that was synced, if the event concerns one."),
    "remoteId": _text("The upstream's id of the object that was synced."),
    "startedAt": _text("When the sync started, in RFC 3339."),
    "completedAt": _text("When the sync finished, in RFC 3339; missing until then."),
    "attempts": {"type": "integer", "description": "The number of attempts."},
}
_EVENT_ALWAYS: Final = ("id", "eventType", "status", "startedAt", "attempts")


def _summary(kind: Kind, doc: str) -> dict[str, Any]:
    return {"type": "object", "description": doc, "properties": seen(kind), "required": ["id", *always(kind)]}


TYPES: Final[Properties] = {
    "trueup:den:ConnectorInstanceSummary": _summary(_INSTANCE, "A live instance, without its `config`."),
    "trueup:den:ConnectorInstanceLiveStatus": enum(
        "Every status of an instance.", cast(Any, _INSTANCE.handler).statuses
    ),
    "trueup:den:SyncEvent": {
        "type": "object",
        "description": "A sync of an instance or of one of its targets.",
        "properties": _EVENT,
        "required": list(_EVENT_ALWAYS),
    },
    "trueup:den:SyncEventType": enum("The cause of a sync.", EVENT_TYPES),
    "trueup:den:SyncEventStatus": enum("Every status of a sync event.", EVENT_STATUSES),
    "trueup:wexa:ConnectorSummary": _summary(_CONNECTOR, "A live connector, without its configuration."),
}
"""Types that functions take and return."""

FUNCTIONS: Final[dict[str, Function]] = {
    "trueup:den:getConnectorInstance": Function(
        "Looks up one instance by name or id. Fails if there is none.",
        {"name": _text("The instance's name; case is ignored."), "id": _text("The instance's id, `cin_…`.")},
        seen(_INSTANCE),
        always=("id", *always(_INSTANCE)),
        one_of=("name", "id"),
    ),
    "trueup:den:getConnectorAccount": Function(
        "Looks up one account by its own id or its upstream's id. Fails if there is none.",
        {"remoteId": _text("The upstream's id of the account."), "id": _text("The account's own id, `cac_…`.")},
        seen(_ACCOUNT),
        always=("id", *always(_ACCOUNT)),
        one_of=("remoteId", "id"),
    ),
    "trueup:den:listConnectorInstances": Function(
        "Lists the instances that the API key can see, sorted by name.",
        {
            "status": _word("den:ConnectorInstanceLiveStatus", "Only instances in this status."),
            "connectorAccount": _text("Only instances of the account with this id, `cac_…`."),
            "q": _text("Only instances with this text in their name or `remoteId`; case is ignored."),
        },
        {"instances": _list("den:ConnectorInstanceSummary", "The instances.")},
        always=("instances",),
    ),
    "trueup:den:listSyncEvents": Function(
        "Lists the sync events of Den, newest first.",
        {
            "connectorInstance": _text("Only events of the instance with this id, `cin_…`."),
            "connectorTarget": _text("Only events of the target with this id, `ctg_…`."),
            "eventType": _word("den:SyncEventType", "Only events of this type."),
            "status": _word("den:SyncEventStatus", "Only events in this status."),
            "since": _text("Only syncs that started at or after this time, in RFC 3339."),
            "limit": {"type": "integer", "description": f"The maximum number of events. Default: {EVENTS}."},
        },
        {"events": _list("den:SyncEvent", "The events.")},
        always=("events",),
    ),
    "trueup:wexa:getConnectors": Function(
        "Lists the connectors of a project, sorted by name.",
        {"projectId": _text("The project's id.")},
        {"connectors": _list("wexa:ConnectorSummary", "The connectors.")},
        given=("projectId",),
        always=("connectors",),
    ),
}
"""The functions by token."""
