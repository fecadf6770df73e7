"""The handler of a plain kind of Den: its lists stay true while others write, and its answers hold an `item`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trueup.systems.den import lists
from trueup.systems.rest import RestHandler

if TYPE_CHECKING:
    from trueup.core.api import Answer, Api


class DenHandler(RestHandler):
    """A RestHandler that reads as `lists` does."""

    async def rows(self, api: Api, parent: str) -> list[lists.Item]:
        """Return the rows of the list, or of the list of one parent."""
        return await lists.read_children(api, self.listed, self.needs, **self.filled(self.listed, parent))

    def row(self, answer: Answer, key: str = "") -> lists.Item:
        """Return the item of an answer. Raises Malformed."""
        return lists.item_of(answer, key or None, self.needs)
