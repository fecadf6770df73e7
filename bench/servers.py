"""A sandbox as a process of its own, what it was asked, and time that passes when somebody sleeps."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from json import loads
from pathlib import Path
from typing import Any

import httpx

from trueup.engine.loop import Options


class Clock:
    """Time that passes when somebody sleeps: ours, and the sandbox's with it, so that nobody waits."""

    def __init__(self, control: httpx.Client) -> None:
        self._control = control
        self.advanced = 0.0
        self.waits = 0

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.advanced)

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic() + self.advanced

    async def sleep(self, seconds: float) -> None:
        """Lets so much time pass, here and there."""
        await asyncio.sleep(0)
        self.waits += 1
        self.pass_(seconds)
        await asyncio.sleep(0)

    def pass_(self, seconds: float) -> None:
        """The same, for whoever has no event loop."""
        self._control.post("/clock", json={"advanceSeconds": seconds}).raise_for_status()
        self.advanced += seconds


@dataclass(frozen=True)
class Servers:
    """The servers, and a folder for what a run needs."""

    ready: dict[str, Any]
    control: httpx.Client
    folder: Path
    clock: Clock

    def options(self, **more: Any) -> Options:
        """Options of a run that keeps its ledger in the folder, in the time that passes at once."""
        return Options(**{"state": self.folder / "state", "clock": self.clock, **more})

    def fresh_window(self) -> None:
        """So much silence that the window of every key is closed."""
        self.clock.pass_(3600)

    def sent(self) -> int:
        """Requests that reached Den and Wexa since the last `forget`."""
        total: int = self._ask("GET", "/requests")["total"]
        return total

    def writes(self) -> int:
        """Those of them that were no GET."""
        return sum(one["count"] for one in self._ask("GET", "/requests")["counts"] if one["method"] != "GET")

    def forget(self) -> None:
        """Begins to count anew."""
        self._ask("DELETE", "/requests")

    def state(self) -> Any:
        """Everything the servers know."""
        return self._ask("GET", "/state")

    def restore(self, state: Any) -> None:
        """Puts everything back."""
        self._ask("PUT", "/state", state)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """What a table of the servers holds."""
        return list(self.state()["tables"].get(table, {}).values())

    def delay(self, seconds: float) -> None:
        """Lets every page of a list take that much longer."""
        self._ask("POST", "/faults", {"system": "den", "method": "GET", "delay": seconds})

    def disable(self, name: str) -> None:
        """A person disables an instance."""
        change = {"type": "person", "kind": "connector-instance", "name": name, "set": {"status": "disabled"}}
        self._ask("POST", "/upstream", change)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.control.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json()


@contextlib.contextmanager
def serving(preset: str) -> Iterator[Servers]:
    """The servers for as long as the block lasts; the environment names them as the default connections."""
    command = [sys.executable, "-m", "trueup.sandbox", "--preset", preset]
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            ready = loads(process.stdout.readline())
            os.environ.pop("TRUEUP_LEDGER", None)
            for system in ("den", "wexa"):
                os.environ[f"TRUEUP_{system.upper()}_URL"] = ready[system]["url"]
                os.environ[f"TRUEUP_{system.upper()}_API_KEY"] = ready[system]["apiKey"]
            with httpx.Client(base_url=ready["control"], timeout=60) as control:
                yield Servers(ready, control, Path(folder), Clock(control))
        finally:
            process.terminate()
