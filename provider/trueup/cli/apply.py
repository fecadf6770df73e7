"""`trueup apply`."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sys
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from trueup.cli.asked import Asked
from trueup.cli.options import Command, asks
from trueup.cli.parameters import HomePath, Option

if TYPE_CHECKING:
    from trueup.cli.console import Console
    from trueup.engine.apply.outcome import Report
    from trueup.engine.plan.steps import Plan
    from trueup.manifest.values import Manifest

_EXAMPLES = """\
trueup apply
trueup apply -f connectors/ --target {address}
trueup apply -f connectors/ --prune --auto-approve -o json
trueup plan --out plan.json && trueup apply plan.json"""


@click.command("apply", cls=Command, examples=_EXAMPLES)
@click.argument("saved", metavar="[PLAN]", required=False, type=HomePath())
@asks(
    *("files", "targets", "labels", "prune", "allow_disconnect", "connection", "stack", "take_from"),
    *("parallelism", "resend", "max_delete_percent", "max_changes", "lock_timeout", "retry_for", "state"),
    *("output", "verbose", "no_color"),
    shows="applied",
)
@click.option("--auto-approve", "-y", is_flag=True, cls=Option, section="How", help="Apply without confirmation.")
@click.option("--fail-fast", is_flag=True, cls=Option, section="How", help="Start no further step after one failed.")
def command(asked: Asked, console: Console, saved: str | None, auto_approve: bool, fail_fast: bool) -> int:
    """Change live resources to match the manifests.

    Shows the plan and asks for confirmation before anything is sent. If a step fails, only the steps that depend on it
    are skipped. Changes are verified at the end. Ctrl-C waits for the requests in flight, reports what was done and
    what was not, and exits with 4.

    With PLAN, a file written by `plan --out`, exactly that plan is applied, without confirmation. If anything that it
    depends on has changed since, nothing is sent and the exit code is 5.
    """
    from trueup.cli.manifests import declared
    from trueup.core.tasks import blocking

    if saved is not None:
        return blocking(_apply_saved(asked, console, saved, fail_fast))
    return blocking(_apply(asked, console, declared(asked, console), auto_approve, fail_fast))


async def _apply(asked: Asked, console: Console, desired: Manifest, approved: bool, fail_fast: bool) -> int:
    from trueup.cli.running import session
    from trueup.report import text

    async with (
        session(asked, console, desired, results=True, fail_fast=fail_fast) as (opened, progress, interrupt),
        opened.exclusively(),
    ):
        plan = await opened.plan()
        progress.close()
        if console.format.for_people:
            console.out.print(text.render(plan, console.out.page))
        if plan.pending and not plan.unsafe and not approved and not await _approved(plan, console):
            return _declined(console)
        interrupt.stop = opened.stop
        report = await opened.apply(plan)
        interrupt.stop = _finished
    return _shown(report, plan, asked, console)


async def _apply_saved(asked: Asked, console: Console, path: str, fail_fast: bool) -> int:
    from trueup.cli import planfile
    from trueup.cli.manifests import declared
    from trueup.cli.running import session
    from trueup.engine.saved import narrowed

    _only_its_own(asked)
    found, key = await planfile.read(path, asked)
    files = planfile.manifests(found, asked)
    desired = await asyncio.to_thread(declared, asked, console, files)
    planfile.check(found, desired)
    given = asked.given if asked.files else (*(word for file in files for word in ("-f", file)), *asked.given)
    same = dataclasses.replace(asked, files=files, given=given, **planfile.narrowing(found, desired))
    async with session(same, console, desired, results=True, fail_fast=fail_fast) as (opened, progress, interrupt):
        await planfile.check_servers(found, opened)
        async with opened.exclusively():
            plan = narrowed(await opened.plan(), found, key)
            progress.close()
            interrupt.stop = opened.stop
            report = await opened.apply(plan)
            interrupt.stop = _finished
    return _shown(report, plan, dataclasses.replace(same, targets=()), console, always=True)


def _only_its_own(asked: Asked) -> None:
    """Refuse options that are stored in a saved plan. Raises UsageError."""
    from trueup.cli.planfile import KEPT
    from trueup.core.errors import UsageError

    ctx = click.get_current_context()
    for name in KEPT:
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            param = next(one for one in ctx.command.params if one.name == name)
            raise UsageError(
                f"{max(param.opts, key=len)} cannot be used with a saved plan, which was made with its own options.",
                hint="Nothing was sent. Omit it, or make a new plan with it.",
            )


def _shown(report: Report, plan: Plan, asked: Asked, console: Console, *, always: bool = False) -> int:
    from trueup.report.applied import Applied

    shown = always or plan.has_changes or report.adopted or report.released
    if shown or not console.format.for_people:
        console.show("applied", Applied(report, plan, asked.command("plan")))
    return report.exit_code


def _finished() -> None:
    """Ignore signals once everything was sent, so that the result is still printed."""


async def _approved(plan: Plan, console: Console) -> bool:
    """Return whether the user confirms the plan. Raises UsageError without a terminal."""
    from trueup.core.errors import UsageError
    from trueup.report import text

    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(
            "confirmation is required, but there is no terminal and --auto-approve is not given.",
            code="E002",
            hint="Nothing was sent. Read the plan, then apply it with --auto-approve.",
        )
    if not console.format.for_people or not console.out.tty:  # the plan must be visible beside the question
        console.err.print(text.render(plan, console.err.page))
    console.err.print('Apply these changes? Only "yes" is accepted: ', end="")
    return (await _line(sys.stdin.fileno())).strip() == "yes"


async def _line(descriptor: int) -> str:
    """Return a typed line while the loop runs and signals are handled; empty at the end of input."""
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[bytes] = loop.create_future()

    def ready() -> None:
        loop.remove_reader(descriptor)
        typed.set_result(os.read(descriptor, 4096))

    loop.add_reader(descriptor, ready)
    return (await typed).decode(errors="replace")


def _declined(console: Console) -> int:
    from trueup.core.errors import UsageError

    console.err.print("Declined. Nothing was sent.")
    console.failed(UsageError("the plan was declined.", code="E003", hint="Nothing was sent."))
    return 1
