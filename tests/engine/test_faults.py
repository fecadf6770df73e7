"""A whole organisation under faults: it converges, each thing is there once, and no run claims more than it did.

What is applied is what `tests/engine/test_crash.py` kills: some sixty changes of all kinds, with removals and
replacements.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from bench import crashes, manifests_crash
from commands import inside
from sandboxes import running

from trueup.core import redaction
from trueup.engine.options import SystemClock

PASSWORD = "a-password-of-somebody"
RUNS = 6
CONNECTIONS = """---
apiVersion: SYSTEM.trueup.dev/v1
kind: Connection
metadata: {name: default}
spec: {url: URL, apiKey: {valueFrom: {env: TRUEUP_KEY_API_KEY}}, timeout: 0.8}
"""
RETRY = {"retry-after": "1"}
FAULTS: dict[str, list[dict[str, Any]]] = {
    "5xx instead": [{"probability": 0.3, "status": 503}],
    "500 and done": [{"probability": 0.3, "status": 500, "after": True}],
    "reset before": [{"probability": 0.3, "reset": "before"}],
    "reset after": [{"probability": 0.3, "reset": "after"}],
    "cut off": [{"probability": 0.2, "truncate": True}],
    "slow before": [{"probability": 0.05, "delay": 1.0, "times": 3}],
    "slow after": [{"probability": 0.05, "delay": 1.0, "after": True, "times": 3}],
    "mixed": [
        {"probability": 0.05, "status": 502},
        {"probability": 0.05, "status": 429, "headers": RETRY},
        {"probability": 0.05, "reset": "before"},
        {"probability": 0.05, "reset": "after"},
        {"probability": 0.05, "truncate": True},
        {"probability": 0.05, "status": 200, "body": "<html>Welcome</html>"},
    ],
    "reads alone": [{"method": "GET", "probability": 0.5, "status": 503}],
    "writes alone": [{"method": "POST", "probability": 0.5, "reset": "after"}],
    "all writes": [{"method": "POST", "status": 500, "after": True}, {"method": "PATCH", "status": 500, "after": True}],
}

LOST = ("500 and done", "reset after", "cut off")
"""Those after which nobody knows whether it happened."""


@dataclass
class Trial(crashes.Trial):
    """Runs the command in this process, where nobody really waits."""

    told: str = ""

    def run(self, *arguments: str, at: int | None = None, phase: crashes.Phase = "before") -> int:
        with patch.object(redaction, "process", redaction.Redactor()):
            done = inside(*arguments, "--state", str(self.folder / "state"), **self.environment)
        self.told = done.stdout + done.stderr
        return done.returncode

    def said(self) -> str:
        return self.told


def _connection(system: str, url: str) -> str:
    return CONNECTIONS.replace("SYSTEM", system).replace("URL", url).replace("KEY", system.upper(), 1)


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    folder = tmp_path_factory.mktemp("faults")

    async def at_once(_: SystemClock, seconds: float) -> None:
        await asyncio.sleep(0)

    before, after = manifests_crash.write(folder)
    with pytest.MonkeyPatch.context() as patch, running("--preset", "demo") as sandbox:
        patch.setattr(SystemClock, "sleep", at_once)
        urls = {system: sandbox.ready[system]["url"] for system in ("den", "wexa")}
        keys = {system: sandbox.ready[system]["apiKey"] for system in ("den", "wexa")}
        for path in (before, after):
            path.write_text(path.read_text() + "".join(_connection(system, url) for system, url in urls.items()))
        proxy = crashes.Proxy(urls, urls)  # nothing stands in between
        with httpx.Client(base_url=sandbox.ready["control"], timeout=60) as control:
            trial = Trial(control, proxy, keys, folder, before, after)
            trial.prepare()
            yield trial


@pytest.fixture(scope="module")
def good(trial: Trial) -> crashes.Picture:
    """What an apply without faults leaves behind."""
    trial.restore()
    assert trial.apply() == 0, trial.said()
    found = crashes.Picture.of(trial)
    assert found.owned["open"] == found.owned["locks"] == 0
    return found


def _honest(trial: Trial, code: int) -> None:
    said = trial.said()
    assert code in (0, 1, 4), said
    for word in ("Traceback", "E999", PASSWORD, *trial.keys.values()):
        assert word not in said
    assert bool(re.search(r"^(Applied:|In sync:)", said, re.MULTILINE)) == (code == 0), said
    if code:
        assert re.search(r"error\[E3\d\d\]|failed|contended|Unverified", said), said
    there = {row["name"] for row in trial.control.get("/state").json()["tables"]["den.connectorInstances"].values()}
    for name in re.findall(r"^  \+ den/ConnectorInstance/(\S+)  create", said, re.MULTILINE):
        assert name in there, said


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("name", "seed"), [(name, 1) for name in FAULTS] + [(name, 2) for name in ("mixed", *LOST)])
def test_it_converges(name: str, seed: int, trial: Trial, good: crashes.Picture) -> None:
    trial.restore()
    for number, fault in enumerate(FAULTS[name]):
        chance = {"seed": seed * 100 + number} if "probability" in fault else {}
        assert trial.control.post("/faults", json={**fault, **chance}).status_code == 200
    try:
        for _ in range(RUNS):
            code = trial.apply()
            _honest(trial, code)
            if code == 0:
                break
    finally:
        trial.control.delete("/faults")
    if code != 0:
        assert trial.apply() == 0, trial.said()
    now = crashes.Picture.of(trial)
    assert now.live == good.live
    assert now.owned == good.owned
    assert trial.in_sync(), trial.said()
    assert not any("sync" in route for route in trial.sent())
