"""The command lines of installed systems, loaded for `--help` and for a command that is not built in."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from trueup.systems import installed

if TYPE_CHECKING:
    from trueup.systems.command_line import CommandLine, SystemCommand

_PLACEHOLDERS = ("{address}", "{system}")


class Loaded(NamedTuple):
    """The command lines, and the problems of those that could not be loaded."""

    lines: tuple[CommandLine, ...]
    commands: dict[str, tuple[CommandLine, SystemCommand]]
    problems: tuple[str, ...]


@cache
def loaded() -> Loaded:
    """Return the command lines of the installed systems, by the name of the system."""
    lines: list[CommandLine] = []
    commands: dict[str, tuple[CommandLine, SystemCommand]] = {}
    owners: dict[str, str] = {}
    problems: list[str] = []
    for point in installed.entry_points(installed.COMMAND_LINES):
        origin = f"the command line of {point.name} (of {point.distribution})"
        try:
            line: CommandLine = point.load()
            own = {command.name: (line, command) for command in line.commands}
        except (Exception, SystemExit) as error:  # whatever a plug-in does wrong, the others are not disabled by it
            problems.append(f"{origin} could not be loaded: {type(error).__name__}: {error}".rstrip(": "))
            continue
        for name, command in own.items():
            if owner := owners.get(name):
                commands.pop(name, None)
                problems.append(f"{owner} and {point.distribution} both have a command {name}")
            else:
                owners[name], commands[name] = point.distribution, command
        lines.append(line)
    return Loaded(tuple(lines), commands, tuple(problems))


def titles() -> tuple[str, ...]:
    """Return the titles of the systems: `Den`, `Wexa`."""
    return tuple(line.title for line in loaded().lines)


def filled(text: str) -> str:
    """Return a text of the help with the systems for its placeholders: an example's address, all titles, all kinds.

    A line of an example is left out where no system has an address for it.
    """
    if "{" not in text:
        return text
    lines = loaded().lines
    first = next((line for line in lines if line.address), None)
    if first is None:
        text = "\n".join(line for line in text.splitlines() if not any(part in line for part in _PLACEHOLDERS))
    else:
        text = text.replace("{address}", first.address).replace("{system}", first.system)
    kinds = [f"{_listed(line.kinds)} in {line.title}" for line in lines if line.kinds]
    return text.replace("{titles}", _listed(titles())).replace("{kinds}", ", or ".join(kinds))


def examples(name: str) -> str:
    """Return the examples that systems add to those of a command."""
    return "\n".join(example for line in loaded().lines for example in line.examples.get(name, ()))


def some_kinds() -> tuple[str, ...]:
    """Return a few kinds of the first system, as examples."""
    return next((line.kinds[:3] for line in loaded().lines if line.kinds), ("KIND",))


def joined(field: str, between: str) -> str:
    """Return what the systems say under one field of their command lines, of those that say something."""
    return between.join(text for line in loaded().lines if (text := getattr(line, field)))


def environment() -> list[tuple[str, str]]:
    """Return the variables of the systems, each with its meaning."""
    rows: list[tuple[str, str]] = []
    for line in loaded().lines:
        prefix = f"TRUEUP_{line.system.upper()}_"
        where = f"URL of {line.title}, if no Connection is declared. Default: its public API"
        rows += [(f"{prefix}URL", where), (f"{prefix}API_KEY", "its API key")]
        if line.variable[0]:
            rows.append((f"{prefix}{line.variable[0]}", line.variable[1]))
        consent = "allow sending the key over http to another machine"
        rows.append((f"{prefix}ALLOW_HTTP=1", consent if len(rows) < 5 else f"as for {titles()[0]}"))
    return rows


def _listed(words: tuple[str, ...]) -> str:
    return " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part) if words else ""
