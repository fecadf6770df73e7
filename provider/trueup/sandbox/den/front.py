"""Middleware of every request: its id, its sender, the older path of an organisation, and the commit of the store."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trueup.sandbox.den.auth import by_session, identify
from trueup.sandbox.den.world import DenWorld

_LEGACY = "/v1/orgs/"
SESSION = "/api/auth/get-session"


class Front:
    """ASGI middleware. It authenticates before routing, since requests of a key count on unknown routes too."""

    def __init__(self, app: ASGIApp, world: DenWorld) -> None:
        self.app = app
        self.world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = self.world.new_id("req")

        async def finish(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.world.store.commit()  # an answered write survives
                headers = MutableHeaders(scope=message)
                if self.world.switches["requestIds"]:
                    headers["x-request-id"] = request_id
                headers["keep-alive"] = "timeout=5"
            await send(message)

        path, organization = _legacy(scope["path"])
        headers = Headers(scope=scope)
        keyless = path == SESSION and self.world.switches["getSession"] == "sessions"
        caller = by_session(self.world, headers) if keyless else await identify(self.world, headers)
        state = {**scope.get("state", {}), "caller": caller, "legacy_organization": organization}
        await self.app({**scope, "path": path, "state": state}, receive, finish)


def _legacy(path: str) -> tuple[str, str | None]:
    """`/v1/orgs/org_…/rest` is `/v1/rest` in that organisation (case `instances.list.legacy-org-path`)."""
    organization, slash, rest = path.removeprefix(_LEGACY).partition("/")
    if not path.startswith(_LEGACY) or not slash or not organization.startswith("org_"):
        return path, None
    return f"/v1/{rest}", organization
