"""`trueup import`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from trueup.cli.asked import Asked
from trueup.cli.command_lines import joined, some_kinds
from trueup.cli.live import filters as filter_option
from trueup.cli.live import include_config as include_config_option
from trueup.cli.live import tenants as tenant_options
from trueup.cli.options import Command, asks, output
from trueup.cli.parameters import HomePath, Option
from trueup.core.values import ConnectionId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trueup.cli.asking import Context
    from trueup.cli.console import Console
    from trueup.core.kinds import ResourceKind
    from trueup.engine.plan.steps import Reading
    from trueup.importing import ImportRequest, Known, LiveResources


class SystemName(click.ParamType[str]):
    """The name of an installed system. Systems are loaded only to check a value, not for `--help`."""

    name = "system"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name. Raises BadParameter."""
        from trueup.systems.registry import BROKEN, SYSTEMS

        if value not in SYSTEMS:
            if broken := next((str(one) for one in BROKEN if one.name == value), ""):
                self.fail(broken, param, ctx)
            self.fail(f"not an installed system. Use {' or '.join(SYSTEMS)}.", param, ctx)
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Return the names with that prefix."""
        from click.shell_completion import CompletionItem

        from trueup.systems.registry import SYSTEMS

        return [CompletionItem(name) for name in SYSTEMS if name.startswith(incomplete)]


@click.command("import", cls=Command)
@click.argument("system", type=SystemName())
@asks("files", "connection", "stack", "retry_for", "state", "verbose", "no_color")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND",
    cls=Option,
    section="What",
    help=f"Only this kind ({', '.join(some_kinds())}, …); may be repeated. Default: {joined('by_default', ', or ')}.",
)
@filter_option
@click.option(
    "--with",
    "along",
    multiple=True,
    metavar="KINDS",
    cls=Option,
    section="What",
    help=joined("along", " "),
)
@tenant_options
@include_config_option
@click.option(
    "-o",
    "--out",
    metavar="DIR",
    required=True,
    type=HomePath(),
    cls=Option,
    section="Output",
    help="Folder to write to. Created if it does not exist.",
)
@click.option(
    "--overwrite",
    is_flag=True,
    cls=Option,
    section="Output",
    help="Write to a folder that already contains manifests, and replace those of the same name.",
)
@output("imported", flags=["--output"], help="Format of the summary: text for people, or one JSON document.")
def command(
    asked: Asked,
    console: Console,
    system: str,
    kinds: tuple[str, ...],
    filters: tuple[str, ...],
    along: tuple[str, ...],
    tenants: dict[str, tuple[str, ...]],
    include_config: bool,
    out: str,
    overwrite: bool,
) -> int:
    """Write manifests for existing resources.

    A plan of them shows no difference, unless config that trueup wrote is omitted. Resources in the ledger keep their
    addresses. Secrets are never written, and config and metadata only with --include-config; omitted values are
    listed. Nothing is changed in {titles}. Exits with 1 if something that was requested could not be read.
    """
    from pathlib import Path

    from trueup.cli.asking import connection_of, context
    from trueup.cli.live import checked_tenants, chosen_tenants
    from trueup.core.tasks import blocking
    from trueup.importing import ImportRequest, Style, main_kind, manifests, text_of, writing
    from trueup.importing import files as files_of
    from trueup.importing import filters as narrowing
    from trueup.report.imported import Imported
    from trueup.systems.registry import SYSTEMS

    wanted_kinds = _kinds(system, kinds, along)
    main = main_kind(wanted_kinds)
    conditions = narrowing.parsed(filters, main)
    named = chosen_tenants(tenants, main)
    folder = Path(out)
    writing.check(folder, system, tuple(SYSTEMS), overwrite=overwrite)
    known = context(asked, console, system)
    wanted = ImportRequest(
        wanted_kinds,
        conditions,
        checked_tenants(named, known.tenants, main) if main.parent else (),
        connection_of(asked),
    )
    found, reading, origin, managed = blocking(_read(asked, console, system, known, wanted))
    made = manifests(found, wanted_kinds, Style(include_config, connection_of(asked)), managed)
    placed = files_of(made, found)
    comment = (f"Live resources of {origin}, written by trueup import.",)
    before = [path for path in writing.manifests_in(folder) if path.startswith(f"{system}/")]
    if placed:
        texts = {path: text_of(some, comment) for path, some in placed.items()}
        writing.check_kept(folder, texts, narrowed=bool(filters))
        writing.write(folder, texts)
    others = [path for path in before if path not in placed]
    following = _following(asked, known, out)
    console.show("imported", Imported(out, made, placed, reading, others, connection_of(asked), following))
    return 1 if made.denied else 0


def _kinds(system: str, given: Sequence[str], along: Sequence[str]) -> tuple[ResourceKind, ...]:
    """Return the kinds to write, each after those it refers to. Raises UsageError."""
    from trueup.core.errors import UsageError
    from trueup.importing.kinds import kind_named, live_kinds, parent_of, short
    from trueup.systems.registry import SYSTEMS
    from trueup.transport.wire import plain

    known = live_kinds(system)
    children = _children(system)
    words = [part.strip() for text in along for part in text.split(",") if part.strip()]
    if along and not (children and words):
        title = f"{' and '.join(map(short, known))} of {SYSTEMS[system].title}"
        what = f"{title} have no children." if words else "--with is empty."
        raise UsageError(what, hint="Nothing was sent. Omit --with.")
    for word in words:
        if word not in children:
            raise UsageError(
                f'--with does not accept "{plain(word, 40)}".', hint=f"Nothing was sent. Known: {', '.join(children)}."
            )
    wanted = {kind_named(word, known) for word in given} or {kind for kind in known if parent_of(kind) is None}
    wanted |= {kind for word in words for kind in children[word]}
    return tuple(kind for kind in known if kind in wanted)


def _children(system: str) -> dict[str, tuple[ResourceKind, ...]]:
    """Return the values of --with, and the kinds that each adds: a child of a child needs its parent as well."""
    from trueup.importing.kinds import parent_of, short, with_parents
    from trueup.systems.registry import RESOURCES

    kinds = [kind for kind in RESOURCES if kind.system == system and parent_of(kind) is not None]
    return {short(kind): tuple(one for one in with_parents([kind]) if parent_of(one) is not None) for kind in kinds}


async def _read(
    asked: Asked, console: Console, system: str, known: Context, wanted: ImportRequest
) -> tuple[LiveResources, Reading, str, Known]:
    """Return the live resources, the cost of reading them, their server, and the ledger's records of them."""

    from trueup.cli.asking import CommandMeter, client_of
    from trueup.cli.running import session
    from trueup.importing import Known, read

    async with session(asked, console, known.manifest, systems=(system,)) as (opened, progress, _):
        client = client_of(opened, system, asked)
        meter = CommandMeter(client)
        connection = ConnectionId(system, wanted.connection)
        settings = opened.settings[connection]
        managed = Known(*await opened.records(connection))
        found = await read(client, wanted)
        progress.close()
        return found, meter.read(), settings.scope, managed


def _following(asked: Asked, known: Context, out: str) -> str:
    """Return the plan command for the written manifests, with the Connections that it needs."""
    given = list(asked.given)
    if known.manifest.connections and not asked.files:
        given += ["-f", "."]
    return shlex.join(["trueup", "plan", *given, "-f", out])
