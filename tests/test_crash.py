"""An apply that is killed at a request of its own loses nothing and repeats nothing, wherever that is.

Here every seventh request is one to be killed at, in each of three ways; `script/bench crash-points` takes all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from bench import crashes, manifests_crash
from sandboxes import running

STRIDE = 7


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[crashes.Trial]:
    folder = tmp_path_factory.mktemp("crash")
    with running("--preset", "demo") as sandbox:
        upstreams = {system: sandbox.ready[system]["url"] for system in ("den", "wexa")}
        keys = {system: sandbox.ready[system]["apiKey"] for system in ("den", "wexa")}
        with (
            crashes.proxied(upstreams) as proxy,
            httpx.Client(base_url=sandbox.ready["control"], timeout=60) as control,
        ):
            trial = crashes.Trial(control, proxy, keys, folder, *manifests_crash.write(folder))
            trial.prepare()
            yield trial


@pytest.mark.timeout(300)
@pytest.mark.parametrize("phase", crashes.PHASES)
def test_a_kill_at_a_request(trial: crashes.Trial, phase: crashes.Phase) -> None:
    trial.restore()
    assert trial.apply() == 0, trial.said()
    good, requests = crashes.Picture.of(trial), trial.proxy.passed
    assert requests > 100
    assert good.owned["open"] == good.owned["locks"] == 0
    assert good.owned["gone"] == []
    first = 1 + crashes.PHASES.index(phase) * 2
    for at in range(first, requests + 1, STRIDE):
        wrong = crashes.killed(trial, at, phase, good)
        assert not wrong, (at, phase, wrong, trial.said())


def test_what_was_found_out_is_told(trial: crashes.Trial) -> None:
    trial.restore()
    assert trial.apply(60, "after") == -9
    assert trial.owned()["open"] > 0
    assert trial.run("plan", "-f", str(trial.after)) == 0
    assert "did not end" in trial.said()
    assert "Looked: " in trial.said()
    assert trial.owned()["open"] > 0  # a plan changes nothing
    assert trial.apply() == 0
    assert trial.owned()["open"] == 0


def test_what_is_open_and_declared_no_more_is_ours_all_the_same(trial: crashes.Trial, tmp_path: Path) -> None:
    """The kill comes right after an instance was made; then its document goes, and --prune has to find it."""
    trial.restore()
    for at in range(20, 60):
        trial.restore()
        assert trial.apply(at, "after") == -9
        made = [row for row in trial.live()["servers"]["den.connectorInstances"] if '"new-0"' in row]
        owned = trial.owned()["addresses"]
        if made and "den/ConnectorInstance/new-0" not in owned:
            break
    else:
        pytest.skip("no request of this run was the one")
    less = [part for part in trial.after.read_text().split("---\n") if "new-0" not in part and "n-0" not in part]
    shorter = tmp_path / "less.yaml"
    shorter.write_text("---\n".join(less))
    command = ("apply", "-f", str(shorter), "--prune", "--max-delete-percent", "60", "--auto-approve")
    assert trial.run(*command) == 0, trial.said()
    (row,) = [row for row in trial.live()["servers"]["den.connectorInstances"] if '"new-0"' in row]
    assert '"archived"' in row
