"""The options that commands share, in the sections of their help, and their values as one object."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from trueup.cli.asked import Asked
from trueup.cli.command_lines import examples, filled
from trueup.cli.group import COMMANDS, write_examples
from trueup.cli.parameters import HomePath, Length, Option
from trueup.report.format import Subject
from trueup.report.registry import showing

_OUTPUT_HELP: Final = "Output format: text for people, or one JSON document."
_SECTIONS: Final = ("What", "How", "Output", "Options")


class Command(click.Command):
    """A command with sections of options, and examples that stay as they are."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.short_help = COMMANDS.get(self.name or "")
        self.examples = examples
        """The examples of its own; `{address}` and `{system}` stand for those of an installed system."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as usual; a path without -f gets a hint, as it is a common mistake."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if "unexpected extra argument" in error.message and any("-f" in one.opts for one in self.params):
                raise click.UsageError(f"{error.message.rstrip('.')}. Pass files and folders with -f.", ctx) from None
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section."""
        for title in _SECTIONS:
            found = (one for one in self.get_params(ctx) if getattr(one, "section", "Options") == title)
            rows = [row for row in (one.get_help_record(ctx) for one in found) if row is not None]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        parts = (filled(self.examples), examples(self.name or ""))
        if text := "\n".join(part for part in parts if part):
            write_examples(formatter, text)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the description, with the systems that it is about."""
        self.help = filled(self.help or "")
        super().format_help_text(ctx, formatter)


class StackName(click.ParamType[str]):
    """The name of a set of manifests; empty for the set without one."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name, or fail with the valid form."""
        from trueup.manifest.sets import NAME

        text = str(value)
        if text and not re.fullmatch(NAME, text):
            self.fail(f'"{text}" is not a valid name. Use letters, digits, dots, dashes and underscores.', param, ctx)
        return text


class FormatName(click.Choice[str]):
    """The name of a report format. `text`, which TRUEUP_OUTPUT may set for every command, is the first one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name."""
        return super().convert(self.choices[0] if value == "text" else value, param, ctx)


def output(
    *subjects: Subject,
    flags: Sequence[str] = ("-o", "--output"),
    help: str = _OUTPUT_HELP,
) -> Callable[..., Any]:
    """Return the option for the format of a report, with the formats that show any of these subjects."""
    return _format_option(showing(*subjects), flags, help)


def _format_option(names: Sequence[str], flags: Sequence[str], help: str) -> Callable[..., Any]:
    return click.option(
        *flags,
        "output",
        type=FormatName(names),
        default=names[0],
        envvar="TRUEUP_OUTPUT",
        cls=Option,
        section="Output",
        show_envvar=True,
        help=help,
    )


def _declared(ctx: click.Context) -> Any:
    """Return the manifests, or None when they have faults; for completion."""
    from trueup.core.errors import TrueupError
    from trueup.manifest import load

    try:
        return load(ctx.params.get("files") or (".",))
    except (TrueupError, OSError):
        return None


def _addresses(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    found = _declared(ctx)
    names = [str(one.address) for one in found.resources] if found else []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _connections(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    found = _declared(ctx)
    names = sorted({name for _, name in found.connections}) if found else []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


_OPTIONS: Final[dict[str, Callable[..., Any]]] = {
    "files": click.option(
        "-f",
        "--file",
        "files",
        multiple=True,
        type=HomePath(allow_dash=True),
        envvar="TRUEUP_FILE",
        metavar="PATH",
        cls=Option,
        section="What",
        show_envvar=True,
        help="A manifest, a folder, a glob, or - for standard input; may be repeated. Default: the current folder.",
    ),
    "targets": click.option(
        "--target",
        "targets",
        multiple=True,
        metavar="ADDRESS",
        shell_complete=_addresses,
        cls=Option,
        section="What",
        help="Only this resource and those it refers to, by its address in the plan; may be repeated.",
    ),
    "labels": click.option(
        "-l",
        "--selector",
        "labels",
        multiple=True,
        metavar="LABEL",
        cls=Option,
        section="What",
        help="Only resources with this label (team=platform, team!=sales, team) and those they refer to.",
    ),
    "prune": click.option(
        "--prune",
        is_flag=True,
        cls=Option,
        section="What",
        help="Remove managed resources that are no longer declared, each by its deletionPolicy.",
    ),
    "allow_disconnect": click.option(
        "--allow-disconnect",
        is_flag=True,
        cls=Option,
        section="What",
        help="With --prune: disconnect accounts whose deletionPolicy is disconnect, along with all their instances.",
    ),
    "strict": click.option(
        "--strict",
        is_flag=True,
        cls=Option,
        section="Output",
        help="Also list live values of declared resources that no manifest declares.",
    ),
    "stack": click.option(
        "--stack",
        type=StackName(),
        envvar="TRUEUP_STACK",
        metavar="NAME",
        cls=Option,
        section="What",
        show_envvar=True,
        help="Name of this set of manifests; --prune removes only resources of this set. Default: the name in "
        "trueup.yaml.",
    ),
    "take_from": click.option(
        "--take-from",
        type=StackName(),
        metavar="NAME",
        cls=Option,
        section="What",
        help="Move resources that are declared here and managed by the set of this name into the current set.",
    ),
    "max_delete_percent": click.option(
        "--max-delete-percent",
        type=click.IntRange(0, 100),
        default=30,
        show_default=True,
        metavar="N",
        cls=Option,
        section="How",
        help="Refuse to remove more than this percentage of the managed resources; ignored below ten of them.",
    ),
    "max_changes": click.option(
        "--max-changes",
        type=click.IntRange(0),
        metavar="N",
        cls=Option,
        section="How",
        help="Refuse a plan with more steps than this.",
    ),
    "max_age": click.option(
        "--max-age",
        type=Length(),
        metavar="TIME",
        cls=Option,
        section="How",
        help="Do not read child resources that were in sync within this time (24h); use what the ledger has of them.",
    ),
    "max_requests": click.option(
        "--max-requests",
        type=click.IntRange(0),
        default=0,
        metavar="N",
        cls=Option,
        section="How",
        help="With --max-age: still read the oldest of them, with up to this many requests.",
    ),
    "lock_timeout": click.option(
        "--lock-timeout",
        type=Length(),
        default="0s",
        metavar="TIME",
        cls=Option,
        section="How",
        help="How long to wait for another run to finish, such as 10m. Default: do not wait",
    ),
    "connection": click.option(
        "--connection",
        envvar="TRUEUP_CONNECTION",
        metavar="NAME",
        shell_complete=_connections,
        cls=Option,
        section="What",
        show_envvar=True,
        help="Run the manifests against the Connection of this name.",
    ),
    "parallelism": click.option(
        "--parallelism",
        type=click.IntRange(1, 64),
        envvar="TRUEUP_PARALLELISM",
        metavar="N",
        cls=Option,
        section="How",
        show_envvar=True,
        help="Number of concurrent requests, instead of the Connection's own.",
    ),
    "retry_for": click.option(
        "--retry-for",
        type=Length(),
        default="2m",
        show_default=True,
        envvar="TRUEUP_RETRY_FOR",
        metavar="TIME",
        cls=Option,
        section="How",
        show_envvar=True,
        help="How long to retry a server that stops responding during the run, for example while it restarts.",
    ),
    "resend": click.option(
        "--resend",
        is_flag=True,
        cls=Option,
        section="How",
        help="Send values that cannot be read back, such as secrets, again.",
    ),
    "state": click.option(
        "--state",
        type=HomePath(file_okay=False),
        envvar="TRUEUP_STATE",
        metavar="DIR",
        cls=Option,
        section="How",
        show_envvar=True,
        help="Folder of the ledger and of the embedded servers. Default: .trueup",
    ),
    "verbose": click.option(
        "-v",
        "--verbose",
        count=True,
        envvar="TRUEUP_VERBOSE",
        cls=Option,
        section="Output",
        show_envvar=True,
        help="Log each request on standard error; -vv also waits and decisions. Bodies and credentials are not logged.",
    ),
    "no_color": click.option("--no-color", is_flag=True, cls=Option, section="Output", help="Disable colours."),
}


def asks(
    *names: str,
    shows: Subject | None = None,
    formats: Sequence[str] = (),
    renders: Mapping[str, Mapping[str, str]] | None = None,
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Add these shared options to a command, which gets them as its first argument `asked`.

    `formats` are the names of formats that show what the command shows, if `shows` is no subject of theirs; `renders`
    are the renderers for that.
    """

    def decorate(function: Callable[..., int]) -> Callable[..., int]:
        def called(ctx: click.Context, /, **values: Any) -> int:
            shared = {one.name: values.pop(one.name) for one in fields(Asked) if one.name in values}
            if values.get("saved") is None:
                from trueup.cli.sets import completed

                shared = completed(ctx, shared)
            else:
                from trueup.cli.sets import located

                shared = located(ctx, shared)
            asked = Asked(**shared, given=tuple(_given(ctx)))
            ctx.obj.take(asked, renders)
            return function(asked, ctx.obj, **values)

        command: Callable[..., int] = functools.update_wrapper(click.pass_context(called), function)
        for name in reversed(names):
            if name == "output":
                found = formats or showing(*([shows] if shows else []))
                option = _format_option(found, ("-o", "--output"), _OUTPUT_HELP)
            else:
                option = _OPTIONS[name]
            command = option(command)
        return command

    return decorate


_AGAIN: Final = (
    ("files", "-f"),
    ("labels", "-l"),
    ("connection", "--connection"),
    ("state", "--state"),
    ("stack", "--stack"),
    ("take_from", "--take-from"),
    ("resend", "--resend"),
    ("prune", "--prune"),
    ("allow_disconnect", "--allow-disconnect"),
    ("max_delete_percent", "--max-delete-percent"),
    ("max_changes", "--max-changes"),
)
"""Options of one command that are equivalent to another option."""


def _given(ctx: click.Context) -> list[str]:
    words: list[str] = []
    for name, flag in _AGAIN:
        if name not in ctx.params or ctx.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = ctx.params[name]
        if value is True:
            words.append(flag)
        else:
            for one in value if isinstance(value, tuple) else (value,):
                words += [flag, str(one)]
    return words
