"""`trueup plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from trueup.cli.options import Asked, Command, Option, asks

if TYPE_CHECKING:
    from trueup.cli.console import Console

DIFFERENCES: Final = 2

_EXAMPLES = """\
trueup plan
trueup plan -f connectors/ --target den/ConnectorInstance/docs
trueup plan -f connectors/ --connection staging
trueup plan -o json --detailed-exitcode > plan.json"""


@click.command("plan", cls=Command, examples=_EXAMPLES)
@asks("files", "targets", "connection", "parallelism", "resend", "state", "output", "verbose", "no_color")
@click.option(
    "--detailed-exitcode", is_flag=True, cls=Option, section="Output", help="Exit with 2 when there are differences."
)
def command(asked: Asked, console: Console, detailed_exitcode: bool) -> int:
    """Show what would be changed, and what it would cost.

    Reads what is live and compares it with the manifests; nothing is changed. Exits with 0, or with 2 when there are
    differences and --detailed-exitcode is given; a change that is refused to protect what is live is such a difference.
    Exits with 1 when the manifests ask for what cannot be, and after an error.
    """
    from trueup.cli.running import look
    from trueup.report import json, text
    from trueup.run import load

    plan = look(asked, console, load(*asked.files))
    following = asked.command("apply")
    if asked.json:
        console.out.document(json.render(plan))
    else:
        console.out.print(text.render(plan, console.out.page, following=following))
    if any(step.error for step in plan.steps):
        return 1
    return DIFFERENCES if detailed_exitcode and plan.has_changes else 0
