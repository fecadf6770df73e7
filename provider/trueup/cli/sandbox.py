"""`trueup sandbox`."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
import sys
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from trueup.cli.options import Command
from trueup.cli.parameters import HomePath
from trueup.sandbox.options import EXAMPLES, SUMMARY, SYSTEMS, options

if TYPE_CHECKING:
    from trueup.cli.console import Console


_HELP: Final = f"""{SUMMARY}

Prints one JSON line with URLs and keys on standard output once the servers respond; at a terminal, also the export
commands for another shell, on standard error. Runs until SIGINT or SIGTERM, then exits with 0. Manifests with
`url: sandbox` start servers of their own.
"""


@click.command("sandbox", cls=Command, examples=EXAMPLES, help=_HELP)
@options(HomePath(dir_okay=False))
@click.pass_obj
def command(console: Console, /, **values: Any) -> int:
    """Run the servers until a signal ends them."""
    from trueup.sandbox.lifetime import signals

    signals.catch()  # before the imports below, which take long
    from trueup.sandbox.server import serve

    with contextlib.ExitStack() as aside:
        if console.err.tty:
            aside.enter_context(contextlib.redirect_stdout(_Explained(sys.stdout, console)))
        return serve(**values)


def exports(ready: dict[str, Any]) -> str:
    """Return the shell commands that point trueup to these servers."""
    lines = []
    for system in SYSTEMS:
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
