"""What the documents say is so: modules, layers, exit codes, commands, links, figures, and the plan in the README."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import subprocess
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from repository import ROOT

import trueup
from trueup import manifest
from trueup.cli.group import commands
from trueup.cli.group import trueup as command
from trueup.core import errors

PACKAGE = Path(trueup.__file__).parent
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
README = (ROOT / "README.md").read_text()
ERRORS = (ROOT / "docs" / "errors.md").read_text()
PAGES = sorted(
    path for path in ROOT.rglob("*.md") if not {".venv", ".tools", ".trueup"} & set(path.relative_to(ROOT).parts)
)


def _rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the table below a heading."""
    section = text.partition(heading)[2]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table, heading
    lines = table.group().splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def _blocks(text: str) -> list[str]:
    return re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("heading", "folder"), [("## The layers", PACKAGE), ("## The engine", PACKAGE / "engine")])
def test_the_architecture_names_every_module_once(heading: str, folder: Path) -> None:
    named = [name for cells in _rows(ARCHITECTURE, heading) for name in re.findall(r"`(\w+)`", cells[0])]
    there = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    assert sorted(named) == sorted(there - {"__init__"})


def test_the_layers_that_are_drawn_are_those_that_are_enforced() -> None:
    drawn = next(block for block in _blocks(ARCHITECTURE) if "cli | pulumi" in block)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = next(
        contract["layers"] for contract in project["tool"]["importlinter"]["contracts"] if contract["type"] == "layers"
    )
    assert drawn.splitlines() == layers


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name) if name else page
        assert path.exists(), target
        if anchor:
            assert anchor in _anchors(path.read_text()), target
    for name in re.findall(r"`((?:script|tests|docs|examples|tools|provider|schemas|bench|\.ci)/[\w./-]+)`", text):
        assert (ROOT / name).exists() or f"\n# {name}\n" in text, name  # which a block of the page holds
    for name in re.findall(
        r"`((?:core|engine|ledger|transport|importing|plugin|manifest|systems|sandbox|report|cli)/[\w./-]+|[a-z]+\.py)`",
        text,
    ):
        assert (PACKAGE / name).exists(), name


def test_contributing_names_each_folder_of_tests() -> None:
    table = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    folders = [one for one in (ROOT / "tests").iterdir() if one.is_dir() and not one.name.startswith(("_", "."))]
    assert sorted(re.findall(r"\w+", " ".join(table))) == sorted(one.name for one in folders)
    assert not [one.name for one in (ROOT / "tests").glob("*.py") if one.name != "conftest.py"], "each is in a folder"


def _anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("text", [ARCHITECTURE, README], ids=["architecture", "README"])
def test_exit_codes_are_those_of_the_code(text: str) -> None:
    documented = {int(cells[0]) for cells in _table_of_codes(text)}
    from trueup.cli.group import DIFFERENCES, INTERRUPTED

    raised = {kind.exit_code for kind in _errors()}
    assert documented == {0, DIFFERENCES, INTERRUPTED} | raised


def _errors() -> list[type[errors.TrueupError]]:
    found = vars(errors).values()
    return [one for one in found if isinstance(one, type) and issubclass(one, errors.TrueupError)]


def test_every_error_code_is_explained() -> None:
    """Those of manifests in the words of the package, those of a run with the exit codes of their classes."""
    in_code = {code for path in PACKAGE.rglob("*.py") for code in re.findall(r'"(E\d{3})"', path.read_text())}
    of_manifests = {code: words for code, words, _ in _rows(ERRORS, "## In a manifest")}
    of_runs = {code: (int(number), words) for code, number, words, _ in _rows(ERRORS, "## In a run")}
    assert all(row[-1] for name in ("manifest", "run") for row in _rows(ERRORS, f"## In a {name}"))
    assert of_manifests.keys() | of_runs.keys() == in_code
    told = dict(re.findall(r"(E1\d\d) (.+?)(?=\s{2,}|$)", str(manifest.__doc__), re.MULTILINE))
    assert told.keys() | {"E100"} == of_manifests.keys()
    for code, words in told.items():
        assert of_manifests[code].startswith(words), code
    for kind in _errors():
        if kind.default_code in of_runs:
            number, words = of_runs[kind.default_code]
            assert number == kind.exit_code, kind
            assert words.casefold()[:20] in " ".join(str(kind.__doc__).split()).casefold(), kind


def test_exit_codes_are_told_in_the_same_words_everywhere() -> None:
    assert _table_of_codes(ARCHITECTURE) == _table_of_codes(README)
    shown = CliRunner().invoke(command, ["--help"]).output
    section = shown.partition("Exit codes:")[2].partition("\n\n")[0]
    assert [int(line.split()[0]) for line in section.strip().splitlines() if line.split()[0].isdigit()] == [
        int(cells[0]) for cells in _table_of_codes(README)
    ]


def _table_of_codes(text: str) -> list[list[str]]:
    return _rows(text.replace("\n| exit code | when |", "\n## Exit codes\n\n| code | when |"), "## Exit codes")


def test_commands_in_documents_exist() -> None:
    """Every `trueup COMMAND --option` that a document tells of is one that the command line takes."""
    told = set()
    for page in PAGES:
        told |= set(re.findall(r"(?:`|\$ |bin/)trueup ([a-z]+)((?: [^`\n|]*)?)", page.read_text()))
    assert told
    own = {"books"}  # of the system that docs/adding-a-system.md builds, whose test runs it
    for name, rest in sorted(told):
        if name in own:
            continue
        assert name in commands(), name
        found = command.get_command(click.Context(command), name)
        assert found is not None
        options = found.params
        known = {option for one in options for option in one.opts} | {"--help"}
        assert set(re.findall(r"(?<=\s)--?[a-z][a-z-]*", rest)) <= known, (name, rest)


def test_every_variable_is_told_of() -> None:
    """README and help name what is read from the environment; the variable for completion is between shell and us."""
    internal = {"TRUEUP_COMPLETE"}
    read = {
        name
        for path in PACKAGE.rglob("*.py")
        if "sandbox" not in path.parts
        for name in re.findall(r"\bTRUEUP_[A-Z_]+\b", path.read_text())
    }
    assert read - internal <= set(re.findall(r"\bTRUEUP_[A-Z_]+\b", README))


def test_figures_name_their_goals() -> None:
    from bench.__main__ import NAMES

    rows = _rows(ARCHITECTURE, "## Figures")
    for _, goal, told in rows:
        name = told.strip("`").removeprefix("script/bench ")
        module = importlib.import_module(f"bench.{name.replace('-', '_')}")
        assert float(goal.split()[0]) == module.GOAL, name
    assert tuple(cells[2].strip("`").removeprefix("script/bench ") for cells in rows) == NAMES


def test_the_plan_in_the_readme_is_real() -> None:
    """But for what depends on the moment. `script/generate` pastes the new one in when the report changes."""
    from tools import readme

    folder, command, _ = readme.shown()
    assert (ROOT / folder / command.split()[0]).resolve() == (ROOT / ".venv" / "bin" / "trueup").resolve()
    assert readme.timeless(readme.shown()[2]) == readme.timeless(readme.real())


def test_the_python_api_is_what_the_package_names() -> None:
    assert set(trueup.__all__) <= set(dir(trueup))
    for name in ("plan", "apply", "drift", "load"):
        assert callable(getattr(trueup, name))
        assert inspect.iscoroutinefunction(getattr(trueup.aio, name)) == (name != "load")
    with pytest.raises(AttributeError, match="no attribute 'destroy'"):
        _ = trueup.destroy


async def test_the_python_api_points_to_coroutines_where_a_loop_runs() -> None:
    with pytest.raises(RuntimeError, match=r"trueup\.aio"):
        trueup.plan("examples/quickstart")


def test_decisions_are_listed() -> None:
    folder = ROOT / "docs" / "adr"
    listed = dict(re.findall(r"\]\((\d{4}-[\w-]+\.md)\) (.+)", (folder / "README.md").read_text()))
    assert sorted(listed) == sorted(path.name for path in folder.glob("[0-9]*.md"))
    for name, title in listed.items():
        text = (folder / name).read_text()
        assert text.startswith(f"# {name[:4]} {title}\n")
        for part in ("**Context.**", "**Decision.**", "**Consequences.**"):
            assert part in text, name


def test_fragments_follow_their_convention() -> None:
    folder = ROOT / "changelog.d"
    kinds = re.findall(r"`([a-z]+)`", (folder / "README.md").read_text())
    for path in folder.iterdir():
        if path.name != "README.md":
            assert re.fullmatch(rf"[a-z0-9-]+\.({'|'.join(kinds)})\.md", path.name), path.name
            assert path.read_text().strip()


def test_generated_files_are_up_to_date() -> None:
    from trueup.manifest import manifest_schema

    assert json.loads((ROOT / "schemas" / "manifest.schema.json").read_text()) == manifest_schema()
    done = subprocess.run([ROOT / "script" / "generate", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
