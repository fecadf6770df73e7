"""An outage: a server that answered earlier in this run gives no answer, as when it is restarted.

It is waited for once for all calls: one of them at a time tries it, with growing pauses, and the others wait for what
comes of that. The tries do not count for any call, until the patience is over; then every call fails, and from there on
each is tried once. A server that never answered has no outage: its calls fail after their few tries.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from trueup.core.reasons import Reason
from trueup.transport.call import Again

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trueup.transport.call import Request
    from trueup.transport.dialect import ApiClient

_FIRST: Final = 0.5
_LONGEST: Final = 10.0
"""Seconds between two tries."""
_LATER: Final = Reason("run-again-later")


class Outage:
    """The outage of one client's server, when there is one. `patience` is how many seconds it is waited for."""

    def __init__(self, api: ApiClient, patience: float) -> None:
        self._api = api
        self._patience = patience
        self._trying = asyncio.Lock()
        self.heard = 0
        """Answers so far."""
        self._since: float | None = None
        self._tries = 0
        self._wait = 0.0
        self._why = ""
        self.given_up = False
        """It lasted too long, and there was no answer since."""

    def answered(self) -> None:
        """Note an answer: the server is there."""
        self.heard += 1
        self.given_up = False
        if self._since is not None:
            self._api.progress.decision(f"{self._api.title} answers again after {self._length():.0f} s")
            self._since = None

    @contextlib.asynccontextmanager
    async def turn(self, call: Request) -> AsyncIterator[None]:
        """A block in which a call is sent: at once, or during an outage one call at a time. Raises Stopped."""
        async with contextlib.AsyncExitStack() as held:
            alone = False
            if self._since is not None:
                if not call.careful:  # the gate lets no other through before that one is answered
                    await held.enter_async_context(self._trying)
                alone = self._since is not None
                if alone:
                    await self._pause()
                else:
                    await held.aclose()  # it is over
            try:
                yield
            except Again as again:
                if again.down:
                    self._failed(call, again, alone=alone)
                raise

    def _failed(self, call: Request, again: Again, *, alone: bool) -> None:
        """A try was not answered; it is excused while the outage is waited for.

        `alone` is one that was sent to see whether the outage is over, rather than before it was known.
        """
        alive, call.heard = call.heard not in (None, self.heard), self.heard
        if self.given_up:
            again.failure.advise(_LATER)
        if not self.heard or self.given_up or alive or not self._patience:
            return  # never heard of, or it answers others: then the tries of the call count
        clock = self._api.clock
        if self._since is None:
            self._since, self._tries, alone = clock.monotonic(), 0, True
        self._why = again.why
        if self._length() >= self._patience:
            self._give_up(again)
            return
        call.excused += 1
        if alone:
            ceiling = min(_LONGEST, _FIRST * 2.0**self._tries)
            self._tries += 1
            pause = max(again.wait or 0.0, random.uniform(ceiling / 2, ceiling))  # noqa: S311 - jitter, not cryptography
            self._wait = min(pause, self._patience - self._length())
        again.wait = 0.0  # the pause is that of all calls

    def _give_up(self, again: Again) -> None:
        title, seconds = self._api.title, self._length()
        again.failure.message = f"{again.failure.message.rstrip('.')}; {title} has not answered for {seconds:.0f} s."
        again.failure.advise(_LATER)
        self._since, self.given_up = None, True

    async def _pause(self) -> None:
        api, passed = self._api, self._length()
        if api.stop.is_set():
            return  # the gate says so
        until = api.clock.now() + timedelta(seconds=self._patience - passed)
        what = f"has not answered for {passed:.0f} s" if passed >= 1 else "does not answer any more"
        why = f"{api.title} {what} ({self._why}); trying again until {until:%H:%M:%S} UTC, next try in"
        api.progress.waiting(why, self._wait)
        await api.pause(self._wait)

    def _length(self) -> float:
        return 0.0 if self._since is None else self._api.clock.monotonic() - self._since
