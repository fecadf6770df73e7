"""A sandbox with 1,000 instances as a process of its own, and the manifests that declare them all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.servers import Servers, serving
from trueup.engine.loop import Options

COUNT = 1000


@dataclass(frozen=True)
class Thousand:
    """The servers, and where the manifests are."""

    servers: Servers
    manifests: Path
    options: Options
    """In real time."""

    @property
    def den(self) -> str:
        """The URL of Den."""
        url: str = self.servers.ready["den"]["url"]
        return url

    @property
    def key(self) -> str:
        """The key that Den takes."""
        key: str = self.servers.ready["den"]["apiKey"]
        return key

    def sent(self) -> int:
        """Requests that reached Den and Wexa since the last `forget`."""
        return self.servers.sent()

    def forget(self) -> None:
        """Begins to count anew."""
        self.servers.forget()

    def delay(self, seconds: float) -> None:
        """Lets every page of a list take that much longer."""
        self.servers.delay(seconds)

    def disable(self, name: str) -> None:
        """A person disables an instance."""
        self.servers.disable(name)


@contextlib.contextmanager
def thousand() -> Iterator[Thousand]:
    """The servers for as long as the block lasts; the environment names them as the default connection."""
    with serving("thousand") as servers:
        manifests = servers.folder / "manifests"
        manifests.mkdir()
        _write(manifests)
        yield Thousand(servers, manifests, Options(state=servers.folder / "state"))


def _write(folder: Path) -> None:
    """What the preset holds, as manifests: the account, and ten files of instances."""
    account = "kind: ConnectorAccount\nmetadata: {name: acme}\nspec: {remoteId: '1001', displayName: acme}\n"
    Path(folder, "account.yaml").write_text(f"apiVersion: den.trueup.dev/v1\n{account}")
    for start in range(0, COUNT, 100):
        names = [f"repo-{number:04d}" for number in range(start, start + 100)]
        Path(folder, f"{start:04d}.yaml").write_text("---\n".join(map(_instance, names)))


def _instance(name: str) -> str:
    return f"""\
apiVersion: den.trueup.dev/v1
kind: ConnectorInstance
metadata:
  name: {name}
spec:
  connectorAccount: acme
  remoteId: acme/{name}
  status: active
  config:
    branch: main
    path: docs
"""
