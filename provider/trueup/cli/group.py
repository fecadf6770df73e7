"""The command `trueup` itself: a table of its subcommands, each imported when it runs."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import click

from trueup.cli import command_lines
from trueup.sandbox.options import SUMMARY

COMMANDS: Final = {
    "validate": "Check manifests without contacting a server.",
    "plan": "Show the changes that apply would make, and their cost in requests.",
    "apply": "Change live resources to match the manifests.",
    "show": "Show a saved plan.",
    "drift": "Report differences between live resources and the manifests.",
    "ledger": "Inspect the ledger, or remove resources from it.",
    "unlock": "List the runs that hold locks, or release the locks of one.",
    "import": "Write manifests for existing resources.",
    "get": "List the live resources of a kind.",
    "schema": "Print the manifest schema, the Pulumi schema, or the reference of all kinds.",
    "sandbox": SUMMARY,
    "completion": "Print the completion script for a shell.",
}
"""The built-in commands with the first line of their help; each is `command` in the module of that name."""
_BEHIND: Final = "import"
"""The command in front of which those of systems are listed."""

WITH_VALUE: Final = (
    *("-f", "--file", "-o", "--output", "--connection", "--target", "--parallelism", "--state", "-l", "--selector"),
    *("--out", "--max-delete-percent", "--max-changes", "--max-age", "--max-requests", "--lock-timeout"),
    *("--retry-for", "--stack", "--take-from"),
)
"""Options that take a value and may also stand before the subcommand."""

DIFFERENCES: Final = 2
INTERRUPTED: Final = 130
"""Exit codes that are no error's own."""

_EXAMPLES: Final = """\
trueup validate -f connectors/
trueup plan -f connectors/
trueup apply -f connectors/
trueup drift -f connectors/ -o json
trueup COMMAND --help"""

_EXIT_CODES: Final = [
    ("0", "done, or nothing to do"),
    ("1", "an error; also when the apply was declined"),
    (str(DIFFERENCES), "there are differences (drift; plan with --detailed-exitcode)"),
    ("3", "refused for safety; nothing was sent"),
    ("4", "partly applied, or stopped while applying"),
    ("5", "the plan is stale, or another run holds the lock; nothing was sent"),
    (str(INTERRUPTED), "interrupted"),
]

_ENVIRONMENT: Final = [
    ("TRUEUP_FILE", "the manifests (-f); separate several as in PATH"),
    ("TRUEUP_CONNECTION", "name of the Connection to run against (--connection)"),
    ("TRUEUP_STACK", "name of the set of manifests (--stack)"),
    ("TRUEUP_STATE", "folder of the ledger and of the embedded servers (--state)"),
    ("TRUEUP_PARALLELISM", "number of concurrent requests (--parallelism)"),
    ("TRUEUP_RETRY_FOR", "how long to retry a server that stopped responding (--retry-for)"),
    ("TRUEUP_OUTPUT", "output format (-o); used by the commands that support it"),
    ("TRUEUP_VERBOSE", "1 or 2, as -v or -vv"),
    ("TRUEUP_LEDGER", "path or URL of the ledger, or `off`"),
    ("TRUEUP_FINGERPRINT_KEY", "a key shared by the ledgers of several machines"),
    ("TRUEUP_DEBUG=1", "show a traceback of an unexpected error"),
    ("HTTPS_PROXY, NO_PROXY", "a proxy, and hosts that bypass it; also HTTP_PROXY and ALL_PROXY"),
    ("SSL_CERT_FILE, SSL_CERT_DIR", "certificates to trust"),
    ("NO_COLOR, FORCE_COLOR", "no colours, or colours without a terminal"),
    ("COLUMNS", "width of reports; 100 without a terminal"),
]
"""The environment variables that are read. An option on the command line takes precedence over its variable."""


class Group(click.Group):
    """The group, which knows its commands by name and imports the one that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of use."""
        return list(commands())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command of that name."""
        found: click.Command | None = None
        if cmd_name in COMMANDS:
            found = import_module(f"trueup.cli.{cmd_name}").command
        elif of_system := command_lines.loaded().commands.get(cmd_name):
            found = import_module("trueup.cli.system_commands").built(*of_system)
        return found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as usual; options of a subcommand may also precede it: `trueup -f connectors/ plan`."""
        return super().parse_args(ctx, behind_command(args))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command. Raises UsageError with similar names."""
        name = args[0]
        if name not in COMMANDS and name not in (known := commands()) and name[:1] != "-" and not ctx.resilient_parsing:
            import difflib

            near = difflib.get_close_matches(name, known, n=1)
            meant = f'Did you mean "{near[0]}"?' if near else f"Known: {', '.join(known)}."
            raise click.UsageError(f'No such command "{name}". {meant}', ctx)
        return super().resolve_command(ctx, args)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the description, with the installed systems."""
        self.help = (self.help or "").replace("{titles}", ", ".join(command_lines.titles()))
        super().format_help_text(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands first."""
        with formatter.section("Commands"):
            formatter.write_dl(list(commands().items()))
        click.Command.format_options(self, ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write examples, exit codes and environment."""
        write_examples(formatter, _EXAMPLES)
        for title, rows in (("Exit codes", _EXIT_CODES), ("Environment", command_lines.environment() + _ENVIRONMENT)):
            with formatter.section(title):
                formatter.write_dl(rows)


def commands() -> dict[str, str]:
    """Return all commands in the order of use, with the first line of their help."""
    found: dict[str, str] = {}
    for name, text in COMMANDS.items():
        if name == _BEHIND:
            found |= {
                name: command.summary
                for name, (_, command) in command_lines.loaded().commands.items()
                if name not in COMMANDS
            }
        found[name] = text
    return found


def write_examples(formatter: click.HelpFormatter, examples: str) -> None:
    """Write a section of lines that are not wrapped."""
    with formatter.section("Examples"):
        formatter.write("".join(f"{' ' * formatter.current_indent}{line}\n" for line in examples.splitlines()))


def behind_command(args: list[str]) -> list[str]:
    """Return the arguments with options before the subcommand moved behind it."""
    ahead = 0
    while ahead < len(args) and args[ahead].startswith("-") and args[ahead] != "--":
        ahead += 2 if args[ahead] in WITH_VALUE else 1
    if ahead >= len(args) or args[0] in ("-h", "--help", "--version"):
        return args
    return [args[ahead], *args[:ahead], *args[ahead + 1 :]]


def _version(ctx: click.Context, _: click.Parameter, value: Any) -> None:
    if value and not ctx.resilient_parsing:
        from trueup.core.version import __version__

        click.echo(f"trueup {__version__}")
        ctx.exit()


@click.command(cls=Group, context_settings={"help_option_names": ["-h", "--help"]}, subcommand_metavar="COMMAND …")
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Print the version."
)
def trueup() -> None:
    """Keep SaaS connectors ({titles}) in the state that you declare."""
