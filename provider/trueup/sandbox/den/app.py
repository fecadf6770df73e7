"""The ASGI application: every route that is served, and what surrounds each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

    from trueup.sandbox.den.world import World


def build(world: World) -> Starlette:
    """The application over that world."""

    async def health(request: Request) -> JSONResponse:
        return JSONResponse({"ok": True, "service": "den-api", "version": "dev"})

    return Starlette(routes=[Route("/health", health)])
