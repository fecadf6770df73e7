"""`trueup ledger forget`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.cli.asked import Asked
from trueup.cli.options import Command, asks
from trueup.cli.parameters import Option

if TYPE_CHECKING:
    from trueup.cli.console import Console
    from trueup.core.records import Record
    from trueup.ledger.store import Contents

_EXAMPLES = """\
trueup ledger forget {address}
trueup ledger forget --scope {system}:https://api.example.com
trueup ledger forget --auto-approve"""


@click.command("forget", cls=Command, examples=_EXAMPLES)
@click.argument("address", metavar="[ADDRESS]", required=False)
@asks("state", "stack", "output", "no_color", shows="forgotten")
@click.option(
    "--scope",
    metavar="SCOPE",
    cls=Option,
    section="What",
    help="Only resources on this server, as listed by `ledger show`.",
)
@click.option("--auto-approve", is_flag=True, cls=Option, section="How", help="Remove without confirmation.")
def command(asked: Asked, console: Console, address: str | None, scope: str | None, auto_approve: bool) -> int:
    """Remove resources from the ledger; live resources are not changed.

    Without ADDRESS and --scope, removes every resource of the set of manifests (--stack, or trueup.yaml here; otherwise
    the resources that belong to no set). Other sets keep theirs. A forgotten resource is no longer managed: --prune
    does not remove it, a change of its name is not detected, and values that cannot be read back are sent once more.
    Asks for confirmation. Exits with 1 if no resource matches ADDRESS or --scope.
    """
    from trueup.cli.approval import agreed
    from trueup.cli.ledger.reach import ask, missing, place
    from trueup.report.ledger import Forgotten
    from trueup.report.page import safe
    from trueup.report.text import counted

    where = place(asked)
    found = ask(where, lambda opened: opened.contents()) if where is not None else None
    stack = asked.stack or ""
    number = _matching(found, scope, address, stack) if found else 0
    elsewhere = sorted({one.stack for one in found.records if _matches(one, scope, address)} - {stack}) if found else []
    narrowed = address is not None or scope is not None
    if where is None or found is None:
        summary = missing(asked)
    elif number == 0:
        what = "such resource" if narrowed else "resource"
        whose = f' of the set "{stack}"' if stack else ""
        summary = f"No {what}{whose} in the ledger {found.name}. Nothing was removed."
        if elsewhere:
            names = ", ".join(f'"{one}"' if one else "none" for one in elsewhere)
            summary += f" It belongs to the set {names}; pass --stack." if narrowed else f" It has the sets {names}."
    else:
        question = f"Remove {counted(number, 'resource')} from the ledger {found.name}?"
        if not auto_approve and not agreed(console, safe(question), otherwise="Nothing was removed."):
            return 1
        number = ask(where, lambda opened: opened.forget(scope, address, stack))
        summary = f"Removed {counted(number, 'resource')} from the ledger. Live resources are not changed."
    console.show("forgotten", Forgotten(number, safe(summary)))
    return 0 if number or not narrowed else 1


def _matching(found: Contents, scope: str | None, address: str | None, stack: str) -> int:
    return sum(_matches(one, scope, address) and one.stack == stack for one in found.records)


def _matches(one: Record, scope: str | None, address: str | None) -> bool:
    return scope in (None, one.scope) and address in (None, one.address)
