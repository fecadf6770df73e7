"""`trueup completion`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class

from trueup.cli.options import Command

if TYPE_CHECKING:
    from trueup.cli.console import Console

_EXAMPLES = """\
trueup completion bash > ~/.local/share/bash-completion/completions/trueup
trueup completion zsh > "${fpath[1]}/_trueup"
trueup completion fish > ~/.config/fish/completions/trueup.fish"""


@click.command("completion", cls=Command, examples=_EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> int:
    """Print the completion script for a shell."""
    console: Console = ctx.obj
    kind = get_completion_class(shell)
    assert kind is not None
    # Not `source()`: it runs the shell to learn its version, and the shell need not be installed here.
    script = kind(ctx.find_root().command, {}, "trueup", "_TRUEUP_COMPLETE")
    console.out.print(script.source_template % script.source_vars())
    return 0
