"""The ledger's record of the provider's work that the engine may not know: creations under way, and retained objects.

The engine writes its state only after a call returns. A provider that is killed before that leaves an object in no
state; by its intent the next run adopts it instead of failing on its name. Server names here differ from those in the
command's ledger, so the command never takes an object of a Pulumi program for one that it manages.
"""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from trueup.core.errors import LedgerError
from trueup.core.records import Intent, Record, Run, Seen, stamp
from trueup.core.secrets import fingerprint
from trueup.engine.apply.journal import as_key
from trueup.plugin.holders import Holders

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from datetime import datetime

    from trueup.core.kinds import ResourceKind
    from trueup.ledger.store import Ledger


_CREDENTIAL: Final = "(credential)"
"""The kind of rows that record accepted credentials."""
_ASIDE: Final = "set aside"
"""The verb of an intent that gives a temporary name."""
_DAY: Final = timedelta(days=1)


class Writer:
    """This process as a run of the ledger, shared by all systems."""

    def __init__(self, began: str) -> None:
        from trueup.ledger.identity import holder, new_run_id

        self.run = Run(new_run_id(), began, f"{holder()}, for Pulumi")
        self.numbers = itertools.count(1)
        self.recorded = False
        """Whether the run is recorded in the ledger."""


class Memory:
    """The part of a ledger that concerns one server. Without a ledger it lasts as long as the process."""

    def __init__(
        self,
        ledger: Ledger | None,
        scope: str,
        now: Callable[[], datetime],
        writer: Writer,
        missing: LedgerError | None = None,
    ) -> None:
        self._ledger = ledger
        self._missing = missing  # why the ledger that is required cannot be opened
        self._now = now
        self._scope = f"pulumi {scope}"
        self._writer = writer
        self.holders = Holders(ledger, self._scope, now)
        self._open: dict[str, list[Intent]] = {}
        self._aside: dict[str, Intent] = {}
        """Intents that gave temporary names, by the id of the resource."""
        self._retained: dict[str, Record] = {}
        self._accepted: list[Seen] = []

    async def load(self) -> None:
        """Load the rows of earlier processes. Raises LedgerError."""
        if self._ledger is None:
            return
        for _, intents in await self._ledger.unfinished({self._scope}):
            for intent in intents:
                if intent.verb == _ASIDE:
                    self._aside[intent.id] = intent
                    continue
                self._open.setdefault(intent.address, []).append(intent)
        self._retained = {record.id: record for record in (await self._ledger.records({self._scope})).values()}
        seen = (await self._ledger.seen({self._scope})).values()
        self._accepted = [one for one in seen if one.kind == _CREDENTIAL]
        self.holders.load(seen)

    async def intend(self, urn: str, kind: ResourceKind, key: Hashable) -> None:
        """Record that a resource is about to be created. Raises LedgerError."""
        intent = await self._intended(urn, kind, "create", key=as_key(key))
        self._open.setdefault(urn, []).append(intent)
        if self._ledger is not None:
            await self._ledger.write(intents=[intent])

    async def _intended(self, urn: str, kind: ResourceKind, verb: str, *, key: str, identity: str = "") -> Intent:
        if self._missing is not None:
            raise self._missing
        run = self._writer.run
        if not self._writer.recorded:
            if self._ledger is not None:
                await self._ledger.begin(run)
            self._writer.recorded = True
        at, number = stamp(self._now()), next(self._writer.numbers)
        return Intent(run.id, number, self._scope, "", urn, kind.name, verb, id=identity, key=key, at=at)

    async def set_aside(self, urn: str, kind: ResourceKind, identity: str, name: str) -> None:
        """Record that a resource is about to get a temporary name. Raises LedgerError."""
        intent = self._aside[identity] = await self._intended(urn, kind, _ASIDE, key=name, identity=identity)
        if self._ledger is not None:
            await self._ledger.write(intents=[intent])

    def aside(self, identity: str) -> str:
        """Return the temporary name that a resource may still have; empty when there is none."""
        return self._aside[identity].key if identity in self._aside else ""

    async def has_its_name(self, identity: str) -> None:
        """Record that a resource has its own name again. Raises LedgerError."""
        if (intent := self._aside.pop(identity, None)) is not None and self._ledger is not None:
            await self._ledger.write(outcomes=[(intent.run, intent.number, "done")])

    def began(self, urn: str, kind: ResourceKind, key: Hashable) -> bool:
        """Return whether a creation under that name is open: the engine has not shown that it knows of it."""
        text = as_key(key)
        return any(one.kind == kind.name and one.key == text for one in self._open.get(urn, ()))

    def is_open(self, urn: str) -> bool:
        """Return whether any creation of this resource is open."""
        return bool(self._open.get(urn))

    def others(self, urn: str, kind: ResourceKind, key: Hashable) -> list[str]:
        """Return the other names, in `as_key` form, under which creations of this resource are open."""
        text = as_key(key)
        return [one.key for one in self._open.get(urn, ()) if one.kind == kind.name and one.key != text]

    async def settled(self, urn: str, key: Hashable | None = None) -> None:
        """Close the creation under a name: the engine knows of it, or it did not happen. Raises LedgerError.

        Without a key all creations of the resource are closed.
        """
        text = None if key is None else as_key(key)
        intents = [one for one in self._open.get(urn, ()) if text in (None, one.key)]
        if not intents:
            return
        self._open[urn] = [one for one in self._open[urn] if one not in intents]
        if self._ledger is not None:
            await self._ledger.write(outcomes=[(one.run, one.number, "done") for one in intents])

    async def retain(self, urn: str, kind: ResourceKind, key: str, policy: str = "retain") -> None:
        """Record that an object left the state and still exists, unchanged or archived. Raises LedgerError."""
        record = self._retained[key] = Record(self._scope, key, urn, kind.name, policy=policy, at=stamp(self._now()))
        if self._ledger is not None:
            await self._ledger.write(records=[record])

    def retained(self, key: str) -> bool:
        """Return whether an object left a state and stayed unchanged."""
        return key in self._retained and self._retained[key].policy != "archive"

    def left(self, key: str) -> bool:
        """Return whether an object left a state and is in none that is known."""
        return key in self._retained

    async def taken(self, key: str) -> None:
        """Record that an object is in a state again. Raises LedgerError."""
        if self._retained.pop(key, None) is not None and self._ledger is not None:
            await self._ledger.write(forgotten=[(self._scope, key)])

    def accepted(self, credential: str) -> str | None:
        """Return the organisation of a credential that was accepted within the last day; None when none is recorded.

        Empty when an older version recorded the credential without its organisation.
        """
        if self._ledger is None:
            return None
        mark, since = fingerprint(self._ledger.key, credential), stamp(self._now() - _DAY)
        found = [one.parent for one in self._accepted if one.at > since and one.digest == mark]
        return max(found, default=None)

    async def accept(self, credential: str, organization: str) -> None:
        """Record that a credential was just accepted for that organisation. Raises LedgerError."""
        if self._ledger is not None:
            mark = fingerprint(self._ledger.key, credential)
            seen = Seen(self._scope, _CREDENTIAL, organization, stamp(self._now()), mark)
            self._accepted.append(seen)
            await self._ledger.write(seen=[seen])

    async def aclose(self) -> None:
        """Record that this process finished. Open creations stay open until the engine shows that it knows of them."""
        await self.holders.flush()
        if self._writer.recorded and self._ledger is not None:
            await self._ledger.finish(self._writer.run.id, stamp(self._now()), "done")
