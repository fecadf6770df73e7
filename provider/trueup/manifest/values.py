"""The result of a load: everything that the manifests declare."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trueup.core.errors import Fault
    from trueup.core.kinds import Declaration, Declared
    from trueup.core.values import ConnectionId


@dataclass(slots=True)
class Manifest:
    """The declared resources in the order of the files, and the Connections of their systems."""

    resources: list[Declared]
    """All but the Connections."""
    connections: dict[ConnectionId, Declaration]
    """The Connections, by system and name."""
    files: list[str]
    digest: str
    """SHA-256 of the text: another one means that something may have changed since."""
    blank: list[str] = field(default_factory=list)
    """The files without any document: nothing, or comments alone."""
    skipped: list[str] = field(default_factory=list)
    """The files of other tools in the folders that were read."""
    unseen: list[str] = field(default_factory=list)
    """Files and folders that may hold manifests and could not be read, each with why: nothing is pruned then."""
    sets: list[str] = field(default_factory=list)
    """The folders below those that were read that have a `trueup.yaml` of their own."""
    warnings: list[Fault] = field(default_factory=list)
    """Possible mistakes that do not fail the load."""
