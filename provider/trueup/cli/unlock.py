"""`trueup unlock`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from trueup.cli.options import Asked, Command, Option, asks

if TYPE_CHECKING:
    from collections.abc import Callable

    from trueup.cli.console import Console
    from trueup.core.records import Lease
    from trueup.ledger import Ledger

_EXAMPLES = """\
trueup unlock
trueup unlock r-7f3a9c21
trueup unlock r-7f3a9c21 --now --auto-approve"""


@click.command("unlock", cls=Command, examples=_EXAMPLES)
@click.argument("run", metavar="[RUN]", required=False)
@asks("state", "output", "no_color", shows="locks")
@click.option("--now", is_flag=True, cls=Option, section="How", help="Take the locks away without waiting for the run.")
@click.option(
    "--auto-approve", "-y", is_flag=True, cls=Option, section="How", help="Take the locks away without asking."
)
def command(asked: Asked, console: Console, run: str | None, now: bool, auto_approve: bool) -> int:
    """Show which runs hold a lock, or have one release its locks.

    With RUN, that run is asked to stop: it starts no further call, finishes what is in flight, and releases its
    locks. The command waits for that. A run that does not answer loses them when its term ends, 30 s after its last
    heartbeat; one that was killed on this machine, at once.

    With --now they are taken away at once. A run that is still at work may then write until its next heartbeat, beside
    the one that takes them. Exits with 1 when RUN holds none.
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
            safe(f"Run {run} may be in progress: until its next heartbeat it may write beside the run that locks next.")
        )
    question = "Remove these locks now?" if now else "Ask the run to stop and release these locks?"
    if not auto_approve and not agreed(console, question, otherwise="Nothing was unlocked."):
        return 1
    if now:
        removed = ask(where, lambda opened: opened.unlock(run))
        outcome = "Unlocked {names}." if removed else "Run {run} has released its locks meanwhile."
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
    """Ask a run for its locks, and wait until it has none. Return what they were, and what became of them.

    Raises UsageError for a run that goes on confirming them.
    """
    from trueup.core.errors import UsageError
    from trueup.ledger import holder

    dead, left = await opened.pass_on(run)
    if not left:
        return (
            dead,
            "Unlocked {names}." if dead else "Run {run} has released its locks meanwhile.",
        )
    await opened.revoke(run, holder())
    beats = {one.name: one.heartbeat for one in left}
    say(f"Asked run {run} to release its locks. Waiting for that, at most {opened.dead_after:.0f} s.")
    while True:
        gone, left = await opened.pass_on(run)
        dead += gone
        if not left:
            break
        # A run that is to stop confirms nothing any more; one beat may have been under way when it was asked.
        if any(one.revoked and one.heartbeat > one.revoked and beats.get(one.name) != one.heartbeat for one in left):
            raise UsageError(
                f"run {run} goes on confirming its locks: it is of an older trueup, which cannot be asked.",
                hint=f"Nothing was unlocked. End that process, or take them away with: trueup unlock {run} --now",
            )
        await asyncio.sleep(opened.poll)
    if dead:
        return dead, "Unlocked {names}: run {run} did not answer, and its term is over. It sends nothing any more."
    return before, "Run {run} has stopped and released {names}."
