"""Which resource of a stack has a live object in its state, by the ledger, and which objects are about to be renamed.

The engine calls for one resource after the other, and a provider is not shown the state as a whole: an object that no
call of this run was about may be the next resource's. What earlier runs were shown is kept, so that it is not taken for
something unmanaged. A preview is shown every new name, and the `up` after it need not know the order.
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

    from trueup.ledger import Ledger

_HELD: Final = "(in a state)"
"""Stands where the kind of what was seen stands; the digest is the resource's URN, empty once no state has it."""
_LEAVING: Final = "(leaves its name)"
"""The same; the digest is the fingerprint of the name, empty once it stays."""
_FRESH: Final = timedelta(hours=1)
"""For how long what a preview was shown is taken for the program's mind."""
_MANY: Final = 50
"""Notes that are written in one transaction, rather than one for each resource that is created."""


class Holders:
    """The part of a memory that is about states. Without a ledger it lasts as long as the process."""

    def __init__(self, ledger: Ledger | None, scope: str, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._scope = scope
        self._now = now
        self._held: dict[str, str] = {}
        self._leaving: dict[str, Seen] = {}
        self._flushed = False
        self._due: dict[str, Seen] = {}
        """Rows that are not written yet, by id: most of it is of no use before something is changed."""

    def load(self, seen: Iterable[Seen]) -> None:
        """Take what former processes left."""
        for one in seen:
            if one.kind == _HELD:
                self._held[one.parent] = one.digest
            elif one.kind == _LEAVING:
                self._leaving[one.parent] = one

    def keep(self, key: str, urn: str) -> None:
        """Note that a resource has that object in its state."""
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
        """Note that the object is to have another name than that one."""
        if not self._is_noted(key, name, _FRESH / 2):
            await self._note(key, self._digest(name))

    async def stays(self, key: str) -> None:
        """Note that the object has the name that it is to have."""
        if key in self._leaving and self._leaving[key].digest:
            await self._note(key, "")

    def is_leaving(self, key: str, name: str) -> bool:
        """Whether a recent run was shown that the object is to have another name than that one."""
        return self._is_noted(key, name, _FRESH)

    async def flush(self, *, all_of_it: bool = True) -> None:
        """Write what is not written yet; or else only once that is worth a transaction. Raises LedgerError."""
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
            with contextlib.suppress(LedgerError):  # a preview needs no ledger
                await self._ledger.write(seen=[self._leaving[key]])

    def _digest(self, name: str) -> str:
        return fingerprint(self._ledger.key, name) if self._ledger is not None else name

    def _seen(self, kind: str, key: str, digest: str) -> Seen:
        return Seen(self._scope, kind, key, stamp(self._now()), digest)


def _stack_of(urn: str) -> list[str]:
    """Return stack and project of a URN."""
    return urn.split("::", 2)[:2]
