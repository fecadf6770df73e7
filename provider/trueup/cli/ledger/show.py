"""`trueup ledger show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.cli.asked import Asked
from trueup.cli.options import Command, asks

if TYPE_CHECKING:
    from trueup.cli.console import Console

_EXAMPLES = """\
trueup ledger show
trueup ledger show --state elsewhere/.trueup
trueup ledger show -o json | jq -r '.resources[].address'"""


@click.command("show", cls=Command, examples=_EXAMPLES)
@asks("state", "stack", "output", "no_color", shows="ledger")
def command(asked: Asked, console: Console) -> int:
    """Show the ledger: resources, runs, open calls and locks.

    With a set of manifests (--stack, or trueup.yaml here), only the resources of that set. No server is contacted.
    Fingerprints are not shown; see `trueup ledger export`.
    """
    from trueup.cli.ledger.reach import contents, missing, place
    from trueup.report.ledger import Shown

    where = place(asked)
    found = contents(where, asked.stack) if where is not None else None
    console.show("ledger", Shown(found, missing(asked), asked.stack, asked.command("plan")))
    return 0
