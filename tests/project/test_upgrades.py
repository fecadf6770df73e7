"""Ledgers, a saved plan and a Pulumi stack of version 0.1.0 plan without changes in this version."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import parsed, trueup
from engine import Stack
from left_behind import FOLDER, Servers, placed, serving

SETTLED = ("-f", "manifests", "-f", "retired.yaml")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the manifests of version 0.1.0."""
    for name in ("manifests", "reviewed"):
        shutil.copytree(FOLDER / name, tmp_path / name)
    for name in ("retired.yaml", "more.yaml"):
        shutil.copy(FOLDER / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for name in ("TRUEUP_LEDGER", "TRUEUP_FINGERPRINT_KEY", "TRUEUP_STATE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_name(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Return the folder of a ledger, and the URL of the database to load it into; empty for a file."""
    return request.param, request.getfixturevalue("database") if request.param == "postgresql" else ""


async def _set_up(
    which: tuple[str, str], how: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Servers]:
    name, url = which
    left = FOLDER / name / how
    placed(left, folder / ".trueup", url)
    if url:
        monkeypatch.setenv("TRUEUP_LEDGER", url)
    if (left / "plan.json").exists():
        shutil.copy(left / "plan.json", folder / "plan.json")
    async with serving(folder / ".trueup", left / "sandbox.json") as servers:
        yield servers


@pytest.fixture
async def settled(
    database_name: tuple[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Servers]:
    async for servers in _set_up(database_name, "settled", folder, monkeypatch):
        yield servers


@pytest.fixture
async def interrupted(
    database_name: tuple[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Servers]:
    async for servers in _set_up(database_name, "interrupted", folder, monkeypatch):
        yield servers


def _plan(*words: str, code: int = 0) -> Any:
    done = trueup("plan", *words, "-o", "json")
    assert done.returncode == code, done.stdout + done.stderr
    return parsed(done)


def _actions(found: Any) -> dict[str, str]:
    """Return address and action of every change."""
    actions = {one["address"]: one["change"]["actions"][0] for one in found["resource_changes"]}
    return {address: action for address, action in actions.items() if action != "no-op"}


async def test_what_was_in_sync_still_is(settled: Servers) -> None:
    found = _plan(*SETTLED, "--detailed-exitcode")
    assert _actions(found) == {}
    assert len(found["resource_changes"]) == 18
    assert "unchanged since" in str(found["resource_changes"])  # by the fingerprints of version 0.1.0
    assert trueup("apply", *SETTLED, "--auto-approve").returncode == 0
    assert settled.writes() == []


async def test_prune_sees_the_same(settled: Servers) -> None:
    removed = _actions(_plan("-f", "manifests", "--prune"))
    assert removed.pop("den/ConnectorInstance/retired") == "delete"
    assert all("/retired:" in address for address in removed), removed
    assert _actions(_plan(*SETTLED, "--prune")) == {}


async def test_a_secret_that_changed_is_noticed(settled: Servers, folder: Path) -> None:
    crm = folder / "manifests" / "sales" / "crm.yaml"
    crm.write_text(crm.read_text().replace("made-up-for", "another-one-for"))
    assert _actions(_plan(*SETTLED)) == {"wexa/Connector/crm": "update"}


async def test_a_saved_plan_is_applied(settled: Servers) -> None:
    done = trueup("apply", "plan.json", "-f", "reviewed", "-o", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(settled.writes()) == 4, settled.writes()
    again = trueup("apply", "plan.json", "-f", "reviewed")
    assert again.returncode == 5
    assert "stale" in again.stderr


async def test_an_interrupted_run_is_taken_up(interrupted: Servers) -> None:
    words = (*SETTLED, "-f", "more.yaml")
    done = trueup("apply", *words, "--auto-approve")
    assert done.returncode == 0, done.stderr
    names = [row["name"] for row in interrupted.rows("den.connectorInstances") if row["name"].startswith("more-")]
    assert sorted(names) == ["more-four", "more-one", "more-three", "more-two"]
    assert [one for one in interrupted.writes() if one.endswith("/connector-instances")] == [
        "POST /v1/connector-instances"
    ]
    assert _plan(*words, "--detailed-exitcode")["summary"]["create"] == 0
    ledger = parsed(trueup("ledger", "show", "-o", "json"))
    assert not ledger["locks"], ledger


@pytest.mark.timeout(300)
async def test_a_pulumi_stack_is_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = FOLDER / "pulumi"
    for name in ("TRUEUP_LEDGER", "TRUEUP_FINGERPRINT_KEY", "TRUEUP_STATE"):
        monkeypatch.delenv(name, raising=False)
    stack = Stack(tmp_path)
    placed(left, tmp_path / ".trueup")
    program = yaml.safe_load((FOLDER / "pulumi" / "Pulumi.yaml").read_text())
    program["plugins"]["providers"][0]["path"] = yaml.safe_load((tmp_path / "Pulumi.yaml").read_text())["plugins"][
        "providers"
    ][0]["path"]
    (tmp_path / "Pulumi.yaml").write_text(yaml.safe_dump(program, sort_keys=False))
    async with serving(tmp_path / ".trueup", left / "sandbox.json") as servers:
        stack.run("stack", "select", "--create", "dev")
        stack.run("stack", "import", "--file", str(left / "stack.json"))
        stack.run("preview", "--expect-no-changes")
        stack.run("preview", "--refresh", "--expect-no-changes")
        assert servers.writes() == []
