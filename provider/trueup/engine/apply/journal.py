"""Record an apply in the ledger: intents before the calls, outcomes and records after them.

The intents of one wave are one transaction. Outcomes are written in batches, since a lost one can be determined by
looking; the outcome of a write-only value cannot, and is written at once.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, Final

from trueup.core.changes import MISSING, Path, dotted
from trueup.core.compare import leaves
from trueup.core.errors import LedgerError
from trueup.core.kinds import Handler
from trueup.core.reasons import Reason
from trueup.core.records import Intent, Record, below, stamp
from trueup.core.secrets import fingerprint, holds_secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal

    from trueup.core.kinds import Declared
    from trueup.core.progress import Clock
    from trueup.core.records import Run
    from trueup.core.values import Address, ConnectionId, Desired, Live
    from trueup.engine.plan.steps import Step
    from trueup.ledger.store import Hold, Ledger


_PLAIN: Final = (str, bool, int)
_ENOUGH = 250
"""Number of outcomes that are written together."""


class Journal:
    """The ledger as an apply writes to it. Without a ledger it keeps everything in memory."""

    def __init__(
        self,
        key: bytes,
        clock: Clock,
        scopes: Mapping[ConnectionId, str],
        records: dict[ConnectionId, dict[str, Record]],
        ledger: Ledger | None = None,
        run: Run | None = None,
        tenants: Mapping[ConnectionId, str] | None = None,
        stack: str = "",
        hold: Hold | None = None,
    ) -> None:
        self.key = key
        self.records = records
        """The ledger's records, by system and connection, then by id; kept up to date."""
        self.failure: Reason | None = None
        """Why the ledger is incomplete; empty when it is complete."""
        self._clock = clock
        self._scopes = scopes
        self._tenants = tenants or {}
        self._ledger = ledger
        self._run = run
        self._stack = stack
        self._hold = hold
        self._begun = False
        self._number = 0
        self._open: dict[tuple[Address, str], list[int]] = {}
        self._outcomes: list[tuple[str, int, str]] = []
        self._changed: dict[tuple[ConnectionId, str], Record] = {}
        self._forgotten: list[tuple[str, str]] = []
        self._prints: dict[tuple[type, Any], str] = {}

    @property
    def run(self) -> str:
        """The id of the run, once it has an entry in the ledger."""
        return self._run.id if self._begun and self._run else ""

    def scope(self, connection: ConnectionId) -> str:
        """Return the server of a connection, as the ledger names it."""
        return self._scopes[connection]

    def stamp(self) -> str:
        """Return the time in the ledger's format."""
        return stamp(self._clock.now())

    async def intend(self, wave: Sequence[tuple[Step, Desired]]) -> None:
        """Write all calls of those steps to the ledger, before any of them is sent."""
        if self._ledger is None or self._run is None or self.failure:
            return
        intents: list[Intent] = []
        for step, desired in wave:
            numbers = self._open[name_of(step)] = []
            for number, call in enumerate(step.calls):
                self._number += 1
                numbers.append(self._number)
                anew = step.live is None or any(one.verb == "create" for one in step.calls[: number + 1])
                intents.append(self._intent(step, desired, call.verb, call.paths, anew=anew))
        try:
            if not self._begun:
                await self._ledger.begin(self._run)
                self._begun = True
        except LedgerError as error:
            self.failure = Reason("not-recorded", error=str(error))
            return
        await self.flush(intents)

    def _intent(self, step: Step, desired: Desired, verb: str, paths: Sequence[str], *, anew: bool) -> Intent:
        declared = step.declared
        handler = declared.kind.handler
        assert self._run is not None
        connection = declared.address.connection_id
        record = None
        if not declared.gone:
            record = Record(self._scopes[connection], "", str(step.address))
            self._identify(record, declared, desired.spec, None)
            self._note(record, declared, desired, paths)
            record.removed = [_texts(path) for path in desired.removed if path[0] in paths]
            record.at = self.stamp()
        live = None if anew else step.live
        spec = desired.spec if step.live is None or anew else step.live.spec
        return Intent(
            self._run.id,
            self._number,
            self._scopes[connection],
            self._tenant(connection, declared, spec),
            str(step.address),
            declared.kind.name,
            verb,
            live.id if live else "",
            str(spec.get(declared.kind.parent) or "") if declared.kind.parent else "",
            as_key(handler.key(spec)) if live is None else "",
            record,
            self.stamp(),
        )

    def settled(self, step: Step, done: int, *, maybe: bool) -> None:
        """Record that the first `done` calls of a step took effect and that the next one did not, unless `maybe`."""
        if self._run is None:
            return
        for place, number in enumerate(self._open.pop(name_of(step), ())):
            if place < done:
                self._outcomes.append((self._run.id, number, "done"))
            elif place > done or not maybe:
                self._outcomes.append((self._run.id, number, "failed"))

    def wrote(self, declared: Declared, desired: Desired, live: Live, paths: Sequence[str]) -> bool:
        """Record the written values; return whether one of them cannot be read back, so that a flush is due."""
        record = self.record_of(declared, live)
        self._identify(record, declared, desired.spec, live)
        self._note(record, declared, desired, paths)
        if declared.kind.handler.settles:
            # It may read back in another form, and was not read yet: a crash must not make a difference of that.
            fields = declared.kind.by_name
            readable = [name for name in paths if name in desired.spec and not fields[name].write_only]
            new = {dotted(path) for name in readable for path, _ in written(desired.spec, name)}
            record.settling = sorted({*record.settling, *new})
        record.at = self.stamp()
        self.keep(declared, record)
        fields = declared.kind.by_name
        return any(name in fields and fields[name].write_only for name in paths)

    def record_of(self, declared: Declared, live: Live) -> Record:
        """Return the record of a live resource, a new one if there is none."""
        connection = declared.address.connection_id
        held = self.records.setdefault(connection, {})
        return held.setdefault(live.id, Record(self._scopes[connection], live.id, str(declared.address)))

    def known(self, declared: Declared, live: Live | None) -> Record | None:
        """Return the record of a live resource, if there is one."""
        return self.records.get(declared.address.connection_id, {}).get(live.id) if live else None

    def keep(self, declared: Declared, record: Record) -> None:
        """Schedule a changed record to be written."""
        self._changed[declared.address.connection_id, record.id] = record

    def adopt(self, declared: Declared, spec: Mapping[str, Any], live: Live) -> bool:
        """Record a resource as managed, with the deletion settings of its manifest; return whether that is new."""
        known = self.known(declared, live)
        record = copy.copy(known) if known else Record(self._scopes[declared.address.connection_id], live.id, "")
        self._identify(record, declared, spec, live)
        if record != known:
            self.records.setdefault(declared.address.connection_id, {})[live.id] = record
            self.keep(declared, record)
        return known is None and self._ledger is not None  # without a ledger this is not remembered

    def forget(self, connection: ConnectionId, scope: str, key: str) -> None:
        """Delete the record of a resource."""
        self.records.get(connection, {}).pop(key, None)
        self._changed.pop((connection, key), None)
        self._forgotten.append((scope, key))

    def forget_below(self, connection: ConnectionId, ids: set[str]) -> None:
        """Delete the records of everything below those ids."""
        for key in ids:
            for record in below(self.records.get(connection, {}), key):
                self.forget(connection, record.scope, record.id)

    def rest_below(self, connection: ConnectionId, key: str) -> None:
        """Note that the records below it stay as they are, although neither is declared any more."""
        for record in below(self.records.get(connection, {}), key):
            record.archived_with = key
            self._changed[connection, record.id] = record

    @property
    def crowded(self) -> bool:
        """Return whether enough outcomes are waiting for a transaction."""
        return len(self._outcomes) >= _ENOUGH

    async def flush(self, intents: Sequence[Intent] = ()) -> None:
        """Write what is waiting. A failing ledger neither hides what was done nor stops the remaining calls."""
        if self._ledger is None or self.failure:
            return
        changed, self._changed = self._changed, {}
        outcomes, self._outcomes = self._outcomes, []
        forgotten, self._forgotten = self._forgotten, []
        try:
            await self._ledger.write(
                records=list(changed.values()),
                forgotten=forgotten,
                intents=intents,
                outcomes=outcomes,
                under=self._hold,
            )
        except LedgerError as error:
            self.failure = Reason("not-recorded", error=str(error))

    async def end(self, result: Literal["done", "stopped", "failed"]) -> None:
        """Write the rest, and the end of the run."""
        await self.flush()
        if self._ledger is None or self._run is None or not self._begun or self.failure:
            return
        try:
            await self._ledger.finish(self._run.id, self.stamp(), result)
        except LedgerError as error:
            self.failure = Reason("not-recorded", error=str(error))

    def _tenant(self, connection: ConnectionId, declared: Declared, spec: Mapping[str, Any]) -> str:
        if connection in self._tenants:
            return self._tenants[connection]
        kind = declared.kind
        # What is listed below something that is no resource of ours is listed below its tenant, such as a project.
        return str(spec.get(kind.parent) or "") if kind.parent and not kind.parent_kind else ""

    def _identify(self, record: Record, declared: Declared, spec: Mapping[str, Any], live: Live | None) -> None:
        kind = declared.kind
        record.address = str(declared.address)
        record.kind = kind.name
        record.realm = self._tenant(declared.address.connection_id, declared, spec) or record.realm
        if kind.parent:
            parent = live.spec.get(kind.parent) if live else spec.get(kind.parent)
            record.parent = parent if isinstance(parent, str) else record.parent
        handler = kind.handler
        if handler.translates:
            record.name = handler.label(declared.spec)  # the manifest's name: on the server another one may have it
        else:
            record.name = called(handler, live) if live else record.name
        record.renamed_from = declared.renamed_from
        record.policy = declared.policy
        record.stack = self._stack
        record.protected = declared.protected
        record.archived_with = ""

    def _print(self, value: Any) -> str:
        """Return the fingerprint of a value. A plain one is remembered: many resources share it."""
        if type(value) not in _PLAIN:
            return fingerprint(self.key, value)
        found = self._prints.get((type(value), value))
        if found is None:
            found = self._prints[type(value), value] = fingerprint(self.key, value)
        return found

    def _note(self, record: Record, declared: Declared, desired: Desired, made: Sequence[str]) -> None:
        fields = declared.kind.by_name
        for name in made:
            for path, value in written(desired.spec, name):
                key = dotted(path)
                record.written[key] = self._print(value)
                record.read_back.pop(key, None)
                if key in record.settling:
                    record.settling.remove(key)
        owned = [
            (path, value)
            for name in made
            if fields[name].owned_by_key and isinstance(desired.spec.get(name), dict)
            for path, _, value in leaves({}, desired.spec[name], (name,))
        ]
        kept = [path for path in record.owned if path[0] not in made]
        record.owned = kept + [_texts(path) for path, _ in owned]
        shown = [path for path, value in owned if not fields[str(path[0])].is_secret(path) and not holds_secret(value)]
        record.plain = [path for path in record.plain if path in kept] + [_texts(path) for path in shown]


def _texts(path: Path) -> list[str]:
    return [str(part) for part in path]


def name_of(step: Step) -> tuple[Address, str]:
    """Return the key of a step within a run: several resources no longer declared may share an address."""
    return step.address, step.live.id if step.declared.gone and step.live else ""


def called(handler: Handler, live: Live) -> str:
    """Return the name that a live resource has among its siblings, as `renamed-from` gives it, or what it is called."""
    return str(live.spec.get(handler.naming) or live.name) if handler.naming else live.name


def as_key(key: Any) -> str:
    """Return a natural key in the ledger's format."""
    return json.dumps(key, default=str, ensure_ascii=False)


def written(spec: Mapping[str, Any], name: str) -> list[tuple[Path, Any]]:
    """Return the values of a field by path, those of a mapping separately."""
    return [(path, after) for path, _, after in leaves(MISSING, spec[name], (name,))] if name in spec else []
