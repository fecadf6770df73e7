"""`trueup ledger`: a table of its subcommands, each imported when it runs."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from trueup.cli.group import behind_command
from trueup.cli.options import Command

SUBCOMMANDS: Final = {
    "show": "Show the ledger: resources, runs, open calls and locks.",
    "export": "Print the ledger without its key as one JSON document, for support.",
    "forget": "Remove resources from the ledger; live resources are not changed.",
}
"""Subcommand names with the first line of their help; the subcommand is `command` in the module of that name."""

_EXAMPLES: Final = """\
trueup ledger show
trueup ledger show -o json
trueup ledger export > ledger.json
trueup ledger forget {address}
trueup ledger forget --scope {system}:https://api.example.com --auto-approve"""


class Subcommands(Command, click.Group):
    """A command that only has subcommands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the subcommands in the order of use."""
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the subcommand of that name."""
        if cmd_name not in SUBCOMMANDS:
            return None
        found: click.Command = import_module(f"trueup.cli.ledger.{cmd_name}").command
        found.short_help = SUBCOMMANDS[cmd_name]
        return found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as usual; options of a subcommand may also precede it."""
        return super().parse_args(ctx, behind_command(args))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the subcommand. Raises UsageError with the known names."""
        if args[0] not in SUBCOMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(f'No such subcommand "{args[0]}". Known: {", ".join(SUBCOMMANDS)}.', ctx)
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the subcommands first."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SUBCOMMANDS.items()))
        super().format_options(ctx, formatter)


@click.command("ledger", cls=Subcommands, examples=_EXAMPLES, subcommand_metavar="COMMAND …")
def command() -> None:
    """Inspect the ledger, or remove resources from it.

    The ledger is at TRUEUP_LEDGER, or in the state folder by default. It holds ids, times and keyed fingerprints, but
    no values and no secrets.
    """
