"""The ids of Den: a prefix for each kind, and 26 small letters and digits (a TypeID)."""

from __future__ import annotations

from trueup.core.kinds import Ids


def ids(prefix: str, *, composed: bool = False) -> Ids:
    """Return the ids of the kind with that prefix: `cin_`."""
    return Ids(f"{prefix}…", f"{prefix}[0-9a-z]{{26}}", prefix, composed)
