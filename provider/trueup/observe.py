"""The cheapest complete reading of what is live: each kind once a connection, however many resources ask for it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, cast

from trueup.errors import SafetyError
from trueup.model import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trueup.client import Client
    from trueup.model import Declared, Listing, Verbs
    from trueup.records import Record

Place = tuple[str, str, str]


async def observe(
    declared: Sequence[Declared],
    clients: Mapping[tuple[str, str], Client],
    records: Mapping[tuple[str, str], Mapping[str, Record]] | None = None,
    *,
    whole: bool = True,
) -> dict[Place, Listing]:
    """What is live of every kind that is declared, by system, connection and kind. Raises ApiError.

    `whole=False` says that the run is about these resources alone, so that few of them may be looked up one by one: by
    key, and by the id under which `records` (the ledger's, by system and connection, then by id) know them.
    """
    groups: dict[Place, list[Declared]] = defaultdict(list)
    for one in declared:
        groups[one.address.system, one.address.connection, one.address.kind].append(one)

    async def read(place: Place, wanted: list[Declared]) -> Listing:
        verbs = cast("Verbs", wanted[0].kind.verbs)
        held = {} if whole or records is None else records.get(place[:2], {})
        addresses = {str(one.address) for one in wanted} if held else set()
        known = tuple(record.id for record in held.values() if record.address in addresses)
        return await verbs.read(clients[place[:2]], Scope(tuple(wanted), whole, known))

    found = await asyncio.gather(*(read(*group) for group in groups.items()), return_exceptions=True)
    listings: dict[Place, Listing] = {}
    for place, listing in zip(groups, found, strict=True):
        if isinstance(listing, BaseException):
            raise listing
        listings[place] = listing
    return listings


async def guard(
    listings: Mapping[Place, Listing], clients: Mapping[tuple[str, str], Client], organizations: Mapping[str, str]
) -> None:
    """Raises SafetyError when a connection's credential belongs to another organisation than it should.

    `organizations` are the expected ones by the name of Den's connection. What was read tells, without a request; only
    an empty organisation has to be asked (`GET /v1/org`, case `org-context`).
    """
    for name, expected in organizations.items():
        seen = {
            str(live.server["organizationId"])
            for place, listing in listings.items()
            if place[:2] == ("den", name)
            for live in listing.items
            if live.server.get("organizationId")
        }
        if not seen:
            answer = await clients["den", name].get("/v1/org")
            found = answer.body.get("organization") if isinstance(answer.body, dict) else None
            if not isinstance(found, dict) or not isinstance(found.get("id"), str):
                raise answer.malformed("no organization")
            seen = {found["id"]}
        if seen != {expected}:
            raise SafetyError(
                f'connection "{name}" is meant for organisation {expected}, and its credential belongs to '
                f"{', '.join(sorted(seen))}.",
                hint="Nothing was planned or sent. Use the credential of the right organisation.",
            )
