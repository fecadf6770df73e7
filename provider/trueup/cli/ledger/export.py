"""`trueup ledger export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.cli.asked import Asked
from trueup.cli.options import Command, asks

if TYPE_CHECKING:
    from trueup.cli.console import Console

_EXAMPLES = """\
trueup ledger export > ledger.json"""


@click.command("export", cls=Command, examples=_EXAMPLES)
@asks("state", "stack", "no_color")
def command(asked: Asked, console: Console) -> int:
    """Print the ledger without its key as one JSON document, for support.

    It contains names, ids, times and fingerprints. Fingerprints reveal nothing without the key.
    """
    from trueup.cli.ledger.reach import contents, missing, place
    from trueup.report import ledger

    where = place(asked)
    if where is None:
        console.err.print(missing(asked))
        console.out.document(ledger.export(None))
        return 0
    console.out.document(ledger.export(contents(where, asked.stack)))
    return 0
