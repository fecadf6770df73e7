"""Starts sandboxes as processes of their own and talks to them over HTTP."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx

COMMAND = [sys.executable, "-m", "trueup.sandbox"]
PATIENCE = 20.0
"""Seconds after which a process that does not do what is waited for has failed."""


def launch(*options: str) -> subprocess.Popen[str]:
    """The process, which may not answer yet."""
    return subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class Running:
    """A sandbox that answers: what it printed, and a client of each of its ports."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        self.ready: dict[str, Any] = json.loads(line)
        self.control = httpx.Client(base_url=self.ready["control"], timeout=PATIENCE)
        self.den = self._client("den")
        self.wexa = self._client("wexa")

    def _client(self, system: str) -> httpx.Client:
        headers = {"x-api-key": self.ready[system]["apiKey"]}
        return httpx.Client(base_url=self.ready[system]["url"], headers=headers, timeout=PATIENCE)

    def calm(self) -> None:
        """Reset faults, recorded requests, the switches of Wexa, and Den to its version."""
        for answer in (
            self.control.delete("/faults"),
            self.control.delete("/requests"),
            self.control.put("/den", json={}),
            self.control.put("/wexa", json={}),
        ):
            assert answer.status_code == 200, answer.text

    def leave(self, signal: int) -> tuple[int, str, str]:
        """Sends the signal; the exit code, and what else was printed."""
        self.process.send_signal(signal)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err


@contextlib.contextmanager
def running(*options: str) -> Iterator[Running]:
    """A sandbox for as long as the block lasts."""
    process = launch(*options)
    try:
        sandbox = Running(process)
        with sandbox.control, sandbox.den, sandbox.wexa:
            yield sandbox
    finally:
        process.kill()
        process.communicate()
