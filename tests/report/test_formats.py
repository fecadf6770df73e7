"""The registry of report formats: what each one shows, and a third one, `names`, added by this file alone."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from pkgutil import resolve_name
from typing import get_args

import pytest
from commands import inside
from repository import HELPERS
from sandboxes import PATIENCE

from trueup.report.format import Format, Subject
from trueup.report.planned import Planned
from trueup.report.registry import FORMATS, named, showing


def names(planned: Planned) -> str:
    """Return the names of the resources that a plan would change, a line each."""
    return "\n".join(f"{step.action} {step.address}" for step in planned.plan.steps)


FORMAT = Format("names", "text/plain", {"plan": names})

WITH_NAMES = (
    "import sys; from trueup.report.registry import FORMATS; FORMATS['names'] = 'test_formats'; "
    "from trueup.cli import main; sys.exit(main(sys.argv[1:]))"
)
"""The command, which knows one more format."""

DEMO = """\
apiVersion: den.trueup.dev/v1
kind: Connection
metadata: {name: default}
spec: {url: sandbox}
---
apiVersion: den.trueup.dev/v1
kind: ConnectorAccount
metadata: {name: acme}
spec: {remoteId: "1001", displayName: acme}
---
apiVersion: den.trueup.dev/v1
kind: ConnectorInstance
metadata: {name: docs}
spec: {connectorAccount: acme, remoteId: acme/docs}
"""


def with_names(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITH_NAMES, *arguments],
        cwd=folder,
        env={"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(HELPERS)])},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_has_its_name_and_a_renderer_for_all_that_it_shows(name: str) -> None:
    found = named(name)
    assert found.name == name
    assert found.renders
    for subject, renderer in found.renders.items():
        assert subject in get_args(Subject)
        function = resolve_name(renderer) if isinstance(renderer, str) else renderer
        required = [one for one in inspect.signature(function).parameters.values() if one.default is one.empty]
        assert len(required) == (2 if found.for_people else 1), subject


def test_every_subject_has_a_form_for_people_and_one_for_programs() -> None:
    assert showing("plan") == ["text", "json"]
    assert showing("live", "manifests") == ["table", "json", "yaml"]
    for subject in set(get_args(Subject)) - {"manifests"}:
        found = [named(name).for_people for name in showing(subject)]
        assert found[:2] == [True, False], subject


def test_one_more_format_is_offered_by_the_commands_whose_subject_it_shows(tmp_path: Path) -> None:
    shown = with_names(tmp_path, "plan", "--help").stdout
    assert "-o, --output [text|json|names]" in shown
    assert "-o, --output [text|json]" in with_names(tmp_path, "drift", "--help").stdout
    wrong = with_names(tmp_path, "drift", "-o", "names")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "--output must be text or json." in wrong.stderr


def test_it_is_printed_by_a_plan_and_by_a_saved_plan(tmp_path: Path) -> None:
    (tmp_path / "den.yaml").write_text(DEMO)
    done = with_names(tmp_path, "plan", "-o", "names", "--out", "plan.json")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "create den/ConnectorInstance/docs" in lines
    assert with_names(tmp_path, "show", "plan.json", "-o", "names").stdout == done.stdout


def test_an_error_is_a_document_only_where_the_format_has_one(tmp_path: Path) -> None:
    (tmp_path / "den.yaml").write_text("kind: Nothing\n")
    failed = with_names(tmp_path, "plan", "-o", "names")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "error[" in failed.stderr
    assert inside("plan", "-f", str(tmp_path), "-o", "json").stdout.startswith("{")
