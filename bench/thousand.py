"""A sandbox with 1,000 instances as a process of its own, and the manifests that declare them all."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from json import loads
from pathlib import Path
from typing import Any

import httpx

from trueup.run import Options

COUNT = 1000


@dataclass(frozen=True)
class Thousand:
    """The servers, and where the manifests are."""

    den: str
    key: str
    control: httpx.Client
    manifests: Path
    options: Options

    def sent(self) -> int:
        """Requests that reached Den and Wexa since the last `forget`."""
        total: int = self._ask("GET", "/requests")["total"]
        return total

    def forget(self) -> None:
        """Begins to count anew."""
        self._ask("DELETE", "/requests")

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
def thousand() -> Iterator[Thousand]:
    """The servers for as long as the block lasts; the environment names them as the default connection."""
    command = [sys.executable, "-m", "trueup.sandbox", "--preset", "thousand"]
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            ready = loads(process.stdout.readline())
            manifests = Path(folder, "manifests")
            manifests.mkdir()
            _write(manifests)
            os.environ.pop("TRUEUP_LEDGER", None)
            os.environ |= {"TRUEUP_DEN_URL": ready["den"]["url"], "TRUEUP_DEN_API_KEY": ready["den"]["apiKey"]}
            with httpx.Client(base_url=ready["control"], timeout=60) as control:
                options = Options(state=Path(folder, "state"))
                yield Thousand(ready["den"]["url"], ready["den"]["apiKey"], control, manifests, options)
        finally:
            process.terminate()


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
