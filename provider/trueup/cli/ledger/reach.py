"""The ledger of a command: located as for a run, and never created."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

from trueup.cli.asked import state_of
from trueup.report.reasons import worded

if TYPE_CHECKING:
    from pathlib import Path

    from trueup.cli.asked import Asked
    from trueup.ledger.store import Contents, Ledger

_T = TypeVar("_T")


def place(asked: Asked) -> Path | str | None:
    """Return the ledger's location; None when there is no ledger."""
    from trueup.ledger.place import is_there, ledger_place

    found = ledger_place(state_of(asked), asked.ledger)
    return found if is_there(found) else None


def missing(asked: Asked) -> str:
    """Return the message for a missing ledger."""
    from trueup.ledger.place import ledger_place

    found = ledger_place(state_of(asked), asked.ledger)
    if found is None:
        return "No ledger: TRUEUP_LEDGER is off."
    return f"No ledger at {found} yet. The first apply creates it."


def contents(where: Path | str, stack: str | None = None) -> Contents:
    """Return the content of the ledger, or of one set of manifests in it. Raises LedgerError."""
    from dataclasses import replace

    found = ask(where, lambda opened: opened.contents())
    if stack is None:
        return found
    return replace(found, records=[one for one in found.records if one.stack == stack])


def ask(where: Path | str, question: Callable[[Ledger], Awaitable[_T]]) -> _T:
    """Open the ledger, query it and close it. Raises LedgerError."""
    from trueup.ledger.store import Ledger

    async def asked() -> _T:
        async with await Ledger.open(where) as ledger:
            for note in ledger.notes:
                click.echo(worded(note), err=True)
            return await question(ledger)

    return asyncio.run(asked())
