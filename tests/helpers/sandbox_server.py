"""An embedded Den on a loopback socket, in a thread of the test's own process."""

from __future__ import annotations

import asyncio
import copy
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar

import httpx
import uvicorn

from trueup.sandbox.clock import MovableClock
from trueup.sandbox.den import Den
from trueup.sandbox.store import Store

T = TypeVar("T")


class StandingClock(MovableClock):
    """Time that passes by `advance` alone, so that a slow machine changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._began = datetime.now(UTC)

    def now(self) -> datetime:
        return self._began + timedelta(seconds=self.advanced)

    async def sleep(self, seconds: float) -> None:
        until = self.now() + timedelta(seconds=seconds)
        while self.now() < until:
            await self._moved.wait()


class DenServer:
    """A context manager: a seeded Den, its worker (unless `worker` is false), and ways to look inside from outside."""

    def __init__(
        self, path: str = ":memory:", *, worker: bool = True, clock: type[MovableClock] = MovableClock
    ) -> None:
        self._path = path
        self._kind_of_clock = clock
        self._worker = worker
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.result(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.clock = self._kind_of_clock()
        self.store = Store(self._path)
        self.den = Den(self.store, self.clock)
        self.den.seed_golden()
        # Named as TCP, or asyncio would leave Nagle's algorithm on and every answer would take 40 ms.
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(self.den.app, lifespan="off", log_level="warning", timeout_keep_alive=5)
        self._server = uvicorn.Server(config)
        worker = asyncio.create_task(self.den.run()) if self._worker else None
        self._ready.set_result(None)
        await self._server.serve(sockets=[listening])
        if worker:
            worker.cancel()
        self.store.close()

    def call(self, function: Callable[[], T]) -> T:
        """What the function gives, called in the server's thread."""

        async def there() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(20)

    def now(self) -> datetime:
        """The server's time."""
        return self.clock.now()

    def advance(self, seconds: float) -> None:
        """Moves the clock, and lets whoever slept on it come to their work."""

        async def there() -> None:
            self.clock.advance(seconds)
            for _ in range(10):  # they wake in the next turns of the loop, and work without waiting
                await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(there(), self._loop).result(20)

    def dump(self) -> dict[str, Any]:
        """The state, for editing: a copy."""
        return copy.deepcopy(self.call(self.store.dump))

    def load(self, state: dict[str, Any]) -> None:
        """Replaces the state."""
        self.call(lambda: self.store.load(state))

    def client(self, principal: str) -> httpx.Client:
        """A client of one connection, in the name of that principal."""
        return self.client_with(self.principals()[principal])

    def client_with(self, headers: dict[str, str]) -> httpx.Client:
        """A client of one connection, with those headers."""
        # Without the certificates of the machine, which take longer to load than a test runs.
        return httpx.Client(base_url=self.url, headers=headers, timeout=20, verify=False, trust_env=False)

    def principals(self) -> dict[str, dict[str, str]]:
        """Headers by the name of who asks."""
        return self.call(self.den.principals)
