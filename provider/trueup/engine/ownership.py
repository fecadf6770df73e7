"""Ownership by the ledger: the records of a run's servers, their tenants, and interrupted runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trueup.core.reasons import Reason
from trueup.core.records import Record
from trueup.core.values import ListKey
from trueup.engine.read import tenants_of
from trueup.engine.recovery import recover
from trueup.systems.registry import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trueup.core.kinds import Declared
    from trueup.core.progress import Progress
    from trueup.core.records import Intent, Run
    from trueup.core.values import ConnectionId
    from trueup.engine.match import Matches
    from trueup.engine.recovery import State
    from trueup.ledger.store import Hold, Ledger
    from trueup.transport.client import Client

    Unfinished = Sequence[tuple[Run, Sequence[Intent]]]


@dataclass
class Ownership:
    """The records of some servers, by connection; every writer keeps them up to date."""

    scopes: Mapping[ConnectionId, str]
    """Each server, as the ledger knows it."""
    clients: Mapping[ConnectionId, Client]
    resources: Sequence[Declared]
    prune: bool = False
    narrowed: bool = False
    """Only a part of what is declared is looked at, so nothing can be said of what is not declared."""
    tenants: dict[ConnectionId, str] = field(default_factory=dict)
    """The one tenant of each credential that acts in one alone, as far as it is known."""
    meant: dict[ConnectionId, str] = field(default_factory=dict)
    """The tenants that alone may be worked on, where a connection says so."""
    stack: str = ""
    """The set of manifests that is at hand."""
    take_from: str | None = None
    """Another set, whose records count as its own."""
    records: dict[ConnectionId, dict[str, Record]] = field(default_factory=dict)
    """By id: those of the set, and those that belong to none yet."""
    others: dict[ConnectionId, dict[str, Record]] = field(default_factory=dict)
    """By id: those of other sets, of which nothing is declared or pruned here."""

    def __post_init__(self) -> None:
        self.tenants |= {key: tenant for key, tenant in self.meant.items() if SYSTEMS[key[0]].tenant.alone}

    async def reload(self, ledger: Ledger) -> None:
        """Load the present records from the ledger. Raises LedgerError."""
        found = await ledger.records(set(self.scopes.values()))
        for connection, scope in self.scopes.items():
            held = self.records.setdefault(connection, {})
            held.clear()
            others = self.others[connection] = {}
            only = self.meant.get(connection) if SYSTEMS[connection[0]].tenant.field else None
            for (where, key), record in found.items():
                if where == scope and (only is None or record.parent == only):
                    (held if record.stack in ("", self.stack, self.take_from) else others)[key] = record

    def sought(self, unfinished: Unfinished) -> dict[ConnectionId, list[Record]]:
        """Return the records of resources to look for although they may not be declared.

        Unless they are to be pruned that costs no request: only what is listed anyway.
        """
        declared = {one.address.list_key for one in self.resources}
        systems = {list_key.connection_id for list_key in declared}
        found: dict[ConnectionId, list[Record]] = {}
        for connection, held in self.records.items():
            if self.narrowed or connection not in systems:
                continue
            found[connection] = [
                record
                for record in held.values()
                if record.stack == self.stack
                and (self.prune or (ListKey(*connection, record.kind) in declared and not record.parent))
            ]
            if any(record.policy == "disconnect" for record in found[connection]) and self.prune:
                found[connection].append(Record("", "", "", "ConnectorInstance"))  # what would be deleted with it
        by_scope = {scope: connection for connection, scope in self.scopes.items()}
        for _, intents in unfinished:
            for one in intents:
                if one.scope in by_scope:
                    stand_in = Record(one.scope, one.id, one.address, one.kind, one.realm, one.parent)
                    found.setdefault(by_scope[one.scope], []).append(stand_in)
        return found

    def owned(self) -> dict[ConnectionId, list[Record]]:
        """Return the managed resources by connection; those of another tenant cannot be checked."""
        if self.narrowed:
            return {}
        found: dict[ConnectionId, list[Record]] = {}
        for connection in {one.address.connection_id for one in self.resources} & set(self.records):
            own = self.tenants.get(connection)
            anywhere = not SYSTEMS[connection[0]].tenant.alone
            held = [one for one in self.records[connection].values() if one.stack == self.stack]
            found[connection] = [one for one in held if one.id and (one.realm == own or anywhere)]
        return found

    async def elsewhere(self, ledger: Ledger, idle: Mapping[str, ConnectionId]) -> list[Reason]:
        """Return notes on known servers with managed resources and nothing declared for them."""
        others = {scope: connection for scope, connection in idle.items() if scope not in self.scopes.values()}
        known = await ledger.records(set(others)) if others else {}
        held = Counter(scope for (scope, _), record in known.items() if record.stack == self.stack)
        return [
            Reason("nothing-declared-there", connection="/".join(others[scope]), count=count)
            for scope, count in sorted(held.items())
        ]

    def locate(self, matches: Matches) -> None:
        """Notes which tenant each connection turned out to belong to, where what was read shows it."""
        for connection in self.scopes:
            seen = tenants_of(matches, connection)
            if len(seen) == 1:
                self.tenants.setdefault(connection, seen.pop())
            # What an older version wrote knows no organisation; what is listed here belongs here.
            for list_key, index in matches.indexes.items():
                if list_key.connection_id == connection and connection in self.tenants:
                    for record in self.records.get(connection, {}).values():
                        if not record.realm and record.id in index.by_id:
                            record.realm = self.tenants[connection]

    async def identify(self) -> None:
        """Ask for the tenants that nothing shows, where something is managed. One request each. Raises ApiError."""
        for connection, client in self.clients.items():
            tenant = SYSTEMS[connection[0]].tenant
            if tenant.alone and not tenant.shows and self.records.get(connection) and connection not in self.tenants:
                self.tenants[connection] = await tenant.of(client)

    async def locks(self) -> list[str]:
        """The locks of the tenants that one run at a time may work on. At most one request for each connection."""
        names: list[str] = []
        for connection, scope in self.scopes.items():
            tenant = SYSTEMS[connection[0]].tenant
            if not tenant.field:
                if connection not in self.tenants:
                    self.tenants[connection] = await tenant.of(self.clients[connection])
                names.append(f"{scope} {self.tenants[connection]}".rstrip())
                continue
            tenants = {one.spec[tenant.field] for one in self.resources if one.address.connection_id == connection}
            if self.prune:
                tenants |= {record.parent for record in self.records.get(connection, {}).values() if record.parent}
            names += [f"{scope} {one}" for one in sorted(tenants)]
        return names

    async def sees_all(self, connection: ConnectionId) -> bool:
        """Whether its lists hold all there is, rather than what its credential was granted."""
        return await SYSTEMS[connection[0]].tenant.sees_all(self.clients[connection])

    async def unfinished(self, ledger: Ledger, progress: Progress, own: str) -> Unfinished:
        """Return the interrupted runs, with those of their calls that this run may lock and check.

        Runs in progress, except the `own` one, are reported instead.
        """
        alive = {lease.run: lease for lease in await ledger.leases() if not lease.gone and lease.run != own}
        found = await ledger.unfinished(set(self.scopes.values()))
        names = set(await self.locks()) if found or any(self._here(lease.name) for lease in alive.values()) else set()
        for lease in alive.values():
            if lease.name in names:
                progress.note(Reason("run-in-progress", run=lease.run, holder=lease.holder, since=lease.since))
        mine: list[tuple[Run, Sequence[Intent]]] = []
        for run, intents in found:
            ours = [one for one in intents if not one.realm or f"{one.scope} {one.realm}" in names]
            if ours and run.id not in alive and run.id != own:
                mine.append((run, ours))
        return mine

    def _here(self, name: str) -> bool:
        return name.partition(" ")[0] in self.scopes.values()

    async def recover(
        self,
        ledger: Ledger,
        progress: Progress,
        unfinished: Unfinished,
        matches: Matches,
        *,
        note: bool,
        under: Hold | None = None,
    ) -> None:
        """Determine and report the outcome of the calls of interrupted runs.

        The ledger records it only with `note`: while no other run is in progress. Raises LedgerError.
        """
        by_scope = {scope: connection for connection, scope in self.scopes.items()}
        seeing = {one for one in self.scopes if await self.sees_all(one)}
        held = {key: {**self.others.get(key, {}), **one} for key, one in self.records.items()}
        found = recover(unfinished, matches, by_scope, held, ledger.key, seeing)
        for run, intents in unfinished:
            progress.note(_interrupted(run, len(intents), found.counts[run.id]))
        if note:
            await ledger.write(records=found.records, forgotten=found.forgotten, outcomes=found.outcomes, under=under)
            await self.reload(ledger)


def _interrupted(run: Run, calls: int, counts: Counter[State]) -> Reason:
    effects = [
        Reason("calls-had-taken-effect", count=counts["found"]),
        Reason("calls-had-not", count=counts["absent"]),
        *([Reason("calls-not-read-back", count=counts["unclear"])] if counts["unclear"] else []),
        *([Reason("calls-not-looked-at", count=counts["unread"])] if counts["unread"] else []),
    ]
    started = f"started {_minute(run.began)}" if run.began else ""
    about = ", ".join(one for one in (run.holder, started) if one)
    who = f" ({about})" if about else ""
    if run.ended:
        return Reason("run-ended", run=run.id, who=who, ended=_minute(run.ended), calls=calls, effects=effects)
    return Reason("run-interrupted", run=run.id, who=who, calls=calls, effects=effects)


def _minute(stamp: str) -> str:
    """`2026-11-02 08:51 UTC`, of a time as the ledger has it."""
    return f"{stamp[:10]} {stamp[11:16]} UTC"
