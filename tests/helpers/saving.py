"""A folder of manifests, and another one in which plans of it are saved: for whoever tests saved plans."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from commands import inside
from world import World

ACCOUNT = """---
apiVersion: den.trueup.dev/v1
kind: ConnectorAccount
metadata: {name: acme}
spec: {remoteId: "1001", displayName: acme}
"""
LABS = """---
apiVersion: den.trueup.dev/v1
kind: ConnectorAccount
metadata: {name: labs}
spec: {remoteId: "1003", displayName: labs}
"""
INSTANCE = """---
apiVersion: den.trueup.dev/v1
kind: ConnectorInstance
metadata: {name: NAME}
spec:
  connectorAccount: acme
  remoteId: acme/NAME
  status: active
  config:
    branch: main
"""
ACCESS = """---
apiVersion: den.trueup.dev/v1
kind: ConnectorInstance
metadata: {name: docs}
spec:
  connectorAccount: acme
  access:
    exclusive: true
    grants:
      - {member: member@example.test, role: editor}
"""
CRM = """---
apiVersion: wexa.trueup.dev/v1
kind: Connector
metadata: {name: crm}
spec:
  projectId: 68063653fc2e1fb859700001
  status: active
  dataLoaderConfig:
    source: mongodb
    batchSize: 50
    auth:
      password: {valueFrom: {env: CRM_PASSWORD}}
"""


class Desk:
    """Manifests beside a sandbox; commands run in a third folder, so that no path is right by accident."""

    def __init__(self, world: World, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.manifests, self.away = path / "manifests", path / "away"
        for folder in (self.manifests, self.away):
            folder.mkdir()
        self.saved = path / "saved plan.json"
        self.write("den.yaml", ACCOUNT + INSTANCE.replace("NAME", "docs"))
        monkeypatch.chdir(self.away)
        monkeypatch.delenv("COLUMNS", raising=False)

    def write(self, name: str, text: str) -> None:
        (self.manifests / name).write_text(text)

    def run(self, command: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A command about the manifests."""
        words = ("-f", str(self.manifests), "--state", str(self.world.folder))
        return inside(command, *words, *arguments, **environment)

    def settled(self, **environment: str) -> bool:
        """Makes all of it as it is declared now, and forgets the requests."""
        done = self.run("apply", "--auto-approve", **environment)
        self.world.forget()
        assert done.returncode == 0, done
        return True

    def plan(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run("plan", "--out", str(self.saved), *arguments, **environment)

    def show(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return inside("show", str(self.saved), "--state", str(self.world.folder), *arguments, **environment)

    def words(self, *arguments: str) -> list[str]:
        """The command that applies the saved plan."""
        return ["apply", str(self.saved), "--state", str(self.world.folder), *arguments]

    def apply(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return inside(*self.words(*arguments), **environment)

    def grant(self, **grant: Any) -> None:
        """A colleague gives a grant for `docs`."""
        world = self.world
        if "member" in grant:
            members = world.sandbox.den.get("/v1/org").json()["members"]
            email = grant.pop("member")
            grant["orgMembershipId"] = next(one["id"] for one in members if one["user"]["email"] == email)
        key = world.instance("docs")["id"]
        world.sandbox.den.post(f"/v1/connector-instances/{key}/access", json=grant).raise_for_status()


def told(done: subprocess.CompletedProcess[str]) -> str:
    """What standard error says, on one line."""
    return " ".join(done.stderr.split())
