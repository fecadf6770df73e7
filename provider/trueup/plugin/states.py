"""Pulumi's state of a live resource: its outputs, and its inputs updated with live values.

A refresh compares inputs, so they hold the live value of every declared field, and no other field. Where the server
normalises a value, the state keeps the learned baseline (`__readBack`), and the declared value stays.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from trueup.core import texts
from trueup.core.changes import MISSING, Path, at, dotted
from trueup.core.compare import leaves, same
from trueup.core.kinds import Handler
from trueup.core.secrets import reveal
from trueup.core.values import Live
from trueup.engine.plan.classify import only
from trueup.plugin.codec import UNKNOWN, Sealed, bare, is_sealed, seal_like
from trueup.plugin.tokens import ADOPT, inputs_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueup.core.fields import Field
    from trueup.core.kinds import ResourceKind

READ_BACK: Final = "__readBack"
"""Normalised values by path, as the server returned them right after they were written."""
DECLARED_NAME: Final = "__declaredName"
"""An input: the name declared last, once a refresh has found another one."""

RENAMED: Final = "__renamed"
"""By field, names in the program that no longer refer to the live object; the field itself holds the current name."""

Baseline = dict[str, Any]


def outputs(
    kind: ResourceKind,
    inputs: Mapping[str, Any],
    live: Live,
    baseline: Baseline,
    canonical: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the state of a resource: live values, and of mappings only the declared keys.

    Without inputs, as after an import, mappings are whole and sealed: their contents are not managed.
    """
    found: dict[str, Any] = {}
    spec = reveal(live.spec)
    for field in inputs_of(kind):
        if field.name == ADOPT.name:
            continue
        given = inputs.get(field.name, MISSING)
        value = spec.get(field.name)
        if field.local or field.write_only:
            if given is not MISSING:
                found[field.name] = given
        elif field.owned_by_key:
            if given is not MISSING and live.hides((field.name,)):
                found[field.name] = given
            elif given is not MISSING:
                found[field.name] = seal_like(only(value or {}, bare(given)), given)
            elif not inputs and value:
                found[field.name] = Sealed(value)
        elif given is not MISSING and (
            live.hides((field.name,)) or _alike((field.name,), given, value, baseline, canonical)
        ):
            found[field.name] = given
        elif value is not None:
            found[field.name] = seal_like(value, given)
    computed = kind.handler.computed
    found |= {name: live.server[name] for name in computed if isinstance(live.server.get(name), str)}
    if live.updated_at:
        found["updatedAt"] = live.updated_at
    if baseline:
        found[READ_BACK] = Sealed(baseline) if is_sealed(dict(inputs)) else baseline
    return found


def imported(kind: ResourceKind, live: Live) -> dict[str, Any]:
    """Return the inputs of an imported resource: its plain fields. The contents of mappings are not managed."""
    found: dict[str, Any] = {}
    spec = reveal(live.spec)
    for field in inputs_of(kind):
        value = spec.get(field.name)
        if field.local or field.write_only or field.owned_by_key or value is None:
            continue
        if "enum" in field.schema and not field.grows and value not in field.schema["enum"]:
            incomparable = kind.handler.incomparable((field.name,), value)
            if incomparable is None or not incomparable.may_be:
                continue  # no declarable word means the same
            value = incomparable.may_be[0]
        if value != field.default or field.required:
            found[field.name] = value
    return found


def laid(
    kind: ResourceKind,
    inputs: Mapping[str, Any],
    live: Live,
    baseline: Baseline,
    canonical: Mapping[str, Any] | None = None,
    state: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the inputs updated with live values that differ; `state` is the previous state."""
    found: dict[str, Any] = {}
    fields = kind.by_name
    handler = kind.handler
    spec = reveal(live.spec)
    for name, given in inputs.items():
        field = fields.get(name)
        if field is None or field.local:
            found[name] = given
        elif field.owned_by_key and isinstance(bare(given), dict):
            value = _over(field, handler, bare(given), spec.get(name), live, baseline)
            found[name] = seal_like(value, given)
        elif _alike((name,), given, spec.get(name), baseline, canonical) or _kept(
            field, handler, (name,), given, live, bare((state or {}).get(name))
        ):
            found[name] = given
        elif spec.get(name) is not None:
            found[name] = seal_like(spec[name], given)
            if name == "name" and not field.immutable:
                found.setdefault(DECLARED_NAME, inputs.get(DECLARED_NAME, given))
    if DECLARED_NAME in found and same(bare(found[DECLARED_NAME]), bare(found.get("name"))):
        del found[DECLARED_NAME]  # the resource has its declared name again
    return found


def baseline_of(kind: ResourceKind, declared: Mapping[str, Any], live: Live) -> tuple[Baseline, list[str]]:
    """Return the learned baseline by path, and the paths whose write did not take effect.

    `declared` holds the written fields, in plain values with ids for references.
    """
    said: Baseline = {}
    undone: list[str] = []
    spec = reveal(live.spec)
    handler = kind.handler
    for name, value in declared.items():
        field = kind.by_name[name]
        if field.local or field.write_only:
            continue
        for path, _, wanted in leaves(MISSING, value, (name,)):
            seen = at(spec, path)
            if same(seen, wanted) or (wanted is None and seen is MISSING):
                continue
            if live.hides(path) or handler.incomparable(path, seen) is not None:
                continue
            if seen is MISSING or field.is_plain(seen) or live.found:
                undone.append(dotted(path))
            elif field.owned_by_key or texts.tidied(seen, wanted):
                said[dotted(path)] = seen
            else:
                undone.append(dotted(path))
    return said, undone


def live_of(kind: ResourceKind, key: str, parent: str, state: Mapping[str, Any]) -> Live:
    """Return a live resource built from the state, for a write that does not read first."""
    names = [field.name for field in inputs_of(kind) if field.name in state and not field.local]
    spec = {name: copy.deepcopy(bare(state[name])) for name in names}
    if kind.parent and parent:
        spec[kind.parent] = parent
    return Live(
        kind.name,
        key,
        str(spec.get("name") or spec.get("displayName") or spec.get("remoteId") or key),
        spec,
        state.get("updatedAt"),
    )


def _over(field: Field, handler: Handler, given: Any, value: Any, live: Live, baseline: Baseline) -> Any:
    """Return a mapping updated with the live values of its keys, without keys that are not live."""

    def walk(part: Any, path: Path) -> Any:
        if isinstance(part, dict) and part:
            walked = {key: walk(item, (*path, key)) for key, item in part.items()}
            return {key: item for key, item in walked.items() if item is not MISSING}
        seen = at(value, path[1:]) if isinstance(value, dict) else MISSING
        if part == {} and isinstance(seen, dict):
            return part  # no key of it is managed
        if _alike(path, part, seen, baseline, None) or _kept(field, handler, path, part, live, None):
            return part
        return seen

    return walk(given, (field.name,))


def _kept(field: Field, handler: Handler, path: Path, given: Any, live: Live, was: Any) -> bool:
    """Return whether reading cannot confirm or refute a declared value. A settling value must have been so before."""
    seen = at(reveal(live.spec), path)
    if field.write_only and (field.is_secret(path) or seen is MISSING or seen is None):
        return True
    if live.hides(path):
        return True
    incomparable = None if seen is MISSING else handler.incomparable(path, seen)
    return (
        incomparable is not None
        and not incomparable.final
        and ((incomparable.settling and seen == was) or bare(given) in incomparable.may_be)
    )


def _alike(path: Path, given: Any, value: Any, baseline: Baseline, canonical: Mapping[str, Any] | None) -> bool:
    wanted = bare(given)
    if wanted is UNKNOWN:
        return False
    if same(wanted, value) or (wanted is None and value is MISSING):
        return True
    if canonical is not None and len(path) == 1 and same(canonical.get(str(path[0])), value):
        return True
    name = dotted(path)
    return name in baseline and same(baseline[name], value)


def computed_in(kind: ResourceKind, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a state that the server sets."""
    names = (*kind.handler.computed, "updatedAt")
    return {name: state[name] for name in names if name in state}


def baseline_in(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the learned baseline that a state holds."""
    found = bare(state.get(READ_BACK))
    return found if isinstance(found, dict) else {}
