"""Requests of writing manifests for 1,000 instances that nobody declared, counted at the server."""

from __future__ import annotations

import subprocess
import sys

from bench.figure import Figure
from bench.servers import serving
from bench.thousand import COUNT
from trueup.core.tasks import blocking
from trueup.engine.loop import load, plan

GOAL = 12
FLOOR = 11
"""Ten pages of a hundred and the accounts: everything once, with no look at what moved meanwhile."""


def measure() -> Figure:
    """One run of the command; a plan of what it wrote has to find everything in sync."""
    with serving("thousand") as servers:
        folder = servers.folder / "written"
        command = [sys.executable, "-m", "trueup", "import", "den", "-o", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=servers.folder)
        sent = servers.sent()
        assert done.returncode == 0, done.stdout + done.stderr
        found = blocking(plan(load(folder), servers.options()))
    assert (found.unchanged, found.has_changes) == (COUNT + 1, False), found.summary()
    return Figure("requests-import", sent, FLOOR, GOAL, "requests", "figure", "the floor reads everything once")
