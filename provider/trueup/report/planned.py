"""A plan to show, just made or read from a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trueup.core.documents import dumps
from trueup.report import json, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueup.engine.plan.steps import Plan
    from trueup.report.page import Page


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and the command that applies it."""

    plan: Plan
    following: str = ""
    document: Mapping[str, Any] | None = None
    """The JSON document that was saved with it, possibly by another version."""


def render(planned: Planned, page: Page) -> str:
    """Return the plan as text."""
    return text.render(planned.plan, page, following=planned.following)


def render_json(planned: Planned) -> str:
    """Return the plan as JSON."""
    return json.render(planned.plan) if planned.document is None else dumps(dict(planned.document))
