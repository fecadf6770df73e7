"""A record of requests to the servers: counts by system, method, route and status, and the last requests in order."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from starlette.routing import BaseRoute, Mount, Route, compile_path

from trueup.sandbox.clock import MovableClock

KEPT = 2000
"""Requests in the log; counts are not limited."""


@dataclass(slots=True, eq=False)
class Entry:
    """One request. `route` is null when no route matched, `status` when there was no answer (yet)."""

    time: datetime
    system: str
    method: str
    path: str
    query: str
    route: str | None
    status: int | None
    peer: int | None

    def view(self) -> dict[str, Any]:
        """As the control port shows it: neither headers nor bodies are kept."""
        stamp = self.time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {
            "time": stamp,
            "system": self.system,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "route": self.route,
            "status": self.status,
            "peer": self.peer,
        }


class RequestLog:
    """Every request to Den and Wexa; those to the control port are not among them."""

    def __init__(self, clock: MovableClock) -> None:
        self._clock = clock
        self.clear()

    def clear(self) -> None:
        """Forget all. A request that is running is counted when it is answered."""
        self._counts: Counter[tuple[str, str, str | None, int | None]] = Counter()
        self._log: deque[Entry] = deque(maxlen=KEPT)

    def arrived(self, system: str, method: str, path: str, query: str, route: str | None, peer: int | None) -> Entry:
        """Note a request in the order of arrival."""
        entry = Entry(self._clock.now(), system, method, path, query, route, None, peer)
        self._log.append(entry)
        return entry

    def answered(self, entry: Entry, status: int | None) -> None:
        """Count it; None when the connection was cut instead."""
        entry.status = status
        self._counts[entry.system, entry.method, entry.route, status] += 1

    def view(self) -> dict[str, Any]:
        """`{total, counts: [{system, method, route, status, count}], log: […]}`, counts by system and route."""
        names = ("system", "method", "route", "status")
        counts = sorted(self._counts.items(), key=lambda item: tuple(str(part) for part in item[0]))
        return {
            "total": self._counts.total(),
            "counts": [{**dict(zip(names, key, strict=True)), "count": count} for key, count in counts],
            "log": [entry.view() for entry in self._log],
        }


class Routes:
    """Name the route pattern of a request, such as `/v1/connector-instances/{connectorInstanceId}/enable`."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._routes = list(_flat(routes, ""))
        self.name = lru_cache(maxsize=8192)(self._name)

    def _name(self, method: str, path: str) -> str | None:
        known = None
        for matches, methods, pattern in self._routes:
            if matches.match(path):
                if not methods or method in methods:
                    return pattern
                known = known or pattern
        return known


def _flat(routes: Sequence[BaseRoute], prefix: str) -> Iterator[tuple[Any, set[str], str]]:
    for route in routes:
        if isinstance(route, Mount):
            yield from _flat(route.routes, prefix + route.path)
        elif isinstance(route, Route):
            regex, pattern, _ = compile_path(prefix + route.path)
            yield regex, set(route.methods or ()), pattern
