"""Names that change hands among the resources of one program, each of which the engine updates by itself.

One that takes a name waits until the resource that has it has given it up. Where each waits for the next in a circle,
the last one to come takes a temporary name; so does a resource whose update the engine does not start in time. What is
not known to give up its name in this run keeps it: that is refused, and said who has it.

Waits end with news of another resource, when no news came for a while, after a limit, or with Cancel.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from trueup.core.changes import Change
from trueup.core.errors import SafetyError, Stopped, TrueupError
from trueup.core.kinds import Handler
from trueup.core.values import Call, Desired, Live
from trueup.engine.apply.journal import as_key
from trueup.engine.plan.names import temporary
from trueup.plugin.codec import bare, has_unknown
from trueup.plugin.tokens import id_of, token_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from typing import Any

    from trueup.core.kinds import Kind
    from trueup.plugin.differing import Differences
    from trueup.plugin.world import World

QUIET: Final = 2.0
"""Seconds without news of any resource after which no more news is expected."""
SILENT: Final = 0.5
"""The same, where nothing is known that another resource might do."""
LIMIT: Final = 60.0
"""Seconds that one resource waits for another at most."""
_OLD_STATE: Final = "It was renamed in another way: run pulumi up --refresh."
_ABOUT: Final = "Rename that one first, or choose another name."
_UNKNOWN: Final = (
    "If that is a resource of this program whose name changes as well, do not run with --parallel 1, nor let it depend "
    "on this one; or run pulumi up with its new name alone, and then with this one. Otherwise rename or remove it, or "
    "choose another name."
)
_HELD: Final = (
    "If its name changes as well, run pulumi up without --skip-preview. Otherwise do not run with --parallel 1, nor "
    "let that depend on this; or run pulumi up with its new name alone, and then with this one."
)


@dataclass(slots=True)
class _Resource:
    """A resource of the program, as far as this run has heard of it."""

    urn: str
    kind: Kind
    live: Live
    leaving: bool | None = None
    """Whether it is to have another name than it has; None until the program has said so."""


@dataclass(slots=True)
class Handovers:
    """The names in one run: which are held, given up, and waited for."""

    world: World
    _known: dict[str, _Resource] = field(default_factory=dict)
    """By id."""
    _declared: set[str] = field(default_factory=set)
    """URNs of the resources that the program has declared so far."""
    _waiting: dict[str, str] = field(default_factory=dict)
    """By the id of what waits, the id of what has the name."""
    _aside: set[str] = field(default_factory=set)
    """Ids of what has a temporary name."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _count: int = 0
    """Of news so far."""

    def declare(self, urn: str) -> None:
        """Note that the program declares that resource: what it is compared with next is the program's mind."""
        self._declared.add(urn)

    def saw(self, urn: str, kind: Kind, live: Live, wanted: dict[str, Any] | None = None) -> None:
        """The engine has that as a resource, which is to be as `wanted` says."""
        handler = cast(Handler, kind.handler)
        if not handler.naming:
            return
        if wanted is None and live.id in self._known:
            return
        leaving = None if wanted is None else _other_name(handler, live, wanted)
        if leaving is False and urn not in self._declared:  # a refresh compares with the state, not with the program
            leaving = None
        self._known[live.id] = _Resource(urn, kind, live, leaving)
        self._tell()

    async def read(self, urn: str, kind: Kind, live: Live, *, kept: bool) -> None:
        """It was read. `kept` says that the engine has it as a resource. Raises LedgerError."""
        if kept:
            self.saw(urn, kind, live)
        memory, naming = await self.world.memory(kind.system), cast(Handler, kind.handler).naming
        if naming and memory.aside(live.id) not in ("", live.spec.get(naming)):
            await memory.has_its_name(live.id)

    async def differ(self, urn: str, kind: Kind, live: Live, inputs: Mapping[str, Any], found: Differences) -> None:
        """Notes which name it has and is to have; a temporary one that an earlier run left is a difference."""
        handler = cast(Handler, kind.handler)
        naming, memory = handler.naming, await self.world.memory(kind.system)
        wanted = {name: value for name, value in bare(dict(inputs)).items() if not has_unknown(value)}
        self.saw(urn, kind, live, wanted)
        if (known := self._known.get(live.id)) is not None and known.leaving:
            await memory.holders.leaves(live.id, as_key(handler.key(live.spec)))
        elif known is not None and known.leaving is False:
            await memory.holders.stays(live.id)
        aside = memory.aside(live.id)
        if aside and naming in wanted and all(change.path[0] != naming for change in found.changes):
            found.changes.append(Change((naming,), aside, wanted[naming]))

    async def is_free(self, urn: str, kind: Kind, spec: dict[str, Any], live: Live) -> bool:
        """Whether no other resource of the program can be what exists already, heard of or not."""
        handler, memory = cast(Handler, kind.handler), await self.world.memory(kind.system)
        return not handler.naming or memory.left(live.id) or memory.began(urn, kind, handler.key(spec))

    async def is_anothers(self, urn: str, kind: Kind, live: Live) -> bool:
        """Whether another resource of the program is that, by this run or by the ledger. Raises LedgerError."""
        if (known := self._known.get(live.id)) is not None:
            return known.urn != urn
        return bool((await self.world.memory(kind.system)).holders.another(urn, live.id))

    def ended(self, key: str, *, renamed: bool) -> None:
        """An update of it has ended; unless it was renamed, it keeps its name."""
        if (known := self._known.get(key)) is not None:
            known.leaving = False
        if renamed:
            self._aside.discard(key)
        self._tell()

    def gone(self, key: str) -> None:
        """It is no resource of the program any more."""
        self._known.pop(key, None)
        self._tell()

    async def heard_of(self, urn: str, kind: Kind, live: Live) -> bool:
        """Whether another resource of the program turns out to be that, before the program falls silent."""
        until = self.world.clock.monotonic() + LIMIT
        while not await self.is_anothers(urn, kind, live):
            if not await self._next(self._count, SILENT) or self.world.clock.monotonic() > until:
                return False
        return True

    async def free(self, kind: Kind, spec: dict[str, Any], own: Live | None = None) -> None:
        """Waits until nothing else has the name that a spec has; `own` is what is to have it, if that exists.

        Raises SafetyError when it stays taken, Stopped, and ApiError.
        """
        handler = cast(Handler, kind.handler)
        if own is not None and not (handler.naming and _other_name(handler, own, spec)):
            return
        key = own.id if own is not None else ""
        until = self.world.clock.monotonic() + LIMIT
        try:
            while (holder := await self._holder(kind, spec, key)) is not None:
                await self._given_up(kind, holder, own, until)
        except BaseException:
            if own is not None:
                await self._back(kind, own)
            raise
        finally:
            self._waiting.pop(key, None)

    async def _given_up(self, kind: Kind, holder: Live, own: Live | None, until: float) -> None:
        """Waits for whatever becomes of what has the name, or sees to it that it has another one."""
        count, before = self._count, self._about(holder.id)
        known = self._known.get(holder.id)
        if known is not None and known.leaving is False:
            handler = cast(Handler, kind.handler)
            if handler.key(known.live.spec) != handler.key(holder.spec):
                raise _taken(kind, holder, f"{known.urn}, of which the state has another name", _OLD_STATE)
            raise _taken(kind, holder, f"{known.urn}, which keeps it", _ABOUT)
        if own is not None and own.id not in self._aside and self._circle(holder.id, own.id):
            await self._step_aside(self._known[own.id])
            return
        if own is not None:
            self._waiting[own.id] = holder.id
        while self._about(holder.id) == before:
            if own is not None and own.id not in self._aside and self._circle(holder.id, own.id):
                return
            heard = await self._next(count, QUIET)
            if heard and self.world.clock.monotonic() < until:
                count = self._count
                continue
            if holder.id not in self._aside and (leaving := await self._leaving(kind, holder)) is not None:
                await self._step_aside(leaving)
                return
            raise await self._unheard_of(kind, holder, own)

    async def _unheard_of(self, kind: Kind, holder: Live, own: Live | None) -> SafetyError:
        """Return the error for a name that is taken by something that the program has not spoken of yet."""
        known = self._known.get(holder.id)
        urn = known.urn if known is not None else (await self.world.memory(kind.system)).holders.holder(holder.id)
        if not urn:
            return _taken(kind, holder, "of which this run has not heard", _UNKNOWN)
        hint = _HELD
        if own is None:
            hint += (
                " If it is this same resource under a former name in the program, give that as an alias. If no program "
                f"has it any more: pulumi import {token_of(kind)} NAME {id_of(kind, holder)}."
            )
        return _taken(kind, holder, f"which a state holds as {urn}, and of which this run has not heard", hint)

    async def _leaving(self, kind: Kind, holder: Live) -> _Resource | None:
        """Return the resource that is to release the name that it has, by this run or by a preview; None if none is."""
        known, holders = self._known.get(holder.id), (await self.world.memory(kind.system)).holders
        if known is not None and known.leaving is not None:
            return known if known.leaving else None
        urn = holders.holder(holder.id)
        if not urn or not holders.is_leaving(holder.id, as_key(cast(Handler, kind.handler).key(holder.spec))):
            return None
        known = self._known[holder.id] = _Resource(urn, kind, holder, leaving=True)
        return known

    def _about(self, key: str) -> tuple[object, ...]:
        """Return whether a resource is known, is leaving its name, and has a temporary one."""
        known = self._known.get(key)
        return known is not None, known is not None and known.leaving, key in self._aside

    async def _holder(self, kind: Kind, spec: dict[str, Any], own: str) -> Live | None:
        live = await self.world.reads(kind.system).find(kind, spec)
        return live if live is not None and live.id != own else None

    def _circle(self, start: str, end: str) -> bool:
        """Whether what waits for `start` in the end waits for `end`."""
        seen: set[str] = set()
        while start in self._waiting and start not in seen:
            seen.add(start)
            start = self._waiting[start]
        return start == end

    async def _step_aside(self, resource: _Resource) -> None:
        """Gives it a temporary name; the ledger remembers that until it has its own."""
        kind, live = resource.kind, resource.live
        name = temporary(live)
        memory = await self.world.memory(kind.system)
        await self.world.may_write(kind, live.spec)
        async with self.world.writing[writer(kind, live.spec, live.id)]:
            known = self._known.get(live.id)
            if live.id in self._aside or known is None or not known.leaving:
                return  # it was updated meanwhile
            await memory.set_aside(resource.urn, kind, live.id, name)
            await self._rename(kind, live, name)
            self._aside.add(live.id)
        self.world.host.info(
            f'{live.name} ({live.id}) is called "{name}" for a moment: names change hands.', resource.urn
        )
        self._tell()

    async def _back(self, kind: Kind, own: Live) -> None:
        """Gives what stepped aside in vain its name again, where that is still free."""
        if own.id not in self._aside or self.world.stop.is_set():
            return
        handler = cast(Handler, kind.handler)
        with contextlib.suppress(TrueupError):
            if await self._holder(kind, own.spec, own.id) is None:
                await self._rename(kind, own, own.spec[handler.naming])
                self._aside.discard(own.id)
                await (await self.world.memory(kind.system)).has_its_name(own.id)

    async def _rename(self, kind: Kind, live: Live, name: str) -> None:
        handler, reads = cast(Handler, kind.handler), self.world.reads(kind.system)
        desired = Desired({**live.spec, handler.naming: name})
        try:
            answer = await handler.perform(
                self.world.client(kind.system), Call("patch", 1, (handler.naming,)), live, desired
            )
        except BaseException:
            reads.forget(kind, live.id)
            raise
        if answer is not None:
            reads.store(kind, answer)

    async def _next(self, count: int, quiet: float) -> bool:
        """Waits for news beyond that many; False when there was none for a while. Raises Stopped."""
        if self.world.stop.is_set():
            raise Stopped("stopped while it waited for a name.")
        if self._count != count:
            return True
        news, stop = asyncio.ensure_future(self._news.wait()), asyncio.ensure_future(self.world.stop.wait())
        try:
            done, _ = await asyncio.wait((news, stop), timeout=quiet, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            stop.cancel()
        if self.world.stop.is_set():
            raise Stopped("stopped while it waited for a name.")
        return bool(done)

    def _tell(self) -> None:
        """Wakes all that wait, each to look for itself."""
        self._count += 1
        self._news.set()
        self._news = asyncio.Event()


def _other_name(handler: Handler, live: Live, wanted: dict[str, Any]) -> bool:
    """Whether something is to have another unique name than it has; what is not known yet is no other name."""
    try:
        before: Hashable = handler.key(live.spec)
        return before != handler.key({**live.spec, **wanted})
    except (KeyError, TypeError):
        return False


def _taken(kind: Kind, holder: Live, who: str, hint: str) -> SafetyError:
    naming = cast(Handler, kind.handler).naming
    name = f'the name "{holder.spec.get(naming)}"' if naming else holder.name
    return SafetyError(f"{name} is taken by {kind.name} {holder.id}, {who}.", hint=hint)


def writer(kind: Kind, spec: dict[str, Any], key: str = "") -> str:
    """Whose turn it is: by what it is listed below, else by its own id, or by its name before it has one."""
    if kind.parent:
        return str(spec.get(kind.parent))
    return key or str(cast(Handler, kind.handler).key(dict(spec)))
