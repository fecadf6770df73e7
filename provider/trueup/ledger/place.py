"""The location of the ledger: TRUEUP_LEDGER, or a file in the state folder."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from trueup.core.errors import UsageError
from trueup.core.paths import home

STATE: Final = Path(".trueup")
"""The state folder, unless another one is given."""
_DATABASE: Final = re.compile(
    r"(?i)(?:^|\s)(?:password|host|hostaddr|dbname|user|port|service)\s*=|^postgres(?:ql)?(?:\+\w+)?:|:[^/@\\]*@"
)
"""A text that names a database without being a URL: libpq's `host=… password=…`, or a URL without `://`."""


def ledger_place(state: Path, configured: str | None = None) -> Path | str | None:
    """Return a path, the URL of a database, or None for no ledger (`off`). Raises UsageError.

    TRUEUP_LEDGER takes precedence over `configured`.
    """
    named = os.environ.get("TRUEUP_LEDGER") or configured or ""
    if named.lower() in ("off", "none"):
        return None
    if "://" in named:
        return named
    if _DATABASE.search(named):  # a file of that name would be created, and the password in it shown
        raise UsageError(
            "the ledger is neither a path nor a URL: it looks like a database whose URL lacks its ://.",
            hint="Set TRUEUP_LEDGER to a path, to postgresql://user@host/database, or to `off`.",
        )
    return Path(home(named)) if named else state / "ledger.db"


def is_there(place: Path | str | None) -> bool:
    """Return whether a ledger may exist there; for a database only opening it can show that."""
    if not isinstance(place, Path):
        return place is not None
    try:
        return os.path.lexists(place)
    except (OSError, ValueError):  # not a valid path
        return False
