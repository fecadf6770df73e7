"""A folder of manifests, and the command that runs on it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from commands import inside, trueup
from world import World

ACCOUNT = """
apiVersion: den.trueup.dev/v1
kind: ConnectorAccount
metadata: {name: acme}
spec: {remoteId: "1001", displayName: acme}
---
"""
INSTANCE = """
apiVersion: den.trueup.dev/v1
kind: ConnectorInstance
metadata: {name: NAME}
spec:
  connectorAccount: acme
  remoteId: acme/NAME
  status: active
  config:
    branch: main
---
"""


class Folder:
    """A folder of manifests beside a sandbox, and the command that runs there."""

    def __init__(self, world: World, path: Path) -> None:
        self.world = world
        self.path = path
        self.write("den.yaml", ACCOUNT + INSTANCE.replace("NAME", "docs"))

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text)

    def words(self, command: str, *arguments: str) -> list[str]:
        return [command, "-f", str(self.path), "--state", str(self.world.folder), *arguments]

    def run(self, command: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """In this process."""
        return inside(*self.words(command, *arguments), **environment)

    def process(self, command: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """As a process of its own."""
        return trueup(*self.words(command, *arguments), **environment)

    def apply(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run("apply", "--auto-approve", *arguments, **environment)
