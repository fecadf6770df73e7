"""`trueup sandbox`."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
import sys
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from trueup.cli.options import Command, HomePath

if TYPE_CHECKING:
    from trueup.cli.console import Console

_PORT = click.IntRange(0, 65535)
_DEN_VERSIONS: Final = ("2026-08", "2026-09")
_PRESETS: Final = ("empty", "golden", "demo", "thousand", "organisation", "large")

_EXAMPLES = """\
trueup sandbox
trueup sandbox --den 8701 --wexa 8702 --control 8703 --preset demo
trueup sandbox --den-version 2026-09
trueup sandbox --state sandbox.db | jq .den"""


@click.command("sandbox", cls=Command, examples=_EXAMPLES)
@click.option("--den", type=_PORT, default=0, show_default=True, metavar="PORT", help="Port of Den; 0 picks one.")
@click.option("--wexa", type=_PORT, default=0, show_default=True, metavar="PORT", help="Port of Wexa; 0 picks one.")
@click.option("--control", type=_PORT, default=0, show_default=True, metavar="PORT", help="Port of the controls.")
@click.option(
    "--state",
    type=HomePath(dir_okay=False),
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
@click.option(
    "--den-version",
    type=click.Choice(_DEN_VERSIONS),
    default="2026-08",
    show_default=True,
    help="How Den behaves: as recorded in August, or as its newer sources read.",
)
@click.pass_obj
def command(console: Console, den: int, wexa: int, control: int, state: str, preset: str, den_version: str) -> int:
    """Serve an embedded Den and Wexa on this machine.

    One JSON line on standard output tells URLs and keys as soon as they answer; at a terminal, standard error has them
    as lines to paste into another one. Runs until SIGINT or SIGTERM and then exits with 0. Manifests that say
    `url: sandbox` start their own.
    """
    from trueup.sandbox.lifetime import signals

    signals.catch()  # before the imports below, which take long
    from trueup.sandbox.server import serve

    with contextlib.ExitStack() as aside:
        if console.err.tty:
            aside.enter_context(contextlib.redirect_stdout(_Told(sys.stdout, console)))
        return serve(den, wexa, control, state, preset, None, den_version)


def exports(ready: dict[str, Any]) -> str:
    """Return the shell lines that point trueup to those servers."""
    lines = []
    for system in ("den", "wexa"):
        values = {"URL": ready[system]["url"], "API_KEY": ready[system]["apiKey"]}
        lines.append(
            "export "
            + " ".join(f"TRUEUP_{system.upper()}_{name}={shlex.quote(it)}" for name, it in values.items() if it)
        )
    return "\n".join(lines)


class _Told(io.TextIOBase):
    """Standard output that also explains its one JSON line to a user at a terminal."""

    def __init__(self, output: TextIO, console: Console) -> None:
        self._output = output
        self._console = console
        self._line: str | None = ""

    def write(self, text: str) -> int:
        self._output.write(text)
        if self._line is not None:
            self._line += text
            if "\n" in self._line:
                found, self._line = self._line, None
                self._output.flush()
                self._console.err.print(f"To use it in another terminal:\n{exports(json.loads(found))}")
        return len(text)

    def flush(self) -> None:
        self._output.flush()
