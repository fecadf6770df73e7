"""A system's part of the command line, as data: commands of its own, variables and examples in the help of others.

A distribution registers its `CommandLine` under the entry-point group `trueup.cli`. `trueup --help` loads it, so that
its module imports nothing else, and names what runs as `package.module:function`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class SystemOption(NamedTuple):
    """An option of a command."""

    flags: tuple[str, ...]
    help: str
    name: str = ""
    """Its name among the values; by default that of the first long flag."""
    type: str = "text"
    """`text` of 1 to 255 characters, `flag`, `count` (a whole number from 1 on), `time` (an age, a day or RFC 3339,
    given as a datetime) or `duration` (given as seconds)."""
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    section: str = "What"
    """The section of the help: What, How or Output."""


class SystemArgument(NamedTuple):
    """An argument of a command, with one or more values."""

    name: str
    metavar: str
    several: bool = False


class SystemCommand(NamedTuple):
    """A command, such as `trueup events`, or a subcommand."""

    name: str
    summary: str
    """Its line in the list of commands; for a subcommand the first line of `help`."""
    help: str
    run: str
    """The place of a coroutine that gets a `CommandRun` and the values by name, and returns the exit code."""
    renders: Mapping[str, Mapping[str, str]]
    """The places of renderers, by format and subject."""
    shows: str
    """Its subject. Only formats that support it are offered."""
    check: str = ""
    """The place of a function that gets the values and the name of the format, before anything is opened.

    It raises UsageError for values that the command does not take.
    """
    arguments: tuple[SystemArgument, ...] = ()
    options: tuple[SystemOption, ...] = ()
    examples: str = ""
    subcommands: tuple[SystemCommand, ...] = ()
    stray: str = ""
    """A hint for an argument that is not a subcommand."""


class CommandLine(NamedTuple):
    """Everything that a system adds."""

    system: str
    title: str
    variable: tuple[str, str] = ("", "")
    """The end of the variable that names the tenant (`ORGANIZATION`), and its line in the list of variables."""
    option: tuple[str, str] = ("", "")
    """The option of `get` and `import` that names tenants (`project`), and its help; where resources name theirs."""
    kinds: tuple[str, ...] = ()
    """Its kinds as `trueup get` lists them: `instances`."""
    address: str = ""
    """An address for examples: `den/ConnectorInstance/docs`."""
    examples: Mapping[str, tuple[str, ...]] = {}
    """Examples of `get` and `import`."""
    by_default: str = ""
    """The kinds that `import` writes unless some are named: `accounts and instances`."""
    below: str = ""
    """The parents that --below takes: `for cards a board, by name or id`."""
    along: str = ""
    """A sentence on what --with writes as well."""
    include_config: str = ""
    """A sentence on what --include-config includes of this system."""
    commands: tuple[SystemCommand, ...] = ()
