"""Options shared by commands that read resources without a plan, and their checks."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import click

from trueup.cli.command_lines import joined, loaded
from trueup.cli.parameters import Option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from trueup.core.kinds import ResourceKind

filters = click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="NAME=TEXT",
    cls=Option,
    section="What",
    help="Only resources that match: name=GLOB, q=TEXT (part of the name or remote id), status=STATUS, account=NAME; "
    "may be repeated, then all must match.",
)
include_config: Callable[..., Any] = click.option(
    "--include-config",
    is_flag=True,
    cls=Option,
    section="What",
    help=joined("include_config", " "),
)


def tenants(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name tenants: each system whose resources name theirs has one, such as `--project`."""
    options: dict[str, list[str]] = {}
    for line in loaded().lines:
        if line.option[0]:
            options.setdefault(line.option[0], []).append(line.option[1])

    def called(*args: Any, **values: Any) -> Any:
        return function(*args, tenants={name: values.pop(name) for name in options}, **values)

    command = functools.update_wrapper(called, function)
    for name, texts in reversed(options.items()):
        option = click.option(
            f"--{name}", name, multiple=True, metavar="ID", cls=Option, section="What", help=" ".join(texts)
        )
        command = option(command)
    return command


def chosen_tenants(given: Mapping[str, tuple[str, ...]], kind: ResourceKind) -> tuple[str, ...]:
    """Return the tenants that are named for a kind. Raises UsageError for those of another system."""
    from trueup.core.errors import UsageError
    from trueup.importing.kinds import short
    from trueup.systems.registry import SYSTEMS

    tenant = SYSTEMS[kind.system].tenant
    for setting, ids in given.items():
        if ids and (setting != tenant.setting or kind.parent != tenant.field):
            kinds = " or ".join(f"{short(one)} of {SYSTEMS[one.system].title}" for one in _named_by(setting))
            with_what = f"only with {kinds}" if kinds else "with no kind: none is listed by it"
            raise UsageError(f"--{setting} can be used {with_what}.", hint="Nothing was sent. Omit it.")
    return given.get(tenant.setting, ())


def _named_by(setting: str) -> Iterator[ResourceKind]:
    """Yield the kinds that are listed by a tenant of that setting."""
    from trueup.importing.kinds import live_kinds
    from trueup.systems.registry import SYSTEMS

    for kind in live_kinds():
        tenant = SYSTEMS[kind.system].tenant
        if tenant.setting == setting and kind.parent and kind.parent == tenant.field:
            yield kind


def checked_tenants(given: Sequence[str], declared: tuple[str, ...], kind: ResourceKind) -> tuple[str, ...]:
    """Return the tenants to read. Raises UsageError when there are none, or one is not a valid id."""
    import re

    from trueup.core.errors import UsageError
    from trueup.importing.kinds import short
    from trueup.systems.registry import SYSTEMS
    from trueup.transport.wire import plain

    system = SYSTEMS[kind.system]
    tenant = system.tenant
    for one in given:
        if not re.fullmatch(tenant.pattern, one):
            raise UsageError(
                f'"{plain(one, 80)}" is not a {tenant.setting} id, which has {tenant.form}.',
                hint=f"Nothing was sent. {tenant.shown_where}".strip(),
            )
    if found := tuple(sorted(set(given))) or declared:
        return found
    raise UsageError(
        f"{system.title} lists {short(kind)} by {tenant.setting}, and no {tenant.setting} is given.",
        hint=f"Nothing was sent. Add --{tenant.setting} ID, or pass manifests that declare {short(kind)} with -f.",
    )
