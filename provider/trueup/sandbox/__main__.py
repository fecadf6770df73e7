"""`python -m trueup.sandbox`: the embedded Den and Wexa as a process of their own."""

from __future__ import annotations

from typing import Any

from trueup.sandbox.lifetime import signals

if __name__ == "__main__":
    signals.catch()  # before the imports below, which take longer than a hasty caller waits

import click

from trueup.sandbox.options import options


@click.command()
@options()
@click.option("--users-lock", metavar="FILE", help="Leave when nobody shares a lock (flock) on this file any more.")
def command(**values: Any) -> None:
    """Serve an embedded Den and Wexa on loopback until SIGINT or SIGTERM.

    One JSON line on standard output tells URLs and keys as soon as they answer.
    """
    from trueup.sandbox.server import serve

    raise SystemExit(serve(**values))


if __name__ == "__main__":
    command()
