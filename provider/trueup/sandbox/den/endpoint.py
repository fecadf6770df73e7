"""A route: its parameters, its permissions, and the handling around it.

Checks are in the server's order: an unknown sender (401), then the organisation (404, 403), the ids in the path, the
query and the body (400), and then the route itself.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from trueup.sandbox.den.access import Actor, actor
from trueup.sandbox.den.refusal import DenError, NotJson, broken, invalid, not_found
from trueup.sandbox.den.validate import Body, Id, Issue, Shape
from trueup.sandbox.den.world import DenWorld
from trueup.sandbox.store import Row

_JSON = re.compile(r"application/([a-z.-]+\+)?json(;\s*[a-zA-Z0-9-]+=([^;]+))*")
_log = logging.getLogger(__name__)
_EXACT = 2**53
_SHORT = 16
"""Digits up to which every whole number is exact as a double."""
_EXPONENT = 1e21
"""The number from which JavaScript writes whole numbers with an exponent."""


@dataclass(frozen=True)
class Received:
    """A request that passed the checks: its sender and its parameters."""

    world: DenWorld
    actor: Actor
    ids: Mapping[str, str]
    query: dict[str, Any]
    body: Any

    def resource(self, kind: str, role: str) -> Row:
        """The resource of the path, for a caller who has that role for the instance that it belongs to."""
        table, key = _OF_INSTANCE[kind]
        row = self.world.store.table(table).get(self.ids[key])
        instance = self.world.instances.get(row["connectorInstanceId"]) if row else None
        if row is None or instance is None or instance["organizationId"] != self.actor.organization_id:
            raise not_found(kind)
        self.actor.instance(instance["id"], role)
        return row


_OF_INSTANCE = {
    "connector_target": ("den.connectorTargets", "connectorTargetId"),
    "connector_mapping": ("den.connectorMappings", "connectorMappingId"),
    "connector_sync_event": ("den.syncEvents", "connectorSyncEventId"),
}
"""The children of an instance, by their name in errors: table, and name of the id in a path."""

Handler = Callable[[Received], Awaitable[Any]]


@dataclass(frozen=True)
class Endpoint:
    """A route of the API. `handler` returns the body of the answer, or None for none.

    A query or body that depends on the server's version is a function of its world.
    """

    method: str
    path: str
    handler: Handler
    ids: Mapping[str, Shape] = field(default_factory=dict)
    query: Mapping[str, Shape] | Callable[[DenWorld], Mapping[str, Shape]] | None = None
    body: Shape | Callable[[DenWorld], Shape] | None = None
    status: int = 200

    def route(self, world: DenWorld) -> Route:
        """The route, over that world."""

        async def serve(request: Request) -> Response:
            try:
                result = await self.handler(await self._call(world, request))
            except NotJson:
                return Response("Malformed JSON in request body", 400, {"content-type": "text/plain;charset=UTF-8"})
            except DenError as refusal:
                return JSONResponse(_told(world, refusal), refusal.status)
            except Exception:
                _log.exception("%s %s failed", self.method, self.path)
                fault = broken()
                return JSONResponse(fault.body, fault.status)
            if result is None:
                return nothing(self.status)
            return JSONResponse(result, self.status)

        return Route(self.path, serve, methods=[self.method], name=f"{self.method} {self.path}")

    async def _call(self, world: DenWorld, request: Request) -> Received:
        who = actor(world, request.state.caller, request.headers, request.state.legacy_organization)
        ids = _valid(Body(self.ids), request.path_params) if self.ids else {}
        keys = self.query(world) if callable(self.query) else self.query
        query = _valid(Body(keys), _query(request)) if keys is not None else {}
        shape = self.body(world) if callable(self.body) else self.body
        body = _valid(shape, await _json(request)) if shape is not None else None
        return Received(world, who, ids, query, body)


def _told(world: DenWorld, refusal: DenError) -> dict[str, Any]:
    """Return the body of a refusal, without the keys that this version does not send."""
    hidden = () if world.switches["requiredPermission"] else ("requiredPermission",)
    return {name: value for name, value in refusal.body.items() if name not in hidden}


def nothing(status: int) -> Response:
    """Return an answer without a body, with the real server's content type."""
    return Response(None, status, {"content-type": "text/plain; charset=UTF-8"})


TARGET_ID: Mapping[str, Shape] = {"connectorTargetId": Id("ctg")}


def path_ids(**prefixes: str) -> dict[str, Shape]:
    """The ids in a path, by the prefix each has to have."""
    return {name: Id(prefix) for name, prefix in prefixes.items()}


def _valid(shape: Shape, value: Any) -> Any:
    issues: list[Issue] = []
    parsed = shape.parse(value, (), issues)
    if issues:
        raise invalid(issues)
    return parsed


def _query(request: Request) -> dict[str, Any]:
    """Return query values by name; a repeated one is a list."""
    found: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


async def _json(request: Request) -> Any:
    """Return the body; one whose content type is not JSON counts as `{}`."""
    if not _JSON.fullmatch(request.headers.get("content-type", "")):
        return {}
    text = await request.body()
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_number, parse_int=_whole)
    except (ValueError, RecursionError):
        raise NotJson from None
    if b"\\u" in text:
        _storable(value)
    return value


def _number(text: str) -> float | int | None:
    """Return a number as JavaScript would write it: 1.0 becomes 1, and one out of range null."""
    value = float(text)
    if not math.isfinite(value):
        return None
    if not value.is_integer() or abs(value) >= _EXPONENT:
        return value
    return int(value) if abs(value) < _EXACT else int(Decimal(repr(value)))  # zeros after the digits of the double


def _whole(text: str) -> float | int | None:
    """A number without a point: JavaScript has doubles alone, so a long one loses digits."""
    return int(text) if len(text) < _SHORT else _number(text)


def _storable(value: Any) -> None:
    """Refuse half of a surrogate pair: it is valid JSON, but no database stores it."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise broken() from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
