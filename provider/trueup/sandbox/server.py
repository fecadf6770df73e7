"""The sandbox as a process: three servers on loopback, one line on standard output, and an orderly shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sqlite3
import struct
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Scope

from trueup.sandbox import presets
from trueup.sandbox.clock import MovableClock
from trueup.sandbox.control import Control
from trueup.sandbox.den import Den
from trueup.sandbox.faults import Faults
from trueup.sandbox.lifetime import Lock, signals, unused
from trueup.sandbox.requests import RequestLog
from trueup.sandbox.state import State
from trueup.sandbox.store import Store
from trueup.sandbox.wexa import Wexa
from trueup.sandbox.wire import Wire

HOST = "127.0.0.1"
KEEP_ALIVE = 5
"""Seconds for which an idle connection is kept, as Den does."""
PATIENCE = 1
"""Seconds for which running requests may delay the shutdown."""


class CannotStart(Exception):
    """The sandbox cannot start; the message is a sentence for the user."""


def serve(
    *, den: int, wexa: int, control: int, state: str, preset: str, den_version: str, users_lock: str | None = None
) -> int:
    """Run the sandbox until SIGINT or SIGTERM, or until no process shares `users_lock`; return the exit code, 0 or 1.

    Ports of 0 are picked. `state` is a file or `:memory:`, `preset` a name of `presets.PRESETS`, `den_version` one of
    `den.VERSIONS`. The signal handlers of the process are replaced and, since it is about to end, not restored.
    """
    signals.catch()
    with contextlib.ExitStack() as opened:
        try:
            lock = Lock(users_lock) if users_lock is not None else None
            ports = {"den": den, "wexa": wexa, "control": control}
            sockets = {name: opened.enter_context(_listen(name, port)) for name, port in ports.items()}
            sandbox = opened.enter_context(_open(state, preset, den_version))
        except CannotStart as error:
            return _fail(str(error))
        except OSError as error:
            return _fail(f"The lock file {users_lock} cannot be used: {error.strerror}.")
        return asyncio.run(_run(sandbox, sockets, lock))


@dataclass
class Sandbox:
    """The systems on one store, and the served applications by the name of their port."""

    den: Den
    wexa: Wexa
    wires: dict[str, Wire]
    control: Control

    @property
    def apps(self) -> dict[str, ASGIApp]:
        return {**self.wires, "control": self.control.app}

    def ready(self, sockets: dict[str, socket.socket]) -> dict[str, Any]:
        """Return the line that is printed once all servers answer."""
        urls = {name: f"http://{HOST}:{bound.getsockname()[1]}" for name, bound in sockets.items()}
        den_key = self.den.principals().get("owner-api-key", {}).get("x-api-key")
        wexa_key = self.wexa.principals().get("wexa-api-key", {}).get("x-api-key")
        return {
            "den": {"url": urls["den"], "apiKey": den_key},
            "wexa": {"url": urls["wexa"], "apiKey": wexa_key, "projectId": self.wexa.project_id()},
            "control": urls["control"],
        }


@contextlib.contextmanager
def _open(path: str, preset: str, version: str) -> Iterator[Sandbox]:
    """Return the sandbox on that state, with the preset if it is new. Raises CannotStart."""
    try:
        owner = _own(path)
        store = Store(path)
        clock = MovableClock()
        den, wexa = Den(store, clock, version), Wexa(store, clock)
        state = State(store, clock, den, wexa)
    except OSError as error:
        raise CannotStart(f"The state file {path} cannot be used: {error.strerror}.") from error
    except (sqlite3.Error, ValueError, TypeError, AttributeError) as error:
        raise CannotStart(f"The state file {path} holds no state of a sandbox: {error}.") from error
    presets.apply(preset, store, den, wexa, clock)
    requests, faults = RequestLog(clock), Faults()
    wires = {name: Wire(name, app, requests, faults) for name, app in (("den", den.app), ("wexa", wexa.app))}
    try:
        yield Sandbox(den, wexa, wires, Control(den, wexa, clock, state, requests, faults))
    finally:
        store.close()
        if owner is not None:
            owner.release()


def _own(path: str) -> Lock | None:
    """Create the file, readable only by its owner since it contains keys, and lock out other servers."""
    if path == ":memory:":
        return None
    if not Path(path).absolute().parent.is_dir():
        raise CannotStart(f"The state file {path} cannot be made: there is no folder {Path(path).parent}.")
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    owner = Lock(f"{path}-lock")
    if not owner.take():
        raise CannotStart(f"The state file {path} is in use by another sandbox.")
    return owner


def _listen(name: str, port: int) -> socket.socket:
    # The protocol is named, since asyncio sets TCP_NODELAY on connections of sockets that name it and on no others.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise CannotStart(
            f"Port {port} of {HOST} cannot be used for {name}: {error.strerror}. Choose another, or 0 for a free one."
        ) from error
    return listener


async def _run(sandbox: Sandbox, sockets: dict[str, socket.socket], lock: Lock | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals.connect(partial(loop.call_soon_threadsafe, stop.set))
    servers = {name: _Server(app) for name, app in sandbox.apps.items()}
    for name, wire in sandbox.wires.items():
        wire.cut = partial(_cut, servers[name])
    serving = [asyncio.create_task(server.serve(sockets=[sockets[name]])) for name, server in servers.items()]
    aside = [asyncio.create_task(_aside(sandbox.den.run(), lambda: None))]
    try:
        for server in servers.values():
            await server.ready.wait()
        print(json.dumps(sandbox.ready(sockets)), flush=True)
        if lock is not None:
            aside.append(asyncio.create_task(_aside(unused(lock), stop.set)))
        await stop.wait()
    except BrokenPipeError:
        return 1  # the parent is gone, and no other process knows the ports
    finally:
        signals.ignore()
        for task in aside:
            task.cancel()
        for server in servers.values():
            server.should_exit = True
        await asyncio.gather(*serving)
    return 0


class _Server(uvicorn.Server):
    """A server that leaves signals to the process and reports when it is ready."""

    def __init__(self, app: ASGIApp) -> None:
        self.ready = asyncio.Event()
        super().__init__(
            uvicorn.Config(
                app,
                http="auto",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="critical",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,  # `Wire` adds it, unless a fault has another one
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=PATIENCE,
            )
        )

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        return contextlib.nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.ready.set()


def _cut(server: uvicorn.Server, scope: Scope, reset: bool) -> None:
    """End the connection of a request; a reset also drops unsent data."""
    for connection in list(server.server_state.connections):
        if connection.transport.get_extra_info("peername") == scope["client"]:
            if reset:
                peer = connection.transport.get_extra_info("socket")
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.transport.abort()
            else:
                connection.transport.close()


async def _aside(work: Coroutine[Any, Any, None], then: Callable[[], object]) -> None:
    """Run a task beside the servers. A failure is printed on standard error, and the servers keep running."""
    try:
        await work
    except Exception:
        traceback.print_exc(file=sys.stderr)
    else:
        then()


def _fail(sentence: str) -> int:
    print(f"trueup sandbox: {sentence}", file=sys.stderr)
    return 1
