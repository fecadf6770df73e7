"""The house around the code: scripts, locks and the checks themselves."""

from __future__ import annotations

import ast
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from bench import house
from bench.__main__ import NAMES
from packaging.requirements import Requirement
from packaging.version import Version
from repository import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = {
    "requirements.lock": PROJECT["project"]["dependencies"],
    "requirements-dev.lock": [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]],
}
SCRIPTS = [*sorted((ROOT / "script").iterdir()), ROOT / ".ci" / "run"]


def test_the_demo_does_what_it_says() -> None:
    done = subprocess.run([sys.executable, ROOT / "tools" / "demo.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = [line for line in done.stdout.splitlines() if line.startswith("$ ")]
    assert [line.split()[2] for line in shown if line.split()[1].endswith("trueup")] == (
        ["sandbox", "validate", "plan", "apply", "plan", "drift", "apply", "drift", "plan", "plan"]
    )


def test_the_demo_fails_when_a_step_does_not_do_what_it_said() -> None:
    """Here fewer resources are declared than the plan is expected to show; the sandbox is gone nevertheless."""
    program = "import sys; from tools import demo; demo.MANIFESTS = sys.argv[1]; sys.exit(demo.main())"
    command = [sys.executable, "-c", program, "examples/quickstart/acme/wexa.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout
    assert "demo: FAILED: 6 to create, 1 to change? It is {'update': 1}" in done.stderr
    port = re.search(r"TRUEUP_DEN_URL=http://127\.0\.0\.1:(\d+)", done.stdout)
    assert port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port.group(1)))).close()


RUNS = {
    "bench": ("", ["script/bootstrap --dev", "python -m compileall -q provider/trueup", "python -m bench"]),
    "bootstrap": ("", ["uv pip install --quiet", "-e ."]),
    "check": ("types lint layers", ["script/bootstrap --dev", "mypy", "ruff check .", "lint-imports"]),
    "demo": ("", ["script/bootstrap", "python tools/demo.py"]),
    "generate": ("", ["python -c", "trueup schema pulumi", "trueup schema docs", "python tools/readme.py"]),
    "lock": ("", ["uv pip compile pyproject.toml", "--output-file requirements-dev.lock"]),
    "run": ("", ["script/check", "script/test", "script/test -m slow"]),
    "test": ("-k x", ["script/bootstrap --dev", "python -m pytest", "--dist loadfile -k x"]),
}
"""The arguments of each script, and what it then runs in the root of the clone."""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_can_be_run_from_anywhere(script: Path, tmp_path: Path) -> None:
    done, calls = _run_alone(script, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    # Bootstrap is called by its whole path, and goes to the root by itself.
    elsewhere = [call for call in calls if call[0] != tmp_path / "a clone" and "script/bootstrap" not in call[1]]
    assert elsewhere == []
    shown = "\n".join(call for _, call in calls)
    assert [text for text in RUNS[script.name][1] if text not in shown] == [], shown


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_fail_when_what_they_run_fails(script: Path, tmp_path: Path) -> None:
    done, calls = _run_alone(script, tmp_path, code=1)
    assert calls
    assert done.returncode != 0, done.stdout + done.stderr


def _run_alone(
    script: Path, folder: Path, code: int = 0
) -> tuple[subprocess.CompletedProcess[str], list[tuple[Path, str]]]:
    """Run a script of a copy from the folder above, where each program that it calls logs the call and exits so."""
    clone, log = folder / "a clone", folder / "log"
    stub = f'#!/usr/bin/env bash\necho "$PWD|$0 $*" >>"{log}"\nexit {code}\n'
    tools = [f".venv/bin/{name}" for name in ("python", "mypy", "ruff", "lint-imports", "trueup")]
    for name in (*tools, *(str(other.relative_to(ROOT)) for other in SCRIPTS), "bin/uv", "schemas/x", "docs/x"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text(stub)
        (clone / name).chmod(0o755)
    for name in ("pyproject.toml", *LOCKS):
        shutil.copy(ROOT / name, clone)
    shutil.copy(script, clone / script.relative_to(ROOT))
    command = [str(Path(clone.name, script.relative_to(ROOT))), *RUNS[script.name][0].split()]
    environment = {**os.environ, "PATH": f"{clone / 'bin'}:{os.environ['PATH']}", "CI": ""}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    calls = [line.split("|", 1) for line in log.read_text().splitlines()]
    return done, [(Path(where), call) for where, call in calls]


def test_without_a_python_bootstrap_says_what_is_needed(tmp_path: Path) -> None:
    clone = tmp_path / "a clone"
    (clone / "script").mkdir(parents=True)
    shutil.copy(ROOT / "script" / "bootstrap", clone / "script")
    for name in ("pyproject.toml", *LOCKS):
        shutil.copy(ROOT / name, clone)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "basename", "cat", "cksum", "dirname"):
        (tools / name).symlink_to(str(shutil.which(name)))
    environment = {"PATH": str(tools), "HOME": str(tmp_path)}
    done = subprocess.run([clone / "script" / "bootstrap"], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "trueup needs Python 3.11 or newer" in done.stderr
    assert not (clone / ".venv" / ".installed").exists()


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_holds_what_the_project_asks_for(lock: str) -> None:
    locked = _locked(lock)
    for text in LOCKS[lock]:
        wanted = Requirement(text)
        assert locked[wanted.name.lower()] in wanted.specifier, text


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_is_of_no_machine(lock: str) -> None:
    """Every version by its hashes, and neither an index nor a path."""
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not re.search(r"(^|\s)(-i|--index-url|--extra-index-url|--find-links|/|file:)", text)
    entries = re.split(r"\n(?=[a-z0-9])", text)[1:]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)


def test_both_locks_agree() -> None:
    run, develop = _locked("requirements.lock"), _locked("requirements-dev.lock")
    assert run.items() <= develop.items()


def test_what_is_imported_is_what_is_depended_on() -> None:
    """A library that nobody imports any more leaves pyproject.toml, and none is used that is only there by chance."""
    imported: set[str] = set()
    for path in (ROOT / "provider").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                imported.add(str(node.module).partition(".")[0])
    third = imported - {"trueup"} - sys.stdlib_module_names
    modules = {"pyyaml": "yaml", "grpcio": "grpc", "protobuf": "google"}
    optional = [text for texts in PROJECT["project"]["optional-dependencies"].values() for text in texts]
    declared = {Requirement(text).name for text in [*PROJECT["project"]["dependencies"], *optional]}
    assert third | {"sniffio"} == {modules.get(name, name) for name in declared}  # httpcore imports that one, if it can


def test_a_skipped_test_fails_where_nothing_may_be_skipped(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("import pytest\ndef test_one(): pytest.skip('no reason')\n")
    codes = {}
    for value in ("true", ""):
        environment = {**os.environ, "CI": value, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "pytest", "-p", "tools.no_skips", "-p", "no:cacheprovider", "-c", os.devnull]
        done = subprocess.run(
            [*command, "--rootdir", tmp_path, tmp_path], env=environment, cwd=tmp_path, capture_output=True, text=True
        )
        codes[value] = done.returncode
    assert codes == {"true": 1, "": 0}


def test_bench_lists_its_figures() -> None:
    done = subprocess.run([sys.executable, "-m", "bench"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = [line.split()[0] for line in done.stdout.splitlines()[1:]]
    assert listed == list(NAMES)
    for name in listed:
        assert (ROOT / "bench" / f"{name.replace('-', '_')}.py").exists()


@pytest.mark.parametrize(("name", "goal"), [("requests-plan", 12), ("requests-converge", 115)])
def test_requests_stay_within_their_goal(name: str, goal: int) -> None:
    """Counts, which do not depend on the machine."""
    import json

    done = subprocess.run([sys.executable, "-m", "bench", name], cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["figure"] <= goal == found["goal"]
    assert found["met"] is True


def test_no_file_names_a_path_of_a_machine() -> None:
    """Neither a home folder nor wherever this clone happens to be."""
    places = re.compile(rf"{re.escape(str(ROOT))}/|/home/[a-z]+/|/Users/[A-Za-z]+/")
    suffixes = {".py", ".md", ".yaml", ".toml", ".json", ".lock", ""}
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name == ".ci" or name[0] not in "._"]  # the rest is not committed
        for path in (Path(folder, name) for name in names):
            if path.suffix in suffixes:
                assert not places.search(path.read_text(encoding="utf-8", errors="replace")), path


def _locked(lock: str) -> dict[str, Version]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", (ROOT / lock).read_text(), re.MULTILINE)
    return {name.lower(): Version(version) for name, version in found}


def test_the_source_meets_the_goals_of_its_counts() -> None:
    """No module names a system but its own, no public class is defined twice, no chain of imports grows, and so on."""
    counts = [one for one in house.measure() if one.bench not in ("house", "house: lines without sandbox")]
    assert len(counts) >= 9
    assert [f"{one.bench}: {one.figure}, {one.detail}" for one in counts if not one.met] == []
