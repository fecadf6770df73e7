"""`trueup events` and `trueup events retry`."""

from __future__ import annotations

import contextlib
import shlex
from typing import TYPE_CHECKING, Any, Final

import click

from trueup.cli.asked import Asked
from trueup.cli.asking import CommandMeter, client_of, context, moment, short_text, watched
from trueup.cli.group import WITH_VALUE
from trueup.cli.options import Command, Option, asks

if TYPE_CHECKING:
    from datetime import datetime

    from trueup.cli.console import Console
    from trueup.cli.progress import Lines
    from trueup.core.errors import ApiError
    from trueup.manifest.values import Manifest
    from trueup.report.format import Format
    from trueup.systems.den.named import Named
    from trueup.transport.client import Client

TYPES: Final = ("push", "installation", "installation_repositories", "repository", "manual_resync")
STATUSES: Final = ("pending", "queued", "running", "completed", "failed", "partial", "ignored")
NEWEST: Final = 50
"""Events that are shown without --limit."""

_EXAMPLES: Final = """\
trueup events
trueup events --status failed --since 3d
trueup events --instance docs --target acme/docs --limit 10
trueup events --instance docs --follow
trueup events -o json | jq -r '.events[] | select(.status == "failed") | .id'
trueup events retry cse_01m81v3twxe7h8v31twm11s4tc"""

_RETRY_EXAMPLES: Final = """\
trueup events retry cse_01m81v3twxe7h8v31twm11s4tc
trueup events retry $(trueup events --status failed -o json | jq -r '.events[].id')"""


class Events(Command, click.Group):
    """A command that lists by itself, and has a subcommand that acts."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as usual; options before the subcommand belong to it."""
        place = self._first_word(args)
        if place is not None and args[place] in self.commands:
            args = [args[place], *args[:place], *args[place + 1 :]]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the subcommand. Raises UsageError with a suggestion."""
        if args[0] not in self.commands and not ctx.resilient_parsing:
            raise click.UsageError(
                f'There is no subcommand "{args[0]}", only "retry". An instance is named with --instance, and files '
                "and folders with -f.",
                ctx,
            )
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the subcommand first."""
        with formatter.section("Commands"):
            formatter.write_dl([(f"{name} ID…", one.get_short_help_str(80)) for name, one in self.commands.items()])
        super().format_options(ctx, formatter)

    def _first_word(self, args: list[str]) -> int | None:
        """Return the index of the first argument that is neither an option nor an option's value."""
        valued = {opt for one in self.params if isinstance(one, Option) and not one.is_flag for opt in one.opts}
        valued = (valued | set(WITH_VALUE)) - {"-v", "--verbose"}
        place = 0
        while place < len(args) and args[place].startswith("-") and args[place] != "--":
            place += 2 if args[place] in valued else 1
        return place if place < len(args) else None


@click.command(
    "events",
    cls=Events,
    examples=_EXAMPLES,
    invoke_without_command=True,
    subcommand_metavar="[retry ID…]",
)
@asks("files", "connection", "retry_for", "state", "output", "verbose", "no_color", shows="events")
@click.option(
    "--instance", metavar="NAME_OR_ID", cls=Option, section="What", help="Only those of this instance of Den."
)
@click.option(
    "--target",
    "--target-id",
    "target",
    metavar="REMOTE_ID_OR_ID",
    cls=Option,
    section="What",
    help="Only those of this target: its remote id within --instance, or its id (ctg_…).",
)
@click.option("--type", "kind", type=click.Choice(TYPES), cls=Option, section="What", help="Only those of this type.")
@click.option("--status", type=click.Choice(STATUSES), cls=Option, section="What", help="Only those in this status.")
@click.option(
    "-q",
    "--query",
    "text",
    metavar="TEXT",
    cls=Option,
    section="What",
    help="Only those whose delivery or commit holds this text, whatever its case.",
)
@click.option(
    "--since",
    metavar="WHEN",
    cls=Option,
    section="What",
    help="Only those since then: 90m, 2h, 3d, a day such as 2026-11-20 (from 00:00 UTC), or a time in RFC 3339.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    metavar="N",
    cls=Option,
    section="What",
    help=f"Only the newest N. Default: {NEWEST}, or with --since all.",
)
@click.option(
    "--follow",
    is_flag=True,
    cls=Option,
    section="How",
    help="Then go on: print each new event, and each change of a status, until Ctrl-C.",
)
def command(asked: Asked, console: Console, **filters: Any) -> int:
    """Show Den's sync events, the newest first, or retry some.

    Each row tells when a sync began, its status, instance and type, what it says, and its id. With --follow the oldest
    comes first, and with -o json as well each event is a line of its own. Nothing is changed, except by retry.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return 0
    from trueup.core.tasks import blocking
    from trueup.engine.options import SystemClock

    _check(filters, console.format)
    since = moment(filters["since"], SystemClock().now(), "--since") if filters["since"] is not None else None
    return blocking(_events(asked, console, context(asked, console, "den").manifest, filters, since))


@command.command("retry", cls=Command, examples=_RETRY_EXAMPLES)
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
@asks("files", "connection", "retry_for", "state", "output", "verbose", "no_color", shows="retried")
def retry(asked: Asked, console: Console, ids: tuple[str, ...]) -> int:
    """Queue sync events again.

    Works from any status: also one that is running and hangs, and so blocks its target. It takes the role of an editor
    for the event's instance.
    """
    from trueup.core.errors import UsageError
    from trueup.core.tasks import blocking
    from trueup.systems.den.sync_events import is_event_id

    if wrong := [one for one in ids if not is_event_id(one)]:
        raise UsageError(
            f'"{wrong[0]}" is no id of a sync event: that is cse_ and 26 small letters and digits.',
            hint="Nothing was sent. trueup events shows the ids.",
        )
    return blocking(_retry(asked, console, context(asked, console, "den").manifest, list(dict.fromkeys(ids))))


def _check(filters: dict[str, Any], format: Format) -> None:
    from trueup.core.errors import UsageError
    from trueup.systems.den.named import is_target_id

    for option, name in (("--instance", "instance"), ("--target", "target"), ("-q", "text")):
        short_text(filters[name], option)
    target = filters["target"]
    if target is not None and filters["instance"] is None and not is_target_id(target):
        raise UsageError(
            f'--target "{target}" is no id (ctg_…), and a remote id is one within an instance.',
            hint="Nothing was sent. Add --instance.",
        )
    if filters["follow"] and "event" not in format.renders:
        raise UsageError(f"--follow has no output as {format.name}.", hint="Nothing was sent. Leave one of them out.")


async def _events(
    asked: Asked, console: Console, manifest: Manifest, filters: dict[str, Any], since: datetime | None
) -> int:
    from trueup.cli.running import session
    from trueup.report import events as report
    from trueup.systems.den import lists, named, sync_events

    async with session(asked, console, manifest, systems=("den",)) as (opened, progress, _):
        client = client_of(opened, "den", asked)
        meter = CommandMeter(client)
        progress.phase("reading")
        instance, target, query = await _query(client, filters)
        after = sync_events.stamp_of(since) if since is not None else None
        limit = filters["limit"] or (NEWEST if since is None else None)
        # A page costs the same whatever its size, and --follow must know the events that are older than those shown.
        most = max(limit, lists.PAGE) if limit is not None and filters["follow"] else limit
        found = await sync_events.read(client, query, since=after, most=most)
        if not found.events:
            await _there(client, instance, target)
        names = {instance.id: instance.name} if instance is not None and instance.name else {}
        if filters["follow"]:
            follower = sync_events.Follower(client, query, found, after)
            following = _Following(console, progress, client, names, meter)
            await watched(following.run(follower, found.events[:limit]))
            following.end()
            return 0
        if console.format.for_people:
            names |= await named.names_of(client, {one.instance for one in found.events} - names.keys())
        progress.close()
        reading, now = meter.read(), client.clock.now()
    retrying = shlex.join(["trueup", "events", "retry", *asked.given])
    narrowed = any(value is not None for name, value in filters.items() if name not in ("limit", "follow"))
    console.show("events", report.Listed(found, names, now, reading, narrowed, retrying))
    return 0


async def _query(client: Client, filters: dict[str, Any]) -> tuple[Named | None, Named | None, dict[str, Any]]:
    """Return instance and target as they are named, and the query of the list."""
    from trueup.systems.den import named

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
    """Raise UsageError when nothing was found because an id does not exist; the list itself does not report that."""
    from trueup.systems.den import named

    if instance is not None and not instance.name:
        await named.known(client, instance)
    if target is not None and not target.name and instance is None:
        await named.belongs(client, target.id)


class _Following:
    """The output of --follow."""

    def __init__(
        self, console: Console, progress: Lines, client: Client, names: dict[str, str], meter: CommandMeter
    ) -> None:
        self._console = console
        self._progress = progress
        self._client = client
        self._names = names
        self._asked: set[str | None] = set(names)
        self._meter = meter
        self._printed = 0

    async def run(self, follower: Any, listed: list[Any]) -> bool:
        """Print the listed events and their changes until no one reads the output any more."""
        await self._print(listed[::-1])
        self._progress.close()
        if self._console.format.for_people:
            self._progress.phase("following")
        async with contextlib.aclosing(follower.changes()) as changes:
            async for fresh in changes:
                await self._print(fresh)
                if self._unread():
                    break
        return True

    async def _print(self, events: list[Any]) -> None:
        from trueup.report import events as report
        from trueup.systems.den import named

        format = self._console.format
        if format.for_people:
            new = {one.instance for one in events} - self._asked
            self._asked |= new
            self._names |= await named.names_of(self._client, new)
        write = self._progress.result if format.for_people else self._console.out.document
        now, page = self._client.clock.now(), self._console.out.page
        for one in events:
            write(format.render("event", report.Happened(one, self._names, now), page))
        self._printed += len(events)

    def end(self) -> None:
        """Print the count and the cost."""
        from trueup.report import events as report

        self._progress.close()
        if self._console.format.for_people:
            rows = f"{self._printed:,} row{'' if self._printed == 1 else 's'}"
            self._console.out.print(f"Events: {rows}, then no longer followed. {report.cost(self._meter.read())}")

    def _unread(self) -> bool:
        # A closed pipe (`| head`) is not a failure, but an endless output must stop.
        return self._console.out._file is None


async def _retry(asked: Asked, console: Console, manifest: Manifest, ids: list[str]) -> int:
    from trueup.cli.group import INTERRUPTED
    from trueup.cli.running import session
    from trueup.core.errors import ApiError, Forbidden, NotFound, Refused, Stopped
    from trueup.report import syncs
    from trueup.systems.den import sync_events

    done: list[str] = []
    failed: dict[str, ApiError] = {}
    stopped = False
    async with session(asked, console, manifest, systems=("den",)) as (opened, progress, interrupt):
        client = client_of(opened, "den", asked)
        meter = CommandMeter(client)
        progress.phase("queueing", len(ids))
        interrupt.stop = opened.stop
        for key in ids:
            try:
                await sync_events.retry(client, key)
                done.append(key)
            except Stopped:
                stopped = True
                break
            except ApiError as error:
                failed[key] = error
                if not isinstance(error, NotFound | Forbidden | Refused):
                    break  # the others would fail as well
            progress.advance()
        progress.close()
        reading = meter.read()
    unsent = [one for one in ids if one not in done and one not in failed]
    following = shlex.join(["trueup", "events", *asked.given, "--follow"])
    console.show("retried", syncs.Retried(done, failed, unsent, reading, following))
    return INTERRUPTED if stopped else 1 if failed else 0
