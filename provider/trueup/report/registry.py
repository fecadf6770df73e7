"""The report formats by name, in the order in which `-o` lists them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from trueup.report.format import Format, Subject

FORMATS: Final = {name: f"trueup.report.formats.{name}" for name in ("text", "table", "json", "yaml")}
"""The module of each format, which defines `FORMAT`. The first format that shows a subject is its default."""


def named(name: str) -> Format:
    """Return the format of that name. Raises KeyError."""
    found: Format = import_module(FORMATS[name]).FORMAT
    return found


def showing(*subjects: Subject) -> list[str]:
    """Return the names of the formats that show any of these subjects."""
    return [name for name in FORMATS if not named(name).renders.keys().isdisjoint(subjects)]
