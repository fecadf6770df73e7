"""Den's functions for programs: look up an instance or account, list instances and sync events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from trueup.core.errors import UsageError
from trueup.systems.den import connector_account, connector_instance, sync_words
from trueup.systems.functions import Enum, Function, InputError, Property, RecordType, shown
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueup.core.kinds import ResourceKind
    from trueup.systems.den.sync_events import Event
    from trueup.systems.functions import LiveReader

_ACCOUNT: Final = connector_account.KIND
_INSTANCE: Final = connector_instance.KIND
_EVENTS: Final = 100
"""Events that are returned when no limit is given."""
_QUERY: Final = {
    "connectorInstance": "connectorInstanceId",
    "connectorTarget": "connectorTargetId",
    "eventType": "eventType",
    "status": "status",
}
"""Inputs of listSyncEvents, each with the query of the API that it narrows by."""


async def _instance(reads: LiveReader, given: Mapping[str, Any]) -> dict[str, Any]:
    return await _one(reads, _INSTANCE, given)


async def _account(reads: LiveReader, given: Mapping[str, Any]) -> dict[str, Any]:
    return await _one(reads, _ACCOUNT, given)


async def _one(reads: LiveReader, kind: ResourceKind, given: Mapping[str, Any]) -> dict[str, Any]:
    ((by, wanted),) = given.items()
    live = await (reads.get(kind, wanted) if by == "id" else reads.find(kind, {by: wanted}))
    if live is None:
        raise UsageError(f"there is no {kind.name} with {by} {plain(wanted, 80)} that this key can see.")
    return shown(kind, live)


async def _instances(reads: LiveReader, given: Mapping[str, Any]) -> dict[str, Any]:
    found = [shown(_INSTANCE, live) for live in await reads.all(_INSTANCE)]
    for name in ("status", "connectorAccount"):
        if name in given:
            found = [instance for instance in found if instance.get(name) == given[name]]
    part = given.get("q", "").casefold()
    found = [one for one in found if any(part in str(one.get(name, "")).casefold() for name in ("name", "remoteId"))]
    return {"instances": sorted(found, key=lambda instance: str(instance["name"]).casefold())}


async def _events(reads: LiveReader, given: Mapping[str, Any]) -> dict[str, Any]:
    from trueup.systems.den import sync_events

    query = {theirs: given[ours] for ours, theirs in _QUERY.items() if ours in given}
    since = sync_events.stamp_of(_moment(given["since"])) if "since" in given else None
    found = await sync_events.read(reads.client, query, since=since, most=given.get("limit", _EVENTS))
    return {"events": [_event(event) for event in found.events]}


def _event(event: Event) -> dict[str, Any]:
    found = {
        "id": event.id,
        "eventType": event.kind,
        "status": event.status,
        "connectorInstance": event.instance,
        "connectorTarget": event.target,
        "remoteId": event.remote,
        "startedAt": event.started,
        "completedAt": event.completed,
        "attempts": event.attempts,
    }
    return {name: value for name, value in found.items() if value is not None}


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError("since", f"since {plain(text, 40)} is not an RFC 3339 time.") from None


_SUMMARY: Final = RecordType("ConnectorInstanceSummary", "A live instance, without its `config`.", _INSTANCE)
_STATUS: Final = Enum(
    "ConnectorInstanceLiveStatus",
    "Every status of an instance.",
    _INSTANCE.handler.statuses if _INSTANCE.handler else (),
)
_EVENT: Final = RecordType(
    "SyncEvent",
    "A sync of an instance or of one of its targets.",
    {
        "id": Property("The event's id, `cse_…`."),
        "eventType": Property("The cause of the sync: a push, or a manual request (`manual_resync`)."),
        "status": Property("The status of the sync."),
        "connectorInstance": Property("The id of the ConnectorInstance that was synced."),
        "connectorTarget": Property("The id of the ConnectorTarget that was synced, if the event concerns one."),
        "remoteId": Property("The upstream's id of the object that was synced."),
        "startedAt": Property("When the sync started, in RFC 3339."),
        "completedAt": Property("When the sync finished, in RFC 3339; missing until then."),
        "attempts": Property("The number of attempts.", "integer"),
    },
    always=("id", "eventType", "status", "startedAt", "attempts"),
)
_EVENT_TYPE: Final = Enum("SyncEventType", "The cause of a sync.", sync_words.TYPES)
_EVENT_STATUS: Final = Enum("SyncEventStatus", "Every status of a sync event.", sync_words.STATUSES)

FUNCTIONS: Final = (
    Function(
        "getConnectorInstance",
        "Looks up one instance by name or id. Fails if there is none.",
        _instance,
        {"name": Property("The instance's name; case is ignored."), "id": Property("The instance's id, `cin_…`.")},
        _INSTANCE,
        one_of=("name", "id"),
    ),
    Function(
        "getConnectorAccount",
        "Looks up one account by its own id or its upstream's id. Fails if there is none.",
        _account,
        {
            "remoteId": Property("The upstream's id of the account."),
            "id": Property("The account's own id, `cac_…`."),
        },
        _ACCOUNT,
        one_of=("remoteId", "id"),
    ),
    Function(
        "listConnectorInstances",
        "Lists the instances that the API key can see, sorted by name.",
        _instances,
        {
            "status": Property("Only instances in this status.", _STATUS),
            "connectorAccount": Property("Only instances of the account with this id, `cac_…`."),
            "q": Property("Only instances with this text in their name or `remoteId`; case is ignored."),
        },
        {"instances": Property("The instances.", _SUMMARY)},
        always=("instances",),
    ),
    Function(
        "listSyncEvents",
        "Lists the sync events of Den, newest first.",
        _events,
        {
            "connectorInstance": Property("Only events of the instance with this id, `cin_…`."),
            "connectorTarget": Property("Only events of the target with this id, `ctg_…`."),
            "eventType": Property("Only events of this type.", _EVENT_TYPE),
            "status": Property("Only events in this status.", _EVENT_STATUS),
            "since": Property("Only syncs that started at or after this time, in RFC 3339."),
            "limit": Property(f"The maximum number of events. Default: {_EVENTS}.", "integer"),
        },
        {"events": Property("The events.", _EVENT)},
        always=("events",),
    ),
)
