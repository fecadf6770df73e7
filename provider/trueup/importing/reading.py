"""What is live of some kinds, each read once and below what was chosen of its parents."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from trueup.errors import Malformed
from trueup.importing.filters import ACCOUNTS, chosen
from trueup.importing.kinds import parent_of, short, with_parents
from trueup.match import Matches
from trueup.model import DEFAULT_CONNECTION, Scope, Verbs
from trueup.observe import guard

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from trueup.client import Client
    from trueup.importing.filters import Filter
    from trueup.model import Kind, Listing, Live

_WORTH: Final = 100
"""Requests of one kind's reading that a person is told of before it begins."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be read."""

    kinds: tuple[Kind, ...]
    """The kinds that are wanted; what they are listed below is read as well."""
    filters: tuple[Filter, ...] = ()
    """What the main kind is narrowed by; what is below it follows, and so does what it refers to."""
    projects: tuple[str, ...] = ()
    """Parents that are no resources: projects of Wexa."""
    connection: str = DEFAULT_CONNECTION
    organization: str | None = None
    """The organisation that the credential has to belong to."""


@dataclass(slots=True)
class Found:
    """What was read, by the name of the kind."""

    listings: dict[str, Listing] = field(default_factory=dict)
    chosen: dict[str, list[Live]] = field(default_factory=dict)
    """What fits the filters, in the order of names and ids."""


def main_kind(kinds: Sequence[Kind]) -> Kind:
    """The kind that filters are about: the last one that has a list of its own."""
    return [kind for kind in with_parents(kinds) if parent_of(kind) is None][-1]


async def read(client: Client, wanted: Wanted) -> Found:
    """All that is live of the wanted kinds. Raises ApiError, UsageError and SafetyError."""
    found = Found()
    kinds = list(with_parents(wanted.kinds))
    main = main_kind(kinds)
    if any(one.name == "account" for one in wanted.filters) and kinds[0].name != ACCOUNTS:
        accounts = next(trait.reference for trait in main.references if trait.reference == ACCOUNTS)
        kinds = [*(kind for kind in with_parents_of(main) if kind.name == accounts), *kinds]
    matches = Matches([])
    for kind in kinds:
        verbs = cast(Verbs, kind.verbs)
        listing = await _listing(client, kind, verbs, found, wanted)
        matches.take((kind.system, wanted.connection, kind.name), verbs, listing)
        once(kind, listing.items)
        found.listings[kind.name] = listing
        filters = wanted.filters if kind == main else ()
        accounts_read = found.listings.get(ACCOUNTS)
        lives = chosen(listing.items, filters, accounts_read.items if accounts_read else [])
        found.chosen[kind.name] = sorted(lives, key=lambda live: (live.name.casefold(), live.name, live.id))
    if wanted.organization and kinds[0].system == "den":
        key = ("den", wanted.connection)
        await guard(matches, {key: client}, {wanted.connection: wanted.organization})
    if wanted.filters:
        _follow(main, found)
    return found
