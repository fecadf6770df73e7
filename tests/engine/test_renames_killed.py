"""Exchanges of names, killed at any request and run again: each keeps its id, repository and configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from bench import crashes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from renaming import held, made, own
from trials import tried
from world import INSTANCES, World

from trueup.core.kinds import RENAMED_FROM
from trueup.engine.plan.names import PREFIX

STRIDE = 5
INSTANCE_NAMES = {
    "a": "b",
    "b": "a",
    "c": "d",
    "d": "e",
    "e": "c",
    "f": "g",
    "g": "h",
    "n": "f",
    "q": "y",
    "cafe": "na\xefve",
    "naive": "caf\xe9",
    "k": "l",
    "l": "m",
}
"""By label: a swap, a cycle, a chain, a new resource with a released name, a rename to a removed one's name, a swap of
nearly the names that are there, and a chain by annotations."""
BY_ANNOTATION = ("k", "l")
TARGET_NAMES = {"s": "acme/t", "t": "acme/s"}


def _document(kind: str, label: str, /, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "den.trueup.dev/v1", "kind": kind, "metadata": {"name": label}, "spec": spec}


def _instance(label: str, name: str, **more: Any) -> dict[str, Any]:
    spec = {"connectorAccount": "acme", "name": name, "remoteId": f"acme/{label}", "config": {"is": label}}
    return _document("ConnectorInstance", label, **spec, **more)


def _renamed(label: str, name: str) -> dict[str, Any]:
    """Declare an instance under its new name alone, and say which it had."""
    found = _instance(label, name)
    found["metadata"] = {"name": name, "annotations": {RENAMED_FROM: label}}
    return found


def _target(label: str, remote: str) -> dict[str, Any]:
    return _document("ConnectorTarget", label, connectorInstance="a", remoteId=remote, config={"is": label})


def write(folder: Path) -> tuple[Path, Path]:
    """Write the declarations before and after, as files."""
    top = [_document("ConnectorAccount", "acme", remoteId="1001", displayName="acme")]
    old = [label for label in INSTANCE_NAMES if label != "n"]
    before = [*top, *(_instance(label, label) for label in old), _instance("z", "z")]
    before += [_instance("y", "y", deletionPolicy="remove"), _target("s", "acme/s"), _target("t", "acme/t")]
    kept = {label: _renamed if label in BY_ANNOTATION else _instance for label in INSTANCE_NAMES}
    after = [*top, *(kept[label](label, name) for label, name in INSTANCE_NAMES.items())]
    after += [_target(label, remote) for label, remote in TARGET_NAMES.items()]
    files = folder / "before.yaml", folder / "after.yaml"
    for path, documents in zip(files, (before, after), strict=True):
        path.write_text(yaml.safe_dump_all(documents, sort_keys=False))
    return files


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[crashes.Trial]:
    folder = tmp_path_factory.mktemp("renames")
    with tried(folder, write(folder), {"collation": "accents"}) as trial:
        yield trial


def _own(trial: crashes.Trial) -> dict[str, tuple[Any, ...]]:
    """Return what must never change of each instance and target, and its name."""
    tables = trial.control.get("/state").json()["tables"]
    rows = [*tables[INSTANCES].values(), *tables["den.connectorTargets"].values()]
    found = {}
    for row in rows:
        config = row.get("instanceConfigJson", row.get("targetConfigJson")) or {}
        if "is" in config:
            found[row["id"]] = (row.get("name"), row["remoteId"], row.get("status"), config)
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("phase", crashes.PHASES)
def test_a_kill_at_a_request(trial: crashes.Trial, phase: crashes.Phase) -> None:
    trial.restore()
    first = _own(trial)
    assert trial.apply() == 0, trial.said()
    good, requests = crashes.Picture.of(trial), trial.proxy.passed
    done = _own(trial)
    for key, (name, remote, _, config) in done.items():
        label = config["is"]
        wanted = {**INSTANCE_NAMES, "z": "z"}.get(label)
        assert name == wanted
        assert remote == TARGET_NAMES.get(label, f"acme/{label}")
        assert key in first or label == "n"
    for at in range(1 + crashes.PHASES.index(phase), requests + 1, STRIDE):
        wrong = crashes.killed(trial, at, phase, good)
        assert not wrong, (at, phase, wrong, trial.said())
        now = _own(trial)
        assert {key: now[key] for key in first if key in done} == {key: done[key] for key in first if key in done}


def test_a_plan_shows_a_temporary_name_and_a_later_apply_finds_what_has_it(trial: crashes.Trial) -> None:
    trial.restore()
    assert trial.run("plan", "-f", str(trial.after), *("--prune", "--max-delete-percent", "60")) == 0
    assert trial.said().count(PREFIX) == 4, "one a cycle: three of instances, one of targets"
    for at in range(8, 40):
        trial.restore()
        assert trial.apply(at, "answered") == -9
        if any(str(name or remote).startswith(PREFIX) for name, remote, _, _ in _own(trial).values()):
            break
    assert trial.apply() == 0, trial.said()
    assert not any(str(row[:2]).count(PREFIX) for row in _own(trial).values())


@pytest.mark.timeout(300)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["a", "b", "c", "d", "e", "x", "y"]), min_size=5, max_size=5, unique=True))
async def test_any_names_for_five(world: World, names: list[str]) -> None:
    from declare import account

    if not held(world):
        await made(world, *"abcde")
    before = held(world)
    wanted = [account(), *(own(label, name=name) for label, name in zip("abcde", names, strict=True))]
    assert (await world.apply(*wanted)).exit_code == 0
    after = held(world)
    assert {key: row[1:] for key, row in after.items()} == {key: row[1:] for key, row in before.items()}
    assert {row[2]["is"]: row[0] for row in after.values()} == dict(zip("abcde", names, strict=True))
    assert await world.in_sync(*wanted)
