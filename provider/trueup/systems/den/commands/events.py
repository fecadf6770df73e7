"""`trueup events` and `trueup events retry`."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from trueup.core.errors import ApiError, Forbidden, NotFound, Refused, Stopped, UsageError
from trueup.report.spent import cost
from trueup.systems.den import lists, named, sync_events
from trueup.systems.den.commands import events_report as report
from trueup.systems.den.commands import sync_report
from trueup.systems.running import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from trueup.systems.den.named import Named
    from trueup.systems.den.sync_events import Event
    from trueup.systems.running import CommandRun
    from trueup.transport.client import Client

_NEWEST: Final = 50
"""Events shown without --limit."""


def check(values: Mapping[str, Any], format: str, subjects: Collection[str]) -> None:
    """Raise UsageError for filters that do not go together, or that the format cannot follow."""
    target = values["target"]
    if target is not None and values["instance"] is None and not named.is_target_id(target):
        raise UsageError(
            f'--target "{target}" is not an id (ctg_…), and a remote id is unique only within an instance.',
            hint="Nothing was sent. Add --instance.",
        )
    if values["follow"] and "event" not in subjects:
        raise UsageError(f"--follow has no output as {format}.", hint="Nothing was sent. Omit one of them.")


async def events(run: CommandRun, **filters: Any) -> int:
    """List events, and with --follow print later ones."""
    client, since = run.client, filters["since"]
    run.progress.phase("reading")
    instance, target, query = await _query(client, filters)
    after = sync_events.stamp_of(since) if since is not None else None
    limit = filters["limit"] or (_NEWEST if since is None else None)
    # A page costs the same whatever its size, and --follow must know the events that are older than those shown.
    most = max(limit, lists.PAGE) if limit is not None and filters["follow"] else limit
    found = await sync_events.read(client, query, since=after, most=most)
    if not found.events:
        await _there(client, instance, target)
    names = {instance.id: instance.name} if instance is not None and instance.name else {}
    if filters["follow"]:
        following = _Following(run, names)
        await run.watched(following.run(sync_events.Follower(client, query, found, after), found.events[:limit]))
        following.end()
        return 0
    if run.for_people:
        names |= await named.names_of(client, {event.instance for event in found.events} - names.keys())
    run.close()
    narrowed = any(value is not None for name, value in filters.items() if name not in ("limit", "follow"))
    retrying = run.command("events", "retry")
    run.show("events", report.Listed(found, names, client.clock.now(), run.cost(), narrowed, retrying))
    return 0


async def _query(client: Client, filters: Mapping[str, Any]) -> tuple[Named | None, Named | None, dict[str, Any]]:
    """Return the named instance and target, and the query of the list."""
    instance = await named.instance_of(client, filters["instance"]) if filters["instance"] is not None else None
    target = await named.target_of(client, filters["target"], instance) if filters["target"] is not None else None
    query = {
        "connectorInstanceId": instance.id if instance is not None else None,
        "connectorTargetId": target.id if target is not None else None,
        "eventType": filters["kind"],
        "status": filters["status"],
        "q": filters["text"],
    }
    return instance, target, {name: value for name, value in query.items() if value is not None}


async def _there(client: Client, instance: Named | None, target: Named | None) -> None:
    """Raise UsageError if nothing was found because an id does not exist, which the list does not report."""
    if instance is not None and not instance.name:
        await named.known(client, instance)
    if target is not None and not target.name and instance is None:
        await named.belongs(client, target.id)


class _Following:
    """The output of --follow."""

    def __init__(self, run: CommandRun, names: dict[str, str]) -> None:
        self._run = run
        self._names = names
        self._asked: set[str | None] = set(names)
        self._printed = 0

    async def run(self, follower: Any, listed: list[Event]) -> bool:
        """Print the listed events and their changes until no one reads the output any more."""
        await self._print(listed[::-1])
        self._run.close()
        if self._run.for_people:
            self._run.progress.phase("following")
        async with contextlib.aclosing(follower.changes()) as changes:
            async for fresh in changes:
                await self._print(fresh)
                if self._run.unread:
                    break
        return True

    async def _print(self, events: list[Event]) -> None:
        if self._run.for_people:
            new = {event.instance for event in events} - self._asked
            self._asked |= new
            self._names |= await named.names_of(self._run.client, new)
        now = self._run.client.clock.now()
        for event in events:
            self._run.happened("event", report.Happened(event, self._names, now))
        self._printed += len(events)

    def end(self) -> None:
        """Print the count and the cost."""
        self._run.close()
        if self._run.for_people:
            rows = f"{self._printed:,} row{'' if self._printed == 1 else 's'}"
            self._run.print(f"Events: {rows}, then stopped following. {cost(self._run.cost())}")


def check_retry(values: Mapping[str, Any], format: str, subjects: Collection[str]) -> None:
    """Raise UsageError for an invalid id of an event."""
    if wrong := [key for key in values["ids"] if not sync_events.is_event_id(key)]:
        raise UsageError(
            f'"{wrong[0]}" is not the id of a sync event: cse_ and 26 lowercase letters and digits.',
            hint="Nothing was sent. trueup events shows the ids.",
        )


async def retry(run: CommandRun, ids: tuple[str, ...]) -> int:
    """Queue events again, each once."""
    keys = list(dict.fromkeys(ids))
    done: list[str] = []
    failed: dict[str, ApiError] = {}
    stopped = False
    run.progress.phase("queueing", len(keys))
    run.stoppable()
    for key in keys:
        try:
            await sync_events.retry(run.client, key)
            done.append(key)
        except Stopped:
            stopped = True
            break
        except ApiError as error:
            failed[key] = error
            if not isinstance(error, NotFound | Forbidden | Refused):
                break  # the others would fail as well
        run.progress.advance()
    run.close()
    unsent = [key for key in keys if key not in done and key not in failed]
    following = run.command("events", then=("--follow",))
    run.show("retried", sync_report.Retried(done, failed, unsent, run.cost(), following))
    return INTERRUPTED if stopped else 1 if failed else 0
