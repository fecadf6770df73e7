"""`trueup show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.cli.asked import Asked
from trueup.cli.options import Command, asks
from trueup.cli.parameters import HomePath

if TYPE_CHECKING:
    from trueup.cli.console import Console

_EXAMPLES = """\
trueup plan -f connectors/ --out plan.json
trueup show plan.json
trueup show plan.json -o json | jq .summary"""


@click.command("show", cls=Command, examples=_EXAMPLES)
@click.argument("path", metavar="PLAN", type=HomePath())
@asks("state", "output", "no_color", shows="plan")
def command(asked: Asked, console: Console, path: str) -> int:
    """Show a saved plan.

    A file that was edited is refused. This is checked with the key of the ledger, or with TRUEUP_FINGERPRINT_KEY on
    another machine. No server is contacted.
    """
    from trueup.cli import planfile
    from trueup.core.tasks import blocking
    from trueup.report.planned import Planned

    found, _ = blocking(planfile.read(path, asked))
    following = f"{planfile.following(path, asked)}  # made at {found.created}"
    console.show("plan", Planned(found.plan, following, found.document))
    return 0
