"""A Pulumi stack of 1,000 instances that are live in a sandbox, run by the real engine."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.servers import Servers, serving

ROOT = Path(__file__).parents[1]
BUILT = ROOT / ".tools" / "pulumi" / "bin"
PROVIDER = ROOT / "provider" / "bin"
BARE = Path(__file__).with_name("bare_provider.py")
COUNT = 1001
"""The instances and their account."""
_NAME = "pulumi-resource-trueup"
_LOOK = 0.01
"""Seconds between two looks at a process; the system keeps what it took at most, so that only the end is missed."""


@dataclass(frozen=True)
class Ran:
    """What a command of the engine took."""

    said: str
    seconds: float
    mebibytes: float
    """Peak of the provider's resident memory."""

    def same(self) -> Ran:
        """Itself; the run has found that nothing is to be done."""
        assert f"{COUNT + 1} unchanged" in self.said, self.said[-2000:]
        assert not re.search(r"\d (created|updated|deleted)", self.said), self.said[-2000:]
        return self


class Stack:
    """The stack and its program, in a folder of the servers."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self.folder = servers.folder / "stack"
        self._pid = self.folder / "pid"
        self._environment = {
            **os.environ,
            "PATH": engine(),
            "PULUMI_BACKEND_URL": f"file://{self.folder}/state",
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "NO_COLOR": "1",
        }
        (self.folder / "state").mkdir(parents=True)
        self._schema = self.folder / "schema.json"
        with self._schema.open("wb") as file:
            subprocess.run([sys.executable, "-m", "trueup", "schema", "pulumi"], check=True, stdout=file)
        self._launcher("ours", f'exec "{PROVIDER / _NAME}" "$@"')
        self._launcher("bare", f'exec "{sys.executable}" -P "{BARE}" "{self._schema}" "$@"')

    def import_all(self) -> None:
        """Gets everything into the state, and then the options that did so out of the program."""
        self._write("ours", self._resources(importing=True))
        self._run("stack", "init", "dev")
        # The engine writes all of its state anew for every resource that is imported, which takes a minute.
        once = {"PULUMI_SKIP_CHECKPOINTS": "true"}
        said = self._run("up", "--yes", "--skip-preview", more=once).said
        assert f"{COUNT} imported" in said, said[-2000:]
        self._write("ours", self._resources())
        self._run("up", "--yes", "--skip-preview", more=once).same()

    def up(self, *words: str, provider: str = "ours") -> Ran:
        """`pulumi up` of the program, over our provider or `bare`; it has to find that nothing is to be done."""
        self._write(provider, self._resources())
        return self._run("up", "--yes", "--skip-preview", *words).same()

    def refresh(self) -> Ran:
        """`pulumi refresh`, likewise."""
        self._write("ours", self._resources())
        return self._run("refresh", "--yes", "--skip-preview").same()

    def _launcher(self, name: str, last: str) -> None:
        """An executable that notes its process and becomes the provider."""
        path = self.folder / name / _NAME
        path.parent.mkdir()
        path.write_text(f'#!/bin/sh\necho $$ > "{self._pid}"\n{last}\n')
        path.chmod(0o755)

    def _resources(self, *, importing: bool = False) -> dict[str, Any]:
        accounts = {row["displayName"]: row["id"] for row in self.servers.rows("den.connectorAccounts")}
        found = {"acme": _resource("ConnectorAccount", remoteId="1001", displayName="acme")}
        ids = {"acme": accounts["acme"]}
        for row in sorted(self.servers.rows("den.connectorInstances"), key=lambda row: str(row["name"])):
            name = row["name"]
            ids[name] = row["id"]
            found[name] = _resource(
                "ConnectorInstance",
                connectorAccount="${acme.id}",
                remoteId=row["remoteId"],
                status="active",
                config={"branch": "main", "path": "docs"},
            )
        assert len(found) == COUNT, len(found)
        if importing:
            for name, resource in found.items():
                resource["options"] = {"import": ids[name]}
        return found

    def _write(self, provider: str, resources: dict[str, Any]) -> None:
        program = {
            "name": "bench",
            "runtime": "yaml",
            "plugins": {"providers": [{"name": "trueup", "path": str(self.folder / provider)}]},
            "resources": resources,
        }
        (self.folder / "Pulumi.yaml").write_text(json.dumps(program))

    def _run(self, *words: str, more: Mapping[str, str] | None = None) -> Ran:
        """A command that has to succeed."""
        self._pid.unlink(missing_ok=True)
        with tempfile.TemporaryFile("w+") as said:
            began = time.perf_counter()
            process = subprocess.Popen(
                ["pulumi", *words, "--non-interactive"],
                executable=shutil.which("pulumi", path=self._environment["PATH"]),
                cwd=self.folder,
                env={**self._environment, **(more or {})},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
            peak = 0.0
            while process.poll() is None:
                time.sleep(_LOOK)
                peak = max(peak, self._peak())
            seconds = time.perf_counter() - began
            said.seek(0)
            text = said.read()
        assert process.returncode == 0, text[-4000:]
        return Ran(text, seconds, peak)

    def _peak(self) -> float:
        """MiB that the provider has taken at most so far; 0 when it is not there."""
        with contextlib.suppress(OSError, ValueError):
            status = Path("/proc", str(int(self._pid.read_text())), "status").read_text()
            if found := re.search(r"VmHWM:\s+(\d+) kB", status):
                return int(found[1]) / 1024
        return 0.0


@contextlib.contextmanager
def stack() -> Iterator[Stack]:
    """The stack, with everything in its state, for as long as the block lasts."""
    if not engine():
        sys.exit("bench: there is no Pulumi engine here; script/bootstrap --pulumi builds one.")
    with serving("thousand") as servers:
        found = Stack(servers)
        found.import_all()
        servers.forget()
        yield found


def engine() -> str:
    """Return the PATH that includes the engine; empty without an engine."""
    places = os.pathsep.join([str(BUILT), os.environ["PATH"]])
    return places if all(shutil.which(name, path=places) for name in ("pulumi", "pulumi-language-yaml")) else ""


def _resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"type": f"trueup:den:{kind}", "properties": properties}
