"""The lock under which a write is sent, whichever command or program sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager


class WriteLease(Protocol):
    """The lock under which a run writes, which counts only for a term unless it is confirmed."""

    def ready(self) -> bool:
        """Whether a write may start now."""

    async def confirm(self) -> None:
        """Return once a write may start. Raises Stopped when none may any more."""

    def holds(self) -> bool:
        """Whether the term still lasts: asked when the bytes of a write are about to leave."""

    def within(self, seconds: float) -> AbstractAsyncContextManager[None]:
        """Let a write last so long, and no longer than the term. Raises TimeoutError."""


class Late(Exception):
    """The term ended just before the bytes left: nothing was sent."""
