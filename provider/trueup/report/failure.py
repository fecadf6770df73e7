"""An error as text and as JSON: its code, message, hint and request id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trueup.core.errors import ManifestError
from trueup.report.page import safe
from trueup.report.reasons import explained

if TYPE_CHECKING:
    from trueup.core.errors import TrueupError
    from trueup.report.page import Page


def sentence(error: TrueupError) -> str:
    """Return `message hint (request req_…)` on one line."""
    reference = getattr(error, "reference", "")
    parts = [*explained(error), f"({reference})" if reference else ""]
    return safe(" ".join(part for part in parts if part))


def render(error: TrueupError, page: Page) -> str:
    """Return `error[E301]: message hint (request req_…)`; for a ManifestError, every fault."""
    if isinstance(error, ManifestError):
        from trueup.report.faults import render as faults

        return faults(error, page)
    label = f"error[{error.code}]:"
    lines = page.filled(f"{label} {sentence(error)}", 0, hang=2, words=True)
    return "\n".join([lines[0].replace(label, page.paint(label, "bold red"), 1), *lines[1:]])


def render_json(error: TrueupError) -> str:
    """Return the error as JSON; for a ManifestError, with every fault."""
    from trueup.core.documents import dumps
    from trueup.report.json import failure, header

    document: dict[str, Any] = {**header(), "error": failure(error)}
    if isinstance(error, ManifestError):
        from trueup.report.faults import entries

        document |= entries(error)
    return dumps(document)
