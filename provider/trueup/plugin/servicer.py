"""Pulumi's ResourceProvider service: converts each call between protobuf and the modules of this package.

Sources: `provider.proto` of the Pulumi protocol, and how the engine of pkg/v3 3.259 calls it.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from trueup.core.changes import MISSING, dotted
from trueup.core.errors import SafetyError, TrueupError, UsageError
from trueup.plugin import config, functions, naming
from trueup.plugin.checking import check, newer_words
from trueup.plugin.codec import UNKNOWN, bare, decode, encode, has_unknown
from trueup.plugin.differing import predicted
from trueup.plugin.failures import abort, why
from trueup.plugin.faults import Failure
from trueup.plugin.greeting import Greeting
from trueup.plugin.host import Host
from trueup.plugin.resources import Resources
from trueup.plugin.states import RENAMED
from trueup.plugin.tokens import id_of, kind_of, tenant_name
from trueup.plugin.world import World
from trueup.systems.registry import BROKEN, SYSTEMS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from grpc.aio import ServicerContext

    from trueup.core.changes import Change
    from trueup.core.kinds import ResourceKind
    from trueup.plugin.differing import Differences

    Context = ServicerContext[Any, Any]

_KINDS: Final = provider_pb2.PropertyDiff.Kind
_UNCONFIGURED: Final = "The provider's configuration is not known yet or was refused."


class Provider(Greeting):
    """One provider process. `aclose` closes its connections and its ledger."""

    def __init__(self, address: str = "", folder: Path | None = None) -> None:
        self._host = Host(address)
        self._folder = folder or Path.cwd()
        self._world: World | None = None
        self._resources: Resources | None = None
        """Those of that world."""
        self._claims = naming.Claims()
        self._ready: tuple[dict[str, Any], World] | None = None
        """The connection that CheckConfig opened and Configure reuses."""

    async def aclose(self) -> None:
        """Close connections and ledger, and send the messages that are left."""
        await self._unready()
        if self._world is not None:
            await self._world.__aexit__()
            self._world, self._resources = None, None
        await self._host.aclose()

    # Lifecycle

    def heard(self, address: str) -> None:
        """Keep the engine's address unless one is known already."""
        self._host, self._claims = Host(address), naming.Claims()

    async def Cancel(self, request: empty_pb2.Empty, context: Context) -> Any:
        """Interrupt waits. Requests in flight finish, and no more are sent."""
        if self._world is not None:
            self._world.cancel()
        return empty_pb2.Empty()

    # Configuration

    async def CheckConfig(self, request: provider_pb2.CheckRequest, context: Context) -> Any:
        """Return the configuration with keys as secrets, and its failures."""
        async with _explained(context):
            found, failures = config.checked(decode(request.news))
            failures = failures or await self._guarded(found)
            return provider_pb2.CheckResponse(
                inputs=encode(found),
                failures=[provider_pb2.CheckFailure(property=one.property, reason=one.reason) for one in failures],
            )

    async def DiffConfig(self, request: provider_pb2.DiffRequest, context: Context) -> Any:
        """Return the changes to the configuration. Only another organisation or project replaces the provider."""
        async with _explained(context):
            before = config.plain(decode(request.old_inputs if request.HasField("old_inputs") else request.olds))
            after = config.plain(decode(request.news))
            names = [name for name in config.KNOWN if bare(before.get(name)) != bare(after.get(name))]
            replaces: list[str] = []
            for system in (name for name, one in SYSTEMS.items() if one.tenant.alone):
                moved = [name for name in (f"{system}Url", tenant_name(system)) if name in names]
                if moved and await functions.elsewhere(system, before, after):
                    replaces += moved
            return _diff({(name,): (name in before, name in after, name in replaces) for name in names}, again=False)

    async def Configure(self, request: provider_pb2.ConfigureRequest, context: Context) -> Any:
        """Open the configured systems and verify the key once."""
        async with _explained(context):
            if self._world is not None:
                await self._world.__aexit__()
            self._world, self._resources, self._claims = None, None, naming.Claims()
            for broken in BROKEN:
                self._host.warn(f"{broken}.")
            args = config.plain(decode(request.args))
            if self._ready is not None and self._ready[0] == args:
                self._world, self._ready = self._ready[1], None
            elif (found := config.config_of(args)) is not None:
                await self._unready()
                self._world = await self._opened(found)
            if self._world is not None:
                self._resources = Resources(self._world)
            return provider_pb2.ConfigureResponse(
                acceptSecrets=True,
                supportsPreview=True,
                acceptResources=True,
                acceptOutputs=False,
                supports_autonaming_configuration=True,
            )

    # Resources

    async def Check(self, request: provider_pb2.CheckRequest, context: Context) -> Any:
        """Return the inputs, completed and in canonical form, and failures by property."""
        async with _explained(context):
            kind = kind_of(_type_of(request.urn))
            autonaming = request.autonaming if request.HasField("autonaming") else None
            given, failed = naming.named(kind, request.urn, decode(request.olds), decode(request.news), autonaming)
            found, failures = check(kind, given)
            for warning in newer_words(kind, found):
                self._host.warn(warning, request.urn)
            failures = [*failed, *failures] or self._elsewhere(kind, found)
            failures = failures or self._claims.claim(kind, request.urn, found)
            if self._resources is not None:
                self._resources.handovers.declare(request.urn)
            return provider_pb2.CheckResponse(
                inputs=encode(found),
                failures=[provider_pb2.CheckFailure(property=one.property, reason=one.reason) for one in failures],
            )

    async def Diff(self, request: provider_pb2.DiffRequest, context: Context) -> Any:
        """Return the differences by path, and which of them need a replacement."""
        async with _explained(context):
            kind = kind_of(_type_of(request.urn))
            state = decode(request.olds)
            before = decode(request.old_inputs) if request.HasField("old_inputs") else state
            found = await self._the_resources().diff(
                request.urn, kind, request.id, state, before, decode(request.news), tuple(request.ignoreChanges)
            )
            return _diff_of(found)

    async def Create(self, request: provider_pb2.CreateRequest, context: Context) -> Any:
        """Create a resource; in a preview, return the known part of its state."""
        async with _explained(context):
            kind = kind_of(_type_of(request.urn))
            inputs = decode(request.properties)
            if request.preview:
                return provider_pb2.CreateResponse(properties=encode(_sayable(predicted(kind, inputs, {}))))
            made = await self._the_resources().create(request.urn, kind, inputs)
            return provider_pb2.CreateResponse(id=made.id, properties=encode(made.state))

    async def Read(self, request: provider_pb2.ReadRequest, context: Context) -> Any:
        """Return the live resource; an empty id and no properties when it does not exist."""
        async with _explained(context):
            kind = kind_of(_type_of(request.urn))
            state, inputs = decode(request.properties), decode(request.inputs)
            made = await self._the_resources().read(request.urn, kind, request.id, state, inputs)
            if made is None:
                return provider_pb2.ReadResponse()
            return provider_pb2.ReadResponse(id=made.id, properties=encode(made.state), inputs=encode(made.inputs))

    async def Update(self, request: provider_pb2.UpdateRequest, context: Context) -> Any:
        """Update a resource; in a preview, return the known part of its state."""
        async with _explained(context):
            kind = kind_of(_type_of(request.urn))
            state, inputs = decode(request.olds), decode(request.news)
            before = decode(request.old_inputs) if request.HasField("old_inputs") else state
            ignored = tuple(request.ignoreChanges)
            resources = self._the_resources()
            if request.preview:
                found = await resources.diff(request.urn, kind, request.id, state, before, inputs, ignored)
                if found.refused:
                    raise SafetyError(found.refused)
                return provider_pb2.UpdateResponse(properties=encode(_sayable(predicted(kind, inputs, state, found))))
            made = await resources.update(request.urn, kind, request.id, state, before, inputs, ignored)
            return provider_pb2.UpdateResponse(properties=encode(made.state))

    async def Delete(self, request: provider_pb2.DeleteRequest, context: Context) -> Any:
        """End a resource according to its deletionPolicy."""
        async with _explained(context):
            kind = kind_of(_type_of(request.urn))
            inputs = decode(request.old_inputs) if request.HasField("old_inputs") else {}
            await self._the_resources().delete(request.urn, kind, request.id, decode(request.properties), inputs)
            return empty_pb2.Empty()

    async def List(self, request: provider_pb2.ListRequest, context: Context) -> AsyncIterator[Any]:
        """Return the ids and names of a kind's resources."""
        async with _explained(context):
            kind = kind_of(request.token)
            query = decode(request.query)
            if has_unknown(query):
                yield provider_pb2.ListResponse(computed=provider_pb2.ListResponse.Computed())
                return
            found = await functions.listed(self._the_world(), kind, bare(query))
            for live in found[: request.limit] if request.limit > 0 else found:
                yield provider_pb2.ListResponse(
                    result=provider_pb2.ListResponse.Result(id=id_of(kind, live), name=live.name)
                )

    # Functions

    async def Invoke(self, request: provider_pb2.InvokeRequest, context: Context) -> Any:
        """Call a function of the schema."""
        async with _explained(context):
            arguments = decode(request.args)
            result, failures = await functions.invoke(self._the_world(), request.tok, bare(arguments))
            return provider_pb2.InvokeResponse(
                **{"return": encode(result)},
                failures=[provider_pb2.CheckFailure(property=one.property, reason=one.reason) for one in failures],
            )

    async def Call(self, request: provider_pb2.CallRequest, context: Context) -> Any:
        """Refuse: resources have no methods."""
        async with _explained(context):
            raise UsageError(f"{request.tok} is not a method of this provider.")

    async def Construct(self, request: provider_pb2.ConstructRequest, context: Context) -> Any:
        """Refuse: there are no components."""
        async with _explained(context):
            raise UsageError(f"{request.type} is not a component of this provider.")

    async def Parameterize(self, request: provider_pb2.ParameterizeRequest, context: Context) -> Any:
        """Refuse: the provider has no parameters."""
        async with _explained(context):
            raise UsageError("trueup does not support parameters.")

    # Shared

    async def _guarded(self, args: dict[str, Any]) -> list[Failure]:
        """Return the failures of a configuration that names an organisation.

        The engine shows an error of Configure at the first resource, and one of CheckConfig at the provider.
        """
        await self._unready()
        guards = [name for name, system in config.TENANTS.items() if SYSTEMS[system].tenant.alone]
        try:
            found = config.config_of(args)
            guarded = [name for name in guards if found and config.TENANTS[name] in found.systems]
            if found is None or all(found.systems[config.TENANTS[name]].tenant is None for name in guarded):
                return []
            self._ready = config.plain(args), await self._opened(found)
        except TrueupError as error:
            named = [name for name in guards if name in args] if isinstance(error, SafetyError) else []
            return [Failure(named[0] if named else "", why(error))]
        return []

    async def _opened(self, found: config.Config) -> World:
        world = await World(found, self._host, self._folder).__aenter__()
        try:
            await world.probe()
        except BaseException:
            await world.__aexit__()
            raise
        return world

    async def _unready(self) -> None:
        if self._ready is not None:
            (_, world), self._ready = self._ready, None
            await world.__aexit__()

    def _elsewhere(self, kind: ResourceKind, inputs: dict[str, Any]) -> list[Failure]:
        reason = self._world.outside(kind, bare(inputs)) if self._world is not None else ""
        return [Failure(SYSTEMS[kind.system].tenant.field, reason)] if reason else []

    def _the_world(self) -> World:
        if self._world is None:
            raise UsageError(_UNCONFIGURED, hint="See the first error above.")
        return self._world

    def _the_resources(self) -> Resources:
        if self._resources is None:
            raise UsageError(_UNCONFIGURED, hint="See the first error.")
        return self._resources


@contextlib.asynccontextmanager
async def _explained(context: Context) -> AsyncIterator[None]:
    """End a failed call with a code and one sentence, never a traceback."""
    try:
        yield
    except Exception as error:  # any error, without its text, which may be secret
        await abort(context, error)


def _type_of(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def _sayable(known: dict[str, Any]) -> dict[str, Any]:
    """Return the values without those that are unknown as a whole, which the protocol omits."""
    return {name: value for name, value in known.items() if bare(value) is not UNKNOWN}


def _diff_of(found: Differences) -> Any:
    paths: dict[tuple[str | int, ...], tuple[bool, bool, bool]] = {}
    for change in found.changes:
        paths[change.path] = (_is_there(change, "before"), _is_there(change, "after"), change in found.replaces)
    return _diff(paths, again=found.again)


def _is_there(change: Change, side: str) -> bool:
    return getattr(change, side) is not MISSING


def _diff(paths: dict[tuple[str | int, ...], tuple[bool, bool, bool]], *, again: bool) -> Any:
    """Return a response. `paths` holds for each path whether it existed, will exist, and needs a replacement."""
    detailed = {}
    for path, (was, now, replaces) in paths.items():
        name = "UPDATE" if was and now else "ADD" if now else "DELETE"
        kind = getattr(_KINDS, f"{name}_REPLACE" if replaces else name)
        detailed[dotted(path)] = provider_pb2.PropertyDiff(kind=kind, inputDiff=path[0] != RENAMED)
    tops = list(dict.fromkeys(str(path[0]) for path in paths))
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if paths else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=tops,
        replaces=[name for name in tops if any(path[0] == name and found[2] for path, found in paths.items())],
        detailedDiff=detailed,
        hasDetailedDiff=True,
        deleteBeforeReplace=again and any(found[2] for found in paths.values()),
    )
