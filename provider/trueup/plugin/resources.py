"""Create, Read, Update and Delete of one resource, through the kind's handler, which the command uses too."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from trueup.core.changes import Change
from trueup.core.errors import NotFound, Refused, SafetyError, Stopped, TrueupError
from trueup.core.kinds import Declared
from trueup.core.secrets import reveal
from trueup.core.values import DELETES, Address, Desired, Kept, Live, Refusal, Where
from trueup.engine.apply.journal import as_key
from trueup.plugin.codec import bare, has_unknown, secrets
from trueup.plugin.differing import Differences, differences, known_as, renamed, same_thing
from trueup.plugin.failures import InPart, why
from trueup.plugin.handovers import Handovers, writer
from trueup.plugin.states import RENAMED, baseline_in, baseline_of, computed_in, imported, laid, live_of, outputs
from trueup.plugin.takeover import foreign, made_by_us, to_write
from trueup.plugin.tokens import ADOPT, id_of, parts_of, token_of
from trueup.report.reasons import PULUMI, worded
from trueup.systems.registry import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trueup.core.kinds import ResourceKind
    from trueup.core.values import Call
    from trueup.plugin.world import World

Properties = dict[str, Any]
_IRREPLACEABLE: Final = ("ConnectorAccount", "ConnectorInstance")
"""Kinds whose replacement destroys their children, and so happens only when the program asks for it."""
_SKEW: Final = timedelta(minutes=2)
"""The maximum by which the server's clock may be behind this machine's."""


@dataclass(frozen=True, slots=True)
class Made:
    """The result of a call: the id, the state, and the inputs that the engine is to keep."""

    id: str
    state: Properties
    inputs: Properties


class Resources:
    """The resources of one configured provider."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.handovers = Handovers(world)

    async def create(self, urn: str, kind: ResourceKind, inputs: Properties) -> Made:
        """Create the resource, or adopt an existing one where that is allowed. Raises TrueupError and InPart."""
        reads = self._world.reads(kind.system)
        spec = await self._canonical(kind, inputs)
        handovers, silent = self.handovers, False
        while True:
            async with self._world.writing[writer(kind, spec)]:
                live = await reads.find(kind, spec)
                anothers = live is not None and await handovers.is_anothers(urn, kind, live)
                if live is None or (not anothers and (silent or await handovers.is_free(urn, kind, spec, live))):
                    await self._tell_of_others(urn, kind, spec)
                    made = await self._create(urn, kind, inputs, spec, live)
                    break
            if anothers:
                await handovers.free(kind, spec)
            else:
                silent = not await handovers.heard_of(urn, kind, live)
        key = parts_of(kind, made.id)[1]
        handovers.saw(urn, kind, live_of(kind, key, "", made.state), {})
        (await self._world.memory(kind.system)).holders.keep(key, urn)
        return made

    async def _create(
        self, urn: str, kind: ResourceKind, inputs: Properties, spec: dict[str, Any], live: Live | None
    ) -> Made:
        if live is not None:
            return await self._take_over(urn, kind, inputs, spec, live)
        handler = kind.handler
        declared = Declared(Address(kind.system, kind.name, ""), kind, spec, Where(urn, 0))
        calls = handler.creation(declared, await self._near(kind, spec))
        if isinstance(calls, Refusal):
            raise Refused(calls.why)
        await self._world.may_write(kind, spec)
        memory = await self._world.memory(kind.system)
        await memory.intend(urn, kind, handler.key(spec))
        return await self._perform(urn, kind, inputs, Desired(spec), calls, None)

    async def read(
        self, urn: str, kind: ResourceKind, given: str, state: Properties, inputs: Properties
    ) -> Made | None:
        """Return the live resource with the state's other values; None when it does not exist. Raises TrueupError."""
        parent, key = parts_of(kind, given)
        if kind.parent and not parent:
            parent = str(bare(state.get(kind.parent)) or "")
        reads = self._world.reads(kind.system)
        try:
            live = await reads.get(kind, key, parent)
        except NotFound:
            live = None
        if state:
            await self._kept(urn, kind, key, parent, state)
        if live is None:
            (await self._world.memory(kind.system)).holders.release(key, urn)
            return None
        if live.trouble:
            self._world.host.warn(worded(live.trouble, PULUMI), urn)
        await self.handovers.read(urn, kind, live, kept=bool(state))
        if not inputs:
            if outside := self._world.outside(kind, live.spec):
                raise SafetyError(f"this {kind.name} cannot be imported: {outside}")
            found = imported(kind, live)
            return Made(id_of(kind, live), outputs(kind, {}, live, {}), found)
        return await self._found(kind, inputs, live, baseline_in(state), state, urn)

    async def update(
        self,
        urn: str,
        kind: ResourceKind,
        given: str,
        state: Properties,
        before: Properties,
        inputs: Properties,
        ignored: Any,
    ) -> Made:
        """Change the resource to the declared inputs. Raises TrueupError and InPart."""
        handler = kind.handler
        parent, key = parts_of(kind, given)
        spec = await self._canonical(kind, await self._as_given(kind, key, parent, before, inputs))
        live = live_of(kind, key, parent, state)
        memory, handovers, renamed = await self._world.memory(kind.system), self.handovers, False
        try:
            found = await self.diff(urn, kind, given, state, before, inputs, ignored)
            if found.refused:
                raise SafetyError(found.refused)
            asked = [change for change in found.changes if change not in found.local]
            if asked:
                if aside := memory.aside(key):
                    live.spec[handler.naming] = aside
                await handovers.free(kind, spec, live)
            made = await self._update(kind, urn, given, state, inputs, spec, live, found, asked)
            renamed = True
        finally:
            handovers.ended(key, renamed=renamed)
        if handler.naming in _names(asked):
            await memory.has_its_name(key)
        return made

    async def _update(
        self,
        kind: ResourceKind,
        urn: str,
        given: str,
        state: Properties,
        inputs: Properties,
        spec: dict[str, Any],
        live: Live,
        found: Differences,
        asked: Sequence[Change],
    ) -> Made:
        handler = kind.handler
        async with self._world.writing[writer(kind, live.spec, live.id)]:
            if not asked:
                kept = computed_in(kind, state) | {name: state[name] for name in (RENAMED,) if name in state}
                return Made(given, outputs(kind, inputs, live, baseline_in(state)) | kept, inputs)
            calls = handler.calls(live, Desired(spec), asked)
            if isinstance(calls, Refusal):
                raise SafetyError(calls.why)
            await self._world.may_write(kind, live.spec)
            return await self._perform(urn, kind, inputs, Desired(spec, removed=tuple(found.removed)), calls, live)

    async def diff(
        self,
        urn: str,
        kind: ResourceKind,
        given: str,
        state: Properties,
        before: Properties,
        inputs: Properties,
        ignored: Any,
    ) -> Differences:
        """Return the differences. Those that cannot be made count as an update, whose preview shows why.

        A refresh calls this as well, and must not fail.
        """
        handler = kind.handler
        parent, key = parts_of(kind, given)
        await self._kept(urn, kind, key, parent, state)
        found = differences(kind, state, before, inputs, ignored)
        await self.handovers.differ(urn, kind, live_of(kind, key, parent, state), inputs, found)
        if former := renamed(kind, state, inputs, found):
            where = SYSTEMS[kind.system].title
            self._warn_renamed(urn, f"in {where}, {', '.join(former)}: update the program. The grant is unchanged.")
        if not found.changes:
            return found
        named = {name: inputs.get(name) for name in (*_names(found.replaces), kind.parent)}
        if found.replaces and handler.translates and not has_unknown(named):
            spec = await self._canonical(kind, inputs)  # an e-mail may belong to the member whose id is in the state
            live = await self._world.reads(kind.system).get(kind, key, parent)
            known = known_as(spec, before, {} if live is None else {name: live.spec.get(name) for name in kind.one_of})
            found = differences(kind, state, before, {**inputs, **known}, ignored)
        found.again = same_thing(handler, {**bare(state), **bare(before)}, bare(inputs))
        found.refused = self._refused(kind, key, state, before, inputs, found)
        if found.refused:
            found.replaces = []
        return found

    def _refused(
        self,
        kind: ResourceKind,
        key: str,
        state: Properties,
        before: Properties,
        inputs: Properties,
        found: Differences,
    ) -> str:
        """Return why the changes can be made neither in place nor by a replacement; empty when they can."""
        replaced = _names(found.replaces)
        asked = [change for change in found.changes if change not in found.local]
        if not asked or (replaced and not found.again):
            return ""
        known = {name: one for name, one in {**before, **state}.items() if not has_unknown(one)}
        wanted = {name: value for name, value in bare(inputs).items() if not has_unknown(value) or name in replaced}
        asked = [change for change in asked if str(change.path[0]) in wanted]
        calls = kind.handler.calls(live_of(kind, key, "", known), Desired(wanted), asked) if asked else ()
        if isinstance(calls, Refusal) and (kind.name in _IRREPLACEABLE or calls.error or not replaced):
            return worded(calls.why, PULUMI)
        if kind.name in _IRREPLACEABLE and replaced and _policy(kind, before) != _policy(kind, inputs):
            return (
                f"the replacement would end the old resource with deletionPolicy {_policy(kind, before)}. "
                "Run pulumi up with the new deletionPolicy alone first."
            )
        return ""

    async def delete(self, urn: str, kind: ResourceKind, given: str, state: Properties, inputs: Properties) -> None:
        """End the resource according to its deletionPolicy. Raises TrueupError."""
        handler = kind.handler
        parent, key = parts_of(kind, given)
        live = live_of(kind, key, parent, state)
        memory = await self._world.memory(kind.system)
        await self._kept(urn, kind, key, parent, state)
        policy = _policy(kind, inputs or state)
        calls = handler.removal(live, policy)
        reads = self._world.reads(kind.system)
        if not isinstance(calls, Kept) and not calls:  # by its state it has ended; the state may be outdated
            seen = await reads.get(kind, key, parent)
            calls = handler.removal(seen, policy) if seen is not None else ()
        if isinstance(calls, Kept):
            say = self._world.host.info if "deletionPolicy" in kind.by_name else self._world.host.warn
            say(f"{live.name} is left unchanged: {worded(calls.why, PULUMI)}.", urn)
            await memory.retain(urn, kind, key)
            memory.holders.release(key, urn)
            return
        if any(call.verb == "disconnect" for call in calls) and not self._world.config.allow_disconnect:
            raise SafetyError(
                "disconnecting an account deletes all its instances.",
                hint="Set trueup:allowDisconnect to true, or deletionPolicy to retain.",
            )
        async with self._world.writing[writer(kind, live.spec, key)]:
            if calls:
                await self._world.may_write(kind, live.spec)
            try:
                for call in calls:
                    after = await handler.perform(self._world.client(kind.system), call, live, Desired(live.spec))
                    live = after or live
            except NotFound:
                reads.gone(kind, key)
                memory.holders.release(key, urn)
                return
            except TrueupError:
                reads.forget(kind, key)
                raise
            memory.holders.release(key, urn)
            if any(call.verb in DELETES for call in calls):
                reads.gone(kind, key)
                self.handovers.gone(key)
                await memory.has_its_name(key)
            elif calls:
                reads.store(kind, live)
                await memory.retain(urn, kind, key, "archive")

    # Shared

    async def _kept(self, urn: str, kind: ResourceKind, key: str, parent: str, state: Properties) -> None:
        """Note that the engine has the resource in its state, so that its creation is no longer open."""
        handler, memory = kind.handler, await self._world.memory(kind.system)
        await memory.taken(key)
        memory.holders.keep(key, urn)
        if not memory.is_open(urn):
            return
        named = None  # the state may hold an e-mail for a grant that was created by id
        if not handler.translates:
            with contextlib.suppress(KeyError):
                named = handler.key(live_of(kind, key, parent, state).spec)
        await memory.settled(urn, named)

    async def _tell_of_others(self, urn: str, kind: ResourceKind, spec: Mapping[str, Any]) -> None:
        """Warn about objects that this resource was creating under another name when an earlier run was killed."""
        handler, memory = kind.handler, await self._world.memory(kind.system)
        names = memory.others(urn, kind, handler.key(dict(spec)))
        if not names:
            return
        for live in await self._world.reads(kind.system).all(kind, str(spec.get(kind.parent) or "")):
            if as_key(handler.key(live.spec)) in names:
                self._world.host.warn(
                    f"{live.name} ({live.id}) was created by an earlier run that was killed, and no state holds it: "
                    f"pulumi import {token_of(kind)} NAME {id_of(kind, live)}, or delete it by hand.",
                    urn,
                )

    async def _canonical(self, kind: ResourceKind, inputs: Properties) -> dict[str, Any]:
        """Return the declared fields as the server writes them, with secrets as the core knows them."""
        given = {name: secrets(value) for name, value in inputs.items() if name != ADOPT.name}
        for name, value in given.items():
            if not isinstance(value, dict):  # the natural key is compared in plain text, even if secret
                given[name] = reveal(value)
        spec = await self._world.reads(kind.system).canonical(kind, given)
        if isinstance(spec, Refusal):
            raise Refused(spec.why)
        return spec

    async def _as_given(
        self, kind: ResourceKind, key: str, parent: str, before: Properties, inputs: Properties
    ) -> Properties:
        """Return the inputs with the ids of existing principals, even if their names have changed."""
        same = [name for name in kind.one_of if name in inputs and bare(inputs[name]) == bare(before.get(name))]
        if not same or not kind.handler.translates:
            return inputs
        live = await self._world.reads(kind.system).get(kind, key, parent)
        return inputs if live is None else {**inputs, **{name: live.spec.get(name, inputs[name]) for name in same}}

    def _warn_renamed(self, urn: str, warning: str) -> None:
        if urn not in self._world.warned:
            self._world.warned.add(urn)
            self._world.host.warn(warning, urn)

    async def _near(self, kind: ResourceKind, spec: Mapping[str, Any]) -> Sequence[Live]:
        """Return similar live resources, for kinds that cannot be created and whose refusal lists them."""
        if kind.handler.creates:
            return ()
        return await self._world.reads(kind.system).all(kind, str(spec[kind.parent]))

    async def _take_over(
        self, urn: str, kind: ResourceKind, inputs: Properties, spec: dict[str, Any], live: Live
    ) -> Made:
        handler = kind.handler
        reason = await self._may_take(urn, kind, inputs, spec, live)
        if not reason:
            raise foreign(kind, live)
        wanted = {**handler.revived(live), **spec}
        asked = to_write(kind, live, wanted)
        calls: tuple[Call, ...] | Refusal = handler.calls(live, Desired(wanted), asked) if asked else ()
        if isinstance(calls, Refusal):
            raise SafetyError(f"{live.name} ({live.id}) cannot be adopted: {worded(calls.why, PULUMI)}")
        if any(call.verb in (*DELETES, "create") for call in calls):
            raise SafetyError(
                f"{live.name} ({live.id}) cannot be adopted: it would have to be replaced.",
                hint="Delete it by hand if it is not needed, or declare its live values.",
            )
        self._world.host.info(f"{live.name} ({live.id}) is adopted: {reason}.", urn)
        memory = await self._world.memory(kind.system)
        if calls:
            await self._world.may_write(kind, spec)
            await memory.intend(urn, kind, handler.key(spec))
        made = await self._perform(urn, kind, inputs, Desired(wanted), calls, live)
        await memory.taken(live.id)
        return made

    async def _may_take(
        self, urn: str, kind: ResourceKind, inputs: Properties, spec: Mapping[str, Any], live: Live
    ) -> str:
        """Return why an existing object may be adopted; empty when it may not."""
        memory = await self._world.memory(kind.system)
        handler = kind.handler
        title = SYSTEMS[kind.system].title
        if memory.began(urn, kind, handler.key(dict(spec))):
            return "this resource was being created when an earlier run ended"
        if bare(inputs.get(ADOPT.name)) is True:
            return "adopt is true"
        if live.spec.get("status") == "archived":
            return "it was archived"
        if memory.retained(live.id):
            return "it was retained when its resource was deleted"
        if live.implied:
            return f"{title} grants it to the creator of the parent"
        if isinstance(handler.removal(live, ""), Kept) and "deletionPolicy" not in kind.by_name:
            return f"{title} cannot delete this kind, so it may be left over"
        return "" if handler.creates else f"{title} documents no way to create one"

    async def _perform(
        self,
        urn: str,
        kind: ResourceKind,
        inputs: Properties,
        desired: Desired,
        calls: Sequence[Call],
        live: Live | None,
    ) -> Made:
        """Make the calls and return the state from their responses."""
        handler = kind.handler
        client, reads = self._world.client(kind.system), self._world.reads(kind.system)
        former, silent, began = live, False, self._world.clock.now()
        try:
            for call in calls:
                answer = await handler.perform(client, call, live, desired)
                if answer is None:
                    silent = True
                    continue
                if live is None and answer.found:
                    if not made_by_us(kind, desired.spec, answer, began):
                        reads.store(kind, answer)
                        raise foreign(kind, answer)
                    reason = "the response to its creation was lost, and it is new and has the values that were sent"
                    self._world.host.warn(f"{answer.name} ({answer.id}) is taken as created here: {reason}.", urn)
                if live is None or answer.id != live.id:
                    reads.made(kind, answer)
                live, silent = answer, False
                reads.store(kind, live)
        except Exception as error:  # a bug as well: the engine must learn what was created
            await self._failed(urn, kind, inputs, desired.spec, former, live, error)
        if live is not None and silent:  # it returns no state
            reads.forget(kind, live.id)
            with contextlib.suppress(TrueupError):
                live = await reads.get(kind, live.id, str(live.spec.get(kind.parent) or "")) or live
        assert live is not None
        declared = {name: desired.spec[name] for call in calls for name in call.paths if name in desired.spec}
        baseline, undone = baseline_of(kind, reveal(declared), live)
        made = await self._found(kind, inputs, live, baseline)
        if undone:
            reason = f"{', '.join(undone)} of {live.name} ({live.id}) was written, but reads back differently."
            raise InPart(made.id, made.state, made.inputs, [f"{reason} Someone else may be writing it. (E308)"])
        return Made(made.id, made.state, inputs)

    async def _failed(
        self,
        urn: str,
        kind: ResourceKind,
        inputs: Properties,
        spec: dict[str, Any],
        former: Live | None,
        live: Live | None,
        error: Exception,
    ) -> None:
        """Raise the error: unchanged when nothing was changed, else as InPart with the known state."""
        reads = self._world.reads(kind.system)
        maybe = error.maybe if isinstance(error, TrueupError) else True
        if live is former and not maybe:
            memory = await self._world.memory(kind.system)
            await memory.settled(urn, kind.handler.key(spec))
            raise error
        if live is None:
            raise error  # its intent stays open, and the next run looks for it
        reads.forget(kind, live.id)
        if not isinstance(error, Stopped):
            with contextlib.suppress(TrueupError):
                live = await reads.get(kind, live.id, str(live.spec.get(kind.parent) or "")) or live
        made = await self._found(kind, inputs, live, {})
        raise InPart(made.id, made.state, made.inputs, [why(error)]) from None

    async def _found(
        self,
        kind: ResourceKind,
        inputs: Properties,
        live: Live,
        baseline: dict[str, Any],
        state: Properties | None = None,
        urn: str = "",
    ) -> Made:
        canonical = None
        former: Properties = {}
        if kind.handler.translates:
            with contextlib.suppress(TrueupError):
                if why := await self._world.reads(kind.system).moved(kind, bare(inputs), live):
                    self._warn_renamed(urn, worded(why, PULUMI))
                    former = {name: inputs[name] for name in kind.one_of if name in inputs}
                    canonical = {name: live.spec.get(name) for name in former}
                else:
                    canonical = await self._canonical(kind, inputs)
        kept = laid(kind, inputs, live, baseline, canonical, state)
        shown = outputs(kind, inputs, live, baseline, canonical)
        if former:
            shown |= {RENAMED: former, **dict.fromkeys(former, live.name)}
        return Made(id_of(kind, live), shown, kept)


def _names(changes: Sequence[Change]) -> set[str]:
    return {str(change.path[0]) for change in changes}


def _policy(kind: ResourceKind, inputs: Properties) -> str:
    field = kind.by_name.get("deletionPolicy")
    return str(bare(inputs.get("deletionPolicy")) or field.default) if field else ""
