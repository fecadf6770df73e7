"""The options of `trueup sandbox`, which `python -m trueup.sandbox` has as well, and what help says of them.

This module imports click alone, since `trueup --help` shows a line of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

SUMMARY = "Run embedded servers of Den and Wexa on this machine."
SYSTEMS = {"den": "Den", "wexa": "Wexa"}
"""The title of each system that is served."""
VERSIONS = ("2026-08", "2026-09")
PRESETS = ("empty", "golden", "demo", "thousand", "organisation", "large")
EXAMPLES = """\
trueup sandbox
trueup sandbox --den 8701 --wexa 8702 --control 8703 --preset demo
trueup sandbox --den-version 2026-09
trueup sandbox --state sandbox.db | jq .den"""

_PORT = click.IntRange(0, 65535)


def options(path: click.ParamType[Any] | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the decorator that gives a command these options; `path` is the type of a file's path."""
    ports = {name: f"Port of {title}; 0 picks a free one." for name, title in SYSTEMS.items()}
    ports["control"] = "Control port; 0 picks a free one."
    decorators = [
        *(
            click.option(f"--{name}", type=_PORT, default=0, show_default=True, metavar="PORT", help=text)
            for name, text in ports.items()
        ),
        click.option(
            "--state",
            type=path,
            default=":memory:",
            show_default=True,
            metavar="PATH",
            help="File that keeps the state.",
        ),
        click.option(
            "--preset",
            type=click.Choice(PRESETS),
            default="golden",
            show_default=True,
            help="Content of a new state. An existing state is not changed.",
        ),
        click.option(
            "--den-version",
            type=click.Choice(VERSIONS),
            default=VERSIONS[0],
            show_default=True,
            help="Behaviour of Den: as recorded in August, or as in its newer source code.",
        ),
    ]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate
