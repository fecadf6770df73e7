"""Help, completion and what comes before any command: the table of commands, options before them, cheap starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from commands import TRUEUP, inside
from sandboxes import PATIENCE

from trueup import __version__
from trueup.cli.command_lines import loaded
from trueup.cli.console import wants_color
from trueup.cli.group import WITH_VALUE, behind_command, commands, trueup
from trueup.importing.kinds import short
from trueup.systems.command_line import CommandLine
from trueup.systems.registry import RESOURCES, SYSTEMS

COMMANDS = commands()


def command_of(name: str) -> click.Command:
    found = trueup.get_command(click.Context(trueup), name)
    assert found is not None
    return found


def test_help_imports_no_command_and_nothing_that_takes_long() -> None:
    script = (
        "import sys\nfrom trueup.cli import main\nassert main(['--help']) == 0\n"
        "print(sorted(name for name in sys.modules if name.startswith('trueup')), file=sys.stderr)\n"
        "heavy = {'httpx', 'rich', 'sqlalchemy', 'jsonschema', 'fastjsonschema', 'deepdiff', 'yaml', 'asyncio'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    ours = ["cli", "cli.command_lines", "cli.console", "cli.ending", "cli.group", "core", "core.version"]
    ours += ["sandbox", "sandbox.options", "systems", "systems.command_line", "systems.installed"]
    ours += ["systems.den", "systems.den.command_line", "systems.den.sync_words"]
    ours += ["systems.wexa", "systems.wexa.command_line"]
    assert done.stderr.strip() == str(sorted(["trueup", *(f"trueup.{name}" for name in ours)]))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_says_the_same_as_the_table(name: str) -> None:
    done = inside(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: trueup {name} " in done.stdout
    assert COMMANDS[name] in done.stdout
    assert (command_of(name).help or "").splitlines()[0] == COMMANDS[name]
    examples = done.stdout.partition("Examples:\n")[2].splitlines()
    assert any(line.startswith("  ") and f"trueup {name}" in line for line in examples)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_told_of_and_has_a_section(name: str) -> None:
    shown = inside(name, "--help").stdout
    for option in command_of(name).params:
        if isinstance(option, click.Option):
            assert max(option.opts, key=len) in shown
            assert option.help


def test_the_main_help_names_commands_exit_codes_and_environment() -> None:
    shown = inside("--help").stdout
    for word in [*COMMANDS, "Exit codes:", "130", "TRUEUP_DEN_API_KEY", "TRUEUP_LEDGER", "NO_COLOR", "Examples:"]:
        assert word in shown
    assert "public" in shown
    for name in COMMANDS:
        for option in command_of(name).params:
            assert option.envvar is None or str(option.envvar) in shown
    for system in ("DEN", "WEXA"):
        assert f"TRUEUP_{system}_ALLOW_HTTP" in shown
    assert inside("-h").stdout == shown
    nothing = inside()
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (1, "", shown)


@pytest.mark.parametrize("line", loaded().lines, ids=lambda line: line.system)
def test_the_command_line_of_a_system_says_what_the_system_is(line: CommandLine) -> None:
    """The help loads no system, so that a few facts stand in both places."""
    system = SYSTEMS[line.system]
    assert line.title == system.title
    assert line.variable[0] == system.tenant.setting.upper()
    assert line.option[0] == (system.tenant.setting if system.tenant.field else "")
    assert set(line.kinds) == {short(kind) for kind in RESOURCES if kind.system == line.system}


def test_version() -> None:
    assert inside("--version").stdout == f"trueup {__version__}\n"


def test_options_that_take_a_value_are_those_that_are_moved() -> None:
    """An option with a value that the table does not know would take the command's name for its value."""
    for name in ("plan", "apply", "drift"):
        shared = [one for one in command_of(name).params if isinstance(one, click.Option)]
        with_value = {opt for one in shared if not one.is_flag and not one.count for opt in one.opts}
        assert with_value <= set(WITH_VALUE)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["plan", "-f", "x"], ["plan", "-f", "x"]),
        (["-f", "plan", "-v", "plan", "-o", "json"], ["plan", "-f", "plan", "-v", "-o", "json"]),
        (["--file=x", "drift"], ["drift", "--file=x"]),
        (["--version"], ["--version"]),
        (["-h", "plan"], ["-h", "plan"]),
        (["-f", "x"], ["-f", "x"]),
        (["-f"], ["-f"]),
        ([], []),
    ],
)
def test_options_before_the_command(given: list[str], meant: list[str]) -> None:
    assert behind_command(given) == meant


def completed(line: str, folder: Path) -> list[str]:
    words = line.split(" ")
    environment = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_TRUEUP_COMPLETE": "bash_complete"}
    done = subprocess.run(
        TRUEUP, capture_output=True, text=True, timeout=PATIENCE, cwd=folder, env={**os.environ, **environment}
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_completion_of_commands_options_values_files_and_addresses(tmp_path: Path) -> None:
    (tmp_path / "den.yaml").write_text(
        "apiVersion: den.trueup.dev/v1\nkind: ConnectorAccount\nmetadata: {name: acme}\n"
        'spec: {remoteId: "1001", displayName: acme}\n'
    )
    assert completed("trueup ", tmp_path) == [f"plain,{name}" for name in COMMANDS]
    assert completed("trueup pl", tmp_path) == ["plain,plan"]
    assert "plain,--target" in completed("trueup plan --", tmp_path)
    assert completed("trueup plan -o ", tmp_path) == ["plain,text", "plain,json"]
    assert completed("trueup plan -f de", tmp_path) == ["file,de"]
    assert completed("trueup plan --target den", tmp_path) == ["plain,den/ConnectorAccount/acme"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_call_us_back(shell: str) -> None:
    done = inside("completion", shell)
    assert done.returncode == 0
    assert f"_TRUEUP_COMPLETE={shell}_complete" in done.stdout


def test_reference_of_the_kinds() -> None:
    shown = inside("schema", "docs").stdout
    for words in (
        "## den ConnectorInstance",
        "## wexa Connector\n",
        "| `status` | `active` or `disabled`",
        "| `apiKey` | secret |",
    ):
        assert words in shown


@pytest.mark.parametrize(
    ("environment", "tty", "wanted"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"CLICOLOR_FORCE": "1"}, False, True),
        ({"CLICOLOR": "0"}, True, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_who_gets_colours(environment: dict[str, str], tty: bool, wanted: bool) -> None:
    assert wants_color(environment, tty=tty) is wanted
