"""The live resources of several kinds, each read once and only below the selected parents."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trueup.core.errors import Malformed
from trueup.core.kinds import Handler, Scope
from trueup.core.values import DEFAULT_CONNECTION, Listing
from trueup.engine.read import guard, read_below
from trueup.importing.filters import ACCOUNTS, chosen
from trueup.importing.kinds import live_kinds, parent_of, short, with_parents
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trueup.core.fields import Field
    from trueup.core.kinds import ResourceKind
    from trueup.core.values import Live
    from trueup.importing.filters import Filter
    from trueup.transport.client import Client


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """The kinds and filters to read."""

    kinds: tuple[ResourceKind, ...]
    """The kinds that are wanted; what they are listed below is read as well."""
    filters: tuple[Filter, ...] = ()
    """The filters of the main kind; its children and the resources that it refers to follow from it."""
    projects: tuple[str, ...] = ()
    """Parents that are no resources: tenants that resources name."""
    connection: str = DEFAULT_CONNECTION


@dataclass(slots=True)
class LiveResources:
    """The live resources, by the name of the kind."""

    listings: dict[str, Listing] = field(default_factory=dict)
    chosen: dict[str, list[Live]] = field(default_factory=dict)
    """The resources that match the filters, ordered by name and id."""


def main_kind(kinds: Sequence[ResourceKind]) -> ResourceKind:
    """The kind that filters are about: the last one that has a list of its own."""
    return [kind for kind in with_parents(kinds) if parent_of(kind) is None][-1]


async def read(client: Client, wanted: ImportRequest) -> LiveResources:
    """All that is live of the wanted kinds. Raises ApiError, UsageError and SafetyError."""
    found = LiveResources()
    main = main_kind(wanted.kinds)
    kinds = wanted.kinds
    if any(one.name == "account" for one in wanted.filters):
        kinds += tuple(kind for kind in live_kinds(main.system) if kind.name == ACCOUNTS)
    for kind in with_parents(kinds):
        handler = kind.handler
        listing = await _listing(client, kind, handler, found, wanted)
        _once(kind, handler, listing)
        found.listings[kind.name] = listing
        accounts = found.listings.get(ACCOUNTS)
        filters = wanted.filters if kind == main else ()
        lives = chosen(listing.items, filters, accounts.items if accounts else (), kind)
        found.chosen[kind.name] = sorted(lives, key=lambda live: (live.name.casefold(), live.name, live.id))
    await guard([client])
    if wanted.filters:
        for field in main.references:
            _only_referred(field, found, main)
    return found


async def _listing(
    client: Client, kind: ResourceKind, handler: Handler, found: LiveResources, wanted: ImportRequest
) -> Listing:
    parent = parent_of(kind)
    if parent is None:
        client.progress.phase("reading")
        return await handler.read(client, Scope(parents=wanted.projects if kind.parent else ()))
    below = tuple(live.id for live in found.chosen[parent.name])
    scope = Scope(parents=below)
    if not below:
        return Listing([])
    client.progress.phase("reading", len(below))
    return await read_below(client, handler, scope, short(kind), short(parent))


def _once(kind: ResourceKind, handler: Handler, listing: Listing) -> None:
    """Raises Malformed when two would claim the same, which the server itself does not allow."""
    if "connectorId" in kind.by_name:
        return  # whether names are unique there is unknown; an id tells them apart
    seen: dict[object, Live] = {}
    for live in listing.items:
        first = seen.setdefault(handler.key(live.spec), live)
        if first is not live:
            system = kind.system.capitalize()
            raise Malformed(
                f"{system} tells of two {short(kind)} that cannot both be: {first.id} and {live.id} are both called "
                f'"{plain(live.name, 80)}".',
                hint="Nothing was written.",
            )


def _only_referred(field: Field, found: LiveResources, main: ResourceKind) -> None:
    """Of what the main kind refers to, those that are referred to."""
    name = str(field.reference)
    if name in found.chosen:
        referred = {live.spec.get(field.name) for live in found.chosen[main.name]}
        found.chosen[name] = [live for live in found.chosen[name] if live.id in referred]
