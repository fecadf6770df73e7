"""A listing, indexed: for the engine, which matches what is declared with it, and for the provider, which looks up."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueup.core.kinds import Handler
    from trueup.core.values import Address, Listing, Live


class Index:
    """The live resources of one listing, by id and by natural key; each is claimed once."""

    def __init__(self, handler: Handler, listing: Listing) -> None:
        self.handler = handler
        self.listing = listing
        self.by_id = {live.id: live for live in listing.items}
        self.by_key: dict[Any, list[Live]] = defaultdict(list)
        for live in listing.items:
            self.by_key[handler.key(live.spec)].append(live)
        self.claimed: dict[str, Address] = {}
        self.named: dict[Any, Address] = {}
        """Addresses by the natural key that they declare, including resources that do not exist yet."""
        self._near: dict[Any, list[Live]] | None = None

    def near(self, key: Any) -> list[Live]:
        """Return the live resources whose natural key a database may take for that one; indexed at the first call."""
        if self._near is None:
            self._near = defaultdict(list)
            for live in self.listing.items:
                self._near[self.handler.near(live.spec)].append(live)
        return self._near.get(key, [])
