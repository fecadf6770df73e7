"""The control port: credentials, clock, recorded requests, faults, changes from outside, and the whole state."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from trueup.sandbox.clock import MovableClock
from trueup.sandbox.den import Den
from trueup.sandbox.faults import Faults
from trueup.sandbox.holds import settled
from trueup.sandbox.requests import RequestLog
from trueup.sandbox.shapes import CompiledSchema, parse, record
from trueup.sandbox.state import State
from trueup.sandbox.wexa import Wexa

Handler = Callable[[Request], Awaitable[Any]]

_ADVANCE = CompiledSchema(record({"advanceSeconds": {"type": "number", "minimum": 0}}, ["advanceSeconds"]))
_CHANGE = CompiledSchema({"type": "object", "properties": {"system": {"enum": ["den", "wexa"]}}})


class Control:
    """The handlers. Each returns the JSON of its answer, or raises ValueError, which becomes a 400."""

    def __init__(
        self, den: Den, wexa: Wexa, clock: MovableClock, state: State, requests: RequestLog, faults: Faults
    ) -> None:
        self._den = den
        self._wexa = wexa
        self._clock = clock
        self._state = state
        self._requests = requests
        self._faults = faults
        self._routes: list[tuple[str, str, Handler, str]] = [
            ("GET", "/", self.index, "this list"),
            ("GET", "/principals", self.principals, "who may ask, by name: the headers to send"),
            ("GET", "/clock", self.clock, "the servers' time, and by how many seconds it was advanced"),
            ("POST", "/clock", self.advance, '{"advanceSeconds": n}: moves the time forward'),
            ("GET", "/requests", self.requests, "counts by system, method, route and status, and the last requests"),
            ("DELETE", "/requests", self.forget, "forgets them"),
            ("GET", "/faults", self.faults, "the faults that were posted, how often each fired, and what it holds"),
            ("POST", "/faults", self.post_faults, "adds one fault, or a list of them"),
            ("POST", "/faults/release", self.release, "lets the requests go on that faults hold"),
            ("DELETE", "/faults", self.clear_faults, "removes all faults"),
            ("POST", "/upstream", self.upstream, '{"type": …}, with "system": "wexa" for Wexa: a change from outside'),
            ("GET", "/state", self.state, "everything the servers know"),
            ("PUT", "/state", self.put_state, "replaces it"),
            ("GET", "/den", self.den_switches, "the switches for what changed between versions of Den"),
            ("PUT", "/den", self.put_den_switches, "sets them: one that is not given is as in the version"),
            ("GET", "/wexa", self.switches, "the switches for what is unknown of Wexa"),
            ("PUT", "/wexa", self.put_switches, "sets them: a switch that is not given goes back to its default"),
        ]
        self.app = Starlette(
            routes=[Route(path, _answering(handler), methods=[method]) for method, path, handler, _ in self._routes],
            exception_handlers={ValueError: _refused, HTTPException: _unrouted, Exception: _broken},
        )

    async def index(self, request: Request) -> Any:
        routes = [{"method": method, "path": path, "does": does} for method, path, _, does in self._routes]
        return {"name": "trueup sandbox", "does": "controls the embedded Den and Wexa", "routes": routes}

    async def principals(self, request: Request) -> Any:
        return {**self._den.principals(), **self._wexa.principals()}

    async def clock(self, request: Request) -> Any:
        now = self._clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"now": now, "advanced": self._clock.advanced}

    async def advance(self, request: Request) -> Any:
        given = parse(await request.body())
        _ADVANCE.check(given, "clock")
        self._state.advance(given["advanceSeconds"])
        return await self.clock(request)

    async def requests(self, request: Request) -> Any:
        return self._requests.view()

    async def forget(self, request: Request) -> Any:
        self._requests.clear()
        return self._requests.view()

    async def faults(self, request: Request) -> Any:
        return {"faults": self._faults.view()}

    async def post_faults(self, request: Request) -> Any:
        self._faults.post(parse(await request.body()))
        return await self.faults(request)

    async def release(self, request: Request) -> Any:
        await settled(self._faults.release())
        return await self.faults(request)

    async def clear_faults(self, request: Request) -> Any:
        await settled(self._faults.clear())
        return await self.faults(request)

    async def upstream(self, request: Request) -> Any:
        change = parse(await request.body())
        _CHANGE.check(change, "change")
        system = change.pop("system", "den")
        return (self._wexa if system == "wexa" else self._den).upstream(change)

    async def state(self, request: Request) -> Any:
        return self._state.view()

    async def put_state(self, request: Request) -> Any:
        self._state.put(parse(await request.body()))
        return {"ok": True}

    async def den_switches(self, request: Request) -> Any:
        return self._den.switches.view()

    async def put_den_switches(self, request: Request) -> Any:
        self._den.switches.put(parse(await request.body()))
        return self._den.switches.view()

    async def switches(self, request: Request) -> Any:
        return self._wexa.switches.view()

    async def put_switches(self, request: Request) -> Any:
        self._wexa.switches.put(parse(await request.body()))
        return self._wexa.switches.view()


def _answering(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return JSONResponse(await handler(request))

    return answer


async def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "invalid_request", "message": str(error)}, 400)


async def _broken(request: Request, error: Exception) -> Response:
    traceback.print_exception(error, file=sys.stderr)
    return JSONResponse({"error": "internal_error", "message": "see the sandbox's standard error"}, 500)


async def _unrouted(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    names = {404: "not_found", 405: "method_not_allowed"}
    message = f"{error.detail}: {request.method} {request.url.path}; GET / lists what there is"
    return JSONResponse({"error": names.get(error.status_code, "refused"), "message": message}, error.status_code)
