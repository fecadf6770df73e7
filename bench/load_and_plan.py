"""Loading and planning 100,000 documents, and libyaml composing the same text: each in a process of its own.

`python -m bench.load_and_plan TASK FOLDER` prints CPU seconds and peak memory of one task:

    plan      loads, validates and plans; the live state is in memory before the clock starts
    compose   composes each document and drops it
    keep      composes them and keeps their nodes
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench import documents

Task = Literal["plan", "compose", "keep"]


@dataclass(frozen=True)
class Taken:
    """What a task took."""

    seconds: float
    """CPU time, imports not included."""
    mebibytes: float
    """Peak of the process's memory, everything included."""


def measured(task: Task, folder: Path) -> Taken:
    """What that task takes in a fresh process, so that none inherits the memory of another."""
    command = [sys.executable, "-m", "bench.load_and_plan", task, str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Taken(**json.loads(done.stdout))


def _plan(folder: Path) -> float:
    from trueup.core.tasks import blocking
    from trueup.engine.loop import load
    from trueup.engine.plan import Inputs, Plan, plan

    live = documents.live()

    async def planned() -> Plan:
        return plan(Inputs(load(folder).resources, live))

    began = time.process_time()
    found = blocking(planned())  # as every command does, so that what the event loop costs is part of it
    seconds = time.process_time() - began
    assert (found.declared, found.has_changes, found.unmanaged) == (documents.COUNT, False, ()), found.summary()
    return seconds


def _compose(folder: Path, *, keep: bool) -> float:
    import yaml

    kept: list[Any] = []
    count = 0
    began = time.process_time()
    for path in sorted(folder.iterdir()):
        for node in yaml.compose_all(path.read_text(encoding="utf-8"), yaml.CSafeLoader):
            count += 1
            if keep:
                kept.append(node)
    seconds = time.process_time() - began
    assert count == documents.COUNT
    return seconds


def main(task: str, folder: Path) -> None:
    """Does one task and prints what it took."""
    seconds = _plan(folder) if task == "plan" else _compose(folder, keep=task == "keep")
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / (1 << 20)
    print(json.dumps({"seconds": seconds, "mebibytes": peak}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
