"""Where the ledger is: what TRUEUP_LEDGER says, or a file in the state folder."""

from __future__ import annotations

import os
from pathlib import Path

from trueup.paths import home


def ledger_place(state: Path, configured: str | None = None) -> Path | str | None:
    """A path, the URL of a database, or None when there is to be none (`off`). Raises UsageError.

    TRUEUP_LEDGER says so, or otherwise what is `configured`.
    """
    named = os.environ.get("TRUEUP_LEDGER") or configured or ""
    if named.lower() in ("off", "none"):
        return None
    if "://" in named:
        return named
    return Path(home(named)) if named else state / "ledger.db"


def is_there(place: Path | str | None) -> bool:
    """Whether a ledger may be found there; of a database only opening it tells."""
    if not isinstance(place, Path):
        return place is not None
    try:
        return os.path.lexists(place)
    except (OSError, ValueError):  # no path that a file could have
        return False
