"""`trueup unlock`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from trueup.cli.asked import Asked
from trueup.cli.options import Command, asks
from trueup.cli.parameters import Option

if TYPE_CHECKING:
    from collections.abc import Callable

    from trueup.cli.console import Console
    from trueup.core.records import Lease
    from trueup.ledger.store import Ledger

_EXAMPLES = """\
trueup unlock
trueup unlock r-7f3a9c21
trueup unlock r-7f3a9c21 --now --auto-approve"""


@click.command("unlock", cls=Command, examples=_EXAMPLES)
@click.argument("run", metavar="[RUN]", required=False)
@asks("state", "output", "no_color", shows="locks")
@click.option("--now", is_flag=True, cls=Option, section="How", help="Remove the locks without waiting for the run.")
@click.option(
    "--auto-approve", "-y", is_flag=True, cls=Option, section="How", help="Release the locks without confirmation."
)
def command(asked: Asked, console: Console, run: str | None, now: bool, auto_approve: bool) -> int:
    """List the runs that hold locks, or release the locks of one.

    With RUN, asks that run to stop and waits until it has: it finishes the requests in flight, starts no others, and
    releases its locks. A run that does not respond loses its locks 30 s after its last heartbeat; a run that was killed
    on this machine, at once.

    With --now, the locks are removed at once. A run that is still active may then write until its next heartbeat, at
    the same time as the run that takes the locks. Exits with 1 if RUN holds no lock.
    """
    from trueup.cli.approval import agreed
    from trueup.cli.ledger.reach import ask, missing, place
    from trueup.core.errors import UsageError
    from trueup.report import ledger
    from trueup.report.page import safe

    where = place(asked)
    found = ask(where, lambda opened: opened.leases()) if where is not None else []
    if run is None:
        console.show("locks", ledger.Locks(found, text=missing(asked) if where is None else ""))
        return 0
    of_run = [one for one in found if one.run == run]
    if where is None or not of_run:
        others = ", ".join(dict.fromkeys(one.run for one in found))
        hint = missing(asked) if where is None else f"Held by: {others}." if others else "No run holds a lock."
        raise UsageError(f"run {run} holds no lock.", hint=f"Nothing was unlocked. {hint}")
    for one in of_run:
        console.err.print(safe(f"{one.name}: {ledger.held(one)}"))
    at_work = not all(one.gone for one in of_run)
    if now and at_work:
        console.err.print(
            safe(
                f"Run {run} may still be active. Until its next heartbeat it may write at the same time as the run "
                "that takes the locks."
            )
        )
    question = "Remove these locks now?" if now else "Ask the run to stop and release these locks?"
    if not auto_approve and not agreed(console, question, otherwise="Nothing was unlocked."):
        return 1
    if now:
        removed = ask(where, lambda opened: opened.unlock(run))
        outcome = "Unlocked {names}." if removed else "Run {run} has already released its locks."
    else:
        removed, outcome = ask(
            where, lambda opened: _revoked(opened, run, of_run, lambda text: console.err.print(text))
        )
    names = ", ".join(one.name for one in (removed or of_run))
    left = [one for one in found if one.run != run]
    console.show("locks", ledger.Locks(left, removed, safe(outcome.format(names=names, run=run))))
    return 0


async def _revoked(
    opened: Ledger, run: str, before: list[Lease], say: Callable[[str], None]
) -> tuple[list[Lease], str]:
    """Ask a run to release its locks and wait until it has none. Return the locks and a sentence about the outcome.

    Raises UsageError for a run that keeps renewing them.
    """
    from trueup.core.errors import UsageError
    from trueup.ledger.identity import holder

    dead, left = await opened.pass_on(run)
    if not left:
        return dead, "Unlocked {names}." if dead else "Run {run} has already released its locks."
    await opened.revoke(run, holder())
    beats = {one.name: one.heartbeat for one in left}
    say(f"Asked run {run} to release its locks. Waiting at most {opened.dead_after:.0f} s.")
    while True:
        gone, left = await opened.pass_on(run)
        dead += gone
        if not left:
            break
        # A run that was asked to stop renews nothing, except for one heartbeat that may have been under way.
        if any(one.revoked and one.heartbeat > one.revoked and beats.get(one.name) != one.heartbeat for one in left):
            raise UsageError(
                f"run {run} keeps renewing its locks: it uses an older trueup, which cannot be asked to stop.",
                hint=f"Nothing was unlocked. Stop that process, or remove the locks with: trueup unlock {run} --now",
            )
        await asyncio.sleep(opened.poll)
    if dead:
        return dead, "Unlocked {names}: run {run} did not respond and its locks have expired. It sends nothing more."
    return before, "Run {run} has stopped and released {names}."
