"""The type of an option that is a duration."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from trueup.core.progress import duration


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
