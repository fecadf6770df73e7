"""The `trueup` command. What a command needs is imported when that command runs, so that help costs next to nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    from trueup.cli.console import Console
    from trueup.cli.ending import ended
    from trueup.cli.group import trueup

    given = list(sys.argv[1:] if arguments is None else arguments)
    console = Console(given)
    width = console.out.width_of_help
    return ended(
        lambda: trueup.main(given, prog_name="trueup", standalone_mode=False, obj=console, terminal_width=width),
        console,
    )
