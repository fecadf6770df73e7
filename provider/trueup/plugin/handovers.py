"""Names that move between resources of one program, each of which the engine updates separately.

A resource that takes a name waits until its holder has released it. If resources wait for each other in a circle, the
last one takes a temporary name; so does a holder whose update the engine does not start in time. A holder that is not
known to release its name in this run keeps it: the update is refused with an error that names the holder.

A wait ends with news of another resource, after a time without news, after a limit, or with Cancel.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

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

    from trueup.core.kinds import ResourceKind
    from trueup.plugin.differing import Differences
    from trueup.plugin.world import World

QUIET: Final = 2.0
"""Seconds without news of any resource after which no more news is expected."""
SILENT: Final = 0.5
"""The same, where no other resource is known to be pending."""
LIMIT: Final = 60.0
"""The maximum seconds that one resource waits for another."""
_OLD_STATE: Final = "It was renamed outside Pulumi: run pulumi up --refresh."
_ABOUT: Final = "Rename that resource first, or choose another name."
_UNKNOWN: Final = (
    "If that is a resource of this program whose name changes as well, do not run with --parallel 1, nor let it depend "
    "on this one; or run pulumi up with only its new name first. Otherwise rename or remove it, or "
    "choose another name."
)
_HELD: Final = (
    "If its name changes as well, run pulumi up without --skip-preview. Otherwise do not run with --parallel 1, nor "
    "let that depend on this; or run pulumi up with its new name alone, and then with this one."
)


@dataclass(slots=True)
class _Resource:
    """A resource of the program, as far as this run knows it."""

    urn: str
    kind: ResourceKind
    live: Live
    leaving: bool | None = None
    """Whether its name changes in this run; None until the program has declared it."""


@dataclass(slots=True)
class Handovers:
    """The names in one run: held, released and waited for."""

    world: World
    _known: dict[str, _Resource] = field(default_factory=dict)
    """Resources by id."""
    _declared: set[str] = field(default_factory=set)
    """URNs of the resources that the program has declared so far."""
    _waiting: dict[str, str] = field(default_factory=dict)
    """The id of the name's holder, by the id of the waiting resource."""
    _aside: set[str] = field(default_factory=set)
    """Ids of resources that have a temporary name."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _count: int = 0
    """The number of news so far."""

    def declare(self, urn: str) -> None:
        """Note that the program declares a resource, so that its next diff shows the program's inputs."""
        self._declared.add(urn)

    def saw(self, urn: str, kind: ResourceKind, live: Live, wanted: dict[str, Any] | None = None) -> None:
        """Note that the engine has that object in its state; `wanted` is its declared spec."""
        handler = kind.handler
        if not handler.naming:
            return
        if wanted is None and live.id in self._known:
            return
        leaving = None if wanted is None else _other_name(handler, live, wanted)
        if leaving is False and urn not in self._declared:  # a refresh compares with the state, not with the program
            leaving = None
        self._known[live.id] = _Resource(urn, kind, live, leaving)
        self._tell()

    async def read(self, urn: str, kind: ResourceKind, live: Live, *, kept: bool) -> None:
        """Note that a resource was read; `kept`: the engine has it in its state. Raises LedgerError."""
        if kept:
            self.saw(urn, kind, live)
        memory, naming = await self.world.memory(kind.system), kind.handler.naming
        if naming and memory.aside(live.id) not in ("", live.spec.get(naming)):
            await memory.has_its_name(live.id)

    async def differ(
        self, urn: str, kind: ResourceKind, live: Live, inputs: Mapping[str, Any], found: Differences
    ) -> None:
        """Note its present and its declared name. A temporary name that an earlier run left is a difference."""
        handler = kind.handler
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

    async def is_free(self, urn: str, kind: ResourceKind, spec: dict[str, Any], live: Live) -> bool:
        """Return whether an existing object can belong to no other resource of the program, known yet or not."""
        handler, memory = kind.handler, await self.world.memory(kind.system)
        return not handler.naming or memory.left(live.id) or memory.began(urn, kind, handler.key(spec))

    async def is_anothers(self, urn: str, kind: ResourceKind, live: Live) -> bool:
        """Return whether another resource of the program has it, by this run or the ledger. Raises LedgerError."""
        if (known := self._known.get(live.id)) is not None:
            return known.urn != urn
        return bool((await self.world.memory(kind.system)).holders.another(urn, live.id))

    def ended(self, key: str, *, renamed: bool) -> None:
        """Note that an update finished; unless it renamed the resource, its name stays."""
        if (known := self._known.get(key)) is not None:
            known.leaving = False
        if renamed:
            self._aside.discard(key)
        self._tell()

    def gone(self, key: str) -> None:
        """Note that the resource was deleted."""
        self._known.pop(key, None)
        self._tell()

    async def heard_of(self, urn: str, kind: ResourceKind, live: Live) -> bool:
        """Wait for news, and return whether the object turns out to belong to another resource of the program."""
        until = self.world.clock.monotonic() + LIMIT
        while not await self.is_anothers(urn, kind, live):
            if not await self._next(self._count, SILENT) or self.world.clock.monotonic() > until:
                return False
        return True

    async def free(self, kind: ResourceKind, spec: dict[str, Any], own: Live | None = None) -> None:
        """Wait until no other resource holds the name in a spec; `own` is the resource to be renamed, if it exists.

        Raises SafetyError when the name stays taken, Stopped, and ApiError.
        """
        handler = kind.handler
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

    async def _given_up(self, kind: ResourceKind, holder: Live, own: Live | None, until: float) -> None:
        """Wait until the holder of a name has released it, or give the holder a temporary name."""
        count, before = self._count, self._about(holder.id)
        known = self._known.get(holder.id)
        if known is not None and known.leaving is False:
            handler = kind.handler
            if handler.key(known.live.spec) != handler.key(holder.spec):
                raise _taken(kind, holder, f"{known.urn}, which has another name in the state", _OLD_STATE)
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

    async def _unheard_of(self, kind: ResourceKind, holder: Live, own: Live | None) -> SafetyError:
        """Return the error for a name whose holder the program has not declared so far."""
        known = self._known.get(holder.id)
        urn = known.urn if known is not None else (await self.world.memory(kind.system)).holders.holder(holder.id)
        if not urn:
            return _taken(kind, holder, "which this run has not seen", _UNKNOWN)
        hint = _HELD
        if own is None:
            hint += (
                " If it is this resource under its former name in the program, add that as an alias. If no program "
                f"declares it any longer: pulumi import {token_of(kind)} NAME {id_of(kind, holder)}."
            )
        return _taken(kind, holder, f"which the state has as {urn}, and which this run has not seen", hint)

    async def _leaving(self, kind: ResourceKind, holder: Live) -> _Resource | None:
        """Return the resource that is to release its name, by this run or by a preview; None if there is none."""
        known, holders = self._known.get(holder.id), (await self.world.memory(kind.system)).holders
        if known is not None and known.leaving is not None:
            return known if known.leaving else None
        urn = holders.holder(holder.id)
        if not urn or not holders.is_leaving(holder.id, as_key(kind.handler.key(holder.spec))):
            return None
        known = self._known[holder.id] = _Resource(urn, kind, holder, leaving=True)
        return known

    def _about(self, key: str) -> tuple[object, ...]:
        """Return whether a resource is known, is about to release its name, and has a temporary name."""
        known = self._known.get(key)
        return known is not None, known is not None and known.leaving, key in self._aside

    async def _holder(self, kind: ResourceKind, spec: dict[str, Any], own: str) -> Live | None:
        live = await self.world.reads(kind.system).find(kind, spec)
        return live if live is not None and live.id != own else None

    def _circle(self, start: str, end: str) -> bool:
        """Return whether the chain of waits from `start` leads to `end`."""
        seen: set[str] = set()
        while start in self._waiting and start not in seen:
            seen.add(start)
            start = self._waiting[start]
        return start == end

    async def _step_aside(self, resource: _Resource) -> None:
        """Give a resource a temporary name; the ledger records it until the resource has its own."""
        kind, live = resource.kind, resource.live
        name = temporary(live)
        memory = await self.world.memory(kind.system)
        await self.world.may_write(kind, live.spec)
        async with self.world.writing[writer(kind, live.spec, live.id)]:
            known = self._known.get(live.id)
            if live.id in self._aside or known is None or not known.leaving:
                return  # it was updated in the meantime
            await memory.set_aside(resource.urn, kind, live.id, name)
            await self._rename(kind, live, name)
            self._aside.add(live.id)
        self.world.host.info(
            f'{live.name} ({live.id}) is temporarily named "{name}": names are exchanged.',
            resource.urn,
        )
        self._tell()

    async def _back(self, kind: ResourceKind, own: Live) -> None:
        """Give a resource with a temporary name its former name back, if that is still free."""
        if own.id not in self._aside or self.world.stop.is_set():
            return
        handler = kind.handler
        with contextlib.suppress(TrueupError):
            if await self._holder(kind, own.spec, own.id) is None:
                await self._rename(kind, own, own.spec[handler.naming])
                self._aside.discard(own.id)
                await (await self.world.memory(kind.system)).has_its_name(own.id)

    async def _rename(self, kind: ResourceKind, live: Live, name: str) -> None:
        handler, reads = kind.handler, self.world.reads(kind.system)
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
        """Wait for more news than that; return False when none came for a while. Raises Stopped."""
        if self.world.stop.is_set():
            raise Stopped("interrupted while waiting for a name.")
        if self._count != count:
            return True
        news, stop = asyncio.ensure_future(self._news.wait()), asyncio.ensure_future(self.world.stop.wait())
        try:
            done, _ = await asyncio.wait((news, stop), timeout=quiet, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            stop.cancel()
        if self.world.stop.is_set():
            raise Stopped("interrupted while waiting for a name.")
        return bool(done)

    def _tell(self) -> None:
        """Wake all waiting resources, each of which looks again."""
        self._count += 1
        self._news.set()
        self._news = asyncio.Event()


def _other_name(handler: Handler, live: Live, wanted: dict[str, Any]) -> bool:
    """Return whether the declared unique name differs from the live one; an unknown name does not."""
    try:
        before: Hashable = handler.key(live.spec)
        return before != handler.key({**live.spec, **wanted})
    except (KeyError, TypeError):
        return False


def _taken(kind: ResourceKind, holder: Live, who: str, hint: str) -> SafetyError:
    naming = kind.handler.naming
    name = f'the name "{holder.spec.get(naming)}"' if naming else holder.name
    return SafetyError(f"{name} is taken by {kind.name} {holder.id}, {who}.", hint=hint)


def writer(kind: ResourceKind, spec: dict[str, Any], key: str = "") -> str:
    """Return the key of a write lock: the parent's id, or the resource's own id, or its name while it has no id."""
    if kind.parent:
        return str(spec.get(kind.parent))
    return key or str(kind.handler.key(dict(spec)))
