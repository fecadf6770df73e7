"""What commands share that read what is live without a plan: manifests that only say who asks, options, the client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from trueup.cli.options import Option

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trueup.cli.options import Asked
    from trueup.client import Client
    from trueup.manifest import Manifest
    from trueup.model import Kind
    from trueup.run import Session

_LONGEST: Final = 255

filters = click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="NAME=TEXT",
    cls=Option,
    section="What",
    help="Only what fits: name=GLOB, q=TEXT (a part of its name or remote id), status=STATUS, account=NAME; may be "
    "repeated, then all have to fit.",
)
projects = click.option(
    "--project",
    "projects",
    multiple=True,
    metavar="ID",
    cls=Option,
    section="What",
    help="A project of Wexa (24 hex digits); may be repeated. Default: those that the manifests name.",
)
include_config: Callable[..., Any] = click.option(
    "--include-config",
    is_flag=True,
    cls=Option,
    section="What",
    help="Also config and metadata of Den, but for what looks like a secret. Wexa's configuration is never shown.",
)


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks, and what the manifests say of where to look."""

    manifest: Manifest
    """The Connections of one system."""
    projects: tuple[str, ...] = ()
    """Projects of Wexa that the manifests name for the connection that is meant."""


def context(asked: Asked, system: str) -> Context:
    """The Connections that the manifests declare; none where the current folder, unasked, has no manifests."""
    from trueup.errors import ManifestError
    from trueup.manifest import Manifest
    from trueup.run import load

    try:
        found = load(*asked.files)
    except ManifestError as error:
        missing = [(fault.file, fault.code) for fault in error.faults] == [(".", "E120")]
        if asked.files or not missing:
            raise
        found = Manifest([], {}, [], "")
    connections = {key: one for key, one in found.connections.items() if key[0] == system}
    named = {
        one.spec["projectId"] for one in found.resources if one.address.system == system and "projectId" in one.spec
    }
    return Context(Manifest([], connections, found.files, found.digest), tuple(sorted(named)))


def checked_projects(given: Sequence[str], known: Context, kind: Kind) -> tuple[str, ...]:
    """The projects to read. Raises UsageError when there are none, or one is no id."""
    import re

    from trueup.errors import UsageError
    from trueup.wire import plain

    pattern = kind.by_name[kind.parent].schema["pattern"]
    for one in given:
        if not re.fullmatch(pattern, one):
            raise UsageError(
                f'"{plain(one, 80)}" is no id of a project: that is 24 hex digits in small letters.',
                hint="Nothing was sent. Wexa shows it in the address of the project.",
            )
    if found := tuple(sorted(set(given))) or known.projects:
        return found
    raise UsageError(
        "Wexa lists connectors by project, and none is named.",
        hint="Nothing was sent. Add --project ID, or name manifests that declare some with -f.",
    )


def short_text(value: str | None, name: str) -> None:
    """Raises UsageError for a text that no server would look for."""
    from trueup.errors import UsageError

    if value is not None and not (value.strip() and len(value) <= _LONGEST):
        raise UsageError(f"{name} has to be a text of 1 to {_LONGEST} characters.", hint="Nothing was sent.")


def client_of(opened: Session, system: str, asked: Asked) -> Client:
    """The client of the one connection that is meant."""
    return opened.clients[system, connection_of(asked)]


def connection_of(asked: Asked) -> str:
    """The name of that connection."""
    from trueup.model import DEFAULT_CONNECTION

    return asked.connection or DEFAULT_CONNECTION
