"""Kinds as people name them on a command line: `instances`, `ConnectorInstance`, `access`."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from trueup.core.errors import UsageError
from trueup.engine.match import depths_of
from trueup.systems.registry import RESOURCES, plural
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trueup.core.kinds import ResourceKind

_PREFIX: Final = "connector"


def live_kinds(system: str | None = None) -> tuple[ResourceKind, ...]:
    """The kinds of which something can be live, of one system or of all, each behind what it refers to."""
    found = [kind for kind in RESOURCES if system in (None, kind.system)]
    depths = depths_of(set(found))
    return tuple(sorted(found, key=lambda kind: depths[kind]))


def short(kind: ResourceKind) -> str:
    """Return the plural that a person says: `instances`, `access`, `connectors`."""
    return plural(singular(kind))


def singular(kind: ResourceKind) -> str:
    """Return the word for one of a kind: `instance`."""
    name = kind.name.lower()
    return name.removeprefix(_PREFIX) or name


def kind_named(given: str, kinds: Iterable[ResourceKind] = ()) -> ResourceKind:
    """The kind that a word stands for, whatever its case and number. Raises UsageError, which lists them.

    `desk/boards` is a kind of that system alone.
    """
    found = tuple(kinds) or live_kinds()
    forms = {form: kind for kind in found for form in _forms(kind)}
    forms |= {f"{kind.system}/{form}": kind for kind in found for form in _forms(kind)}
    wanted = given.strip().casefold()
    if wanted not in forms:
        near = difflib.get_close_matches(wanted, forms, n=1)
        meant = f'Did you mean "{short(forms[near[0]])}"? ' if near else ""
        known = ", ".join(map(short, found))
        raise UsageError(f'there is no kind "{plain(given, 40)}".', hint=f"{meant}Known: {known}.")
    meant_by = [kind for kind in found if wanted in _forms(kind)]
    if len(meant_by) > 1:
        names = " and ".join(f"{kind.system}/{short(kind)}" for kind in meant_by)
        raise UsageError(f"{plain(given, 40)} are kinds of {len(meant_by)} systems.", hint=f"Name one: {names}.")
    return forms[wanted]


def parent_of(kind: ResourceKind) -> ResourceKind | None:
    """The kind below which it is listed; None for one that has a list of its own."""
    reference = kind.parent_kind
    return next((one for one in live_kinds(kind.system) if one.name == reference), None)


def with_parents(kinds: Iterable[ResourceKind]) -> tuple[ResourceKind, ...]:
    """Those kinds, and all below which they are listed, in the order of reading."""
    wanted: set[ResourceKind] = set()
    for kind in kinds:
        one: ResourceKind | None = kind
        while one is not None:
            wanted.add(one)
            one = parent_of(one)
    return tuple(kind for kind in live_kinds() if kind in wanted)


def _forms(kind: ResourceKind) -> tuple[str, ...]:
    name = kind.name.lower()
    return (name, f"{name}s", short(kind), short(kind).removesuffix("s") if short(kind) != "access" else "accesses")
