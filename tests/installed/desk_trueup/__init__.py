"""Desk: a system that trueup does not know of, with boards, cards below them, and a workspace as its tenant."""

from __future__ import annotations

import contextlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from trueup.core.changes import Change
from trueup.core.errors import NotFound, Unauthorized
from trueup.core.fields import field
from trueup.core.kinds import Declared, Handler, Kind, Scope, connection_kind, kind
from trueup.core.values import Call, Desired, Kept, Listing, Live, Refusal
from trueup.systems.system import System, Tenant
from trueup.transport import Answer, Api, ApiClient, Credential, Limits, Presumed, Wait


class Dialect:
    """How Desk speaks: a bearer token, and `{"problem": …}`."""

    system: ClassVar[str] = "desk"
    limits: ClassVar[Limits] = Limits()
    vocabulary: ClassVar[frozenset[str]] = frozenset(("name", "colour", "board", "text"))

    def headers(self, credential: Credential) -> dict[str, str]:
        return {"authorization": f"Bearer {credential.key.reveal()}"} if credential.key else {}

    def words(self, body: Any) -> str:
        return str(body.get("problem") or "") if isinstance(body, dict) else ""

    def unrouted(self, body: Any) -> bool:
        return False

    def unstarted(self, body: Any) -> str:
        return ""

    def failed(self, answer: Answer) -> str | None:
        return None

    def unexplained(self, api: ApiClient) -> str:
        return ""

    async def unauthorized(self, api: ApiClient) -> Wait | Presumed | Unauthorized | None:
        return Unauthorized(f'Desk refused the token of connection "{api.credential.name}".')


class Workspace(Tenant):
    """A workspace of Desk."""

    setting = "workspace"
    pattern = "^ws_[0-9]+$"
    title = "a workspace of Desk"
    form = "ws_ and digits"
    doc = "The workspace this is meant for."

    async def of(self, api: ApiClient) -> str:
        async def ask() -> str:
            return str((await api.get("/me")).body["workspace"])

        return await api.once("/me", ask)


@dataclass(frozen=True)
class Connection:
    """Where Desk is reached, and with which token."""

    url: str | None = field("Its address.", local=True, example="https://desk.example.com")
    apiKey: str | None = field("The token.", secret=True, local=True)
    workspace: str | None = field("The workspace this is meant for.", pattern="^ws_[0-9]+$", local=True)
    allowHttp: bool | None = field("Let `http://` reach another host.", default=False, local=True)
    timeout: float | None = field("Seconds that one request may take.", default=60, local=True)
    concurrency: int | None = field("Writes in flight at once.", default=8, local=True)


@dataclass(frozen=True)
class Board:
    """A board."""

    name: str | None = field("Its name; by default `metadata.name`.", trimmed=True, min_length=1, example="roadmap")
    colour: str | None = field("Its colour.", example="blue")
    pin: str | None = field("Opens it; Desk never shows it.", secret=True, write_only=True)


@dataclass(frozen=True)
class Card:
    """A card on a board."""

    board: str = field("The board it is on.", reference="Board", immutable=True, example="roadmap")
    text: str = field("Its text, unique on the board.", trimmed=True, example="ship it")
    done: bool | None = field("Whether it is done.", example=False)


class Boards(Handler):
    """Boards: one list by cursor."""

    naming = "name"

    def key(self, spec: dict[str, Any]) -> Hashable:
        return (spec["name"],)

    def label(self, spec: dict[str, Any]) -> str:
        return str(spec["name"])

    async def read(self, api: Api, scope: Scope) -> Listing:
        return Listing([_board(row) for row in await _pages(api, "/boards")])

    async def reread(self, api: Api, lives: Sequence[Live]) -> dict[str, Live]:
        wanted = {live.id for live in lives}
        return {row["id"]: _board(row) for row in await _pages(api, "/boards") if row["id"] in wanted}

    def reread_cost(self, lives: Sequence[Live | None], parents: int) -> int:
        return 1

    def calls(self, live: Live, desired: Desired, changes: Sequence[Change]) -> tuple[Call, ...] | Refusal:
        return (Call("patch", 1, tuple(dict.fromkeys(str(change.path[0]) for change in changes))),)

    def creation(self, declared: Declared, near: Sequence[Live]) -> tuple[Call, ...] | Refusal:
        return (Call("create", 1, tuple(declared.spec)),)

    def removal(self, live: Live, policy: str) -> tuple[Call, ...] | Kept:
        return (Call("delete"),)

    async def perform(self, api: Api, call: Call, live: Live | None, desired: Desired) -> Live | None:
        return await _perform(api, "/boards", call, live, desired, _board)


class Cards(Boards):
    """Cards: a list for each board."""

    naming = ""

    def key(self, spec: dict[str, Any]) -> Hashable:
        return (spec["board"], spec["text"])

    def label(self, spec: dict[str, Any]) -> str:
        return str(spec["text"])

    async def read(self, api: Api, scope: Scope) -> Listing:
        found = [_card(row) for board in scope.parents for row in await _pages(api, f"/boards/{board}/cards")]
        return Listing(found, parents=frozenset(scope.parents))

    async def reread(self, api: Api, lives: Sequence[Live]) -> dict[str, Live]:
        wanted = {live.id for live in lives}
        boards = tuple(sorted({str(live.spec["board"]) for live in lives}))
        return {live.id: live for live in (await self.read(api, Scope(parents=boards))).items if live.id in wanted}

    def read_cost(self, scope: Scope) -> int:
        return len(scope.parents)

    def reread_cost(self, lives: Sequence[Live | None], parents: int) -> int:
        return parents

    async def perform(self, api: Api, call: Call, live: Live | None, desired: Desired) -> Live | None:
        return await _perform(api, "/cards", call, live, desired, _card)


async def _pages(api: Api, route: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor = None
    while True:
        body = (await api.get(route, {"cursor": cursor})).body
        rows += body["rows"]
        if (cursor := body.get("next")) is None:
            return rows


async def _perform(api: Api, route: str, call: Call, live: Live | None, desired: Desired, read: Any) -> Live | None:
    body = {name: desired.spec.get(name) for name in call.paths}
    if call.verb == "create":
        return read((await api.request("POST", route, body=body, repeatable=False)).body)  # type: ignore[no-any-return]
    assert live is not None
    if call.verb == "delete":
        with contextlib.suppress(NotFound):
            await api.request("DELETE", f"{route}/{{id}}", params={"id": live.id})
        return None
    answer = await api.request("PATCH", f"{route}/{{id}}", params={"id": live.id}, body=body)
    return read(answer.body)  # type: ignore[no-any-return]


def _board(row: dict[str, Any]) -> Live:
    spec = {"name": row["name"], **({"colour": row["colour"]} if row.get("colour") else {})}
    return Live("Board", row["id"], row["name"], spec, unreadable=frozenset({("pin",)}))


def _card(row: dict[str, Any]) -> Live:
    return Live("Card", row["id"], row["text"], {"board": row["board"], "text": row["text"], "done": row["done"]})


KINDS: tuple[Kind, ...] = (
    connection_kind(Connection, system="desk"),
    kind(Board, system="desk", handler=Boards()),
    kind(Card, system="desk", handler=Cards(), parent="board"),
)
SYSTEM = System("desk", "Desk", "https://desk.example.com", KINDS, Dialect, Workspace())
