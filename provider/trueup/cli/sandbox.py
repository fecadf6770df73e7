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
@click.option(
    "--den", type=_PORT, default=0, show_default=True, metavar="PORT", help="Port of Den; 0 picks a free one."
)
@click.option(
    "--wexa", type=_PORT, default=0, show_default=True, metavar="PORT", help="Port of Wexa; 0 picks a free one."
)
@click.option(
    "--control", type=_PORT, default=0, show_default=True, metavar="PORT", help="Control port; 0 picks a free one."
)
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
    help="Content of a new state. An existing state is not changed.",
)
@click.option(
    "--den-version",
    type=click.Choice(_DEN_VERSIONS),
    default="2026-08",
    show_default=True,
    help="Behaviour of Den: as recorded in August, or as in its newer source code.",
)
@click.pass_obj
def command(console: Console, den: int, wexa: int, control: int, state: str, preset: str, den_version: str) -> int:
    """Run embedded servers of Den and Wexa on this machine.

    Prints one JSON line with URLs and keys on standard output once the servers respond; at a terminal, also the export
    commands for another shell, on standard error. Runs until SIGINT or SIGTERM, then exits with 0. Manifests with
    `url: sandbox` start servers of their own.
    """
    from trueup.sandbox.lifetime import signals

    signals.catch()  # before the imports below, which take long
    from trueup.sandbox.server import serve

    with contextlib.ExitStack() as aside:
        if console.err.tty:
            aside.enter_context(contextlib.redirect_stdout(_Explained(sys.stdout, console)))
        return serve(den, wexa, control, state, preset, None, den_version)


def exports(ready: dict[str, Any]) -> str:
    """Return the shell commands that point trueup to these servers."""
    lines = []
    for system in ("den", "wexa"):
        values = {"URL": ready[system]["url"], "API_KEY": ready[system]["apiKey"]}
        lines.append(
            "export "
            + " ".join(f"TRUEUP_{system.upper()}_{name}={shlex.quote(it)}" for name, it in values.items() if it)
        )
    return "\n".join(lines)


class _Explained(io.TextIOBase):
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
