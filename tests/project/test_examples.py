"""Every example does what it is there to show: it is sound, converges on the sandbox, and is then in sync."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from repository import ROOT

from trueup.systems.registry import KINDS, RESOURCES

EXAMPLES = ROOT / "examples"
TRUEUP = Path(sys.executable).with_name("trueup")
FOLDERS = ("quickstart", "kinds", "organisation")


def _manifests() -> list[Path]:
    """Every manifest among the examples; the programs of Pulumi are tried in tests/plugin/test_programs.py."""
    return [path for path in EXAMPLES.rglob("*.yaml") if not path.relative_to(EXAMPLES).parts[0].startswith("pulumi-")]


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a program in an empty folder, where its state is then kept; without any setting of ours."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("TRUEUP_")}

    def run(*command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            list(map(str, command)),
            cwd=tmp_path,
            env=environment | more,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    return run


def _ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", FOLDERS)
def test_an_example_converges_and_stays(name: str, run: Run) -> None:
    where = ("-f", EXAMPLES / name)
    _ok(run(TRUEUP, "validate", *where))
    before = json.loads(_ok(run(TRUEUP, "plan", *where, "-o", "json")))["summary"]
    assert before["create"] + before["update"] > 0
    assert before["refused"] == 0
    _ok(run(TRUEUP, "apply", *where, "--auto-approve"))
    after = json.loads(_ok(run(TRUEUP, "plan", *where, "-o", "json", "--detailed-exitcode")))["summary"]
    declared = before["create"] + before["update"] + before["unchanged"] + before["unverifiable"]
    assert after["unchanged"] == declared, after
    _ok(run(TRUEUP, "drift", *where))


def test_the_examples_of_the_reference_page_apply_together(run: Run, tmp_path: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "kinds.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == len(KINDS)
    (tmp_path / "all.yaml").write_text("---\n".join(blocks))
    _ok(run(TRUEUP, "apply", "--auto-approve", CRM_PASSWORD="made-up"))
    after = json.loads(_ok(run(TRUEUP, "plan", "-o", "json", CRM_PASSWORD="made-up")))["summary"]
    assert after["unchanged"] == len(RESOURCES), after


def _commented() -> list[tuple[Path, str]]:
    """The commands that stand in backquotes in comments of manifests."""
    return [
        (path, command)
        for path in sorted(_manifests())
        for command in re.findall(r"`trueup ([^`]+)`", re.sub(r"\n#? *", " ", path.read_text()))
    ]


def test_some_comments_tell_of_commands() -> None:
    assert len(_commented()) >= 3


@pytest.mark.parametrize(("path", "command"), _commented(), ids=lambda part: str(part).rpartition("/")[2])
def test_commands_in_comments_run(path: Path, command: str, run: Run) -> None:
    """As they stand there, and about the file's own folder if they name none. What is not here cannot be reached."""
    words = [str(ROOT / word) if word.startswith("examples/") else word for word in shlex.split(command)]
    where = [] if "-f" in words else ["-f", str(path.parent)]
    done = run(TRUEUP, *words, *where)
    if "production" in words:
        assert done.returncode == 1
        assert "DEN_PRODUCTION_KEY" in done.stderr, done.stderr
    else:
        _ok(done)


def test_the_python_example_runs(run: Run) -> None:
    first = _ok(run(sys.executable, EXAMPLES / "python" / "quickstart.py"))
    assert first.splitlines()[0].startswith("7 declared, 7 to be changed")
    assert first.splitlines()[-1] == "In sync: 7 of 7."
    second = _ok(run(sys.executable, EXAMPLES / "python" / "quickstart.py"))
    assert second.splitlines()[0].startswith("7 declared, 0 to be changed")


def test_every_folder_of_manifests_is_tried() -> None:
    folders = {path.parent.relative_to(EXAMPLES).parts[0] for path in _manifests()}
    assert folders == set(FOLDERS)


def test_manifests_name_the_committed_schema() -> None:
    """Editors check them by the first line, which has to lead to the schema from where the file is."""
    schema = ROOT / "schemas" / "manifest.schema.json"
    for path in _manifests():
        first = path.read_text().splitlines()[0]
        mark, _, target = first.partition("$schema=")
        assert mark == "# yaml-language-server: ", path
        assert (path.parent / target).resolve() == schema, path


def test_each_kind_has_a_manifest_that_shows_its_fields() -> None:
    shown: dict[tuple[str, str], set[str]] = {}
    for path in (EXAMPLES / "kinds").iterdir():
        for document in yaml.safe_load_all(path.read_text()):
            fields = shown.setdefault((document["apiVersion"], document["kind"]), set())
            fields.update(document["spec"])
    adopting = {"id"}  # an id that the sandbox would know cannot be written beforehand
    for kind in KINDS:
        fields = {field.name for field in kind.fields} - adopting
        assert shown.get((kind.api_version, kind.name), set()) - {"connection"} == fields, kind.name


def test_manifests_are_valid_by_the_committed_schema() -> None:
    """As an editor checks them, without trueup."""
    import jsonschema

    schema: dict[str, Any] = json.loads((ROOT / "schemas" / "manifest.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    for path in _manifests():
        for document in yaml.safe_load_all(path.read_text()):
            assert [error.message for error in validator.iter_errors(document)] == [], path
    wrong = yaml.safe_load((EXAMPLES / "kinds" / "den-connector-account.yaml").read_text())
    wrong["spec"]["displayNmae"] = wrong["spec"].pop("displayName")
    assert list(validator.iter_errors(wrong))
