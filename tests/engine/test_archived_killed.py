"""A prune that archives an instance and is killed at each of its requests: what is below it is never removed later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from bench import crashes
from trials import tried

TABLES = ("den.connectorTargets", "den.connectorMappings", "den.accessGrants")


def _document(kind: str, label: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "den.trueup.dev/v1", "kind": kind, "metadata": {"name": label}, "spec": spec}


def _write(folder: Path) -> tuple[Path, Path]:
    kept = [
        _document("ConnectorAccount", "acme", remoteId="1001", displayName="acme"),
        _document("ConnectorInstance", "other", connectorAccount="acme"),
    ]
    docs = [
        _document("ConnectorInstance", "docs", connectorAccount="acme"),
        _document("ConnectorTarget", "main", connectorInstance="docs", remoteId="acme/docs"),
        _document(
            "ConnectorMapping",
            "skills",
            connectorTarget="main",
            mappingKind="path",
            selector="s/**",
            objectType="skill",
        ),
        _document("ConnectorAccess", "all", connectorInstance="docs", organization=True, role="viewer"),
    ]
    files = folder / "before.yaml", folder / "after.yaml"
    for path, documents in zip(files, ([*kept, *docs], kept), strict=True):
        path.write_text(yaml.safe_dump_all(documents))
    return files


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[crashes.Trial]:
    folder = tmp_path_factory.mktemp("archived")
    with tried(folder, _write(folder)) as trial:
        yield trial


def _below(trial: crashes.Trial) -> dict[str, Any]:
    tables = trial.control.get("/state").json()["tables"]
    return {name: tables[name] for name in TABLES}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("phase", crashes.PHASES)
def test_a_person_enables_it_after_a_prune_that_was_killed(trial: crashes.Trial, phase: crashes.Phase) -> None:
    trial.restore()
    before = _below(trial)
    assert trial.apply() == 0, trial.said()
    assert _below(trial) == before
    for at in range(1, trial.proxy.passed + 1):
        trial.restore()
        trial.apply(at, phase)
        assert trial.apply() == 0, trial.said()
        enabled = {"type": "person", "kind": "connector-instance", "name": "docs", "set": {"status": "active"}}
        assert trial.control.post("/upstream", json=enabled).is_success
        trial.control.delete("/requests")
        for _ in range(2):
            assert trial.apply() == 0, trial.said()
            assert trial.in_sync(), trial.said()
        log = trial.control.get("/requests").json()["log"]
        assert [one["path"] for one in log if one["method"] != "GET"] == [], (at, phase)
        assert _below(trial) == before
        assert trial.run("plan", "-f", str(trial.before), "--detailed-exitcode") == 0, trial.said()
