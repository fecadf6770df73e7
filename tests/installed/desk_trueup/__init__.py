"""Desk: a system that trueup does not know of, with boards, cards below them, and a workspace as its tenant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from trueup.core.changes import Change
from trueup.core.errors import Unauthorized, UsageError
from trueup.core.fields import field
from trueup.core.kinds import connection_kind, kind
from trueup.core.reasons import Reason, Wording
from trueup.core.values import Call, Desired, Live, Refusal
from trueup.systems.functions import Function, LiveReader, Property, RecordType, shown
from trueup.systems.paging import Row, pages
from trueup.systems.rest import RestHandler
from trueup.systems.system import EmbeddedServer, System, Tenant
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


class Lists(RestHandler):
    """How Desk lists: `{"rows": […], "next": …}`, and no GET of a single resource."""

    async def rows(self, api: Api, parent: str) -> list[Row]:
        params = self.filled(self.listed, parent)
        return await pages(api, self.listed, rows="rows", following="next", needs=self.needs, params=params)


class CardLists(Lists):
    """What is done stays done."""

    def calls(self, live: Live, desired: Desired, changes: Sequence[Change]) -> tuple[Call, ...] | Refusal:
        if live.spec.get("done") is True and desired.spec.get("done") is False:
            return Refusal(Reason("desk/done-stays-done", text=live.name))
        return super().calls(live, desired, changes)


BOARDS = Lists(Board, listed="/boards", one="/boards/{id}", naming="name", gets=False)
CARDS = CardLists(
    Card,
    listed="/boards/{board}/cards",
    created="/cards",
    one="/cards/{id}",
    parent="board",
    unique=("board", "text"),
    gets=False,
)
KINDS = (
    connection_kind(Connection, system="desk"),
    kind(Board, system="desk", handler=BOARDS),
    kind(Card, system="desk", handler=CARDS, parent="board"),
)


async def _board(reads: LiveReader, given: Mapping[str, Any]) -> dict[str, Any]:
    live = await reads.find(KINDS[1], {"name": given["name"]})
    if live is None:
        raise UsageError(f"there is no board {given['name']}.")
    cards = await reads.all(KINDS[2], live.id)
    return {"id": live.id, "cards": [shown(KINDS[2], card) for card in cards][: given.get("limit", 100)]}


FUNCTIONS = (
    Function(
        "getBoard",
        "Looks up a board and its cards by name. Fails if there is none.",
        _board,
        {"name": Property("The board's name."), "limit": Property("The maximum number of cards.", "integer")},
        {
            "id": Property("The board's id."),
            "cards": Property("Its cards.", RecordType("CardSummary", "A live card.", KINDS[2])),
        },
        required=("name",),
        always=("id", "cards"),
    ),
)
REASONS = {
    "desk/done-stays-done": Wording(
        'Desk cannot take back that "{text}" is done.', "Write done: true in {door.manifest}."
    ),
}
SYSTEM = System(
    "desk",
    "Desk",
    "https://desk.example.com",
    KINDS,
    Dialect,
    Workspace(),
    functions=FUNCTIONS,
    reasons=REASONS,
    embedded=EmbeddedServer("desk_trueup.sandbox"),
)
