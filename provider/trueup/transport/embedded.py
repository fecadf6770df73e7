"""The embedded servers for `url: sandbox`: one process a state folder, shared, and gone with its last user.

Every user holds a shared lock on a file in the folder; the process ends once it can lock that file for itself. The
process inherits a lock on another file, by which it is known to run. Locks go with the processes that hold them, so
nothing has to be cleaned up after a crash.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from trueup.core.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

_START: Final = 30.0
"""Seconds that a start may take."""
_LOOK: Final = 0.05
"""Seconds between two looks at a process that does not answer."""


@dataclass(frozen=True)
class Embedded:
    """Where the embedded servers are, and their credentials: `{"url", "apiKey", …}` a system."""

    systems: dict[str, dict[str, str]]
    control: str = ""
    """The URL of the controls, where the server has some."""


@contextlib.asynccontextmanager
async def running(folder: Path, command: Sequence[str]) -> AsyncIterator[Embedded]:
    """The servers of a state folder for the length of a block, started when they do not run. Raises SandboxError.

    `command` is a Python module and its arguments. It is run with `--state FILE --users-lock FILE` behind them, and
    prints one line of JSON as soon as its servers answer.
    """
    lock = await asyncio.to_thread(_share, folder)
    with lock:
        yield await asyncio.to_thread(_find_or_start, folder, command)


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


def _find_or_start(folder: Path, command: Sequence[str]) -> Embedded:
    from filelock import FileLock, Timeout

    ready = folder / "ready.json"
    try:
        with FileLock(folder / "start.lock", timeout=_START), (folder / "serving.lock").open("a+b") as serving:
            until = time.monotonic() + _START
            while not _take(serving):  # a process has it that serves, or is ending
                with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
                    found = _read(ready.read_text())
                    if all(map(_answers, found.systems.values())):
                        return found
                if time.monotonic() > until:
                    raise SandboxError(f"the sandbox in {folder} runs, but does not answer.")
                time.sleep(_LOOK)
            line = _start(folder, command, serving)
            found = _read(line)
            ready.touch(mode=0o600)
            ready.write_text(line)
            return found
    except Timeout:
        raise SandboxError(f"another command has been starting the sandbox in {folder} for {_START:g} s.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SandboxError("the sandbox started, but what it printed cannot be read.") from None


def _take(lock: IO[bytes]) -> bool:
    """Take the lock if it is free, for this process and those that inherit the file; return whether it was."""
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(line: str) -> Embedded:
    ready: dict[str, Any] = json.loads(line)
    systems = {name: dict(values) for name, values in ready.items() if isinstance(values, dict)}
    for values in systems.values():
        values["url"], values["apiKey"]
    return Embedded(systems, str(ready.get("control", "")))


def _answers(server: dict[str, str]) -> bool:
    where = urlsplit(server["url"])
    with contextlib.suppress(OSError), socket.create_connection((where.hostname or "", where.port or 80), timeout=2):
        return True
    return False


def _start(folder: Path, command: Sequence[str], serving: IO[bytes]) -> str:
    (folder / "ready.json").unlink(missing_ok=True)
    log = folder / "log"
    words = [sys.executable, "-m", *command]
    words += ["--state", str(folder / "state.db"), "--users-lock", str(folder / "users.lock")]
    with log.open("ab") as errors:
        os.chmod(log, 0o600)
        process = subprocess.Popen(  # noqa: S603 - a program that an installed system names
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            pass_fds=(serving.fileno(),),
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
