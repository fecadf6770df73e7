"""The holder of a lock: this process, distinct from all others, on other machines and in containers too."""

from __future__ import annotations

import getpass
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """A process, as far as it can be identified."""

    host: str
    """The machine since its last boot, and its process namespace; empty when unknown."""
    pid: int
    started: str
    """Its start time as in /proc; empty when unknown."""

    @property
    def boot(self) -> str:
        """The machine since its last boot, whatever its name and its containers; empty when unknown."""
        return self.host.split(" ")[1] if self.host.count(" ") == 2 else ""

    def is_gone(self, here: Process) -> bool:
        """Return whether it has certainly exited, seen from this process. Another machine cannot be checked."""
        if not self.host or self.host != here.host or self.pid <= 0:
            return False
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, OverflowError):
            return True
        except OSError:  # it belongs to another user
            pass
        state, started = _status(self.pid)
        return state in ("Z", "X") or bool(started and self.started and started != self.started)


def this_process() -> Process:
    """Return the current process."""
    pid = os.getpid()
    return Process(_host(), pid, _status(pid)[1])


def holder() -> str:
    """Return the current process for display: `user@host, process 4711`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return f"{user}@{socket.gethostname()}, process {os.getpid()}"


def new_run_id() -> str:
    """Return a unique name for a run: `r-` and eight hexadecimal digits."""
    return f"r-{secrets.token_hex(4)}"


def _host() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
    return f"{socket.gethostname()} {boot} {namespace}"


def _status(pid: int) -> tuple[str, str]:
    """Return the state and start time of a process; empty when /proc does not have them."""
    try:
        # The program's name, in parentheses, may hold any character, parentheses and spaces included.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return fields[0], fields[19]
    except (OSError, IndexError):
        return "", ""
