"""The differences between a program's inputs and its state, and whether they need a replacement.

The inputs in the state are those declared last, updated with live values by each refresh, so drift shows as a
difference of inputs. A field that was never declared is compared with the outputs: declaring its live value changes
nothing.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from trueup.core.changes import MISSING, UNKNOWN, Change, Path, at
from trueup.core.compare import leaves, same
from trueup.plugin.codec import bare, has_unknown, is_sealed
from trueup.plugin.states import RENAMED, computed_in
from trueup.plugin.tokens import ADOPT, inputs_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trueup.core.fields import Field
    from trueup.core.kinds import Handler, ResourceKind

_PART: Final = re.compile(r'\[(\d+|\*)\]|\["((?:[^"\\]|\\.)*)"\]|([^.\[\]]+)')


@dataclass(slots=True)
class Differences:
    """Differences, in the order of the kind's fields."""

    changes: list[Change] = dataclasses.field(default_factory=list)
    """All changes. Those that may be secret have no values."""
    removed: list[Path] = dataclasses.field(default_factory=list)
    """Keys of partially managed mappings that are no longer declared."""
    replaces: list[Change] = dataclasses.field(default_factory=list)
    """Changes that cannot be made in place."""
    again: bool = False
    """Whether the replacement would have the same unique name, so the old resource must be deleted first."""
    refused: str = ""
    """Why the changes cannot be made; empty when they can."""
    local: list[Change] = dataclasses.field(default_factory=list)
    """Changes that are not sent to the server."""


def differences(
    kind: ResourceKind,
    state: Mapping[str, Any],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    ignored: Sequence[str] = (),
) -> Differences:
    """Compare the inputs `before` and outputs `state` with the inputs `after`; paths in `ignored` never differ."""
    found = Differences()
    opened = bare(dict(state)), bare(dict(before)), bare(dict(after))
    for field in inputs_of(kind):
        if field.name == ADOPT.name:
            continue
        for path, was, now in _of_field(field, *opened):
            if any(_ignores(one, path) for one in ignored):
                continue
            hidden = field.is_secret(path) or is_sealed((before.get(field.name), after.get(field.name)))
            change = Change(path, was, now, sensitive=hidden)
            found.changes.append(change)
            if now is MISSING:
                found.removed.append(path)
            if field.local:
                found.local.append(change)
            elif field.immutable:
                found.replaces.append(change)
    return found


def same_thing(handler: Handler, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether both have the same unique name, so that they cannot coexist; True also while that is unknown."""
    if has_unknown(bare(dict(after))) or has_unknown(bare(dict(before))):
        return True
    try:
        return handler.key(bare(dict(before))) == handler.key(bare(dict(after)))
    except KeyError:
        return True


def known_as(spec: Mapping[str, Any], before: dict[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields whose canonical form equals the state or the live value, as the state writes them."""
    return {
        name: before[name]
        for name, value in spec.items()
        if name in before and value in (bare(before[name]), live.get(name, MISSING))
    }


def renamed(kind: ResourceKind, state: dict[str, Any], inputs: dict[str, Any], found: Differences) -> list[str]:
    """Note fields whose name in the program is outdated as local differences; return them as text.

    They get a path of their own, since the engine would replace a resource whose immutable field differs.
    """
    former = bare(state.get(RENAMED))
    names = [name for name in kind.one_of if isinstance(former, dict) and name in former]
    said = [
        f'{name} "{former[name]}" is now "{bare(state.get(name))}"'
        for name in names
        if bare(inputs.get(name)) == former[name]
    ]
    if said:
        change = Change((RENAMED,), former, MISSING)
        found.changes.append(change)
        found.local.append(change)
    return said


def _of_field(
    field: Field, state: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[tuple[Path, Any, Any]]:
    name = field.name
    old, new = before.get(name, MISSING), after.get(name, MISSING)
    if new is MISSING:
        if field.owned_by_key and isinstance(old, dict) and not (field.immutable or field.write_only):
            return [(path, was, MISSING) for path, _, was in leaves(MISSING, old, (name,))]
        if field.local and old is not MISSING and old != field.default:
            return [((name,), old, MISSING)]
        return []  # an omitted field keeps its live value
    known = state.get(name, MISSING)
    if not (field.owned_by_key and isinstance(new, dict)):
        base = known if old is MISSING and not field.local else old
        if old is MISSING and field.local:
            base = field.default
        return [] if _equal(base, new) else [((name,), base, new)]
    found: list[tuple[Path, Any, Any]] = []
    base = old if isinstance(old, dict) else {}
    live = known if isinstance(known, dict) else {}
    for path, _, now in leaves(MISSING, new, (name,)):
        was = at(base, path[1:])
        if was is MISSING:
            was = at(live, path[1:])
        # The state lacks keys that were not declared; no key of a mapping that is declared empty is managed.
        anew = now is None and was is MISSING
        if anew or not (_equal(was, now) or (now == {} and isinstance(was, dict))):
            found.append((path, was, now))
    if not field.immutable:
        found += [(path, was, MISSING) for path, _, was in leaves(MISSING, base, (name,)) if not _still(new, path[1:])]
    return found


def _still(value: Any, path: Path) -> bool:
    """Return whether a path is declared, or may turn out to be."""
    for part in path:
        if value is UNKNOWN:
            return True
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True


def _equal(before: Any, after: Any) -> bool:
    if before is after and type(before) is str:
        return True
    if after is None and before is MISSING:
        return True
    return not has_unknown((before, after)) and same(before, after)


def _ignores(text: str, path: Path) -> bool:
    """Return whether a path is, or is inside, one that Pulumi ignores: `config["a.b"]`, `roles[*].name`."""
    parts = [number or quoted or word for number, quoted, word in _PART.findall(text)]
    return len(parts) <= len(path) and all(part in ("*", str(here)) for part, here in zip(parts, path, strict=False))


def predicted(
    kind: ResourceKind, inputs: Mapping[str, Any], state: Mapping[str, Any], found: Differences | None = None
) -> dict[str, Any]:
    """Return the state known before the call: declared values, and live ones that no write changes."""
    known = {name: value for name, value in inputs.items() if name != ADOPT.name and bare(value) is not None}
    for name in computed_in(kind, state):
        if name != "updatedAt" or (found is not None and len(found.local) == len(found.changes)):
            known[name] = state[name]
    for field in kind.fields:
        if field.name in state and field.name not in known and not field.local:
            known[field.name] = state[field.name]
    return known
