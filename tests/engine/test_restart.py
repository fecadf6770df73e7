"""Den is killed in the middle of an apply and started again: nothing fails, and nothing is created twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from declare import account, instance, manifest
from hostile import FastClock
from sandboxes import Running, launch
from world import Recorder, results

from trueup.engine.loop import Options, Session

STEPS = 100


class Process(FastClock):
    """A sandbox that keeps its state in a file; after a kill, it restarts once the client has slept three times."""

    def __init__(self, state: Path) -> None:
        super().__init__()
        self.state = state
        self.sandbox = Running(launch("--preset", "demo", "--state", str(state)))
        self.kills = 0
        self._asleep = 0

    def kill(self) -> None:
        self.kills += 1
        self._asleep = 0
        self.sandbox.process.kill()
        self.sandbox.process.communicate()

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        self._asleep += 1
        if self.sandbox.process.poll() is not None and self._asleep == 3:
            self.start()

    def start(self) -> None:
        """Start again on the ports of the first process."""
        ports = {name: urlsplit(self.sandbox.ready[name]["url"]).port for name in ("den", "wexa")}
        ports["control"] = urlsplit(self.sandbox.ready["control"]).port
        options = [text for name, port in ports.items() for text in (f"--{name}", str(port))]
        self.sandbox = Running(launch("--state", str(self.state), *options))


@pytest.mark.parametrize("after", [5, 60, 100])
async def test_den_may_be_restarted_in_the_middle_of_an_apply(
    after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Process(tmp_path / "state.db")
    monkeypatch.setenv("TRUEUP_DEN_URL", clock.sandbox.ready["den"]["url"])
    monkeypatch.setenv("TRUEUP_DEN_API_KEY", clock.sandbox.ready["den"]["apiKey"])
    progress = Recorder()

    def count(method: str, route: str, status: str) -> None:
        if len(progress.requests) == after:
            clock.kill()

    progress.on_request = count
    wanted = [account(), *(instance(f"i-{number}", remoteId=f"acme/{number}") for number in range(STEPS))]
    options = Options(state=tmp_path / ".trueup", clock=clock, progress=progress)
    try:
        async with Session(manifest(*wanted), options) as session:
            report = await session.apply(await session.plan())
        assert clock.kills == 1
        assert (Counter(results(report).values()), report.exit_code) == (Counter({"done": STEPS + 1}), 0)
        rows = clock.sandbox.control.get("/state").json()["tables"]["den.connectorInstances"].values()
        made = Counter(row["name"] for row in rows if row["name"].startswith("i-"))
        assert (len(made), set(made.values())) == (STEPS, {1})
        assert any("trying again until" in why for why, _ in progress.waits)
        failed = [one for one in progress.requests if one[2] == "failed"]
        assert len(failed) <= 8 + 8 + 4, "those that were under way, twice, and one at a time"
    finally:
        clock.sandbox.process.kill()
        clock.sandbox.process.communicate()
