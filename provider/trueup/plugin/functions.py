"""The provider's functions: look-ups and lists, answered from the same reads that resources use."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from trueup.core.errors import TrueupError, UsageError
from trueup.core.progress import Quiet
from trueup.core.secrets import reveal
from trueup.engine.connections import SANDBOX, opened
from trueup.engine.options import SystemClock
from trueup.plugin import config
from trueup.plugin.checking import Failure
from trueup.plugin.codec import UNKNOWN
from trueup.plugin.functions_schema import EVENTS
from trueup.systems.den import sync_events
from trueup.systems.registry import SYSTEMS, kind_named
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from trueup.core.kinds import Kind
    from trueup.core.values import Live
    from trueup.plugin.world import World

    Answer = dict[str, Any]

_EVENTS: Final = {
    "connectorInstance": "connectorInstanceId",
    "connectorTarget": "connectorTargetId",
    "eventType": "eventType",
    "status": "status",
}


_SHORT: Final = 10.0
"""Seconds allowed for a request whose failure is tolerated."""


async def invoke(world: World, token: str, arguments: Mapping[str, Any]) -> tuple[Answer, list[Failure]]:
    """Return a function's result, or the failures in its arguments. Raises TrueupError."""
    function = _FUNCTIONS.get(token)
    if function is None:
        raise UsageError(f"{token} is not a function of this provider.", hint=f"Functions: {', '.join(_FUNCTIONS)}.")
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        return await function(world, given), []
    except _Wrong as error:
        return {}, [Failure(error.name, error.message)]


async def listed(world: World, kind: Kind, query: Mapping[str, Any]) -> list[Live]:
    """Return all resources of a kind, or of a child kind those of the parent in the query. Raises TrueupError."""
    parent = query.get(kind.parent) if kind.parent else ""
    if not isinstance(parent, str) or (kind.parent and not parent):
        raise UsageError(f"{kind.name} can only be listed for one parent.", hint=f"Give {kind.parent}.")
    return await world.reads(kind.system).all(kind, parent)


async def elsewhere(system: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether the keys of two configurations are known to belong to different tenants."""
    same_server = config.server_of(before, system) in (None, config.server_of(after, system))
    meant = {config.tenant_of(before, system), config.tenant_of(after, system)}
    if same_server and (None in meant or len(meant) == 1):
        return False
    found: list[str] = []
    for arguments in (before, after):
        try:
            known = config.config_of(arguments)
            settings = known.systems.get(system) if known else None
            if settings is None or settings.url == SANDBOX:
                return False
            # The guard is left out: this request finds out which tenant the key belongs to.
            settings = dataclasses.replace(settings, timeout=_SHORT, tenant=None)
            client = opened(settings, SystemClock(), Quiet())
            try:
                found.append(await SYSTEMS[system].tenant.of(client))
            finally:
                await client.aclose()
        except (TrueupError, ValueError):
            return False
    return found[0] != found[1]


class _Wrong(Exception):
    def __init__(self, name: str, message: str) -> None:
        super().__init__()
        self.name, self.message = name, message


async def _instance(world: World, given: Mapping[str, Any]) -> Answer:
    return await _one(world, "ConnectorInstance", given, "name")


async def _account(world: World, given: Mapping[str, Any]) -> Answer:
    return await _one(world, "ConnectorAccount", given, "remoteId")


async def _one(world: World, name: str, given: Mapping[str, Any], by: str) -> Answer:
    kind = _kind("den", name)
    if len(given.keys() & {"id", by}) != 1:
        raise _Wrong(by, f"give exactly one of {by} and id.")
    wanted = _text(given, "id" if "id" in given else by)
    reads = world.reads("den")
    if "id" in given:
        live = await reads.get(kind, wanted)
    else:
        live = await reads.find(kind, {by: wanted})
    if live is None:
        raise UsageError(
            f"there is no {name} with {'id' if 'id' in given else by} {plain(wanted, 80)} that this key can see."
        )
    return _answer(kind, live)


async def _instances(world: World, given: Mapping[str, Any]) -> Answer:
    kind = _kind("den", "ConnectorInstance")
    found = [_answer(kind, live) for live in await world.reads("den").all(kind)]
    for name in ("status", "connectorAccount"):
        if name in given:
            wanted = _text(given, name)
            found = [one for one in found if one.get(name) == wanted]
    if "q" in given:
        part = _text(given, "q").casefold()
        found = [
            one for one in found if any(part in str(one.get(name, "")).casefold() for name in ("name", "remoteId"))
        ]
    return {"instances": sorted(found, key=lambda one: str(one["name"]).casefold())}


async def _events(world: World, given: Mapping[str, Any]) -> Answer:
    query = {theirs: _text(given, ours) for ours, theirs in _EVENTS.items() if ours in given}
    most = given.get("limit", EVENTS)
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise _Wrong("limit", "limit must be a whole number, at least 1.")
    since = sync_events.stamp_of(_moment(given)) if "since" in given else None
    found = await sync_events.read(world.client("den"), query, since=since, most=most)
    return {"events": [_event(one) for one in found.events]}


async def _connectors(world: World, given: Mapping[str, Any]) -> Answer:
    kind = _kind("wexa", "Connector")
    if "projectId" not in given:
        raise _Wrong("projectId", "projectId is missing.")
    lives = await world.reads("wexa").all(kind, _text(given, "projectId"))
    return {"connectors": sorted((_answer(kind, live) for live in lives), key=lambda one: str(one.get("name")))}


_FUNCTIONS: Final[dict[str, Callable[[World, Mapping[str, Any]], Awaitable[Answer]]]] = {
    "trueup:den:getConnectorInstance": _instance,
    "trueup:den:getConnectorAccount": _account,
    "trueup:den:listConnectorInstances": _instances,
    "trueup:den:listSyncEvents": _events,
    "trueup:wexa:getConnectors": _connectors,
}


def _answer(kind: Kind, live: Live) -> Answer:
    """Return the live values without mappings, whose contents may be secret."""
    spec = reveal(live.spec)
    found = {
        trait.name: spec[trait.name]
        for trait in kind.fields
        if spec.get(trait.name) is not None and not (trait.owned_by_key or trait.write_only or trait.local)
    }
    found |= {name: value for name, value in live.server.items() if isinstance(value, str)}
    return {"id": live.id, **found, **({"updatedAt": live.updated_at} if live.updated_at else {})}


def _event(one: sync_events.Event) -> Answer:
    found = {
        "id": one.id,
        "eventType": one.kind,
        "status": one.status,
        "connectorInstance": one.instance,
        "connectorTarget": one.target,
        "remoteId": one.remote,
        "startedAt": one.started,
        "completedAt": one.completed,
        "attempts": one.attempts,
    }
    return {name: value for name, value in found.items() if value is not None}


def _kind(system: str, name: str) -> Kind:
    kind = kind_named(system, name)
    assert kind is not None
    return kind


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given[name]
    if value is UNKNOWN or not isinstance(value, str) or not value.strip():
        raise _Wrong(name, f"{name} must be a non-empty string.")
    return value


def _moment(given: Mapping[str, Any]) -> datetime:
    text = _text(given, "since")
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Wrong("since", f"since {plain(text, 40)} is not an RFC 3339 time.") from None
