"""`trueup get`."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from trueup.cli.asked import Asked
from trueup.cli.command_lines import joined
from trueup.cli.live import filters as filter_option
from trueup.cli.live import include_config as include_config_option
from trueup.cli.live import tenants as tenant_options
from trueup.cli.options import Command, asks, output
from trueup.cli.parameters import Option
from trueup.core.values import ConnectionId

if TYPE_CHECKING:
    from trueup.cli.asking import Context
    from trueup.cli.console import Console
    from trueup.core.kinds import ResourceKind
    from trueup.importing import ImportRequest, Known, LiveResources, Style
    from trueup.report.got import Got


@click.command("get", cls=Command)
@click.argument("kind")
@click.argument("name", required=False)
@asks("files", "connection", "stack", "retry_for", "state", "verbose", "no_color")
@click.option(
    "--below",
    metavar="PARENT",
    cls=Option,
    section="What",
    help=f"Only the children of this parent: {joined('below', '; ')}.",
)
@filter_option
@tenant_options
@include_config_option
@output("live", "manifests", help="A table, the fields for programs, or manifests as trueup import writes them.")
def command(
    asked: Asked,
    console: Console,
    kind: str,
    name: str | None,
    below: str | None,
    filters: tuple[str, ...],
    tenants: dict[str, tuple[str, ...]],
    include_config: bool,
) -> int:
    """List the live resources of a kind.

    KIND is {kinds}. NAME is a name, in any case,
    or an id. Nothing is changed. Exits with 1 if no resource has that name, or if something could not be read.
    """
    from trueup.cli.asking import connection_of, context, short_text
    from trueup.cli.live import checked_tenants, chosen_tenants
    from trueup.core.tasks import blocking
    from trueup.importing import ImportRequest, Style, manifests
    from trueup.importing.filters import parsed
    from trueup.importing.kinds import kind_named
    from trueup.report import got as report

    wanted_kind = kind_named(kind)
    for option, value in (("NAME", name), ("--below", below)):
        short_text(value, option)
    conditions = parsed(filters, wanted_kind)
    _check_below(wanted_kind, below)
    named = chosen_tenants(tenants, wanted_kind)
    known = context(asked, console, wanted_kind.system)
    of_tenants = bool(wanted_kind.parent) and not wanted_kind.by_name[wanted_kind.parent].reference
    given = (*named, below) if of_tenants and below is not None else named
    wanted = ImportRequest(
        (wanted_kind,),
        conditions,
        checked_tenants(given, known.tenants, wanted_kind) if of_tenants else (),
        connection_of(asked),
    )
    style = Style(include_config, connection_of(asked))
    found, got, managed = blocking(_get(asked, console, wanted, known, name, None if of_tenants else below, style))
    if "manifests" in console.format.renders:
        made = manifests(found, (wanted_kind,), style, managed)
        console.show("manifests", made.declared)
        console.err.print(report.notes(made, got, console.err.page))
    else:
        console.show("live", got, console.out.log)
    return 1 if got.denied else 0


def _check_below(kind: ResourceKind, below: str | None) -> None:
    """Raise UsageError when a parent is missing, or given for a kind without one."""
    from trueup.core.errors import UsageError
    from trueup.importing.kinds import parent_of, short, singular

    parent = parent_of(kind)
    if parent is not None and below is None:
        what = singular(parent).upper() if parent_of(parent) is None else "a target: its id, or INSTANCE/REMOTEID"
        raise UsageError(
            f"{short(kind)} are children of {short(parent)}, and no parent is given.",
            hint=f"Nothing was sent. Add --below {what}.",
        )
    if below is not None and not kind.parent:
        raise UsageError(
            f"{short(kind)} have no parent, so --below cannot be used.",
            hint="Nothing was sent. Omit it, or use --filter.",
        )


async def _get(
    asked: Asked,
    console: Console,
    wanted: ImportRequest,
    known: Context,
    name: str | None,
    below: str | None,
    style: Style,
) -> tuple[LiveResources, Got, Known]:
    from dataclasses import replace

    from trueup.cli.asking import CommandMeter, client_of, detecting
    from trueup.cli.running import session
    from trueup.core.values import Listing
    from trueup.importing import Known, LiveResources, looking, read
    from trueup.importing.kinds import live_kinds
    from trueup.report.got import Got

    (kind,) = wanted.kinds
    async with session(asked, console, known.manifest, systems=(kind.system,)) as (opened, progress, _):
        client = client_of(opened, kind.system, asked)
        meter = CommandMeter(client)
        progress.phase("reading")
        # The account of each instance is shown beside it: one request, and a readable table.
        shown = [field for field in kind.references if not kind.parent]
        beside = tuple(one for one in live_kinds(kind.system) if any(one.name == field.reference for field in shown))
        named = "manifests" in console.format.renders  # whose names alone are the ledger's
        managed = Known(*await opened.records(ConnectionId(kind.system, wanted.connection))) if named else Known()
        found = LiveResources()
        with detecting(client, asked, console), contextlib.closing(progress):
            if below is not None:
                found = await looking.below(client, kind, below, wanted)
            elif name is not None and not wanted.filters and (one := await looking.by_name(client, kind, name)):
                found = await read(client, replace(wanted, kinds=beside)) if beside else found
                found.listings[kind.name], found.chosen[kind.name] = Listing(one, complete=False), one
            else:
                found = await read(client, replace(wanted, kinds=(*beside, kind)))
            lives = found.chosen[kind.name]
            if name is not None:
                found.chosen[kind.name] = looking.called(lives, name)
                if not found.chosen[kind.name]:
                    raise looking.unknown(kind, name, lives)
        reading, now = meter.read(), client.clock.now()
    names = {
        live.id: live.name for other, listing in found.listings.items() if other != kind.name for live in listing.items
    }
    got = Got(
        kind,
        found.chosen[kind.name],
        names,
        reading,
        now,
        above=shown[0].name if shown else kind.parent,
        denied=found.listings[kind.name].denied,
        narrowed=bool(name or wanted.filters),
        include_config=style.include_config,
    )
    return found, got, managed
