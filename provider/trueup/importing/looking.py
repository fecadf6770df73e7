"""The live resources of one kind: all, the children of a parent, or one by name."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from trueup.core.errors import UsageError
from trueup.core.kinds import Declared, Scope
from trueup.core.values import Address, Listing, Live, Where
from trueup.engine.read import guard
from trueup.importing.filters import chosen
from trueup.importing.kinds import short
from trueup.importing.reading import LiveResources
from trueup.systems.registry import resource_kind
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trueup.core.kinds import ResourceKind
    from trueup.importing.reading import ImportRequest
    from trueup.transport.client import Client

_NEAR = 3


async def by_name(client: Client, kind: ResourceKind, name: str) -> list[Live]:
    """The resource of that name or id, where one can be looked up without reading them all; else none."""
    field = kind.by_name.get("id")
    if kind.parent or "name" not in kind.by_name or field is None:
        return []
    spec = {"id": name} if re.fullmatch(field.schema.get("pattern", "(?!)"), name) else {"name": name}
    stub = Declared(Address(kind.system, kind.name, name), kind, spec, Where("", 0))
    listing = await kind.handler.read(client, Scope((stub,), whole=False))
    return called(listing.items, name)


def called(lives: Sequence[Live], name: str) -> list[Live]:
    """Those of that name, whatever its case, or of that id."""
    wanted = name.strip().casefold()
    return [live for live in lives if live.id == name.strip() or live.name.casefold() == wanted]


def unknown(kind: ResourceKind, name: str, lives: Sequence[Live]) -> UsageError:
    """The error that names near ones."""
    known = {live.name.casefold(): live.name for live in lives}
    wanted = name.strip().casefold()
    near = [known[key] for key in difflib.get_close_matches(wanted, known, n=_NEAR)]
    near = near or [live.name for live in lives if wanted in live.name.casefold()][:_NEAR]
    message = f'none of the {short(kind)} that this credential can see is called "{plain(name, 80)}".'
    quoted = " or ".join(f'"{plain(one, 80)}"' for one in near)
    some = ", ".join(f'"{plain(live.name, 80)}"' for live in lives[:_NEAR])
    more = " and others" if len(lives) > _NEAR else ""
    return UsageError(message, hint=f"Did you mean {quoted}?" if near else f"There are {some}{more}." if some else "")


async def below(client: Client, kind: ResourceKind, given: str, wanted: ImportRequest) -> LiveResources:
    """Return the children of the named parent, and the parent itself.

    The parent is an instance, by name or id, or a target, by id or as INSTANCE/REMOTEID. Raises UsageError.
    """
    await guard([client])
    found = LiveResources()
    parent = resource_kind(kind.system, kind.parent_kind)
    means = await parent.handler.find(client, given)
    if means is None:
        lives = (await parent.handler.read(client, Scope())).items
        means = tuple(called(lives, given)[:1])
        if not means:
            raise unknown(parent, given, lives)
    *owners, live = means
    for owner in owners:
        found.listings[owner.kind] = Listing([owner])
    found.listings[parent.name] = Listing([live])
    handler = kind.handler
    listing = await handler.read(client, Scope(parents=(live.id,)))
    found.listings[kind.name] = listing
    lives = chosen(listing.items, wanted.filters, (), kind)
    found.chosen[kind.name] = sorted(lives, key=lambda live: (live.name.casefold(), live.name, live.id))
    return found
