"""`trueup plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.cli.asked import Asked
from trueup.cli.group import DIFFERENCES
from trueup.cli.options import Command, asks
from trueup.cli.parameters import HomePath, Option

if TYPE_CHECKING:
    from trueup.cli.console import Console
    from trueup.engine.plan.steps import Plan
    from trueup.manifest.values import Manifest


_EXAMPLES = """\
trueup plan
trueup plan -f connectors/ --target {address}
trueup plan -f connectors/ --prune --out plan.json
trueup plan -f connectors/ --connection staging
trueup plan -o json --detailed-exitcode > plan.json"""


@click.command("plan", cls=Command, examples=_EXAMPLES)
@asks(
    *("files", "targets", "labels", "prune", "allow_disconnect", "connection", "stack", "take_from"),
    *("parallelism", "resend", "max_delete_percent", "max_changes", "max_age", "max_requests", "retry_for", "state"),
    *("output", "strict", "verbose", "no_color"),
    shows="plan",
)
@click.option(
    "--out",
    metavar="PLAN",
    type=HomePath(),
    cls=Option,
    section="Output",
    help="Also save the plan to this file, for trueup apply PLAN. A plan that is refused for safety is saved for "
    "review only: applying it is refused.",
)
@click.option(
    "--detailed-exitcode", is_flag=True, cls=Option, section="Output", help="Exit with 2 if there are differences."
)
def command(asked: Asked, console: Console, out: str | None, detailed_exitcode: bool) -> int:
    """Show the changes that apply would make, and their cost in requests.

    Reads the live resources and compares them with the manifests; nothing is changed. Exits with 0, or with 2 if there
    are differences and --detailed-exitcode is given; a change that is refused to protect a live resource counts as a
    difference. Exits with 1 if the manifests ask for something impossible, and after an error; with 3 if the plan is
    refused for safety.
    """
    from trueup.cli.manifests import declared
    from trueup.core.errors import SafetyError
    from trueup.core.tasks import blocking
    from trueup.report import failure
    from trueup.report.planned import Planned

    plan = blocking(_planned(asked, console, declared(asked, console), out))
    following = asked.command("apply")
    if out is not None:
        from trueup.cli import planfile

        following = planfile.following(out, asked)
    console.show("plan", Planned(plan, following))
    if plan.unsafe:  # the plan says so itself, and standard output holds one document
        error = SafetyError(plan.unsafe, hint="Nothing was sent.")
        console.err.print(failure.render(error, console.err.log))
        return error.exit_code
    if any(step.error for step in plan.steps):
        return 1
    return DIFFERENCES if detailed_exitcode and plan.has_changes else 0


async def _planned(asked: Asked, console: Console, desired: Manifest, out: str | None) -> Plan:
    from trueup.cli.running import session

    target = None
    if out is not None:
        from trueup.cli import planfile

        target = planfile.prepare(out, asked)
    async with session(asked, console, desired) as (opened, _, _):
        plan = await opened.plan()
        if target is not None:
            await planfile.write(target, plan, asked, desired, opened)
    return plan
