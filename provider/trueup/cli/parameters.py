"""An option with a section of the help, and the types of option values."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from trueup.core.progress import duration


class Option(click.Option):
    """An option that knows its section of the help."""

    def __init__(self, *args: Any, section: str = "Options", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section


class HomePath(click.Path):
    """A path whose leading `~` is the home folder, even if no shell expanded it: in a variable, or `--out=~/plan`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path. Raises UsageError for an unknown user's home folder."""
        from trueup.core.paths import home

        return super().convert(home(value) if isinstance(value, str) else value, param, ctx)


class Length(click.ParamType[timedelta]):
    """A duration: `90s`, `10m`, `24h`, `7d`, `1h30m`."""

    name = "length"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the duration, or fail with the valid form."""
        if isinstance(value, timedelta):
            return value
        try:
            return duration(str(value).strip())
        except ValueError:
            self.fail(f'"{value}" is not a duration. Write 90s, 10m, 24h or 7d.', param, ctx)
