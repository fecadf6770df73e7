"""100,000 documents loaded and validated, against libyaml composing the same text: CPU seconds and peak memory.

Run as a program it prints one JSON object for each of three tasks, each in a process of its own: `load` (keeps the
Manifest), `compose` (drops each tree as it comes) and `keep` (keeps all of them).
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COUNT = 100_000
ACCOUNTS = 10


def documents(count: int = COUNT, accounts: int = ACCOUNTS) -> Iterator[str]:
    """That many documents: accounts first, and instances spread over them for the rest."""
    for number in range(accounts):
        yield (
            "apiVersion: den.trueup.dev/v1\n"
            "kind: ConnectorAccount\n"
            "metadata:\n"
            f"  name: account-{number}\n"
            "spec:\n"
            "  connectorType: github\n"
            f'  remoteId: "{1000 + number}"\n'
            f"  displayName: Account {number}\n"
        )
    for number in range(count - accounts):
        yield (
            "apiVersion: den.trueup.dev/v1\n"
            "kind: ConnectorInstance\n"
            "metadata:\n"
            f"  name: repository-{number:06d}\n"
            "  labels:\n"
            f"    team: team-{number % 37}\n"
            f'    tier: "{number % 3}"\n'
            "spec:\n"
            f"  connectorAccount: account-{number % accounts}\n"
            f"  remoteId: organisation-{number % accounts}/repository-{number:06d}\n"
            f"  status: {'disabled' if number % 7 == 0 else 'active'}\n"
            "  config:\n"
            "    branch: main\n"
            f"    path: docs/{number % 100}\n"
            "    recursive: true\n"
            f"  autoImportNewPlugins: {'true' if number % 2 else 'false'}\n"
        )


def write(folder: Path, count: int = COUNT, a_file: int = 10_000) -> None:
    """The documents as files of that many each."""
    waiting = list(documents(count))
    for start in range(0, count, a_file):
        path = folder / f"{start // a_file:03d}.yaml"
        path.write_text("---\n".join(waiting[start : start + a_file]), encoding="utf-8")


def measure(task: str, folder: Path) -> dict[str, Any]:
    """CPU seconds of a task in this process, and the peak of its memory in MiB."""
    import yaml

    from trueup.manifest import load

    kept: list[Any] = []
    begin = time.process_time()
    if task == "load":
        kept = load([folder]).resources
    else:
        for path in sorted(folder.glob("*.yaml")):
            with path.open(encoding="utf-8") as file:
                trees = yaml.compose_all(file.read(), yaml.CSafeLoader)
                for tree in trees:
                    if task == "keep":
                        kept.append(tree)
    seconds = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"task": task, "seconds": round(seconds, 2), "peak_mib": round(peak, 1), "kept": len(kept)}


def measured(task: str, folder: Path) -> dict[str, Any]:
    """`measure` in a process of its own, so that no task inherits the memory of another."""
    command = [sys.executable, __file__, task, str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Writes the documents and measures each task once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder)
        for task in ("compose", "load", "keep"):
            print(json.dumps(measured(task, folder)))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]))))
    else:
        main()
