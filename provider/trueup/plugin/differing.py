"""What a program says now against what its state says: the changes, and whether they need a replacement.

The inputs in the state are what was declared last, with what was found live laid over them by each refresh, so that a
drift is a difference of inputs. What was never declared is compared with the outputs: declaring what is so already
changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from trueup.core.changes import MISSING, UNKNOWN, Change, Path, at, leaves, same
from trueup.plugin.codec import bare, has_unknown, is_sealed
from trueup.plugin.states import RENAMED
from trueup.plugin.tokens import ADOPT, inputs_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trueup.core.fields import Field
    from trueup.core.kinds import Handler, Kind

_PART: Final = re.compile(r'\[(\d+|\*)\]|\["((?:[^"\\]|\\.)*)"\]|([^.\[\]]+)')


@dataclass(slots=True)
class Differences:
    """What differs, in the order of the kind's fields."""

    changes: list[Change] = field(default_factory=list)
    """Those that may be secret without their values."""
    removed: list[Path] = field(default_factory=list)
    """Keys of mappings of ours that are declared no more."""
    replaces: list[Change] = field(default_factory=list)
    """Those of the changes that cannot be made in place."""
    again: bool = False
    """Whether what would replace it has the same unique name, so that it has to go first."""
    refused: str = ""
    """Why it cannot be."""
    local: list[Change] = field(default_factory=list)
    """Those of the changes that no server hears of."""


def differences(
    kind: Kind,
    state: Mapping[str, Any],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    ignored: Sequence[str] = (),
) -> Differences:
    """From the inputs `before` (and the outputs `state`) to the inputs `after`; paths in `ignored` never differ."""
    found = Differences()
    opened = bare(dict(state)), bare(dict(before)), bare(dict(after))
    for trait in inputs_of(kind):
        if trait.name == ADOPT.name:
            continue
        for path, was, now in _of_field(trait, *opened):
            if any(_ignores(one, path) for one in ignored):
                continue
            hidden = trait.is_secret(path) or is_sealed((before.get(trait.name), after.get(trait.name)))
            change = Change(path, was, now, sensitive=hidden)
            found.changes.append(change)
            if now is MISSING:
                found.removed.append(path)
            if trait.local:
                found.local.append(change)
            elif trait.immutable:
                found.replaces.append(change)
    return found


def same_thing(handler: Handler, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether both have the same unique name, so that both cannot be there at once; also when that is not known yet."""
    if has_unknown(bare(dict(after))) or has_unknown(bare(dict(before))):
        return True
    try:
        return handler.key(bare(dict(before))) == handler.key(bare(dict(after)))
    except KeyError:
        return True


def known_as(spec: Mapping[str, Any], before: dict[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    """The fields whose canonical form is what the state has, or what is live, as the state says it."""
    return {
        name: before[name]
        for name, value in spec.items()
        if name in before and value in (bare(before[name]), live.get(name, MISSING))
    }


def renamed(kind: Kind, state: dict[str, Any], inputs: dict[str, Any], found: Differences) -> list[str]:
    """Note the fields that the program calls by a former name as a local difference; return them in words.

    It has a path of its own: the engine replaces what differs in a field that cannot be changed.
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
    trait: Field, state: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[tuple[Path, Any, Any]]:
    name = trait.name
    old, new = before.get(name, MISSING), after.get(name, MISSING)
    if new is MISSING:
        if trait.owned_by_key and isinstance(old, dict) and not (trait.immutable or trait.write_only):
            return [(path, was, MISSING) for path, _, was in leaves(MISSING, old, (name,))]
        if trait.local and old is not MISSING and old != trait.default:
            return [((name,), old, MISSING)]
        return []  # what is left out is left as it is
    known = state.get(name, MISSING)
    if not (trait.owned_by_key and isinstance(new, dict)):
        base = known if old is MISSING and not trait.local else old
        if old is MISSING and trait.local:
            base = trait.default
        return [] if _equal(base, new) else [((name,), base, new)]
    found: list[tuple[Path, Any, Any]] = []
    base = old if isinstance(old, dict) else {}
    live = known if isinstance(known, dict) else {}
    for path, _, now in leaves(MISSING, new, (name,)):
        was = at(base, path[1:])
        if was is MISSING:
            was = at(live, path[1:])
        # The state does not tell of keys that were not declared; of a mapping that is declared empty no key is ours.
        anew = now is None and was is MISSING
        if anew or not (_equal(was, now) or (now == {} and isinstance(was, dict))):
            found.append((path, was, now))
    if not trait.immutable:
        found += [(path, was, MISSING) for path, _, was in leaves(MISSING, base, (name,)) if not _still(new, path[1:])]
    return found


def _still(value: Any, path: Path) -> bool:
    """Whether something is declared at a path, or will be known to be later."""
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
    """Whether a path is, or lies below, one to be ignored, as Pulumi writes it: `config["a.b"]`, `roles[*].name`."""
    parts = [number or quoted or word for number, quoted, word in _PART.findall(text)]
    return len(parts) <= len(path) and all(part in ("*", str(here)) for part, here in zip(parts, path, strict=False))
