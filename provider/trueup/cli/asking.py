"""Shared by commands that only query an API: their context and client, times as users write them, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from trueup.core.values import ConnectionId

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from datetime import datetime

    from trueup.cli.asked import Asked
    from trueup.cli.console import Console
    from trueup.engine.plan.steps import Reading
    from trueup.engine.session import Session
    from trueup.manifest.values import Manifest
    from trueup.transport.client import Client

T = TypeVar("T")
_LONGEST: Final = 255


@dataclass(frozen=True, slots=True)
class Context:
    """The manifests' part of a query: connections and projects."""

    manifest: Manifest
    """The Connections of one system, without resources, so that no other system is opened."""
    tenants: tuple[str, ...] = ()
    """The tenants that resources of that system name, if each resource names its own."""


def context(asked: Asked, console: Console, system: str) -> Context:
    """Return the system's part of the manifests; empty when the current folder, by default, has none.

    Documents of other systems that cannot be read are counted on standard error. Raises ManifestError.
    """
    from trueup.manifest import load_connections
    from trueup.manifest.values import Manifest
    from trueup.report.page import safe
    from trueup.report.text import counted
    from trueup.systems.registry import SYSTEMS

    found, broken = load_connections(asked.files, ConnectionId(system, connection_of(asked)))
    if broken:
        checking = shlex.join(["trueup", "validate", *(word for file in asked.files for word in ("-f", file))])
        console.err.print(safe(f"Skipped {counted(broken, 'document')} that could not be read. Run: {checking}"))
    connections = {key: one for key, one in found.connections.items() if key[0] == system}
    field = SYSTEMS[system].tenant.field
    named = {one.spec[field] for one in found.resources if one.address.system == system and field in one.spec}
    return Context(Manifest([], connections, found.files, found.digest), tuple(sorted(named)))


def detected(client: Client) -> list[str]:
    """Return the behaviour that this run detected in the server, with its evidence, a line each."""
    from trueup.report.page import safe
    from trueup.systems.registry import SYSTEMS

    system = SYSTEMS[client.dialect.system]
    if not client.signs.answers:
        return [f"{system.title}: no answer, so its version is unknown."]
    return [safe(f"{system.title}: {line}") for line in system.tenant.detected(client)]


@contextlib.contextmanager
def detecting(client: Client, asked: Asked, console: Console) -> Iterator[None]:
    """With `--verbose`, print what was detected of the server at the end of the block, also after a failure."""
    try:
        yield
    finally:
        if asked.verbose:
            for line in detected(client):
                console.err.print(line)


def client_of(opened: Session, system: str, asked: Asked) -> Client:
    """Return the client of the connection that the options name."""
    return opened.clients[ConnectionId(system, connection_of(asked))]


def connection_of(asked: Asked) -> str:
    """Return the name of the connection that the options name."""
    from trueup.core.values import DEFAULT_CONNECTION

    return asked.connection or DEFAULT_CONNECTION


class CommandMeter:
    """Measures a command's requests and time from its start."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._began = client.clock.monotonic()

    def read(self) -> Reading:
        """Return the requests and time so far."""
        from trueup.engine.plan.steps import Reading

        client, limits = self._client, self._client.limits
        seconds = client.clock.monotonic() - self._began
        if not limits.requests or client.refused:
            return Reading(client.sent, seconds)
        window = client.window
        return Reading(client.sent, seconds, window.left, limits.requests, limits.silence, known=window.known)


def moment(text: str, now: datetime, option: str) -> datetime:
    """Return a time that is written as an age, a day or in RFC 3339. Raises UsageError."""
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
            f'{option} "{text}" is not a valid time. Use an age (90m, 2h, 3d), a day (2026-11-20), or a time '
            "(2026-11-20T08:51:00Z).",
            hint="Nothing was sent.",
        )
    if found > now:
        raise UsageError(f'{option} "{text}" is in the future.', hint="Nothing was sent. Days start at 00:00 UTC.")
    return found


def seconds_of(text: str) -> float | None:
    """Return the seconds of a duration such as `90s` or `1h30m`; None for any other text."""
    from trueup.core.progress import duration

    try:
        return duration(text).total_seconds()
    except ValueError:
        return None


def short_text(value: str | None, name: str) -> None:
    """Raise UsageError for a text of a length that no server searches for."""
    from trueup.core.errors import UsageError
    from trueup.core.texts import length, trimmed

    if value is not None and not 1 <= length(trimmed(value)) <= _LONGEST:
        raise UsageError(f"{name} must have 1 to {_LONGEST} characters.", hint="Nothing was sent.")


async def watched(watch: Coroutine[Any, Any, T]) -> T | None:
    """Return the result; None when a signal ended it, since a command that only watches has nothing to finish."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(watch)
    with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C interrupts as usual
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return None
