"""`trueup drift`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.cli.asked import Asked
from trueup.cli.group import DIFFERENCES
from trueup.cli.options import Command, asks

if TYPE_CHECKING:
    from trueup.cli.console import Console

_EXAMPLES = """\
trueup drift
trueup drift -f connectors/
trueup drift -f connectors/ -o json | jq '.resource_drift[].address'"""


@click.command("drift", cls=Command, examples=_EXAMPLES)
@asks(
    *(
        "files",
        "targets",
        "labels",
        "connection",
        "stack",
        "parallelism",
        "max_age",
        "max_requests",
        "retry_for",
        "state",
    ),
    *("output", "strict", "verbose", "no_color"),
    shows="drift",
)
def command(asked: Asked, console: Console) -> int:
    """Report differences between live resources and the manifests.

    For each difference, shows the declared value and its place, the live value, and when the resource was last updated.
    Exits with 0 if everything is in sync and with 2 if something has drifted; nothing is changed.
    """
    from trueup.cli.manifests import declared
    from trueup.cli.running import look
    from trueup.engine.options import SystemClock
    from trueup.report.drift import Drift

    plan = look(asked, console, declared(asked, console))
    console.show("drift", Drift(plan, SystemClock().now(), lambda target: asked.command("apply", target)))
    return DIFFERENCES if plan.has_drift else 0
