"""Live resources to manifests in files, each resource after those it refers to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from trueup.core.values import Listing
from trueup.importing import emit
from trueup.importing.describing import Described, described
from trueup.importing.kinds import parent_of, short, with_parents
from trueup.importing.known import Known
from trueup.importing.naming import file_names, resource_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trueup.core.kinds import ResourceKind
    from trueup.core.reasons import Reason
    from trueup.core.values import Live
    from trueup.importing.describing import Style
    from trueup.importing.reading import LiveResources

NOTHING: Final = Known()
"""Without a ledger."""
_SEPARATOR: Final = ":"
"""Between the name of a parent and what is below it, as in the addresses of short forms."""


@dataclass(slots=True)
class Import:
    """The manifests that an import writes, and the problems it met."""

    resources: list[Described] = field(default_factory=list)
    names: dict[str, dict[str, str]] = field(default_factory=dict)
    """The `metadata.name` of everything that was read, by kind and id."""
    denied: dict[str, Reason] = field(default_factory=dict)
    """Parents below which nothing could be read, by id, and why."""
    stacks: dict[str, str] = field(default_factory=dict)
    """Other sets of manifests that manage what has a manifest, by id."""

    @property
    def declared(self) -> list[Described]:
        """Those that have a manifest."""
        return [one for one in self.resources if one.document is not None]

    @property
    def refused(self) -> list[Described]:
        """Those that cannot be declared."""
        return [one for one in self.resources if one.document is None]


def manifests(found: LiveResources, kinds: Sequence[ResourceKind], style: Style, known: Known = NOTHING) -> Import:
    """The manifests of the chosen resources of some kinds, under the names that a ledger has for them."""
    result = Import()
    connection = style.connection
    names = result.names
    declared: dict[str, dict[str, str]] = {}
    for kind in with_parents(kinds):
        listing = found.listings.get(kind.name, Listing([]))
        result.denied |= listing.denied
        above = names.get(parent.name, {}) if (parent := parent_of(kind)) else None
        called = ((live.id, _called(kind, live, above)) for live in listing.items)
        kept = known.names(kind, connection, listing)
        reserved = known.reserved(kind, connection, listing, (above or {}).keys())
        names[kind.name] = resource_names(called, kept, reserved)
        if kind not in kinds:
            continue
        mine = declared[kind.name] = {}
        for live in found.chosen[kind.name]:
            if live.implied:
                continue
            one = described(kind, live, names[kind.name][live.id], declared, listing, style)
            result.resources.append(one)
            if one.document is not None:
                mine[live.id] = one.name
    result.stacks = known.stacks(one.live for one in result.declared)
    return result


def _called(kind: ResourceKind, live: Live, above: dict[str, str] | None) -> str:
    if above is None:
        return live.name
    parent = str(live.spec[kind.parent])
    return f"{above.get(parent, parent)}{_SEPARATOR}{live.name}"


def text_of(resources: Sequence[Described], comment: Sequence[str] = ()) -> str:
    """Manifests as one text."""
    return emit.file((one.text for one in resources), comment)


def files(result: Import, found: LiveResources) -> dict[str, list[Described]]:
    """Return the content of each file, by its path in the folder.

    A file for each instance with all that is below it, and one for all accounts: what people look for in Git.
    """
    by_name = {kind: file_names(known.items()) for kind, known in result.names.items()}
    above = {live.id: live for listing in found.listings.values() for live in listing.items}
    placed: dict[str, list[Described]] = {}
    for one in result.declared:
        kind, live = one.kind, one.live
        while (parent := parent_of(kind)) is not None:
            kind, live = parent, above[live.spec[kind.parent]]
        folder = kind.system
        if kind.parent:
            path = f"{folder}/{live.spec[kind.parent]}.yaml"
        elif kind.references:
            path = f"{folder}/{short(kind)}/{by_name[kind.name][live.id]}.yaml"
        else:
            path = f"{folder}/{short(kind)}.yaml"
        placed.setdefault(path, []).append(one)
    return dict(sorted(placed.items()))
