"""Live resources, read once for all that ask: by list or by id, whichever costs fewer requests.

The engine asks for one resource after another, a few at a time. A write stores its response here, so that nothing is
listed again because of it; after a write with an unknown outcome the resource is forgotten.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from trueup.core.errors import Forbidden, NotFound, Refused
from trueup.core.kinds import Declared, Scope
from trueup.core.reasons import Reason
from trueup.core.values import Address, Live, Refusal, Where
from trueup.engine.index import Index

if TYPE_CHECKING:
    from collections.abc import Hashable

    from trueup.core.kinds import ResourceKind
    from trueup.transport.dialect import ApiClient

_GATHER: Final = 0.01
"""Seconds within which requests for single resources are gathered."""
_BY_ID: Final = 2
"""Resources of a kind that are read by id before the list is: a page of a hundred costs one request, too."""


class Reads:
    """Everything read from one system in this process."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._lists: dict[tuple[str, str], asyncio.Task[Index]] = {}
        self._known: dict[tuple[str, str], Live | None] = {}
        """Resources that were written or read by id since the list was read; these take precedence over it."""
        self._keys: dict[tuple[str, Hashable], str] = {}
        """Ids of those resources, by natural key."""
        self._vague: set[tuple[str, str]] = set()
        """Resources whose entry in a stored list may be outdated."""
        self._asked: dict[str, int] = {}
        self._pending: dict[str, dict[str, asyncio.Future[Live | None]]] = {}
        self._made: set[str] = set()

    @property
    def client(self) -> ApiClient:
        """The client of the system."""
        return self._client

    async def get(self, kind: ResourceKind, key: str, parent: str = "") -> Live | None:
        """Return the resource with that id; None when there is none. Raises ApiError."""
        name = (kind.name, key)
        if name in self._known:
            return self._known[name]
        if kind.parent:
            if not parent or name in self._vague:
                return await self._alone(kind, key, parent)
            return await self._whole(kind, (await self._list(kind, parent)).by_id.get(key))
        if (kind.name, "") in self._lists and name not in self._vague:
            return (await self._list(kind, "")).by_id.get(key) or await self._alone(kind, key, "")
        waiting = self._pending.setdefault(kind.name, {})
        if not waiting:
            asyncio.get_running_loop().call_later(_GATHER, self._flush, kind)
        future = waiting.get(key)
        if future is None:
            future = waiting[key] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(future)

    async def find(self, kind: ResourceKind, spec: dict[str, Any]) -> Live | None:
        """Return the resource that a spec names by id or natural key; None when there is none. Raises ApiError."""
        handler = kind.handler
        parent = spec[kind.parent] if kind.parent else ""
        if (identity := handler.identity(spec)) is not None:
            return await self.get(kind, identity, parent)
        key = handler.key(spec)
        if (known := self._keys.get((kind.name, key))) is not None:
            live = self._known.get((kind.name, known))
            if live is not None and handler.key(live.spec) == key:
                return live
        for name, vague in sorted(self._vague):
            if name == kind.name:
                live = await self.get(kind, vague, parent)
                if live is not None and handler.key(live.spec) == key:
                    return live
        if not kind.parent and self._few(kind, 1):
            declared = Declared(Address(kind.system, kind.name, ""), kind, spec, Where("", 0))
            found = Index(handler, await handler.read(self._client, Scope((declared,), whole=False)))
        else:
            found = await self._list(kind, parent)
        # A resource that was read or written since has another key, or was deleted.
        lives = [live for live in found.by_key.get(key, ()) if (kind.name, live.id) not in self._known]
        if len(lives) > 1:
            ids = ", ".join(sorted(live.id for live in lives))
            raise Refused(
                f"{len(lives)} live resources have this name: {ids}.", hint="Give the id instead of the name."
            )
        return await self._whole(kind, lives[0]) if lives else None

    async def all(self, kind: ResourceKind, parent: str = "") -> list[Live]:
        """Return all resources of a kind, or all children of a parent. Raises ApiError."""
        found = dict((await self._list(kind, parent)).by_id)
        for (name, key), live in self._known.items():
            if name == kind.name and live is None:
                found.pop(key, None)
            elif name == kind.name and live is not None and (not kind.parent or live.spec[kind.parent] == parent):
                found[key] = live
        return list(found.values())

    async def canonical(self, kind: ResourceKind, spec: dict[str, Any]) -> dict[str, Any] | Refusal:
        """Return a spec with values as the server writes them, or a refusal. Raises ApiError."""
        handler = kind.handler
        if not handler.translates:
            return spec
        return handler.canonical(spec, (await self._list(kind, spec[kind.parent])).listing)

    async def moved(self, kind: ResourceKind, spec: dict[str, Any], live: Live) -> Reason | None:
        """Return why a name in a spec no longer refers to the live resource; None when it does. Raises ApiError."""
        handler = kind.handler
        if not handler.translates:
            return None
        listing = (await self._list(kind, spec[kind.parent])).listing
        given = next((str(spec[name]) for name in kind.one_of if spec.get(name)), "")
        return handler.moved(spec, handler.canonical(spec, listing), live, given, listing)

    def store(self, kind: ResourceKind, live: Live) -> None:
        """Store a resource that a write returned or that was read by id."""
        self._known[kind.name, live.id] = live
        self._keys[kind.name, kind.handler.key(live.spec)] = live.id
        self._vague.discard((kind.name, live.id))

    def made(self, kind: ResourceKind, live: Live) -> None:
        """Store a resource that was just created, and so has no children."""
        self._made.add(live.id)
        self.store(kind, live)

    def gone(self, kind: ResourceKind, key: str) -> None:
        """Note that a resource was deleted."""
        self._known[kind.name, key] = None

    def forget(self, kind: ResourceKind, key: str) -> None:
        """Forget a resource, so that it is read again when needed."""
        self._known.pop((kind.name, key), None)
        self._vague.add((kind.name, key))

    # Reading

    def _flush(self, kind: ResourceKind) -> None:
        waiting, self._pending[kind.name] = self._pending[kind.name], {}
        task = asyncio.ensure_future(self._fill(kind, waiting))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _fill(self, kind: ResourceKind, waiting: dict[str, asyncio.Future[Live | None]]) -> None:
        try:
            vague = all((kind.name, key) in self._vague for key in waiting)
            if vague or self._few(kind, len(waiting)):
                found = await kind.handler.reread(self._client, [_stub(kind, key, "") for key in waiting])
                for key in waiting:
                    if key in found:
                        self.store(kind, found[key])
                    else:
                        self.gone(kind, key)
            else:
                found = dict((await self._list(kind, "")).by_id)
                for key in waiting.keys() - found.keys():  # a list leaves out what the credential may not see
                    if (live := await self._alone(kind, key, "")) is not None:
                        found[key] = live
        except BaseException as error:
            for future in waiting.values():
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # the caller may have been cancelled
            raise
        for key, future in waiting.items():
            if not future.done():
                future.set_result(found.get(key))

    def _few(self, kind: ResourceKind, more: int) -> bool:
        if (kind.name, "") in self._lists:
            return False
        asked = self._asked[kind.name] = self._asked.get(kind.name, 0) + more
        return asked <= _BY_ID

    async def _alone(self, kind: ResourceKind, key: str, parent: str) -> Live | None:
        live = (await kind.handler.reread(self._client, [_stub(kind, key, parent)])).get(key)
        if live is None:
            self.gone(kind, key)
        else:
            self.store(kind, live)
        return live

    async def _whole(self, kind: ResourceKind, live: Live | None) -> Live | None:
        handler = kind.handler
        if live is not None and handler.shortens:
            live = await handler.whole(self._client, live)
            self.store(kind, live)
        return live

    async def _list(self, kind: ResourceKind, parent: str) -> Index:
        """Return the list, read once for all callers; a failure is not kept."""
        name = (kind.name, parent)
        task = self._lists.get(name)
        if task is None:
            task = self._lists[name] = asyncio.ensure_future(self._read(kind, parent))
        try:
            return await asyncio.shield(task)
        except BaseException:
            if task.done() and self._lists.get(name) is task:
                self._lists.pop(name)
            raise

    async def _read(self, kind: ResourceKind, parent: str) -> Index:
        handler = kind.handler
        scope = Scope(parents=(parent,)) if kind.parent else Scope()
        if parent in self._made:
            scope = Scope((Declared(Address(kind.system, kind.name, ""), kind, {}, Where("", 0)),))
        listing = await handler.read(self._client, scope)
        if why := listing.denied.get(parent):
            raise (NotFound if parent in listing.gone else Forbidden)(Reason("parent-not-read", why=why))
        return Index(handler, listing)


def _stub(kind: ResourceKind, key: str, parent: str) -> Live:
    return Live(kind.name, key, "", {kind.parent: parent} if kind.parent and parent else {})
