"""What docs/adding-a-kind.md says is done in a copy of the package, word for word, and works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from repository import ROOT

PAGE = (ROOT / "docs" / "adding-a-kind.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n# (\S+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
"""Language, file and text of each block that names its file."""
PACKAGE = "provider/trueup"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with the page's files and lines in it, as far as they are needed."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / PACKAGE, root / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("bench", "tests/helpers", "tests/conftest.py", "pyproject.toml", "examples/kinds/den-connection.yaml"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        copied = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copied(ROOT / name, root / name)
    for language, name, text in BLOCKS:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_patched(path.read_text(), text) if language == "diff" else text)
    return root


def _patched(text: str, diff: str) -> str:
    """The text with the lines that begin with `+` behind the line above them, which occurs once."""
    before, *added = diff.splitlines()
    line = before[1:] + "\n"
    assert text.count("\n" + line) == 1, before
    assert all(one.startswith("+") for one in added)
    return text.replace("\n" + line, "\n" + line + "".join(one[1:] + "\n" for one in added))


def run(copy: Path, *words: str, **variables: str) -> str:
    """Run a module in the copy, and return what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRUEUP_")}
    environment |= {"PYTHONPATH": str(copy / "provider"), "LABEL_HINT": "behind the door", **variables}
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=copy, env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_lists_the_files_that_it_writes() -> None:
    listed = re.findall(r"^\| `(\S+)` \|", PAGE.partition("## 1.")[0], re.MULTILINE)
    assert listed == list(dict.fromkeys(name for _, name, _ in BLOCKS))


def test_its_tests_pass(copy: Path) -> None:
    said = run(copy, "pytest", "-p", "no:cacheprovider", "tests/systems/test_label.py")
    assert "5 passed" in said or "....." in said


def test_its_example_is_applied_and_known_to_every_door(copy: Path) -> None:
    where = ("-f", "examples/kinds/den-connection.yaml", "-f", "examples/kinds/den-label.yaml")
    run(copy, "trueup", "apply", *where, "--auto-approve")
    assert "0 drifted, 1 unverifiable of 1 declared" in run(copy, "trueup", "drift", *where)
    assert "urgent" in run(copy, "trueup", "get", "labels", *where[:2])
    assert '"trueup:den:Label"' in run(copy, "trueup", "schema", "pulumi")
    assert "## den Label" in run(copy, "trueup", "schema", "docs")


def test_its_example_shows_every_field(copy: Path) -> None:
    shown = (copy / "examples/kinds/den-label.yaml").read_text()
    fields = re.findall(
        r"^    (\w+): .* = field\(", (copy / PACKAGE / "systems/den/label.py").read_text(), re.MULTILINE
    )
    assert [name for name in fields if not re.search(rf"^  {name}:", shown, re.MULTILINE)] == ["id"]
