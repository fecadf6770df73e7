"""Options shared by commands that read resources without a plan, and their checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trueup.cli.options import Option

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
projects = click.option(
    "--project",
    "projects",
    multiple=True,
    metavar="ID",
    cls=Option,
    section="What",
    help="A project of Wexa (24 hex digits); may be repeated. Default: the projects in the manifests.",
)
include_config: Callable[..., Any] = click.option(
    "--include-config",
    is_flag=True,
    cls=Option,
    section="What",
    help="Include config and metadata of Den, except what looks like a secret. Wexa's configuration is never shown.",
)


def checked_projects(given: Sequence[str], declared: tuple[str, ...], kind: ResourceKind) -> tuple[str, ...]:
    """Return the projects to read. Raises UsageError when there are none, or one is not a valid id."""
    import re

    from trueup.core.errors import UsageError
    from trueup.transport.wire import plain

    pattern = kind.by_name[kind.parent].schema["pattern"]
    for one in given:
        if not re.fullmatch(pattern, one):
            raise UsageError(
                f'"{plain(one, 80)}" is not a project id, which has 24 lowercase hex digits.',
                hint="Nothing was sent. Wexa shows it in the URL of the project.",
            )
    if found := tuple(sorted(set(given))) or declared:
        return found
    raise UsageError(
        "Wexa lists connectors by project, and no project is given.",
        hint="Nothing was sent. Add --project ID, or pass manifests that declare connectors with -f.",
    )
