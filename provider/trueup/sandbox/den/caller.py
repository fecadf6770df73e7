"""Who sent a request, and why a key does not open."""

from __future__ import annotations

from dataclasses import dataclass

from trueup.sandbox.store import Row


@dataclass(frozen=True)
class KeyTrouble:
    """Why a key does not open: what `get-session` answers, and nobody else tells."""

    status: int
    code: str
    message: str
    try_again_in: int | None = None
    """Milliseconds until the window closes."""


@dataclass(frozen=True)
class Caller:
    """Whoever sent the request; `user` is None for nobody we know."""

    user: Row | None = None
    key: Row | None = None
    session: Row | None = None
    trouble: KeyTrouble | None = None
