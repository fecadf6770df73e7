"""Checks across all documents: addresses, references, cycles, and conflicting claims.

A document with other faults takes part as well as it can, so that one mistake does not hide or cause another. A name
that occurs in a text which could not be read is not called unknown.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from trueup.core.errors import Fault
from trueup.core.values import DEFAULT_CONNECTION, Address, ListKey
from trueup.manifest import words
from trueup.manifest.names import Names, UnreadTexts
from trueup.manifest.places import Span
from trueup.manifest.text import printable, quoted
from trueup.manifest.words import Said

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from trueup.core.changes import Path
    from trueup.core.fields import Field
    from trueup.core.kinds import Declaration, Declared, Kind

_Key = tuple[str, str, str, str]
"""System, connection, kind and name."""
ID_PATTERN: Final = "idPattern"
"""The keyword of a reference's schema that tells the form of an id of what it names."""

_ELSEWHERE: Final = "Or add the file that declares it with -f."


def link(
    declared: Sequence[Declared],
    connections: Sequence[Declaration],
    *,
    unsound: Container[int] = (),
    lost: Sequence[str] = (),
) -> list[Fault]:
    """The faults between documents. `unsound` holds the `id()` of those with faults of their own."""
    found: list[Fault] = []
    by_key: dict[_Key, Declaration] = {}
    for one in (*connections, *declared):
        first = by_key.setdefault(_key(one.address), one)
        if first is not one:
            found.append(_twice(first, one))
    names = Names(by_key)
    texts = UnreadTexts(lost)
    found += _unknown_connections(declared, by_key, names, texts)
    for one in declared:
        if not _connected(one, by_key):
            continue  # so that nothing of it can be found there
        for field in one.kind.references:
            said = _reference(one, field, one.spec.get(field.name), names, texts)
            if said is not None:
                found.append(_fault(one, (field.name,), said))
    found += _cycles(by_key)
    found += _claims([one for one in declared if id(one) not in unsound])
    return found


def _key(address: Address) -> _Key:
    return address.system, address.connection, address.kind, address.name


def _fault(one: Declaration, path: Path | None, said: Said) -> Fault:
    """A fault of a declared resource: at a field of its spec, or at its name."""
    if not isinstance(one.locator, Span):
        where = one.where if path is None else one.locate(path)
        return Fault(where.file, where.line, where.column, *said)
    places = one.locator.places()
    base = one.locator.base
    own = ("metadata", "name") if base == ("spec",) else base
    place = places.value(own if path is None else (*base, *path))
    return one.locator.source.fault(place.mark, *said, width=place.width)


def _twice(first: Declaration, second: Declaration) -> Fault:
    message = f"{printable(str(second.address))} is declared twice, first at {first.place}"
    named = not (first.within or second.within)  # an item of a short form has no name of its own
    hint = "Rename one of them, or remove it." if named else "Remove one of the two."
    return _fault(second, None, Said("E130", message, hint))


def _unknown_connections(
    declared: Sequence[Declared], by_key: Mapping[_Key, Declaration], names: Names, lost: UnreadTexts
) -> Iterator[Fault]:
    for one in declared:
        system, name = one.address.system, one.address.connection
        if _connected(one, by_key) or name in lost:
            continue
        known = ListKey(system, DEFAULT_CONNECTION, "Connection")
        hint = names.did_you_mean(name, known, "Declared are") if names.of(known) else ""
        message = f"the connection {quoted(name)} of {system} is not declared"
        hint = hint or f"Declare a Connection of {one.kind.api_version} with that name, or leave spec.connection out."
        yield _fault(one, ("connection",), Said("E136", message, hint))


def _connected(one: Declaration, by_key: Mapping[_Key, Declaration]) -> bool:
    address = one.address
    if address.connection == DEFAULT_CONNECTION:
        return True
    return (address.system, DEFAULT_CONNECTION, "Connection", address.connection) in by_key


def _reference(one: Declared, field: Field, value: Any, names: Names, lost: UnreadTexts) -> Said | None:
    """Return the fault of a reference, which has to name a declared resource or be an id; None when it is correct."""
    if not isinstance(value, str) or not value or not field.reference:
        return None
    system, connection, wanted = one.address.system, one.address.connection, field.reference
    place = ListKey(system, connection, wanted)
    if value in names.of(place):
        return None
    pattern = field.schema.get(ID_PATTERN)
    if pattern is not None and (said := _id(field, pattern, value, one.kind)) is not None:
        return said if said.message else None
    if value in lost:
        return None
    others = names.places(system, value)
    for other in others:
        if other[1] == connection:
            message = f"{field.name} {quoted(value)} is the name of a {other[2]}, not of a {wanted}"
            hint = names.did_you_mean(value, place, f"The {wanted}s declared are") if names.of(place) else ""
            return Said("E132", message, hint or f"Declare a {wanted}, and name it here.")
    message = f"no {wanted} is named {quoted(value)}"
    for other in others:
        if other[2] == wanted:
            hint = f"It is declared for the connection {quoted(other[1])}; set spec.connection accordingly."
            return Said("E131", message, hint)
    if names.of(place):
        hint = names.did_you_mean(value, place, f"The {wanted}s declared are")
        return Said("E131", message, f"{hint} {_ELSEWHERE}")
    form = f", or give its id ({words.form_of(pattern)[0]})" if pattern else ""
    return Said("E131", message, f"Declare a {wanted} of that name{form}. {_ELSEWHERE}")


def _id(field: Field, pattern: str, value: str, kind: Kind) -> Said | None:
    """Return the fault of an id; None when the value is not meant as one, an empty message when it is correct."""
    form, _ = words.form_of(pattern)
    prefix = form.partition(" ")[0]
    if re.fullmatch(pattern, value):
        return Said("", "", "")
    if value.startswith(prefix):
        return Said("E133", f"{field.name} {quoted(value)} is not a well-formed id", f"Write {form}.")
    if re.fullmatch(r"[a-z]{3}_[0-9a-z]{26}", value):
        other = _kind_of_id(kind, value)
        message = f"{field.name} {quoted(value)} is the id of {other}, not of a {field.reference}"
        return Said("E132", message, f"Write the name of a declared {field.reference}, or {form}.")
    return None


def _kind_of_id(kind: Kind, value: str) -> str:
    from trueup.systems.registry import KINDS

    for other in KINDS:
        field = other.by_name.get("id")
        if other.system == kind.system and field and field.schema.get("pattern", "").startswith(f"^{value[:4]}"):
            return f"a {other.name}"
    return "something else"


def _cycles(by_key: Mapping[_Key, Declaration]) -> Iterator[Fault]:
    """One fault for each circle of references, which no order of steps could satisfy."""
    if not _may_circle({(one.kind.system, one.kind.name): one.kind for one in by_key.values()}.values()):
        return
    state: dict[_Key, int] = {}  # 1 while it is on the chain, 2 when it is done
    for start in by_key:
        if start in state:
            continue
        chain: list[_Key] = []
        waiting: list[tuple[_Key, bool]] = [(start, False)]
        while waiting:
            key, done = waiting.pop()
            if done:
                state[key] = 2
                chain.pop()
                continue
            if state.get(key):
                continue
            state[key] = 1
            chain.append(key)
            waiting.append((key, True))
            one = by_key[key]
            for field in one.kind.references:
                following = _target(one, field)
                if following not in by_key:
                    continue
                if state.get(following) == 1:
                    circle = [*chain[chain.index(following) :], following]
                    names = " -> ".join(f"{part[2]}/{printable(part[3])}" for part in circle)
                    said = Said("E134", f"a circle of references: {names}", f"Remove {field.name} of one of them.")
                    yield _fault(one, (field.name,), said)
                elif following not in state:
                    waiting.append((following, False))


def _target(one: Declaration, field: Field) -> _Key:
    value = one.spec.get(field.name)
    name = value if isinstance(value, str) else ""
    return one.address.system, one.address.connection, field.reference, name


def _may_circle(kinds: Iterable[Kind]) -> bool:
    """Whether the kinds themselves refer in a circle: without one, neither can their resources."""
    left = {(kind.system, kind.name): {(kind.system, field.reference) for field in kind.references} for kind in kinds}
    while left:
        free = [name for name, targets in left.items() if not targets & left.keys()]
        if not free:
            return True
        for name in free:
            del left[name]
    return False


def _claims(declared: Sequence[Declared]) -> Iterator[Fault]:
    """Two declarations of one remote thing: they would undo each other on every run."""
    seen: dict[Hashable, Declared] = {}
    for one in declared:
        handler = one.kind.handler
        address = one.address
        identity, key = handler.identity(one.spec), handler.key(one.spec)
        claims: list[tuple[str, Hashable]] = [] if identity is None else [("id", identity)]
        if key is not None and not (isinstance(key, tuple) and None in key):
            claims.append(("key", key))
        for claim in claims:
            first = seen.setdefault((address.system, address.connection, address.kind, claim), one)
            if first is not one and first.address != address:
                yield _claimed(first, one, claim[1])
                break


def _claimed(first: Declared, second: Declared, claim: Hashable) -> Fault:
    what = " ".join(map(str, claim)) if isinstance(claim, tuple) else str(claim)
    message = (
        f"{printable(str(second.address))} and {printable(str(first.address))} at {first.place} "
        f"claim one remote thing: {quoted(what)}"
    )
    return _fault(second, None, Said("E135", message, "Remove one of the two, or let it claim another."))
