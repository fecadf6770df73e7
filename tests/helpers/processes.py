"""Runs of the command as processes beside the test, which share a ledger and a sandbox."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from typing import Any

from commands import TRUEUP, trueup
from ledgers import raw
from sandboxes import PATIENCE
from waiting import wait_until
from world import INSTANCES, World, names

Where = Path | str
QUESTION = 'Apply these changes? Only "yes" is accepted: '
POSTS = {"system": "den", "method": "POST", "route": "/v1/connector-instances"}


class Process:
    """`trueup` beside the test, with what it has said so far."""

    command: tuple[str, ...] = tuple(TRUEUP)

    def __init__(self, *words: str, **environment: str) -> None:
        self.raw = subprocess.Popen(
            [*self.command, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "NO_COLOR": "1", **environment},
        )
        self.said = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.raw.stdout is not None
        for line in self.raw.stdout:
            self.said += line

    def wait_for(self, text: str) -> None:
        wait_until(lambda: text in self.said or self.raw.poll() is not None, lambda: self.said)
        if self.raw.poll() is not None:
            self._reader.join(PATIENCE)
        assert text in self.said

    def end(self) -> int:
        code = self.raw.wait(PATIENCE * 2)
        self._reader.join(PATIENCE)
        return code

    def kill(self) -> None:
        self.raw.kill()
        self.raw.wait()


class Place:
    """Manifests, a ledger that several processes share, and the sandbox they work on."""

    def __init__(self, world: World, folder: Path, where: Where) -> None:
        self.world = world
        self.folder = folder
        self.where = where
        self._began: list[Process] = []

    def manifest(self, *labels: str, wexa: str = "") -> Path:
        path = self.folder / f"{'-'.join(labels) or 'wexa'}.yaml"
        den = "apiVersion: den.trueup.dev/v1\nkind: "
        parts = [den + 'ConnectorAccount\nmetadata: {name: acme}\nspec: {remoteId: "1001", displayName: acme}\n']
        for label in labels:
            parts.append(
                f"{den}ConnectorInstance\nmetadata: {{name: {label}}}\n"
                f"spec: {{connectorAccount: acme, config: {{branch: main}}}}\n"
            )
        path.write_text(wexa or "---\n".join(parts))
        return path

    def words(self, command: str, manifest: Path, *more: str) -> list[str]:
        return [command, "-f", str(manifest), "--state", str(self.folder / "state"), *more]

    def apply(self, manifest: Path, *more: str, **environment: str) -> Process:
        words = self.words("apply", manifest, "--auto-approve", *more)
        self._began.append(Process(*words, **{**self.environment, **environment}))
        return self._began[-1]

    def plan(self, manifest: Path, *more: str) -> subprocess.CompletedProcess[str]:
        return trueup(*self.words("plan", manifest, *more), **self.environment)

    @property
    def environment(self) -> dict[str, str]:
        return {"TRUEUP_LEDGER": str(self.where), "CRM_PASSWORD": "a-password-of-somebody"}

    def holding(self, **fault: Any) -> None:
        """Waits until the server holds a request, which `fault` says."""
        fault = {**POSTS, "hold": "before", "times": 1, **fault}
        self.world.fault(**{name: value for name, value in fault.items() if value is not None})

    def held(self, *, count: int = 1) -> None:
        wait_until(
            lambda: sum(one["count"] for one in self._view()) >= count, lambda: [one.said for one in self._began]
        )

    def _view(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.world.sandbox.control.get("/faults").json()["faults"][-1]["held"]
        return found

    def go(self) -> None:
        assert self.world.sandbox.control.post("/faults/release").status_code == 200

    def leases(self) -> list[tuple[str, str]]:
        with raw(self.where) as database:
            return [tuple(row) for row in database.execute("select run, name from locks order by name").fetchall()]

    def lease(self, change: str) -> None:
        with raw(self.where) as database:
            database.execute(f"update locks set {change}")

    def close(self) -> None:
        for process in self._began:
            process.kill()

    def made(self) -> list[str]:
        return [name for name in names(self.world.rows(INSTANCES)) if name.startswith("i-")]
