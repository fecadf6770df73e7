"""`trueup cards`."""

from __future__ import annotations

import json
from typing import Any

from desk_trueup import BOARDS, CARDS
from trueup.core.errors import UsageError
from trueup.core.kinds import Scope
from trueup.core.values import Live
from trueup.systems.running import CommandRun


async def cards(run: CommandRun, board: str, done: bool) -> int:
    """Show the cards of that board."""
    run.progress.phase("reading")
    boards = (await BOARDS.read(run.client, Scope())).items
    parent = next((live for live in boards if live.name == board), None)
    if parent is None:
        raise UsageError(f'there is no board "{board}".')
    found = (await CARDS.read(run.client, Scope(parents=(parent.id,)))).items
    run.close()
    run.show("cards", [card for card in found if card.spec["done"] or not done])
    return 0


def render(cards: list[Live], page: Any) -> str:
    """Return the cards as text, a line each."""
    return "\n".join(f"{'x' if card.spec['done'] else '-'} {card.name}" for card in cards) or "No cards."


def render_json(cards: list[Live]) -> str:
    """Return the cards as JSON."""
    return json.dumps({"cards": [{"id": card.id, "text": card.name} for card in cards]})
