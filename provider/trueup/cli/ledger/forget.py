"""`trueup ledger forget`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.cli.options import Asked, Command, Option, asks

if TYPE_CHECKING:
    from trueup.cli.console import Console
    from trueup.core.records import Record
    from trueup.ledger import Contents

_EXAMPLES = """\
trueup ledger forget den/ConnectorInstance/docs
trueup ledger forget --scope den:https://api.example.com
trueup ledger forget --auto-approve"""


@click.command("forget", cls=Command, examples=_EXAMPLES)
@click.argument("address", metavar="[ADDRESS]", required=False)
@asks("state", "stack", "output", "no_color", shows="forgotten")
@click.option(
    "--scope", metavar="SCOPE", cls=Option, section="What", help="Only what is on this server, as `show` names it."
)
@click.option("--auto-approve", is_flag=True, cls=Option, section="How", help="Forget without asking.")
def command(asked: Asked, console: Console, address: str | None, scope: str | None, auto_approve: bool) -> int:
    """Forget resources; what is live stays as it is.

    Without ADDRESS and --scope everything of the set of manifests is forgotten (--stack, or trueup.yaml here; otherwise
    of what belongs to no set); other sets keep theirs. What is forgotten is nobody's: --prune does not remove it, a
    change of its name goes unnoticed, and what cannot be read back is sent once more. Asks before that. Exits with 1
    when nothing is of ADDRESS or on SCOPE.
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
        told = missing(asked)
    elif number == 0:
        knows = "knows no such resource" if narrowed else "holds no resource"
        whose = f' of the set "{stack}"' if stack else ""
        told = f"The ledger {found.name} {knows}{whose}. Nothing was forgotten."
        if elsewhere:
            names = ", ".join(f'"{one}"' if one else "none" for one in elsewhere)
            told += f" It is of the set {names}: name it with --stack." if narrowed else f" There are the sets {names}."
    else:
        question = f"Forget {counted(number, 'resource')} of the ledger {found.name}?"
        if not auto_approve and not agreed(console, safe(question), otherwise="Nothing was forgotten."):
            return 1
        number = ask(where, lambda opened: opened.forget(scope, address, stack))
        told = f"Forgot {counted(number, 'resource')}. What is live stays as it is."
    console.show("forgotten", Forgotten(number, safe(told)))
    return 0 if number or not narrowed else 1


def _matching(found: Contents, scope: str | None, address: str | None, stack: str) -> int:
    return sum(_matches(one, scope, address) and one.stack == stack for one in found.records)


def _matches(one: Record, scope: str | None, address: str | None) -> bool:
    return scope in (None, one.scope) and address in (None, one.address)
