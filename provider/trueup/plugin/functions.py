"""The provider's functions: look-ups and lists, answered from the same reads that resources use."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from trueup.core.errors import TrueupError, UsageError
from trueup.core.progress import Quiet
from trueup.engine.connections import SANDBOX, opened
from trueup.engine.options import SystemClock
from trueup.plugin import config
from trueup.plugin.faults import Failure
from trueup.plugin.functions_schema import FUNCTIONS
from trueup.systems.functions import InputError
from trueup.systems.registry import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueup.core.kinds import ResourceKind
    from trueup.core.values import Live
    from trueup.plugin.world import World
    from trueup.systems.functions import Function

_SHORT: Final = 10.0
"""Seconds allowed for a request whose failure is tolerated."""


async def invoke(world: World, token: str, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], list[Failure]]:
    """Return a function's result, or the failures in its arguments. Raises TrueupError."""
    if token not in FUNCTIONS:
        raise UsageError(f"{token} is not a function of this provider.", hint=f"Functions: {', '.join(FUNCTIONS)}.")
    system, function = FUNCTIONS[token]
    given = {name: value for name, value in arguments.items() if value is not None}
    reads = world.reads(system)
    try:
        _check(function, given)
        return await function.call(reads, given), []
    except InputError as error:
        return {}, [Failure(error.name, error.message)]


def _check(function: Function, given: Mapping[str, Any]) -> None:
    """Raise InputError unless the inputs are those that the function takes."""
    if function.one_of and len(given.keys() & set(function.one_of)) != 1:
        raise InputError(function.one_of[0], f"give exactly one of {' and '.join(function.one_of)}.")
    for name, input in function.inputs.items():
        if name not in given:
            if name in function.required:
                raise InputError(name, f"{name} is missing.")
            continue
        value = given[name]
        if input.type == "integer":
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InputError(name, f"{name} must be a whole number, at least 1.")
        elif not isinstance(value, str) or not value.strip():
            raise InputError(name, f"{name} must be a non-empty string.")


async def listed(world: World, kind: ResourceKind, query: Mapping[str, Any]) -> list[Live]:
    """Return all resources of a kind, or of a child kind those of the parent in the query. Raises TrueupError."""
    parent = query.get(kind.parent) if kind.parent else ""
    if not isinstance(parent, str) or (kind.parent and not parent):
        raise UsageError(f"{kind.name} can only be listed for one parent.", hint=f"Give {kind.parent}.")
    return await world.reads(kind.system).all(kind, parent)


async def elsewhere(system: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether the keys of two configurations are known to belong to different tenants."""
    same_server = config.server_of(before, system) in (None, config.server_of(after, system))
    meant = {config.tenant_of(before, system), config.tenant_of(after, system)}
    if same_server and (None in meant or len(meant) == 1):
        return False
    found: list[str] = []
    for arguments in (before, after):
        try:
            known = config.config_of(arguments)
            settings = known.systems.get(system) if known else None
            if settings is None or settings.url == SANDBOX:
                return False
            # The guard is left out: this request finds out which tenant the key belongs to.
            settings = dataclasses.replace(settings, timeout=_SHORT, tenant=None)
            client = opened(settings, SystemClock(), Quiet())
            try:
                found.append(await SYSTEMS[system].tenant.of(client))
            finally:
                await client.aclose()
        except (TrueupError, ValueError):
            return False
    return found[0] != found[1]
