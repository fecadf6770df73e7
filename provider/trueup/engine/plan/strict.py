"""Live fields of declared resources that are declared nowhere: omitted fields, and the server's own keys.

Only the names of keys are reported: a server may show all values of a configuration in clear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueup.core.changes import Path
    from trueup.core.kinds import Declared
    from trueup.core.values import Address, Live
    from trueup.engine.plan.steps import Plan


def undeclared(plan: Plan) -> dict[Address, tuple[Path, ...]]:
    """Return them for every declared resource that exists and was read now."""
    return {
        address: found
        for address, (declared, live) in plan.matched.items()
        if not live.seen_at and (found := _of(declared, plan.specs.get(address, declared.spec), live))
    }


def _of(declared: Declared, spec: dict[str, Any], live: Live) -> tuple[Path, ...]:
    found: list[Path] = []
    for name, value in live.spec.items():
        field = declared.kind.by_name.get(name)
        if field is None or field.local:
            continue
        if field.owned_by_key:
            found += _keys(value, spec.get(name), (name,))
        elif name not in spec and value is not None and value != field.default:
            found.append((name,))
    return tuple(found)


def _keys(live: Any, ours: Any, path: Path) -> list[Path]:
    if not isinstance(live, dict):
        return []
    found: list[Path] = []
    for key in sorted(live, key=str):
        inner = ours.get(key) if isinstance(ours, dict) else None
        if not isinstance(ours, dict) or key not in ours:
            found.append((*path, key))
        else:
            found += _keys(live[key], inner, (*path, key))
    return found
