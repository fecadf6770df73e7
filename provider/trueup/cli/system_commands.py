"""The commands of systems, built from their descriptions."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from trueup.cli.asking import CommandMeter, client_of, context, moment, seconds_of, short_text, watched
from trueup.cli.group import WITH_VALUE
from trueup.cli.options import Command, asks
from trueup.cli.parameters import Option
from trueup.report.registry import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from trueup.cli.asked import Asked
    from trueup.cli.console import Console
    from trueup.cli.interrupt import Interrupt
    from trueup.cli.progress import Lines
    from trueup.engine.plan.steps import Reading
    from trueup.engine.session import Session
    from trueup.systems import command_line as data
    from trueup.transport.client import Client

T = TypeVar("T")
_SHARED: Final = ("files", "connection", "retry_for", "state", "output", "verbose", "no_color")
"""The shared options of each."""
_ANY: Final = 10_000
"""Cells of a line that is not wrapped."""


class ActingGroup(Command, click.Group):
    """A command that acts by itself, and has subcommands."""

    stray = ""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as usual; options before the subcommand belong to it."""
        place = self._first_word(args)
        if place is not None and args[place] in self.commands:
            args = [args[place], *args[:place], *args[place + 1 :]]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the subcommand. Raises UsageError with a suggestion."""
        if args[0] not in self.commands and not ctx.resilient_parsing:
            known = ", ".join(f'"{name}"' for name in self.commands)
            raise click.UsageError(f'There is no subcommand "{args[0]}", only {known}. {self.stray}'.strip(), ctx)
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the subcommands first."""
        with formatter.section("Commands"):
            rows = [(_usage(name, one), one.get_short_help_str(80)) for name, one in self.commands.items()]
            formatter.write_dl(rows)
        super().format_options(ctx, formatter)

    def _first_word(self, args: list[str]) -> int | None:
        """Return the index of the first argument that is neither an option nor an option's value."""
        valued = {opt for one in self.params if isinstance(one, Option) and not one.is_flag for opt in one.opts}
        valued = (valued | set(WITH_VALUE)) - {"-v", "--verbose"}
        place = 0
        while place < len(args) and args[place].startswith("-") and args[place] != "--":
            place += 2 if args[place] in valued else 1
        return place if place < len(args) else None


def built(line: data.CommandLine, command: data.SystemCommand) -> click.Command:
    """Return the command, with its subcommands."""
    found = _built(line, command, ActingGroup if command.subcommands else Command)
    found.short_help = command.summary
    if isinstance(found, ActingGroup):
        found.stray = command.stray
        found.invoke_without_command, found.no_args_is_help = True, False
        found.subcommand_metavar = f"[{' | '.join(_usage(name, one) for name, one in found.commands.items())}]"
    return found


def _built(line: data.CommandLine, command: data.SystemCommand, cls: type[Command]) -> click.Command:
    formats = [name for name in FORMATS if command.shows in command.renders.get(name, {})]

    def run(asked: Asked, console: Console, **values: Any) -> int:
        if click.get_current_context().invoked_subcommand is not None:
            return 0
        return _run(line.system, command, asked, console, values)

    run.__doc__ = command.help
    function: Callable[..., int] = run
    for option in reversed(command.options):
        function = _option(option)(function)
    function = asks(*_SHARED, formats=formats, renders=command.renders)(function)
    for argument in reversed(command.arguments):
        many = -1 if argument.several else 1
        function = click.argument(argument.name, nargs=many, required=True, metavar=argument.metavar)(function)
    found = click.command(command.name, cls=cls, examples=command.examples)(function)
    if isinstance(found, click.Group):
        for one in command.subcommands:
            found.add_command(_built(line, one, Command))
    return found


def _option(option: data.SystemOption) -> Callable[[Callable[..., int]], Callable[..., int]]:
    kinds: dict[str, Any] = {"flag": {"is_flag": True}, "count": {"type": click.IntRange(1, 100_000)}}
    given = {**kinds.get(option.type, {}), "metavar": option.metavar, "help": option.help, "section": option.section}
    if option.choices:
        given["type"] = click.Choice(option.choices)
    return click.option(*option.flags, _name(option), cls=Option, **given)


def _name(option: data.SystemOption) -> str:
    long = next((flag for flag in option.flags if flag.startswith("--")), option.flags[0])
    return option.name or long.lstrip("-").replace("-", "_")


def _usage(name: str, command: click.Command) -> str:
    words = [str(one.metavar) for one in command.params if isinstance(one, click.Argument)]
    return " ".join((name, *words))


def _run(system: str, command: data.SystemCommand, asked: Asked, console: Console, values: dict[str, Any]) -> int:
    from trueup.core.tasks import blocking

    for argument in command.arguments:
        if not argument.several:
            short_text(values[argument.name], argument.metavar)
    for option in command.options:
        values[_name(option)] = _value(option, values[_name(option)])
    if command.check:
        resolve_name(command.check)(values, console.format.name, console.format.renders)
    return blocking(_opened(system, command, asked, console, values))


def _value(option: data.SystemOption, value: Any) -> Any:
    """Return a value as its type says. Raises UsageError."""
    from trueup.core.errors import UsageError
    from trueup.engine.options import SystemClock

    flag = next((flag for flag in option.flags if flag.startswith("--") and option.type != "text"), option.flags[0])
    if value is None or option.choices:
        return value
    if option.type == "text":
        short_text(value, flag)
    elif option.type == "time":
        return moment(value, SystemClock().now(), flag)
    elif option.type == "duration":
        if not (seconds := seconds_of(value)):
            raise UsageError(f'{flag} "{value}" is not a valid time. Use 90s, 10m or 2h.', hint="Nothing was sent.")
        return seconds
    return value


async def _opened(
    system: str, command: data.SystemCommand, asked: Asked, console: Console, values: dict[str, Any]
) -> int:
    from trueup.cli.running import session

    manifest = context(asked, console, system).manifest
    run: SystemRun | None = None
    async with session(asked, console, manifest, systems=(system,)) as (opened, progress, interrupt):
        run = SystemRun(client_of(opened, system, asked), asked, console, opened, progress, interrupt)
        run.texts = command.renders.get("text", {})
        code: int = await resolve_name(command.run)(run, **values)
    run.finish()
    return code


class SystemRun:
    """A command of a system that runs; `systems.running.CommandRun` says what its methods do."""

    def __init__(
        self,
        client: Client,
        asked: Asked,
        console: Console,
        opened: Session,
        progress: Lines,
        interrupt: Interrupt,
    ) -> None:
        self.client = client
        self.progress = progress
        self.texts: Any = {}
        self._asked = asked
        self._console = console
        self._opened = opened
        self._interrupt = interrupt
        self._meter = CommandMeter(client)
        self._results: list[tuple[str, Any]] = []

    @property
    def for_people(self) -> bool:
        return self._console.format.for_people

    @property
    def unread(self) -> bool:
        # A closed pipe (`| head`) is not a failure, but an endless output must stop.
        return self._console.out._file is None

    def command(self, *words: str, then: tuple[str, ...] = ()) -> str:
        return shlex.join(["trueup", *words, *self._asked.given, *then])

    def cost(self) -> Reading:
        return self._meter.read()

    def stoppable(self) -> None:
        self._interrupt.stop = self._opened.stop

    async def watched(self, watch: Coroutine[Any, Any, T]) -> T | None:
        return await watched(watch)

    def close(self) -> None:
        self.progress.close()

    def show(self, subject: str, value: Any) -> None:
        self._results.append((subject, value))

    def finish(self) -> None:
        """Show the results, once the session is closed."""
        for subject, value in self._results:
            self._console.show(subject, value)

    def happened(self, subject: str, value: Any, *, aside: bool = False) -> None:
        if aside:
            page = replace(self._console.err.page, width=_ANY)
            self.progress.log(str(resolve_name(self.texts[subject])(value, page)).strip())
            return
        text = self._console.format.render(subject, value, self._console.out.page)
        write = self.progress.result if self.for_people else self._console.out.document
        write(text)

    def log(self, text: str) -> None:
        self.progress.log(text)

    def say(self, text: str) -> None:
        self.progress.say(text)

    def print(self, text: str) -> None:
        self._console.out.print(text)
