"""A report format: its name, its media type, and a renderer for each subject that it can show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from trueup.report.page import Page

Subject = Literal[
    "plan",  # planned.Planned
    "drift",  # drift.Drift
    "applied",  # applied.Applied
    "valid",  # a Manifest without faults
    "failure",  # a TrueupError; a ManifestError holds every fault
    "imported",  # imported.Imported
    "live",  # got.Got
    "manifests",  # a sequence of Described
    "ledger",  # ledger.Shown
    "locks",  # ledger.Locks
    "forgotten",  # ledger.Forgotten
]
"""A thing that a report shows. The comments name the values that renderers get, from the modules of `report`."""

Renderer = str | Callable[..., str]
"""A pure function from a value to its text, or its name (`package.module:function`), imported when needed."""


@dataclass(frozen=True, slots=True)
class Format:
    """A report format."""

    name: str
    media_type: str
    renders: Mapping[str, Renderer]
    """The renderers by subject: a Subject, or what a command of a system shows, which brings renderers of its own."""
    for_people: bool = False
    """Whether it is text for people: progress is printed with it, and its renderers also get the Page.

    Otherwise standard output holds exactly one document, whatever the terminal.
    """

    def render(self, subject: str, value: Any, page: Page) -> str:
        """Return the text of a value. Raises KeyError for a subject that this format does not support."""
        renderer = self.renders[subject]
        if isinstance(renderer, str):
            from pkgutil import resolve_name

            renderer = resolve_name(renderer)
        return renderer(value, page) if self.for_people else renderer(value)
