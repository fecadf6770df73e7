"""Who holds a lock: this process, told apart from every other one, also of other machines and containers."""

from __future__ import annotations

import getpass
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """A process, as far as it can be told who it is."""

    host: str
    """The machine since it was started, and the process ids that count there; empty when that is unknown."""
    pid: int
    started: str
    """When it was started, in the words of /proc; empty when that is unknown."""

    @property
    def boot(self) -> str:
        """The machine since it was started, whatever its name and its containers; empty when that is unknown."""
        return self.host.split(" ")[1] if self.host.count(" ") == 2 else ""

    def is_gone(self, here: Process) -> bool:
        """Whether it surely runs no more, seen from this process. What is on another machine cannot be seen."""
        if not self.host or self.host != here.host or self.pid <= 0:
            return False
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, OverflowError):
            return True
        except OSError:  # it is somebody else's
            pass
        state, started = _status(self.pid)
        return state in ("Z", "X") or bool(started and self.started and started != self.started)


def this_process() -> Process:
    """The process that asks."""
    pid = os.getpid()
    return Process(_host(), pid, _status(pid)[1])


def holder() -> str:
    """This process for people: `user@host, process 4711`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        user = str(os.getuid()) if hasattr(os, "getuid") else "somebody"
    return f"{user}@{socket.gethostname()}, process {os.getpid()}"


def new_run_id() -> str:
    """A name for a run that no other has: `r-` and eight hexadecimal digits."""
    return f"r-{secrets.token_hex(4)}"


def _host() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
    return f"{socket.gethostname()} {boot} {namespace}"


def _status(pid: int) -> tuple[str, str]:
    """State and start time of a process; empty where /proc does not tell."""
    try:
        # The name of the program, in parentheses, may hold anything, parentheses and spaces too.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return fields[0], fields[19]
    except (OSError, IndexError):
        return "", ""
