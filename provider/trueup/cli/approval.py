"""Confirmation by the user before an action that cannot be undone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from trueup.cli.ending import INTERRUPTED

if TYPE_CHECKING:
    from trueup.cli.console import Console


def agreed(console: Console, question: str, *, otherwise: str) -> bool:
    """Return whether the user confirms. Raises UsageError without a terminal.

    `otherwise` says what stays unchanged: `Nothing was forgotten.`
    """
    from trueup.core.errors import UsageError

    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal to ask at, and --auto-approve is not given.",
            code="E002",
            hint=f"{otherwise} Look with `trueup ledger show`, then run it with --auto-approve.",
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
    console.failed(UsageError("it was declined.", code="E003", hint=otherwise))
    return False
