"""The gate that every request passes: closed while it is found out why a credential was refused, or until its window
opens again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx

from trueup.core.errors import ApiError, Stopped, Unauthorized, Unavailable
from trueup.transport.call import Again, Request
from trueup.transport.values import Presumed, Wait

if TYPE_CHECKING:
    from trueup.transport.dialect import ApiClient

_WINDOWS_WITHOUT_SUCCESS = 10
_UNEXPLAINED = 2


class Gate:
    """The gate of one client."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        self._verdict = asyncio.Lock()
        self._open = asyncio.Event()
        self._open.set()
        self._fruitless = 0
        self._refusal: Unauthorized | None = None
        self._presumed: Unauthorized | None = None
        """The error if the careful request is refused."""
        self.waited = 0.0
        """Seconds that nothing was sent because the window was spent."""
        self.era = 0
        """Counts the silences: a refusal from before the latest one says nothing any more."""

    @property
    def shut(self) -> bool:
        """Whether the credential was refused for good."""
        return self._refusal is not None

    async def enter(self, call: Request) -> None:
        """Wait until it is open. Raises Stopped, and what the credential was refused with."""
        while not (self._open.is_set() or call.careful):
            await self._open.wait()
        if self._api.stop.is_set():
            raise Stopped("Stopped before this was sent.")
        if self._refusal is not None:
            raise self._refusal

    def accepted(self, call: Request) -> None:
        """Note that the server took the credential."""
        self._fruitless = 0
        self.leave(call)

    def leave(self, call: Request) -> None:
        """Let the others go on once the careful request is over, however it ended."""
        if call.careful:
            call.careful = False
            self._presumed = None
            self._open.set()

    async def refused(self, call: Request, era: int, request_id: str) -> Exception:
        """Return the exception for a 401. One caller finds out and waits; others refused beside it just retry."""
        if call.careful and self._presumed is not None:
            self._refusal = self._presumed
            self._refusal.status, self._refusal.request_id = 401, request_id
            return call.traced(self._refusal)
        async with self._verdict:
            if self._refusal is not None:
                return self._refusal
            if self._api.stop.is_set():
                return Stopped("Stopped before this was sent again.")
            if era == self.era:
                self._open.clear()  # nothing is sent before it is known why
                try:
                    if failure := await self._explained(call, request_id):
                        return failure
                finally:
                    if not call.careful:
                        self._open.set()
        again = call.error(Unavailable, 401, request_id, "answered 401: the request window is spent.")
        return Again(again, wait=0.0)

    async def _explained(self, call: Request, request_id: str) -> ApiError | None:
        """Why it was refused; None once it may be tried again."""
        api, system = self._api, self._api.dialect.system
        try:
            verdict = await api.dialect.unauthorized(api)
        except (httpx.HTTPError, TimeoutError, ApiError):
            verdict = None
        if isinstance(verdict, Unauthorized):
            verdict.status, verdict.request_id = 401, request_id
            call.traced(verdict)
            self._refusal = verdict
            return verdict
        self._fruitless += 1
        if isinstance(verdict, Wait | Presumed):
            if self._fruitless > _WINDOWS_WITHOUT_SUCCESS:
                why, hint = "its request window does not close", "Another program uses this key: end that, or wait."
                return call.unavailable(api, why, 401, request_id, hint)
            await self._window(verdict.why, verdict.seconds)
            if isinstance(verdict, Presumed):
                self._presumed, call.careful = verdict.refusal, True
            return None
        call.unexplained += 1
        if self._fruitless <= _UNEXPLAINED and call.unexplained <= _UNEXPLAINED:
            await self._silence(f"{system} refused the credential without a reason", 1.0)
            return None
        failure = Unauthorized(
            f"{system} refused the credential of connection {api.credential.name} without a reason.",
            method=call.method,
            route=call.route,
            status=401,
            request_id=request_id,
            hint=f"Nothing was changed by this call. {api.dialect.unexplained(api)}".rstrip(),
        )
        call.traced(failure)
        if self._fruitless > _UNEXPLAINED:
            self._refusal = failure  # otherwise others are let in, and it is about this call alone
        return failure

    async def _window(self, why: str, seconds: float) -> None:
        """Be silent until the window is closed."""
        api = self._api
        started = api.clock.monotonic()
        try:
            await asyncio.gather(self._silence(why, seconds), api.share())
        finally:
            self.waited += api.clock.monotonic() - started
        api.window.closed()

    async def _silence(self, why: str, seconds: float) -> None:
        self._api.progress.waiting(why, seconds)
        await self._api.pause(seconds)
        self.era += 1
