"""`trueup sync`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

import click

from trueup.cli.asked import Asked
from trueup.cli.asking import CommandMeter, client_of, context, seconds_of, short_text, watched
from trueup.cli.options import Command, Option, asks

if TYPE_CHECKING:
    from trueup.cli.console import Console
    from trueup.cli.progress import Lines
    from trueup.manifest.values import Manifest
    from trueup.report.syncs import Synced
    from trueup.transport.client import Client

_TIMEOUT: Final = "10m"
_ANY: Final = 10_000
_EXAMPLES: Final = """\
trueup sync docs
trueup sync docs --wait
trueup sync docs --target acme/docs --wait --timeout 30m
trueup sync cin_01m81v3ease06trjtbs5xy81nx -o json"""


@click.command("sync", cls=Command, examples=_EXAMPLES)
@click.argument("instance", metavar="INSTANCE")
@asks("files", "connection", "retry_for", "state", "output", "verbose", "no_color", shows="sync")
@click.option(
    "--target",
    metavar="REMOTE_ID_OR_ID",
    cls=Option,
    section="What",
    help="Only this target of it: its remote id, or its id (ctg_…); also beside a sync that is under way.",
)
@click.option(
    "--wait", is_flag=True, cls=Option, section="How", help="Wait until each sync ended, and tell what came of it."
)
@click.option(
    "--timeout",
    metavar="TIME",
    cls=Option,
    section="How",
    help=f"Wait no longer than this: 90s, 10m, 2h. Default: {_TIMEOUT}",
)
def command(asked: Asked, console: Console, instance: str, target: str | None, wait: bool, timeout: str | None) -> int:
    """Have Den sync an instance now.

    INSTANCE is its name in Den, or its id (cin_…). Targets that are busy are passed over; with --wait they are waited
    for as well. Exits with 0 when all syncs were completed or ignored (auto-import is off), and with 1 when one failed,
    was partial, or did not end in time.
    """
    from trueup.core.errors import UsageError
    from trueup.core.tasks import blocking

    short_text(instance, "INSTANCE")
    short_text(target, "--target")
    seconds = seconds_of(timeout if timeout is not None else _TIMEOUT)
    if not seconds:
        raise UsageError(f'--timeout "{timeout}" is not a valid time. Use 90s, 10m or 2h.', hint="Nothing was sent.")
    if timeout is not None and not wait:
        raise UsageError("--timeout can be used only with --wait.", hint="Nothing was sent.")
    return blocking(
        _sync(asked, console, context(asked, console, "den").manifest, instance, target, seconds if wait else None)
    )


async def _sync(
    asked: Asked, console: Console, manifest: Manifest, named: str, target: str | None, waiting: float | None
) -> int:
    from trueup.cli.group import INTERRUPTED
    from trueup.cli.running import session
    from trueup.core.errors import Stopped
    from trueup.report import syncs
    from trueup.systems.den import named as names
    from trueup.systems.den import sync_events

    async with session(asked, console, manifest, systems=("den",)) as (opened, progress, interrupt):
        client = client_of(opened, "den", asked)
        meter = CommandMeter(client)
        progress.phase("asking")
        instance = await names.instance_of(client, named)
        if not instance.name:
            instance = await names.known(client, instance)
        aim = await names.target_of(client, target, instance) if target is not None else None
        interrupt.stop = opened.stop
        try:
            if aim is not None:
                queued = await sync_events.resync(client, aim.id)
            else:
                queued = await sync_events.sync_now(client, instance.id)
        except Stopped:
            progress.close()
            progress.say("Interrupted. Whether a sync was queued is shown by trueup events.")
            return INTERRUPTED
        synced = syncs.Synced(instance, aim, queued.events, queued.busy if aim is None else [], queued.looked, waiting)
        if waiting is not None and synced.events:
            synced.interrupted = await watched(_wait(client, progress, console, synced, waiting)) is None
        progress.close()
        now, reading = client.clock.now(), meter.read()
    following = shlex.join(["trueup", "events", *asked.given, "--instance", instance.name or instance.id, "--follow"])
    retrying = shlex.join(["trueup", "events", "retry", *asked.given])
    console.show("sync", syncs.SyncReport(synced, now, reading, following, retrying))
    return synced.exit_code


async def _wait(client: Client, progress: Lines, console: Console, synced: Synced, waiting: float) -> bool:
    """Update the events and print their outcomes until all have ended, or the time has passed."""
    from dataclasses import replace

    from trueup.report import events as report
    from trueup.systems.den import sync_events

    watch = sync_events.Watch(client, {"connectorInstanceId": synced.instance.id}, synced.events, waiting)
    progress.phase("waiting", len(synced.events))
    progress.log(f"{len(synced.queued):,} queued, {len(synced.busy):,} already running. Waiting for them to finish.")
    names = {synced.instance.id: str(synced.instance)}
    aside = replace(console.err.page, width=_ANY)  # a log line is not wrapped
    async for event in watch.changes():
        synced.queued = [watch.events[one.id] for one in synced.queued]
        synced.busy = [watch.events[one.id] for one in synced.busy]
        happened = report.Happened(event, names, client.clock.now())
        if event.ended:
            progress.advance()
        if console.format.for_people and event.ended:
            progress.result(report.render_line(happened, console.out.page))
            synced.shown.add(event.id)
        else:
            progress.log(report.render_line(happened, aside).strip())
    return True
