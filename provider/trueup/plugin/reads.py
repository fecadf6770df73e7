"""What is live, read once for all resources that ask: by list or by id, whichever is fewer, and each list one time.

The engine asks for one resource after the other, a few at once. A write puts its answer here, so that nothing has to
be listed again because of it; of a write that may or may not have happened, what was known is forgotten.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

from trueup.core.errors import Forbidden, NotFound, Refused
from trueup.core.kinds import Declared, Handler, Scope
from trueup.core.values import Address, Listing, Live, Refusal, Where

if TYPE_CHECKING:
    from collections.abc import Hashable

    from trueup.core.kinds import Kind
    from trueup.transport import Client

_GATHER: Final = 0.01
"""Seconds in which requests for single resources count as arriving together."""
_BY_ID: Final = 2
"""Resources of a kind that are read one by one before its list is: a page costs no more, and shows a hundred."""


class _List:
    """A list that was read, by id and by natural key."""

    def __init__(self, handler: Handler, listing: Listing) -> None:
        self.listing = listing
        self.by_id = {live.id: live for live in listing.items}
        self.by_key: dict[Hashable, list[Live]] = {}
        for live in listing.items:
            self.by_key.setdefault(handler.key(live.spec), []).append(live)


class Reads:
    """What is known of one system for as long as the process lasts."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lists: dict[tuple[str, str], asyncio.Task[_List]] = {}
        self._known: dict[tuple[str, str], Live | None] = {}
        """What was written, or read by id, since: it says more than a list."""
        self._keys: dict[tuple[str, Hashable], str] = {}
        """Ids of what is known, by natural key."""
        self._vague: set[tuple[str, str]] = set()
        """What a list that is remembered may no longer say truly."""
        self._asked: dict[str, int] = {}
        self._pending: dict[str, dict[str, asyncio.Future[Live | None]]] = {}
        self._made: set[str] = set()

    async def get(self, kind: Kind, key: str, parent: str = "") -> Live | None:
        """The resource of that id; None when it is not there. Raises ApiError."""
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

    async def find(self, kind: Kind, spec: dict[str, Any]) -> Live | None:
        """The resource that a spec names by id or by its natural key; None when there is none. Raises ApiError."""
        handler = _handler(kind)
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
            found = _List(handler, await handler.read(self._client, Scope((declared,), whole=False)))
        else:
            found = await self._list(kind, parent)
        # Of what is known since it is another key, or it is gone.
        lives = [live for live in found.by_key.get(key, ()) if (kind.name, live.id) not in self._known]
        if len(lives) > 1:
            ids = ", ".join(sorted(live.id for live in lives))
            raise Refused(
                f"{len(lives)} live resources answer to this name: {ids}.", hint="Give the id of the one meant."
            )
        return await self._whole(kind, lives[0]) if lives else None

    async def all(self, kind: Kind, parent: str = "") -> list[Live]:
        """All of a kind, or all below a parent. Raises ApiError."""
        found = dict((await self._list(kind, parent)).by_id)
        for (name, key), live in self._known.items():
            if name == kind.name and live is None:
                found.pop(key, None)
            elif name == kind.name and live is not None and (not kind.parent or live.spec[kind.parent] == parent):
                found[key] = live
        return list(found.values())

    async def canonical(self, kind: Kind, spec: dict[str, Any]) -> dict[str, Any] | Refusal:
        """A spec in the server's own words, by what reading brings; or why there are none. Raises ApiError."""
        handler = _handler(kind)
        if type(handler).canonical is Handler.canonical:
            return spec
        return handler.canonical(spec, (await self._list(kind, spec[kind.parent])).listing)

    async def moved(self, kind: Kind, spec: dict[str, Any], live: Live) -> str:
        """Why a name in a spec no longer stands for what is live of it; empty when it does. Raises ApiError."""
        handler = _handler(kind)
        if type(handler).moved is Handler.moved:
            return ""
        listing = (await self._list(kind, spec[kind.parent])).listing
        given = next((str(spec[name]) for name in kind.one_of if spec.get(name)), "")
        return handler.moved(spec, handler.canonical(spec, listing), live, given, listing)

    def store(self, kind: Kind, live: Live) -> None:
        """What a write answered, or a look by id."""
        self._known[kind.name, live.id] = live
        self._keys[kind.name, _handler(kind).key(live.spec)] = live.id
        self._vague.discard((kind.name, live.id))

    def made(self, kind: Kind, live: Live) -> None:
        """It was created just now, so nothing is below it."""
        self._made.add(live.id)
        self.store(kind, live)

    def gone(self, kind: Kind, key: str) -> None:
        """It was deleted."""
        self._known[kind.name, key] = None

    def forget(self, kind: Kind, key: str) -> None:
        """It is not known any more how it is: the next who asks looks."""
        self._known.pop((kind.name, key), None)
        self._vague.add((kind.name, key))

    # How it is read

    def _flush(self, kind: Kind) -> None:
        waiting, self._pending[kind.name] = self._pending[kind.name], {}
        task = asyncio.ensure_future(self._fill(kind, waiting))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _fill(self, kind: Kind, waiting: dict[str, asyncio.Future[Live | None]]) -> None:
        try:
            vague = all((kind.name, key) in self._vague for key in waiting)
            if vague or self._few(kind, len(waiting)):
                found = await _handler(kind).reread(self._client, [_stub(kind, key, "") for key in waiting])
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
                    future.exception()  # whoever asked may have gone
            raise
        for key, future in waiting.items():
            if not future.done():
                future.set_result(found.get(key))

    def _few(self, kind: Kind, more: int) -> bool:
        if (kind.name, "") in self._lists:
            return False
        asked = self._asked[kind.name] = self._asked.get(kind.name, 0) + more
        return asked <= _BY_ID

    async def _alone(self, kind: Kind, key: str, parent: str) -> Live | None:
        live = (await _handler(kind).reread(self._client, [_stub(kind, key, parent)])).get(key)
        if live is None:
            self.gone(kind, key)
        else:
            self.store(kind, live)
        return live

    async def _whole(self, kind: Kind, live: Live | None) -> Live | None:
        handler = _handler(kind)
        if live is not None and type(handler).whole is not Handler.whole:
            live = await handler.whole(self._client, live)
            self.store(kind, live)
        return live

    async def _list(self, kind: Kind, parent: str) -> _List:
        """One reading however many ask for it; a failure is not kept."""
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

    async def _read(self, kind: Kind, parent: str) -> _List:
        handler = _handler(kind)
        scope = Scope(below=(parent,)) if kind.parent else Scope()
        if parent in self._made:
            scope = Scope((Declared(Address(kind.system, kind.name, ""), kind, {}, Where("", 0)),))
        listing = await handler.read(self._client, scope)
        if why := listing.denied.get(parent):
            raise (NotFound if parent in listing.gone else Forbidden)(f"{why}.")
        return _List(handler, listing)


def _handler(kind: Kind) -> Handler:
    return cast(Handler, kind.handler)


def _stub(kind: Kind, key: str, parent: str) -> Live:
    return Live(kind.name, key, "", {kind.parent: parent} if kind.parent and parent else {})
