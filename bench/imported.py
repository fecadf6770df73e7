"""Manifests of what the servers hold, as `trueup import den` writes them, in the time that passes at once."""

from __future__ import annotations

from pathlib import Path

from bench.servers import Servers
from trueup.core.kinds import ResourceKind
from trueup.core.tasks import blocking
from trueup.core.values import ConnectionId
from trueup.engine.loop import Session
from trueup.importing import ImportRequest, LiveResources, Style, files, manifests, read, text_of, writing
from trueup.importing.kinds import kind_named, live_kinds
from trueup.manifest import Manifest


def imported(servers: Servers, *along: str) -> Path:
    """The folder of manifests of accounts and instances, and of what else is named."""
    known = live_kinds("den")
    named = {kind_named(name, known) for name in ("accounts", "instances", *along)}
    kinds = tuple(kind for kind in known if kind in named)
    found = blocking(_found(servers, kinds))
    made = manifests(found, kinds, Style())
    assert not made.denied, made.denied
    folder = servers.folder / "manifests"
    writing.write(folder, {path: text_of(some) for path, some in files(made, found).items()})
    return folder


async def _found(servers: Servers, kinds: tuple[ResourceKind, ...]) -> LiveResources:
    async with Session(Manifest([], {}, [], ""), servers.options(), ("den",)) as session:
        return await read(session.clients[ConnectionId("den", "default")], ImportRequest(kinds))
