"""`trueup sandbox`."""

from __future__ import annotations

from typing import Final

import click

from trueup.cli.options import Command

_PORT = click.IntRange(0, 65535)
_PRESETS: Final = ("empty", "golden", "demo", "thousand")

_EXAMPLES = """\
trueup sandbox
trueup sandbox --den 8701 --wexa 8702 --control 8703 --preset demo
trueup sandbox --state sandbox.db | jq .den"""


@click.command("sandbox", cls=Command, examples=_EXAMPLES)
@click.option("--den", type=_PORT, default=0, show_default=True, metavar="PORT", help="Port of Den; 0 picks one.")
@click.option("--wexa", type=_PORT, default=0, show_default=True, metavar="PORT", help="Port of Wexa; 0 picks one.")
@click.option("--control", type=_PORT, default=0, show_default=True, metavar="PORT", help="Port of the controls.")
@click.option(
    "--state",
    type=click.Path(dir_okay=False),
    default=":memory:",
    show_default=True,
    metavar="PATH",
    help="File that keeps the state.",
)
@click.option(
    "--preset",
    type=click.Choice(_PRESETS),
    default="golden",
    show_default=True,
    help="What a new state holds; a state that is there already stays as it is.",
)
def command(den: int, wexa: int, control: int, state: str, preset: str) -> int:
    """Serve an embedded Den and Wexa on this machine.

    One JSON line on standard output tells URLs and keys as soon as they answer. Runs until SIGINT or SIGTERM and then
    exits with 0. Manifests that say `url: sandbox` start their own.
    """
    from trueup.sandbox.lifetime import signals

    signals.catch()  # before the imports below, which take longer than a hasty caller waits
    from trueup.sandbox.server import serve

    return serve(den, wexa, control, state, preset, None)
