"""A usage error in one sentence: the problem, its option or variable, and the valid values."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from trueup.report.page import safe

if TYPE_CHECKING:
    from collections.abc import Sequence


def explained(error: click.ClickException) -> str:
    """Return the sentence; a message of click is kept, on one line."""
    if isinstance(error, click.NoSuchOption):
        near = listed(error.possibilities or (), last="or")
        return f"there is no option {safe(error.option_name)}.{f' Did you mean {near}?' if near else ''}"
    if isinstance(error, click.MissingParameter) and isinstance(error.param, click.Argument):
        return f"{_named(error.param)} is missing{_wanted(error.param.type, '. Use ')}."
    if isinstance(error, click.BadOptionUsage) and error.message.endswith("requires an argument."):
        return f"{safe(error.option_name)} needs a value."
    if isinstance(error, click.BadParameter) and error.param is not None and (right := _wanted(error.param.type)):
        return f"{_named(error.param)}{_variable(error)} must be {right}{_given(error)}."
    message = error.format_message()
    if type(error) is click.BadParameter and error.param is not None:
        message = f"{_named(error.param)}{_variable(error)}: {error.message}"
    text = safe(" ".join(message.split()))
    return text if text.endswith((".", "?", "!")) else f"{text}."


def listed(words: Sequence[str], *, last: str) -> str:
    """Return `a`, `a or b`, or `a, b or c`."""
    return f" {last} ".join(part for part in (", ".join(words[:-1]), words[-1]) if part) if words else ""


def _named(param: click.Parameter) -> str:
    if isinstance(param, click.Argument):
        return param.make_metavar(click.Context(click.Command(""))) if param.metavar else str(param.name).upper()
    return max(param.opts, key=len)


def _wanted(kind: click.ParamType[Any], before: str = "") -> str:
    """Return the valid values of a type; empty when only click knows them."""
    if isinstance(kind, click.Choice):
        return before + listed([str(one) for one in kind.choices], last="or")
    if isinstance(kind, click.IntRange):
        least, most = kind.min, kind.max
        bounds = f" from {least} to {most}" if most is not None else f" of at least {least}"
        return f"{before}a whole number{bounds}"
    return ""


def _from_environment(error: click.BadParameter) -> str:
    """Return the variable that the value came from; empty when it was on the command line."""
    param, ctx = error.param, error.ctx
    if param is None or ctx is None or not isinstance(param.envvar, str) or param.name is None:
        return ""
    return param.envvar if ctx.get_parameter_source(param.name) is ParameterSource.ENVIRONMENT else ""


def _variable(error: click.BadParameter) -> str:
    name = _from_environment(error)
    return f" (from the environment variable {name})" if name else ""


def _given(error: click.BadParameter) -> str:
    name = _from_environment(error)
    return f', not "{safe(os.environ.get(name, ""))}"' if name else ""
