"""`trueup unlock`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.cli.options import Asked, Command, Option, asks

if TYPE_CHECKING:
    from trueup.cli.console import Console

_EXAMPLES = """\
trueup unlock
trueup unlock r-7f3a9c21
trueup unlock r-7f3a9c21 --auto-approve"""


@click.command("unlock", cls=Command, examples=_EXAMPLES)
@click.argument("run", metavar="[RUN]", required=False)
@asks("state", "output", "no_color")
@click.option(
    "--auto-approve", "-y", is_flag=True, cls=Option, section="How", help="Take the locks away without asking."
)
def command(asked: Asked, console: Console, run: str | None, auto_approve: bool) -> int:
    """Show which runs hold a lock, or take the locks of one away.

    A run that was killed loses its locks by itself, after half a minute at most. With RUN they are taken away now; a
    run that is still at work notices, and stops. Exits with 1 when RUN holds none.
    """
    from trueup.cli.approval import agreed
    from trueup.cli.ledger.reach import ask, missing, place
    from trueup.errors import UsageError
    from trueup.report import ledger
    from trueup.report.page import safe

    where = place(asked)
    found = ask(where, lambda opened: opened.leases()) if where is not None else []
    if run is None:
        told = missing(asked) if where is None else ledger.leases(found, console.out.page)
        console.out.document(ledger.leases_json(found)) if asked.json else console.out.print(told)
        return 0
    of_run = [one for one in found if one.run == run]
    if where is None or not of_run:
        others = ", ".join(dict.fromkeys(one.run for one in found))
        hint = missing(asked) if where is None else f"Held by: {others}." if others else "No run holds one."
        raise UsageError(f"run {run} holds no lock.", hint=f"Nothing was unlocked. {hint}")
    names = ", ".join(one.name for one in of_run)
    for one in of_run:
        console.err.print(safe(f"{one.name}: {ledger.held(one)}"))
    if not auto_approve and not agreed(console, "Take that away from it?", otherwise="Nothing was unlocked."):
        return 1
    removed = ask(where, lambda opened: opened.unlock(run))
    if asked.json:
        left = [one for one in found if one.run != run]
        console.out.document(ledger.leases_json(left, removed))
    else:
        console.out.print(safe(f"Unlocked {names}." if removed else f"Run {run} has given its locks back meanwhile."))
    return 0
