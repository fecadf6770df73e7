"""Confirmation by the user before an action that cannot be undone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from trueup.cli.group import INTERRUPTED

if TYPE_CHECKING:
    from trueup.cli.console import Console


def agreed(console: Console, question: str, *, otherwise: str) -> bool:
    """Return whether the user confirms. Raises UsageError without a terminal.

    `otherwise` is printed if the answer is no: `Nothing was removed.`
    """
    from trueup.core.errors import UsageError

    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(
            "confirmation is required, but there is no terminal and --auto-approve is not given.",
            code="E002",
            hint=f"{otherwise} Check with `trueup ledger show`, then run the command with --auto-approve.",
        )
    try:
        console.err.print(f'{question} Only "yes" is accepted: ', end="")
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        console.err.print(f"\nInterrupted. {otherwise}")
        raise click.exceptions.Exit(INTERRUPTED) from None
    if answer.strip() == "yes":
        return True
    console.err.print(f"Declined. {otherwise}")
    console.failed(UsageError("the action was declined.", code="E003", hint=otherwise))
    return False
