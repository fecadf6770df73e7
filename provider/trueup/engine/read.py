"""The cheapest complete reading of what is live: each kind once a connection, however many resources ask for it.

What is listed below something else is read below those alone that are declared or owned, once it is known which exist.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trueup.core.kinds import Scope
from trueup.core.reasons import Reason
from trueup.core.values import ListKey
from trueup.engine.match import Matches, exclusive_lists
from trueup.systems.registry import SYSTEMS, kind_named, plural, resource_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence

    from trueup.core.kinds import Declared, Handler, ResourceKind
    from trueup.core.records import Record
    from trueup.core.values import ConnectionId, Listing
    from trueup.engine.index import Index
    from trueup.engine.match import Records
    from trueup.transport.client import Client

    Choose = Callable[[ListKey, ResourceKind, Mapping[str, Sequence[Declared]]], tuple[set[str], Listing]]
    """Of the parents of a list those to read now, and what is known of the others."""

_WORTH = 100
"""Requests of one kind's reading from which on the user is informed before it starts."""


@dataclass(slots=True)
class Wanted:
    """The extent of a reading."""

    declared: Sequence[Declared]
    records: Records = field(default_factory=dict)
    owned: Mapping[ConnectionId, Sequence[Record]] = field(default_factory=dict)
    """Resources to look for although they are no longer declared, by system and connection."""
    whole: bool = True
    """False says that the run is about these resources alone: few of them may be looked up one by one."""
    elsewhere: Sequence[Declared] = ()
    """The declared resources that this run leaves out."""
    choose: Choose | None = None
    """Decides what may be taken from the ledger rather than read; None reads everything."""


async def observe(wanted: Wanted, clients: Mapping[ConnectionId, Client]) -> Matches:
    """Return the live resources of all kinds needed, matched with the declared ones. Raises ApiError."""
    return await _Observer(wanted, clients).observe()


class _Observer:
    def __init__(self, wanted: Wanted, clients: Mapping[ConnectionId, Client]) -> None:
        self.wanted = wanted
        self.clients = clients
        self.matches = Matches(wanted.declared, wanted.records, wanted.elsewhere)
        self.declared: dict[ListKey, list[Declared]] = defaultdict(list)
        self.owned: dict[ListKey, list[Record]] = defaultdict(list)
        self.kinds: dict[ListKey, ResourceKind] = {}
        self.tasks: dict[ListKey, asyncio.Task[None]] = {}
        for one in wanted.declared:
            list_key = one.address.list_key
            self.declared[list_key].append(one)
            self.kinds[list_key] = one.kind
        self.exclusive = exclusive_lists(wanted.declared)
        for list_key in self.exclusive:
            self.kinds[list_key] = resource_kind(list_key.system, list_key.kind)
        for connection, records in wanted.owned.items():
            for record in records:
                kind = kind_named(connection[0], record.kind)
                if kind is not None:
                    list_key = ListKey(*connection, record.kind)
                    self.owned[list_key].append(record)
                    self.kinds[list_key] = kind

    async def observe(self) -> Matches:
        for list_key in self.kinds:
            self._begin(list_key)
        tasks = list(self.tasks.values())
        if not tasks:  # only Connections are declared, or nothing is
            return self.matches
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:  # the first failure ends the others: what they read would be for nothing
            failed = [task for task in tasks if task.done() and not task.cancelled() and task.exception()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if failed:
            failed[0].result()
        return self.matches

    def _begin(self, list_key: ListKey) -> asyncio.Task[None]:
        if list_key not in self.tasks:
            self.tasks[list_key] = asyncio.ensure_future(self._take(list_key))
        return self.tasks[list_key]

    async def _take(self, list_key: ListKey) -> None:
        kind = self.kinds[list_key]
        handler = kind.handler
        needed = [ListKey(*list_key.connection_id, field.reference) for field in kind.references]
        parent = kind.parent_kind
        before = [one for one in needed if one in self.kinds]
        if not parent:  # it has a list of its own, which need not wait
            reading = handler.read(self.clients[list_key.connection_id], self._scope(list_key))
            listing = await _beside(reading, [self._begin(one) for one in before])
            await self._unseen(list_key, handler, listing)
        else:
            for one in before:
                await asyncio.shield(self._begin(one))
            listing = await self._read_below(list_key, kind, handler, ListKey(*list_key.connection_id, parent))
        self.matches.take(list_key, handler, listing)

    async def _unseen(self, list_key: ListKey, handler: Handler, listing: Listing) -> None:
        """Mark as hidden the managed resources that are not listed, where the credential is not an admin's.

        To create it anew would take an admin, of whom is asked anyway: this costs no request more.
        """
        held = self.wanted.records.get(list_key.connection_id, {})
        seen = {live.id for live in listing.items}
        addresses = {str(one.address): one.address for one in self.declared[list_key]}
        missing = {
            addresses[record.address]: record.id
            for record in held.values()
            if record.kind == list_key.kind and record.id not in seen and record.address in addresses
        }
        if missing:
            keys = {handler.key(live.spec) for live in listing.items}
            missing = {
                one.address: missing[one.address]
                for one in self.declared[list_key]
                if one.address in missing and handler.key(one.spec) not in keys
            }
            if missing and not await SYSTEMS[list_key.system].tenant.sees_all(self.clients[list_key.connection_id]):
                listing.hidden = missing

    def _scope(self, list_key: ListKey) -> Scope:
        declared = self.declared[list_key]
        addresses = {str(one.address) for one in declared}
        held = self.wanted.records.get(list_key.connection_id, {})
        known = {record.id for record in held.values() if record.address in addresses}
        known |= self._formerly(list_key, declared)
        known |= {record.id for record in self.owned[list_key]}
        kind = self.kinds[list_key]
        below: set[str] = set()
        if kind.parent and not kind.parent_kind:
            below = {one.spec[kind.parent] for one in declared} | {record.parent for record in self.owned[list_key]}
        return Scope(tuple(declared), self.wanted.whole, tuple(sorted(known)), tuple(sorted(below - {""})))

    def _formerly(self, list_key: ListKey, declared: Sequence[Declared]) -> set[str]:
        """Return the ids of what had the former names by the ledger: a person may have renamed it since."""
        handler = self.kinds[list_key].handler
        formers = [handler.former(one, one.spec) for one in declared if one.annotations] if handler.naming else []
        wanted = set(formers) - {None}
        held = self.wanted.records.get(list_key.connection_id, {}).values() if wanted else ()
        return {
            record.id
            for record in held
            if record.kind == list_key.kind and record.name and handler.key({handler.naming: record.name}) in wanted
        }

    async def _read_below(self, list_key: ListKey, kind: ResourceKind, handler: Handler, above: ListKey) -> Listing:
        parents = self.matches.parents(list_key)
        index = self.matches.indexes.get(above)
        nested = bool(resource_kind(list_key.system, above.kind).parent)
        held = self.wanted.records.get(list_key.connection_id, {})
        for record in self.owned[list_key]:
            seen = index is None or not index.listing.complete or record.parent in index.by_id
            # What is above is listed below what was read alone: an open call asks, whatever is missing there.
            seen = seen or (nested and held.get(record.id) is not record)
            if record.parent and seen and not self._rests(list_key, record, index):
                parents.setdefault(record.parent, [])
        for one in self.exclusive.get(list_key, ()):
            if (live := self.matches.lives.get(one.address)) is not None:
                parents.setdefault(live.id, [])
        now, known = set(parents), None
        if self.wanted.choose is not None:
            now, known = self.wanted.choose(list_key, kind, parents)
        client = self.clients[list_key.connection_id]
        scope = Scope(tuple(self.declared[list_key]), self.wanted.whole, (), tuple(sorted(now)))
        listing = await read_below(client, handler, scope, plural(kind.name), plural(above.kind))
        if known is not None:
            listing.aged = known.aged
        return listing

    def _rests(self, list_key: ListKey, record: Record, above: Index | None) -> bool:
        """Whether it stays with what it is below, which was archived and let go: then it need not be read."""
        held = self.wanted.records.get(list_key.connection_id, {})
        if held.get(record.id) is not record:  # a call that is open about it has to be looked at
            return False
        if (key := record.archived_with) and key not in held:
            return all(key not in index.claimed for index in self.matches.indexes.values())
        live = above.by_id.get(record.parent) if above is not None else None
        if above is None or live is None:
            return False
        return live.id not in above.claimed and live.id not in held and above.handler.ended(live)


async def _beside(reading: Coroutine[None, None, Listing], before: Sequence[asyncio.Task[None]]) -> Listing:
    """The reading, once that is done by which it will be matched, and which goes on beside it."""
    task = asyncio.ensure_future(reading)
    try:
        for one in before:
            await asyncio.shield(one)
    except BaseException:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    return await task


async def read_below(client: Client, handler: Handler, scope: Scope, children: str, parents: str) -> Listing:
    """Return the children of the parents in scope; note first what a long reading costs. Raises ApiError."""
    requests, limits = handler.read_cost(scope), client.limits
    if requests >= _WORTH:
        waits = -(-max(requests - client.window.left, 0) // limits.requests) if limits.requests else 0
        more = Reason("window-waits", count=waits, seconds=limits.silence) if waits else None
        count = len(scope.parents)
        client.progress.note(
            Reason("reading-children", what=children, count=count, parents=parents, requests=requests, waits=more)
        )
    return await handler.read(client, scope)


async def guard(clients: Iterable[Client]) -> None:
    """Raise SafetyError when a connection's credential belongs to another organisation than it should.

    What was read tells, without a request; only an empty organisation has to be asked.
    """
    for client in clients:
        if client.guard is not None:
            await client.guard.confirm(client)


def tenants_of(matches: Matches, connection: ConnectionId) -> set[str]:
    """Return the tenants that show in what was read from a connection."""
    tenant = SYSTEMS[connection[0]].tenant
    shown = {
        tenant.shown(live)
        for list_key, index in matches.indexes.items()
        if list_key.connection_id == connection
        for live in index.listing.items
    }
    return shown - {""}
