"""A system of another distribution goes through every door, with nothing of trueup changed for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from desk_server import KEY, Desk, serving
from repository import ROOT

from trueup.systems import installed, registry
from trueup.systems.installed import EntryPoint

INSTALLED = ROOT / "tests" / "installed"
PIN = "481516"
BOARDS = """\
apiVersion: desk.trueup.dev/v1
kind: Board
metadata: {name: roadmap}
spec: {colour: blue, pin: {valueFrom: {env: PIN}}}
"""
REST = """\
---
apiVersion: desk.trueup.dev/v1
kind: Board
metadata: {name: backlog}
spec: {}
---
apiVersion: desk.trueup.dev/v1
kind: Card
metadata: {name: ship}
spec: {board: roadmap, text: ship it}
"""


class Team:
    """A folder of manifests, and the command with the plug-in at hand."""

    def __init__(self, folder: Path, desk: Desk) -> None:
        self.folder = folder
        self.desk = desk
        self.declare(BOARDS + REST)

    def declare(self, text: str) -> None:
        """Write the one file of manifests."""
        (self.folder / "m").mkdir(exist_ok=True)
        (self.folder / "m" / "desk.yaml").write_text(text)

    def run(self, *words: str, code: int = 0, **variables: str) -> str:
        """Run the command, and return what it printed."""
        done = self.ran(*words, **variables)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def ran(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the command."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TRUEUP_")},
            "PYTHONPATH": str(INSTALLED),
            "TRUEUP_DESK_URL": self.desk.url,
            "TRUEUP_DESK_API_KEY": KEY,
            "PIN": PIN,
            **variables,
        }
        done = subprocess.run(
            [sys.executable, "-m", "trueup", *words],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert PIN not in done.stdout + done.stderr
        assert KEY not in done.stdout + done.stderr
        return done


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with serving() as desk:
        yield Team(tmp_path, desk)


def test_what_is_declared_is_made_and_stays_so(team: Team) -> None:
    assert "Valid: 3 resources" in team.run("validate", "-f", "m")
    assert "3 to create" in team.run("plan", "-f", "m")
    assert "3 created" in team.run("apply", "-f", "m", "--auto-approve")
    assert {row["name"]: row.get("pin") for row in team.desk.boards.values()} == {"roadmap": PIN, "backlog": None}
    assert [row["text"] for row in team.desk.cards.values()] == ["ship it"]
    assert "0 to create, 0 to change" in team.run("plan", "-f", "m")
    team.run("drift", "-f", "m")


def test_drift_is_seen_and_healed(team: Team) -> None:
    team.run("apply", "-f", "m", "--auto-approve")
    board = next(row for row in team.desk.boards.values() if row["name"] == "roadmap")
    board["colour"] = "red"
    assert 'declared "blue", live "red"' in team.run("drift", "-f", "m", code=2)
    team.run("apply", "-f", "m", "--auto-approve")
    assert board["colour"] == "blue"


def test_what_left_the_manifests_is_pruned_from_a_saved_plan(team: Team) -> None:
    team.run("apply", "-f", "m", "--auto-approve")
    team.declare(BOARDS)
    shown = team.run("plan", "-f", "m", "--prune", "--out", "saved")
    assert "- desk/Board/backlog" in shown
    assert "- desk/Card/ship" in shown
    team.run("apply", "saved", "--auto-approve")
    assert [row["name"] for row in team.desk.boards.values()] == ["roadmap"]
    assert not team.desk.cards


def test_what_exists_is_listed_and_imported(team: Team) -> None:
    team.run("apply", "-f", "m", "--auto-approve")
    assert "2 boards" in team.run("get", "boards")
    assert "ship it" in team.run("get", "cards", "--below", "roadmap")
    assert 'none of the boards that this credential can see is called "roadmop"' in team.run(
        "get", "cards", "--below", "roadmop", code=1
    )
    assert "Wrote 2 boards" in team.run("import", "desk", "-o", "out")
    assert "In sync: 2 of 2" in team.run("plan", "-f", "out")


def test_the_schemas_describe_it(team: Team) -> None:
    manifests = team.run("schema")
    assert "desk.trueup.dev/v1" in manifests
    package = json.loads(team.run("schema", "pulumi"))
    assert {"trueup:desk:Board", "trueup:desk:Card"} <= set(package["resources"])
    assert {"deskUrl", "deskApiKey", "deskWorkspace"} <= set(package["config"]["variables"])


def test_a_credential_of_another_workspace_is_refused_by_name(team: Team) -> None:
    said = team.run("plan", "-f", "m", code=1, TRUEUP_DESK_WORKSPACE="seven")
    assert "TRUEUP_DESK_WORKSPACE holds no id of a workspace of Desk" in said


def broken(folder: Path, name: str = "lost", distribution: str = "lost-trueup") -> str:
    """Install a system whose module cannot be imported beside Desk; return the search path of both."""
    stem = distribution.replace("-", "_")
    info = folder / "broken" / f"{stem}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\n")
    (info / "entry_points.txt").write_text(f"[console_scripts]\nx = y:z\n\n[trueup.systems]\n{name} = {stem}:SYSTEM\n")
    (folder / "broken" / f"{stem}.py").write_text("import nothing_of_that_name\n")
    return os.pathsep.join((str(folder / "broken"), str(INSTALLED)))


def test_a_system_that_cannot_be_loaded_is_reported_once_and_disables_no_other(team: Team, tmp_path: Path) -> None:
    path = broken(tmp_path)
    why = "Warning: the system lost (of lost-trueup) could not be loaded: ModuleNotFoundError"
    for words in (
        ("validate", "-f", "m"),
        ("plan", "-f", "m"),
        ("apply", "-f", "m", "--auto-approve"),
        ("drift", "-f", "m"),
        ("get", "boards"),
        ("import", "desk", "-o", "out"),
        ("schema",),
        ("schema", "docs"),
        ("schema", "pulumi"),
    ):
        done = team.ran(*words, PYTHONPATH=path)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count(why) == 1, words
        assert why not in done.stdout
    json.loads(team.ran("plan", "-f", "m", "-o", "json", PYTHONPATH=path).stdout)
    assert "lost" not in team.run("--help", PYTHONPATH=path)
    assert why.removeprefix("Warning: ") in team.run("import", "lost", "-o", "out2", code=1, PYTHONPATH=path)


def test_a_manifest_of_a_system_that_cannot_be_loaded_says_why(team: Team, tmp_path: Path) -> None:
    team.declare(BOARDS.replace("desk.trueup", "lost.trueup"))
    said = team.run("plan", "-f", "m", code=1, PYTHONPATH=broken(tmp_path))
    assert "the system lost (of lost-trueup) could not be loaded: ModuleNotFoundError" in said


def test_of_two_systems_of_one_name_neither_is_taken(team: Team, tmp_path: Path) -> None:
    said = team.run("plan", "-f", "m", code=1, PYTHONPATH=broken(tmp_path, "desk", "other-desk"))
    assert "could not be loaded: desk-trueup and other-desk both have a system of that name" in said
    assert "den" in team.run("schema")


def test_what_is_no_system_is_not_taken() -> None:
    points = [
        EntryPoint(installed.SYSTEMS, "den", "trueup.systems.den.system:SYSTEM"),
        EntryPoint(installed.SYSTEMS, "lost", "nothing.of.that.name:SYSTEM"),
        EntryPoint(installed.SYSTEMS, "odd", "trueup.core.errors:TrueupError"),
        EntryPoint(installed.SYSTEMS, "other", "trueup.systems.wexa.system:SYSTEM"),
    ]
    systems, left = registry.loaded(points)
    assert list(systems) == ["den"]
    assert {one.name: one.why for one in left} == {
        "lost": "ModuleNotFoundError: No module named 'nothing'",
        "odd": "its entry point is no System, but type",
        "other": "its name is 'wexa', which has to be that of the entry point: small letters and digits",
    }


def test_a_system_that_was_written_for_another_interface_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "INTERFACE", 2)
    systems, left = registry.loaded([EntryPoint(installed.SYSTEMS, "den", "trueup.systems.den.system:SYSTEM")])
    assert not systems
    assert left[0].why == "it was written for version 1 of the interface, and this is version 2"


def test_the_same_entry_points_are_found_as_python_finds() -> None:
    for group in (installed.SYSTEMS, installed.COMMAND_LINES):
        theirs = {(one.name, one.value) for one in metadata.entry_points(group=group)}
        assert {(one.name, one.value) for one in installed.entry_points(group)} == theirs


def test_help_looks_for_no_system() -> None:
    """`--help` imports neither a system nor importlib.metadata, which takes longer than all of it."""
    code = "import sys; from trueup.cli import main; main(['--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    modules = set(done.stdout.split())
    assert not modules & {"importlib.metadata", "trueup.systems.registry", "trueup.systems.den.system"}
