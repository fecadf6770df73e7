"""The ASGI application: an explicit list of every route that is served."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from trueup.sandbox.den import (
    accounts,
    events,
    github,
    grants,
    instances,
    keys,
    mappings,
    organization,
    targets,
)
from trueup.sandbox.den.endpoint import nothing
from trueup.sandbox.den.front import SESSION, Front
from trueup.sandbox.den.world import DenWorld

ENDPOINTS = (
    *accounts.ENDPOINTS,
    *instances.ENDPOINTS,
    *grants.ENDPOINTS,
    *targets.ENDPOINTS,
    *mappings.ENDPOINTS,
    *events.ENDPOINTS,
    *github.ENDPOINTS,
    *organization.ENDPOINTS,
    *keys.ENDPOINTS,
)


async def _health(request: Request) -> Response:
    return JSONResponse({"ok": True, "service": "den-api", "version": "dev"})


async def _ready(request: Request) -> Response:
    return JSONResponse({"ok": True, "service": "den-api", "checks": {"database": "ok"}})


async def _webhook(request: Request) -> Response:
    """Without a webhook secret no delivery is accepted; `upstream` stands for GitHub's deliveries."""
    return nothing(503)


async def _not_found(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "not_found"}, 404)


async def _fault(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "internal_server_error"}, 500)


def build(world: DenWorld) -> Starlette:
    """Return the application on that world. An unsupported method is a 404, like an unknown path."""
    routes = [
        Route("/health", _health, methods=["GET"]),
        Route("/ready", _ready, methods=["GET"]),
        Route(SESSION, keys.get_session, methods=["GET"]),
        Route("/v1/webhooks/connectors/github", _webhook, methods=["POST"]),
        *(endpoint.route(world) for endpoint in ENDPOINTS),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Front, world=world)],
        exception_handlers={404: _not_found, 405: _not_found, 500: _fault},
    )
    app.router.redirect_slashes = False
    return app
