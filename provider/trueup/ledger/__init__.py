"""State kept from run to run: SQLite by path, PostgreSQL by URL. Every run is correct without it.

It holds ids, times, and keyed fingerprints of written values and of values that read back otherwise: never a value.
The key is in the ledger itself, or in TRUEUP_FINGERPRINT_KEY for several machines. One thread uses the database.

The location can be queried without importing SQLAlchemy, which is slow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trueup.ledger.identity import holder, new_run_id
from trueup.ledger.place import ledger_place

if TYPE_CHECKING:
    from trueup.ledger.store import Contents, Hold, Ledger

__all__ = ["Contents", "Hold", "Ledger", "holder", "ledger_place", "new_run_id"]


def __getattr__(name: str) -> Any:
    """Import what opens a ledger on first use."""
    if name in ("Contents", "Hold", "Ledger"):
        from trueup.ledger import store

        return getattr(store, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
