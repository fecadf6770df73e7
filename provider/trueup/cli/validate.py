"""`trueup validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.cli.asked import Asked
from trueup.cli.options import Command, asks

if TYPE_CHECKING:
    from trueup.cli.console import Console

_EXAMPLES = """\
trueup validate
trueup validate -f connectors/ -f extra.yaml
cat connectors.yaml | trueup validate -f - -o json"""


@click.command("validate", cls=Command, examples=_EXAMPLES)
@asks("files", "output", "verbose", "no_color", shows="valid")
def command(asked: Asked, console: Console) -> int:
    """Check manifests without contacting a server.

    Reports every fault of every file at once, each with its place and how to fix it.
    """
    from trueup.cli.manifests import declared

    console.show("valid", declared(asked, console, of_one_set=False))
    return 0
