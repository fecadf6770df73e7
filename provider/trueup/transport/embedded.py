"""The embedded servers for `url: sandbox`: one process a state folder, shared, and gone with its last user.

Every user holds a shared lock on a file in the folder; the process ends once it can lock that file for itself. Locks go
with the processes that hold them, so nothing has to be cleaned up after a crash.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from trueup.core.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FOLDER: Final = Path(".trueup") / "sandbox"
_START: Final = 30.0


@dataclass(frozen=True)
class Embedded:
    """Where the embedded servers are, and their credentials: `{"url", "apiKey", …}` a system."""

    systems: dict[str, dict[str, str]]
    control: str


@contextlib.asynccontextmanager
async def running(folder: Path = FOLDER) -> AsyncIterator[Embedded]:
    """The servers of a state folder for the length of a block, started when they do not run. Raises SandboxError."""
    lock = await asyncio.to_thread(_share, folder)
    with lock:
        yield await asyncio.to_thread(_find_or_start, folder)


def _share(folder: Path) -> IO[bytes]:
    try:
        import fcntl
    except ImportError:  # pragma: no cover - Windows
        raise SandboxError("the embedded servers need a system with flock, such as Linux or macOS.") from None
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / "users.lock").open("a+b")
    except OSError as error:
        raise SandboxError(f"the sandbox cannot keep its state in {folder}: {error.strerror}.") from None
    fcntl.flock(lock, fcntl.LOCK_SH)  # waits while an unused server is shutting down
    return lock


def _find_or_start(folder: Path) -> Embedded:
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder / "start.lock", timeout=_START):
            ready = folder / "ready.json"
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                found = _read(ready.read_text())
                if _answers(found):
                    return found
            line = _start(folder)
            found = _read(line)
            ready.touch(mode=0o600)
            ready.write_text(line)
            return found
    except Timeout:
        raise SandboxError(f"another command has been starting the sandbox in {folder} for {_START:g} s.") from None
    except (ValueError, KeyError, TypeError):
        raise SandboxError("the sandbox started, but what it printed cannot be read.") from None


def _read(line: str) -> Embedded:
    ready: dict[str, Any] = json.loads(line)
    return Embedded({name: dict(ready[name]) for name in ("den", "wexa")}, str(ready["control"]))


def _answers(found: Embedded) -> bool:
    """Whether those very servers answer: after a restart the port may be that of another folder's."""
    where = urlsplit(found.control)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=2)
    try:
        connection.request("GET", "/principals")
        principals = json.loads(connection.getresponse().read())
        return bool(principals["owner-api-key"]["x-api-key"] == found.systems["den"]["apiKey"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return False
    finally:
        connection.close()


def _start(folder: Path) -> str:
    log = folder / "log"
    command = [sys.executable, "-m", "trueup.sandbox", "--preset", "demo"]
    command += ["--state", str(folder / "state.db"), "--users-lock", str(folder / "users.lock")]
    with log.open("ab") as errors:
        os.chmod(log, 0o600)
        process = subprocess.Popen(  # noqa: S603 - our own program
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # Ctrl-C is for the command, which still has to finish what is in flight
        )
    assert process.stdout is not None
    ender = threading.Timer(_START, process.kill)
    ender.start()
    line = process.stdout.readline().decode(errors="replace")
    ender.cancel()
    process.stdout.close()
    if not line.strip():
        code = process.wait()
        said = log.read_text(errors="replace").strip().splitlines()
        reason = said[-1] if said else f"exit code {code}"
        raise SandboxError(f"the sandbox did not start: {reason}", hint=f"Its log is {log}.")
    return line
