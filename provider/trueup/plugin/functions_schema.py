"""The functions of the provider as its package schema has them: what each takes, and what it gives.

`functions` answers them: what it returns holds every property that is required here, and no other than are named.
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
"""Events that are told when nobody says how many."""
EVENT_TYPES: Final = ("push", "installation", "installation_repositories", "repository", "manual_resync")
EVENT_STATUSES: Final = ("pending", "queued", "running", "completed", "failed", "partial", "ignored")
"""Both as the published document of the API lists them."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function: `one_of` are inputs of which exactly one has to be given."""

    doc: str
    inputs: Properties
    outputs: Properties
    given: tuple[str, ...] = ()
    """Inputs that have to be there."""
    always: tuple[str, ...] = ()
    """Outputs that are always there."""
    one_of: tuple[str, ...] = ()

    def schema(self) -> dict[str, Any]:
        """As the package schema has it."""
        inputs: dict[str, Any] = {"type": "object", "properties": self.inputs}
        if self.given:
            inputs["required"] = list(self.given)
        outputs = {"type": "object", "properties": self.outputs, "required": list(self.always)}
        doc = self.doc
        if self.one_of:
            doc += f" Exactly one of {' and '.join(f'`{name}`' for name in self.one_of)} has to be given."
        return {"description": doc, "inputs": inputs, "outputs": outputs}


def _text(doc: str) -> dict[str, Any]:
    return TEXT | {"description": doc}


def _word(name: str, doc: str) -> dict[str, Any]:
    return {"$ref": f"#/types/{PACKAGE}:{name}", "description": doc}


def _list(name: str, doc: str) -> dict[str, Any]:
    return {"type": "array", "items": {"$ref": f"#/types/{PACKAGE}:{name}"}, "description": doc}


_EVENT: Final[Properties] = {
    "id": _text("Its id, `cse_…`."),
    "eventType": _text("What made it sync: a push, or somebody who asked for it (`manual_resync`)."),
    "status": _text("How it goes, or how it ended."),
    "connectorInstance": _text("The id of the ConnectorInstance that is synced."),
    "connectorTarget": _text("The id of the ConnectorTarget that is synced, where it is about one."),
    "remoteId": _text("What of the upstream is synced."),
    "startedAt": _text("When it began, in RFC 3339."),
    "completedAt": _text("When it ended, in RFC 3339; missing while it has not."),
    "attempts": {"type": "integer", "description": "How often it was tried."},
}
_EVENT_ALWAYS: Final = ("id", "eventType", "status", "startedAt", "attempts")


def _summary(kind: Kind, doc: str) -> dict[str, Any]:
    return {"type": "object", "description": doc, "properties": seen(kind), "required": ["id", *always(kind)]}


TYPES: Final[Properties] = {
    "trueup:den:ConnectorInstanceSummary": _summary(_INSTANCE, "An instance that is live, without its `config`."),
    "trueup:den:ConnectorInstanceLiveStatus": enum(
        "Every status that an instance may be in.", cast(Any, _INSTANCE.handler).statuses
    ),
    "trueup:den:SyncEvent": {
        "type": "object",
        "description": "A sync of an instance, or of a target of it.",
        "properties": _EVENT,
        "required": list(_EVENT_ALWAYS),
    },
    "trueup:den:SyncEventType": enum("What makes something sync.", EVENT_TYPES),
    "trueup:den:SyncEventStatus": enum("Every status that a sync event may be in.", EVENT_STATUSES),
    "trueup:wexa:ConnectorSummary": _summary(_CONNECTOR, "A connector that is live, without its configuration."),
}
"""The types of what they take and give."""

FUNCTIONS: Final[dict[str, Function]] = {
    "trueup:den:getConnectorInstance": Function(
        "One instance, by its name or its id. It fails when there is none.",
        {"name": _text("Its name, whatever its case."), "id": _text("Its id, `cin_…`.")},
        seen(_INSTANCE),
        always=("id", *always(_INSTANCE)),
        one_of=("name", "id"),
    ),
    "trueup:den:getConnectorAccount": Function(
        "One account, by its id at the upstream or its own. It fails when there is none.",
        {"remoteId": _text("The account's id at the upstream."), "id": _text("Its id, `cac_…`.")},
        seen(_ACCOUNT),
        always=("id", *always(_ACCOUNT)),
        one_of=("remoteId", "id"),
    ),
    "trueup:den:listConnectorInstances": Function(
        "The instances that the key can see, by name.",
        {
            "status": _word("den:ConnectorInstanceLiveStatus", "Only those in this status."),
            "connectorAccount": _text("Only those of the account with this id, `cac_…`."),
            "q": _text("Only those with this text in their name or `remoteId`, whatever its case."),
        },
        {"instances": _list("den:ConnectorInstanceSummary", "The instances.")},
        always=("instances",),
    ),
    "trueup:den:listSyncEvents": Function(
        "The sync events of Den, the newest first.",
        {
            "connectorInstance": _text("Only those of the instance with this id, `cin_…`."),
            "connectorTarget": _text("Only those of the target with this id, `ctg_…`."),
            "eventType": _word("den:SyncEventType", "Only those of this type."),
            "status": _word("den:SyncEventStatus", "Only those in this status."),
            "since": _text("Only those that began since this time, in RFC 3339."),
            "limit": {"type": "integer", "description": f"Only the newest so many. Left out: {EVENTS}."},
        },
        {"events": _list("den:SyncEvent", "The events.")},
        always=("events",),
    ),
    "trueup:wexa:getConnectors": Function(
        "The connectors of a project, by name.",
        {"projectId": _text("The id of the project.")},
        {"connectors": _list("wexa:ConnectorSummary", "The connectors.")},
        given=("projectId",),
        always=("connectors",),
    ),
}
"""Each by its token."""
