"""The real Pulumi engine: stacks in folders of their own, with a state in files, against a sandbox."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from repository import ROOT
from waiting import wait_until
from world import World

BUILT = ROOT / ".tools" / "pulumi" / "bin"
PROVIDER = ROOT / "provider" / "bin"
PROGRAM = Path(__file__).with_name("engine_program.py")
FAILED = -1
"""Any exit code but 0."""
LONG = 100
"""Seconds after which a command of the engine has failed."""
_HOSTS = ("pulumi", "pulumi-language-yaml", "pulumi-language-python")


def path() -> str:
    """The PATH with the engine on it. Skips the test where there is none, and says how to get one."""
    places = os.pathsep.join([str(BUILT), os.environ["PATH"]])
    if not all(shutil.which(name, path=places) for name in _HOSTS):
        pytest.skip("there is no Pulumi engine here; script/bootstrap --pulumi builds one")
    return places


class Stack:
    """One stack of a program in a folder."""

    def __init__(self, folder: Path, name: str = "dev", runtime: str = "yaml", **environment: str) -> None:
        self.folder = folder
        self.name = name
        self.runtime = runtime
        self.environment = {
            **os.environ,
            "PATH": path(),
            "PULUMI_BACKEND_URL": f"file://{folder}/state",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_PYTHON_CMD": sys.executable,
            "NO_COLOR": "1",
            **environment,
        }
        (folder / "state").mkdir(parents=True, exist_ok=True)
        self.resources: dict[str, Any] = {}
        self.outputs: dict[str, str] = {}
        self.write()
        self.run("stack", "select", "--create", name)

    def write(self) -> None:
        """The program as it is now."""
        program: dict[str, Any] = {"name": "test", "runtime": self.runtime}
        program["plugins"] = {"providers": [{"name": "trueup", "path": str(PROVIDER)}]}
        if self.runtime == "yaml":
            program |= {"resources": self.resources, "outputs": self.outputs}
        (self.folder / "Pulumi.yaml").write_text(yaml.safe_dump(program, sort_keys=False))
        if self.runtime == "python" and self.resources:
            shutil.copy(PROGRAM, self.folder / "__main__.py")
            said = {"resources": self.resources, "outputs": self.outputs}
            (self.folder / "program.json").write_text(json.dumps(said))

    def start(self, *words: str) -> subprocess.Popen[str]:
        """A command that is not waited for, in a group of its own."""
        command = ["pulumi", *words, "--non-interactive"]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def start_held(self, world: World, *words: str) -> subprocess.Popen[str]:
        """A command likewise, once the server holds a request of it by the newest fault."""
        process = self.start(*words)
        wait_until(world.held, process.communicate)
        return process

    def run(self, *words: str, code: int | None = 0, patience: float = LONG) -> str:
        """What a command says; it ends with that code, whatever it is for None."""
        process = self.start(*words)
        try:
            said, _ = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            process.kill()
            pytest.fail(f"pulumi {' '.join(words)} took too long: {process.communicate()[0]}")
        if code == FAILED:
            assert process.returncode not in (0, None), said
        else:
            assert code is None or process.returncode == code, said
        return said

    def up(self, *words: str, code: int | None = 0, patience: float = LONG) -> str:
        """`pulumi up` of the program as it is now."""
        self.write()
        return self.run("up", "--yes", "--skip-preview", *words, code=code, patience=patience)

    def preview(self, *words: str, code: int | None = 0) -> str:
        """`pulumi preview` of the program as it is now."""
        self.write()
        return self.run("preview", *words, code=code)

    def clean(self) -> None:
        """Neither the program nor what is live differs from the state."""
        self.preview("--expect-no-changes")
        self.run("refresh", "--preview-only", "--expect-no-changes")

    def export(self) -> dict[str, Any]:
        """The resources of the state by name, without the stack itself."""
        state = json.loads(self.run("stack", "export"))
        return {one["urn"].rpartition("::")[2]: one for one in state["deployment"].get("resources", [])}

    def id(self, name: str) -> str:
        """The id of a resource."""
        return str(self.export()[name]["id"])


def resource(kind: str, options: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    """One resource of a YAML program."""
    system = "wexa" if kind == "Connector" else "den"
    found: dict[str, Any] = {"type": f"trueup:{system}:{kind}", "properties": properties}
    return {**found, "options": options} if options else found


def small() -> dict[str, Any]:
    """A small organisation: one of each kind."""
    return {
        "acme": resource("ConnectorAccount", remoteId="1001", displayName="acme"),
        "docs": resource(
            "ConnectorInstance",
            connectorAccount="${acme.id}",
            remoteId="acme/docs",
            status="active",
            config={"branch": "main", "path": "guides"},
        ),
        "main": resource(
            "ConnectorTarget", connectorInstance="${docs.id}", remoteId="acme/docs", config={"branch": "main"}
        ),
        "skills": resource(
            "ConnectorMapping",
            connectorTarget="${main.id}",
            mappingKind="path",
            selector="skills/**",
            objectType="skill",
        ),
        "platform": resource("ConnectorAccess", connectorInstance="${docs.id}", team="Platform", role="editor"),
        "editor": resource(
            "ConnectorAccess", connectorInstance="${docs.id}", member="editor@example.test", role="viewer"
        ),
    }


def descendants(pid: int) -> list[int]:
    """The processes below one, by what the system says of parents."""
    parents: dict[int, int] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(place.parent.name)] = int(place.read_text().rpartition(")")[2].split()[1])
    found, seen = [pid], 0
    while seen < len(found):
        found += [child for child, parent in parents.items() if parent == found[seen]]
        seen += 1
    return found[1:]
