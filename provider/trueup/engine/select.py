"""Narrowing a run to some of the declared resources, with what they refer to."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trueup.core.errors import UsageError
from trueup.engine.match import exclusive_lists, target_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trueup.core.kinds import Declared
    from trueup.core.values import Address


_REQUIREMENT: Final = re.compile(r"(!(?!.*=))?([^!=,\s]+)\s*(?:(!=|==?)\s*([^!=,]*))?")


@dataclass(frozen=True, slots=True)
class Selection:
    """The targets and labels that a run is narrowed to."""

    targets: tuple[str, ...] = ()
    """Addresses."""
    labels: tuple[str, ...] = ()
    """`team=platform`, `team!=sales`, `team` or `!team`; all of them have to fit, also those after a comma."""

    def __bool__(self) -> bool:
        return bool(self.targets or self.labels)


def select(resources: Iterable[Declared], selection: Selection) -> list[Declared]:
    """The resources that fit, what they refer to, and what they declare in a short form.

    Raises UsageError, which lists near addresses, or labels that there are.
    """
    by_address = {one.address: one for one in resources}
    chosen = set(_named(by_address, selection.targets)) if selection.targets else set(by_address)
    if selection.labels:
        fits = [_fit(part.strip()) for text in selection.labels for part in text.split(",")]
        chosen = {address for address in chosen if all(fit(by_address[address].labels or {}) for fit in fits)}
        if not chosen:
            known = sorted({f"{key}={text}" for one in by_address.values() for key, text in (one.labels or {}).items()})
            hint = f"There are {', '.join(known[:10])}." if known else "No resource has a label."
            raise UsageError(f"no declared resource has the labels {', '.join(selection.labels)}.", hint=hint)
    before = -1
    while len(chosen) > before:  # what is referred to may claim a place for itself, and what stands there refers on
        before = len(chosen)
        _with_references(by_address, chosen)
        _with_short_forms(by_address, chosen)
    return [one for address, one in by_address.items() if address in chosen]


def _named(by_address: dict[Address, Declared], targets: Iterable[str]) -> Iterable[Address]:
    by_text = {str(address): address for address in by_address}
    for target in targets:
        if target not in by_text:
            near = difflib.get_close_matches(target, by_text, n=3, cutoff=0.4)
            hint = f"Near: {', '.join(near)}." if near else "An address is system/Kind/name, as plan shows it."
            raise UsageError(f"no declared resource has the address {target}.", hint=hint)
        yield by_text[target]


def _with_references(by_address: dict[Address, Declared], chosen: set[Address]) -> None:
    queue = list(chosen)
    for address in queue:
        one = by_address[address]
        for field in one.kind.references:
            if field.name in one.spec:
                needed = target_of(one, field.name)
                if needed in by_address and needed not in chosen:
                    chosen.add(needed)
                    queue.append(needed)


def _with_short_forms(by_address: dict[Address, Declared], chosen: set[Address]) -> None:
    """Add the short forms in a chosen document, and all children of a list that it claims as exclusive."""
    whole = {
        (list_key, one.address)
        for list_key, parents in exclusive_lists([by_address[address] for address in chosen]).items()
        for one in parents
    }
    found = True
    while found:  # a short form may hold another one
        found = False
        for address, one in by_address.items():
            if address in chosen or not one.kind.parent or not one.kind.by_name[one.kind.parent].reference:
                continue
            parent = target_of(one, one.kind.parent)
            if (one.within and parent in chosen) or (one.address.list_key, parent) in whole:
                chosen.add(address)
                found = True


def _fit(text: str) -> Callable[[dict[str, str]], bool]:
    """Return the test of labels for one requirement. Raises UsageError."""
    found = _REQUIREMENT.fullmatch(text)
    if found is None:
        raise UsageError(f'"{text}" is no label to select by.', hint="Write team=platform, team!=sales, team or !team.")
    absent, name, sign, value = found.groups()
    if sign is None:
        return lambda labels: (name in labels) is not bool(absent)
    return lambda labels: (labels.get(name) == value) is (sign != "!=")
