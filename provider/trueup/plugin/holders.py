"""Which resource of a stack has a live object in its state, and which objects are about to be renamed; by the ledger.

The engine calls for one resource at a time and never shows a provider the whole state, so an object that this run has
not seen may belong to a resource that comes later. Earlier runs are recorded, so that it is not taken for unmanaged.
A preview shows every new name, so the `up` after it does not depend on the order.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from trueup.core.errors import LedgerError
from trueup.core.records import Seen, stamp
from trueup.core.secrets import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from trueup.ledger.store import Ledger

_HELD: Final = "(in a state)"
"""The kind of rows that record states. The digest is the resource's URN; empty once no state has the object."""
_LEAVING: Final = "(leaves its name)"
"""The kind of rows that record renames. The digest is the fingerprint of the old name; empty once the name stays."""
_FRESH: Final = timedelta(hours=1)
"""How long the names that a preview showed count as the program's."""
_MANY: Final = 50
"""Rows that are worth a transaction: one for each created resource would be slow."""


class Holders:
    """The part of a memory that concerns states. Without a ledger it lasts as long as the process."""

    def __init__(self, ledger: Ledger | None, scope: str, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._scope = scope
        self._now = now
        self._held: dict[str, str] = {}
        self._leaving: dict[str, Seen] = {}
        self._flushed = False
        self._due: dict[str, Seen] = {}
        """Rows to be written, by id. Most are not needed before the next change, so they are written in batches."""

    def load(self, seen: Iterable[Seen]) -> None:
        """Load the rows of earlier processes."""
        for one in seen:
            if one.kind == _HELD:
                self._held[one.parent] = one.digest
            elif one.kind == _LEAVING:
                self._leaving[one.parent] = one

    def keep(self, key: str, urn: str) -> None:
        """Note that a resource has the object in its state."""
        if self._held.get(key) != urn:
            self._held[key] = urn
            self._due[key] = self._seen(_HELD, key, urn)

    def release(self, key: str, urn: str) -> None:
        """Note that the object left the state of a resource."""
        if self._held.get(key) == urn:
            self._held[key] = ""
            self._due[key] = self._seen(_HELD, key, "")

    def another(self, urn: str, key: str) -> str:
        """Return the other resource of the same stack that has the object in its state; empty when none is known."""
        holder = self._held.get(key, "")
        return holder if holder != urn and _stack_of(holder) == _stack_of(urn) else ""

    def holder(self, key: str) -> str:
        """Return the resource that has the object in its state; empty when none is known."""
        return self._held.get(key, "")

    async def leaves(self, key: str, name: str) -> None:
        """Note that the object is about to lose that name."""
        if not self._is_noted(key, name, _FRESH / 2):
            await self._note(key, self._digest(name))

    async def stays(self, key: str) -> None:
        """Note that the object has its declared name."""
        if key in self._leaving and self._leaving[key].digest:
            await self._note(key, "")

    def is_leaving(self, key: str, name: str) -> bool:
        """Return whether a recent run planned another name for the object."""
        return self._is_noted(key, name, _FRESH)

    async def flush(self, *, all_of_it: bool = True) -> None:
        """Write pending rows; unless `all_of_it`, only when they are worth a transaction. Raises LedgerError."""
        if self._flushed and not all_of_it and len(self._due) < _MANY:
            return
        self._flushed = True
        due, self._due = list(self._due.values()), {}
        if due and self._ledger is not None:
            await self._ledger.write(seen=due)

    def _is_noted(self, key: str, name: str, age: timedelta) -> bool:
        found = self._leaving.get(key)
        return found is not None and found.digest == self._digest(name) and found.at > stamp(self._now() - age)

    async def _note(self, key: str, digest: str) -> None:
        self._leaving[key] = self._seen(_LEAVING, key, digest)
        if self._ledger is not None:
            with contextlib.suppress(LedgerError):  # a preview works without a ledger
                await self._ledger.write(seen=[self._leaving[key]])

    def _digest(self, name: str) -> str:
        return fingerprint(self._ledger.key, name) if self._ledger is not None else name

    def _seen(self, kind: str, key: str, digest: str) -> Seen:
        return Seen(self._scope, kind, key, stamp(self._now()), digest)


def _stack_of(urn: str) -> list[str]:
    """Return the stack and project of a URN."""
    return urn.split("::", 2)[:2]
