"""The sender of a request, and why a key is rejected."""

from __future__ import annotations

from dataclasses import dataclass

from trueup.sandbox.store import Row


@dataclass(frozen=True)
class KeyTrouble:
    """Why a key is rejected. Only `get-session` returns it."""

    status: int
    code: str
    message: str
    try_again_in: int | None = None
    """Milliseconds until the window resets."""


@dataclass(frozen=True)
class Caller:
    """The sender of a request; `user` is None if unknown."""

    user: Row | None = None
    key: Row | None = None
    session: Row | None = None
    trouble: KeyTrouble | None = None
