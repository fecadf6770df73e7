"""`python -m trueup.sandbox`: the embedded Den and Wexa as a separate process."""

from __future__ import annotations

from typing import Any

from trueup.sandbox.lifetime import signals

if __name__ == "__main__":
    signals.catch()  # before the imports below, which are slow

import click

from trueup.sandbox.options import options


@click.command()
@options()
@click.option("--users-lock", metavar="FILE", help="Exit when no process shares a lock (flock) on this file any more.")
def command(**values: Any) -> None:
    """Run embedded servers of Den and Wexa on loopback until SIGINT or SIGTERM.

    Prints one JSON line with URLs and keys on standard output once they respond.
    """
    from trueup.sandbox.server import serve

    raise SystemExit(serve(**values))


if __name__ == "__main__":
    command()
