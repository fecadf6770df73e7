"""What commands share that only ask: who asks by the manifests, the client, times as people give them, how they end."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from datetime import datetime

    from trueup.cli.console import Console
    from trueup.cli.options import Asked
    from trueup.engine.loop import Session
    from trueup.engine.plan import Reading
    from trueup.manifest import Manifest
    from trueup.transport import Client

T = TypeVar("T")
_LONGEST: Final = 255


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks, and what the manifests say of where to look."""

    manifest: Manifest
    """The Connections of one system. Of the resources nothing is wanted, hence nothing of the systems they live on."""
    projects: tuple[str, ...] = ()
    """Projects of Wexa that the manifests name for that system."""


def context(asked: Asked, console: Console, system: str) -> Context:
    """What the manifests declare of it; nothing where the current folder, unasked, has none.

    What is wrong elsewhere is no reason not to ask, and is told. Raises ManifestError.
    """
    from trueup.manifest import Manifest, load_connections
    from trueup.report.page import safe
    from trueup.report.text import counted

    found, broken = load_connections(asked.files, (system, connection_of(asked)))
    if broken:
        told = shlex.join(["trueup", "validate", *(word for file in asked.files for word in ("-f", file))])
        console.err.print(safe(f"Passed over: {counted(broken, 'document')} that could not be read, see {told}"))
    connections = {key: one for key, one in found.connections.items() if key[0] == system}
    named = {
        one.spec["projectId"] for one in found.resources if one.address.system == system and "projectId" in one.spec
    }
    return Context(Manifest([], connections, found.files, found.digest), tuple(sorted(named)))


def detected(client: Client) -> list[str]:
    """Return how the server behaves as far as this run could see, and from what that is concluded."""
    from trueup.report.page import safe

    signs, limits = client.signs, client.limits
    system = client.dialect.system.capitalize()
    if not signs.answers:
        return [f"{system}: nothing was answered, so that nothing is known of its version."]
    ids = f"{signs.with_request_id:,} of {signs.answers:,} answers carried x-request-id"
    age = "as newer servers, which strip it" if not signs.with_request_id else "as servers until August 2026"
    lines = [f"{system}: {ids}{f', {age}' if client.dialect.system == 'den' else ''}."]
    if client.dialect.system == "den":
        asked = signs.probe or "not asked, since no credential was refused"
        lines.append(f"{system}: get-session said: {asked}.")
        lines.append(
            f"{system}: windows of {limits.requests:,} requests a key, closed by {limits.silence:.0f} s of silence; "
            f"{client.window.used:,} counted, {'other runs included' if client.window.known else 'of this run alone'}."
            if limits.requests
            else f"{system}: a session has no request window."
        )
        lines.append(
            f"{system}: GET /v1/org may be up to five minutes old on newer servers; nothing is concluded of it."
        )
    return [safe(line) for line in lines]


@contextlib.contextmanager
def detecting(client: Client, asked: Asked, console: Console) -> Iterator[None]:
    """With `--verbose`, print at the end of the block what was detected of the server, also when it failed."""
    try:
        yield
    finally:
        if asked.verbose:
            for line in detected(client):
                console.err.print(line)


def client_of(opened: Session, system: str, asked: Asked) -> Client:
    """The client of the one connection that is meant."""
    return opened.clients[system, connection_of(asked)]


def connection_of(asked: Asked) -> str:
    """The name of that connection."""
    from trueup.core.values import DEFAULT_CONNECTION

    return asked.connection or DEFAULT_CONNECTION


class Meter:
    """What a command took from when it began."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._began = client.clock.monotonic()

    def read(self) -> Reading:
        """It so far."""
        from trueup.engine.plan import Reading

        client, limits = self._client, self._client.limits
        seconds = client.clock.monotonic() - self._began
        if not limits.requests or client.refused:
            return Reading(client.sent, seconds)
        window = client.window
        return Reading(client.sent, seconds, window.left, limits.requests, limits.silence, known=window.known)


def moment(text: str, now: datetime, option: str) -> datetime:
    """A time as people give it: so long ago, a day, or RFC 3339. Raises UsageError."""
    from datetime import UTC, datetime, timedelta

    from trueup.core.errors import UsageError

    found: datetime | None = None
    with contextlib.suppress(ValueError, OverflowError):
        seconds = seconds_of(text)
        if seconds is not None:
            found = now - timedelta(seconds=seconds)
        elif "-" in text:
            found = datetime.fromisoformat(text)
            found = found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    if found is None:
        raise UsageError(
            f'{option} "{text}" is no time: it is how long ago (90m, 2h, 3d), a day (2026-11-20), or a time '
            "(2026-11-20T08:51:00Z).",
            hint="Nothing was sent.",
        )
    if found > now:
        raise UsageError(f'{option} "{text}" lies in the future.', hint="Nothing was sent. Days begin at 00:00 UTC.")
    return found


def seconds_of(text: str) -> float | None:
    """Seconds of a length of time such as `90s` or `1h30m`; None for any other text."""
    from trueup.core.progress import duration

    try:
        return duration(text).total_seconds()
    except ValueError:
        return None


def short_text(value: str | None, name: str) -> None:
    """Raises UsageError for a text that no server would look for."""
    from trueup.core.errors import UsageError
    from trueup.core.texts import length, trimmed

    if value is not None and not 1 <= length(trimmed(value)) <= _LONGEST:
        raise UsageError(f"{name} has to be a text of 1 to {_LONGEST} characters.", hint="Nothing was sent.")


async def watched(watch: Coroutine[Any, Any, T]) -> T | None:
    """What comes of it; None when a signal ended it: whoever only watches has nothing to finish, and ends at once."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(watch)
    with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C interrupts as usual
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return None
