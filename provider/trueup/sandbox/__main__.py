"""`python -m trueup.sandbox`: the embedded Den and Wexa as a process of their own."""

from __future__ import annotations

from trueup.sandbox.lifetime import signals

if __name__ == "__main__":
    signals.catch()  # before the imports below, which take longer than a hasty caller waits

import click

from trueup.sandbox.den import VERSIONS
from trueup.sandbox.presets import PRESETS
from trueup.sandbox.server import serve

_PORT = click.IntRange(0, 65535)


@click.command()
@click.option("--den", type=_PORT, default=0, show_default=True, help="Port of Den; 0 picks one.")
@click.option("--wexa", type=_PORT, default=0, show_default=True, help="Port of Wexa; 0 picks one.")
@click.option("--control", type=_PORT, default=0, show_default=True, help="Port of the controls; 0 picks one.")
@click.option("--state", default=":memory:", show_default=True, metavar="PATH", help="File that keeps the state.")
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    default="golden",
    show_default=True,
    help="What a new state holds; a state that is there already stays as it is.",
)
@click.option(
    "--den-version",
    type=click.Choice(VERSIONS),
    default="2026-08",
    show_default=True,
    help="How Den behaves: as recorded in August, or as its newer sources read.",
)
@click.option("--users-lock", metavar="FILE", help="Leave when nobody shares a lock (flock) on this file any more.")
def command(
    den: int, wexa: int, control: int, state: str, preset: str, den_version: str, users_lock: str | None
) -> None:
    """Serve an embedded Den and Wexa on loopback until SIGINT or SIGTERM.

    One JSON line on standard output tells URLs and keys as soon as they answer.
    """
    raise SystemExit(serve(den, wexa, control, state, preset, users_lock, den_version))


if __name__ == "__main__":
    command()
