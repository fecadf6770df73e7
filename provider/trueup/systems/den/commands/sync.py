"""`trueup sync`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from trueup.core.errors import Stopped, UsageError
from trueup.systems.den import named as names
from trueup.systems.den import sync_events
from trueup.systems.den.commands import events_report, sync_report
from trueup.systems.den.commands.sync_report import Synced
from trueup.systems.running import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from trueup.systems.running import CommandRun

_TIMEOUT: Final = 600.0
"""Timeout in seconds without --timeout."""


def check(values: Mapping[str, Any], format: str, subjects: Collection[str]) -> None:
    """Raise UsageError for a timeout of nothing."""
    if values["at_most"] is not None and not values["wait"]:
        raise UsageError("--timeout can be used only with --wait.", hint="Nothing was sent.")


async def sync(run: CommandRun, instance: str, target: str | None, wait: bool, at_most: float | None) -> int:
    """Queue a sync of an instance or of one target, and with --wait return once it ended."""
    client, waiting = run.client, (at_most or _TIMEOUT) if wait else None
    run.progress.phase("asking")
    meant = await names.instance_of(client, instance)
    if not meant.name:
        meant = await names.known(client, meant)
    aim = await names.target_of(client, target, meant) if target is not None else None
    run.stoppable()
    try:
        queued = await (sync_events.resync(client, aim.id) if aim else sync_events.sync_now(client, meant.id))
    except Stopped:
        run.close()
        run.say("Interrupted. A sync may have been queued. Run trueup events to see.")
        return INTERRUPTED
    synced = Synced(meant, aim, queued.events, queued.busy if aim is None else [], queued.looked, waiting)
    if waiting is not None and synced.events:
        synced.interrupted = await run.watched(_wait(run, synced, waiting)) is None
    run.close()
    following = run.command("events", then=("--instance", meant.name or meant.id, "--follow"))
    retrying = run.command("events", "retry")
    run.show("sync", sync_report.SyncReport(synced, client.clock.now(), run.cost(), following, retrying))
    return synced.exit_code


async def _wait(run: CommandRun, synced: Synced, waiting: float) -> bool:
    """Update the events and print their outcomes until all have ended, or the time has passed."""
    watch = sync_events.Watch(run.client, {"connectorInstanceId": synced.instance.id}, synced.events, waiting)
    run.progress.phase("waiting", len(synced.events))
    run.log(f"{len(synced.queued):,} queued, {len(synced.busy):,} already running. Waiting for them to finish.")
    called = {synced.instance.id: str(synced.instance)}
    async for event in watch.changes():
        synced.queued = [watch.events[one.id] for one in synced.queued]
        synced.busy = [watch.events[one.id] for one in synced.busy]
        happened = events_report.Happened(event, called, run.client.clock.now())
        if event.ended:
            run.progress.advance()
        if run.for_people and event.ended:
            run.happened("event", happened)
            synced.shown.add(event.id)
        else:
            run.happened("event", happened, aside=True)
    return True
