"""The handler of a plain REST kind, made of its dataclass and its routes."""

from __future__ import annotations

import contextlib
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from trueup.core.errors import NotFound
from trueup.core.fields import fields_of
from trueup.core.kinds import Handler, Scope
from trueup.core.reasons import Reason
from trueup.core.values import Call, Kept, Listing, Live, Refusal
from trueup.systems import children
from trueup.systems.paging import Row, checked, pages
from trueup.systems.writes import create, merged

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from trueup.core.api import Answer, Api
    from trueup.core.changes import Change
    from trueup.core.kinds import Declared
    from trueup.core.values import Desired

_PLACE: Final = re.compile(r"\{(\w+)\}")
_BY_ID: Final = 2
"""Up to that many are read by id: the list costs as much, or more."""


class RestHandler(Handler):
    """Lists by cursor, POST creates, PATCH changes, DELETE deletes. Fields have the names that the API has.

    `listed` is the route of the list, `/boards`, or `/boards/{board}/cards` of a child; `one` is that of a single
    resource, `/boards/{id}`. `created` is where to POST if not to the list. `parent` is the field that refers to the
    parent, `unique` are the fields of the natural key, the last of which is its name. `gets` says whether GET of a
    single resource exists, and `dated` whether rows have `updatedAt`. A method that an API does otherwise is
    overridden.
    """

    def __init__(
        self,
        cls: type,
        *,
        listed: str,
        one: str,
        created: str = "",
        unique: tuple[str, ...] = ("name",),
        parent: str = "",
        naming: str = "",
        gets: bool = True,
        computed: Mapping[str, str] = MappingProxyType({}),
        dated: bool = False,
    ) -> None:
        self.kind = cls.__name__
        self.fields = {field.name: field for field in fields_of(cls) if not field.local}
        self.listed = listed
        self.one = one
        self.created = created or listed
        self.unique = unique
        self.parent = parent
        self.naming = naming
        self.gets = gets
        self.computed = computed
        self.dated = dated
        self.needs = tuple(name for name in unique if name != parent)
        """Texts without which a row cannot be matched."""

    # What an API may do otherwise

    async def rows(self, api: Api, parent: str) -> list[Row]:
        """Return the rows of the list, or of the list of one parent."""
        return await pages(api, self.listed, needs=self.needs, params=self.filled(self.listed, parent))

    def row(self, answer: Answer, key: str = "") -> Row:
        """Return the row in the answer about one resource, with that id if it is known. Raises Malformed."""
        row = checked(answer, answer.body, self.needs)
        if key and row["id"] != key:
            raise answer.malformed(f"another item than {key}")
        return row

    def live(self, row: Row, parent: str) -> Live:
        """Return what a row shows. A field that it leaves out is unreadable: neither different nor written anew."""
        spec = {name: row[name] for name, field in self.fields.items() if name in row and not field.write_only}
        if self.parent:
            spec[self.parent] = parent
        unreadable = frozenset((name,) for name in self.fields if name not in spec)
        stamp = row.get("updatedAt") if self.dated else None
        server = {name: row.get(name) for name in self.computed}
        updated = stamp if isinstance(stamp, str) else None
        return Live(self.kind, row["id"], self.label(spec), spec, updated, unreadable, server=server)

    def body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body of a POST or PATCH of those fields."""
        return dict(fields)

    # The handler of the kind

    def key(self, spec: dict[str, Any]) -> Hashable:
        """Return the values of the unique fields."""
        return tuple(spec.get(name) for name in self.unique)

    def label(self, spec: dict[str, Any]) -> str:
        """Return the value of the last unique field."""
        return str(spec.get(self.unique[-1]))

    async def read(self, api: Api, scope: Scope) -> Listing:
        """Return the whole list, or one list for each parent."""
        if self.parent:
            return await children.read(api, scope.parents, lambda parent: self.rows(api, parent), self.live)
        return Listing([self.live(row, "") for row in await self.rows(api, "")])

    def read_cost(self, scope: Scope) -> int:
        """Return one request for each list."""
        return len(scope.parents) if self.parent else 1

    async def reread(self, api: Api, lives: Sequence[Live]) -> dict[str, Live]:
        """Return them by id when there are few, else from the lists."""
        if self.gets and len(lives) <= _BY_ID:
            found: dict[str, Live] = {}
            for live in lives:
                with contextlib.suppress(NotFound):
                    answer = await api.get(self.one, None, **self._own(live))
                    found[live.id] = self.live(self.row(answer, live.id), self._parent(live))
            return found
        if self.parent:
            return await children.reread(api, lives, self.parent, lambda parent: self.rows(api, parent), self.live)
        wanted = {live.id for live in lives}
        return {live.id: live for live in (await self.read(api, Scope())).items if live.id in wanted}

    def reread_cost(self, lives: Sequence[Live | None], parents: int) -> int:
        """Return a request each when there are few, else one for each list."""
        lists = parents if self.parent else 1
        return len(lives) if self.gets and len(lives) <= _BY_ID else lists

    def creation(self, declared: Declared, near: Sequence[Live]) -> tuple[Call, ...] | Refusal:
        """Return one POST of the declared fields."""
        if key := self.identity(declared.spec):
            return Refusal(Reason("none-to-adopt", kind=self.kind, id=key), error=True)
        return (Call("create", 1, tuple(name for name in declared.spec if name in self.fields)),)

    def calls(self, live: Live, desired: Desired, changes: Sequence[Change]) -> tuple[Call, ...] | Refusal:
        """Return one PATCH, after a look where it replaces a mapping; what is immutable is refused."""
        touched = tuple(dict.fromkeys(str(change.path[0]) for change in changes))
        if fixed := [name for name in touched if self.fields[name].immutable]:
            return Refusal(Reason("fields-cannot-change", fields=fixed, kind=self.kind))
        return (Call("patch", 2 if self._merging(touched) else 1, touched),)

    def removal(self, live: Live, policy: str) -> tuple[Call, ...] | Kept:
        """Return one DELETE, unless its deletionPolicy retains it."""
        return Kept(Reason("policy-retain")) if policy == "retain" else (Call("delete"),)

    async def perform(self, api: Api, call: Call, live: Live | None, desired: Desired) -> Live | None:
        """Make the call; a creation is made once, although its answer may be lost."""
        if live is None or call.verb == "create":
            return await self._create(api, call, desired)
        if call.verb == "delete":
            with contextlib.suppress(NotFound):  # another client was faster, or it answers a retry
                await api.request("DELETE", self.one, params=self._own(live))
            return None
        fields = {name: desired.spec.get(name) for name in call.paths}
        if merging := self._merging(call.paths):
            fresh = (await self.reread(api, [live])).get(live.id, live)
            fields |= {name: merged(fresh.spec.get(name), desired, name) for name in merging}
        answer = await api.request("PATCH", self.one, params=self._own(live), body=self.body(fields))
        return self.live(self.row(answer, live.id), self._parent(live))

    async def _create(self, api: Api, call: Call, desired: Desired) -> Live:
        spec = desired.spec
        parent = str(spec[self.parent]) if self.parent else ""
        params = self.filled(self.created, parent)
        body = self.body({name: spec[name] for name in call.paths if not params or name != self.parent})

        async def siblings() -> list[Live]:
            return [self.live(row, parent) for row in await self.rows(api, parent)]

        return await create(
            api,
            self,
            self.created,
            spec,
            body,
            params=params,
            read=lambda answer: self.live(self.row(answer), parent),
            siblings=siblings,
            noun=self.kind,
            what=f"the {self.kind} {self.label(spec)}",
        )

    def filled(self, route: str, parent: str, key: str = "") -> dict[str, str]:
        """Return what fills the places of a route: the resource's own id, or the parent's, or first the parent's."""
        places = _PLACE.findall(route)
        return dict(zip(places, (parent, key) if len(places) > 1 else (key or parent,), strict=False))

    def _own(self, live: Live) -> dict[str, str]:
        return self.filled(self.one, self._parent(live), live.id)

    def _parent(self, live: Live) -> str:
        return str(live.spec.get(self.parent, ""))

    def _merging(self, names: Sequence[str]) -> list[str]:
        """Return the mappings among the fields, of which only the declared keys are managed."""
        return [name for name in names if self.fields[name].owned_by_key]
