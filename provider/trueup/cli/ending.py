"""How the command ends: errors on standard error (as JSON for a program), and the matching exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from trueup.cli import command_lines
from trueup.cli.group import INTERRUPTED

if TYPE_CHECKING:
    from trueup.cli.console import Console
    from trueup.core.errors import TrueupError

BUG: Final = "E999"


def ended(command: Callable[[], Any], console: Console) -> int:
    """Run the command, report what it raises, and return the exit code."""
    try:
        result = command()
        code = result if isinstance(result, int) else 0
    except (KeyboardInterrupt, click.exceptions.Abort):  # click converts one into the other
        console.err.print("Interrupted.")  # before the run started, or after the result was printed
        return INTERRUPTED
    except click.ClickException as error:
        code = _usage(error, console)
    except Exception as error:
        from trueup.core.errors import TrueupError

        code = failed(error, console) if isinstance(error, TrueupError) else _bug(error, console)
    _warn_of_broken_systems(console)
    if console.out.failure is not None:
        console.err.print(f"Cannot write to standard output: {console.out.failure.strerror}.")
        code = code or 1
    return code


def _warn_of_broken_systems(console: Console) -> None:
    """Name the systems that could not be loaded, if the command needed any."""
    for problem in command_lines.loaded().problems if command_lines.loaded.cache_info().currsize else ():
        console.err.print(f"Warning: {problem}.")
    if registry := sys.modules.get("trueup.systems.registry"):
        from trueup.report.page import safe

        for broken in registry.BROKEN:
            console.err.print(safe(f"Warning: {broken}."))


def failed(error: TrueupError, console: Console) -> int:
    """Report an error with a known cause."""
    from trueup.report import failure

    console.err.print(failure.render(error, console.err.log))
    console.failed(error)
    return error.exit_code


def _usage(error: click.ClickException, console: Console) -> int:
    from trueup.cli.mistakes import explained
    from trueup.core.errors import UsageError

    ctx = getattr(error, "ctx", None)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        console.err.print(error.format_message())
        return 1
    hint = ""
    if ctx is not None:
        console.err.print(ctx.get_usage())
        hint = f'Try "{ctx.command_path} --help".'
    return failed(UsageError(explained(error), hint=hint), console)


def _bug(error: Exception, console: Console) -> int:
    from trueup.core.errors import TrueupError
    from trueup.core.version import __version__
    from trueup.report.page import safe

    words = safe(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    if os.environ.get("TRUEUP_DEBUG") == "1":
        import traceback

        for line in "".join(traceback.format_exception(error)).splitlines():
            console.err.print(safe(line))
    return failed(
        TrueupError(
            f"this is a bug in trueup {__version__}: {words}.",
            code=BUG,
            hint="Please report it with the output of TRUEUP_DEBUG=1.",
        ),
        console,
    )
