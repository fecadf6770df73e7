"""The plan as JSON, with Terraform's names where it has them. It contains no secrets; equal plans give equal texts.

`before` has the live and `after` the declared values, of declared fields only. References are ids. A secret is
`(sensitive)`, and true in `before_sensitive` and `after_sensitive`. A value known only after the apply is omitted from
`after`, and true in `after_unknown`. A refused step changes nothing: its `after` equals its `before`, and the values of
its manifest are under `declared`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from trueup.core.changes import MISSING, UNKNOWN, dotted
from trueup.core.concealing import conceal
from trueup.core.documents import dumps
from trueup.core.secrets import Secret, censored, scrub
from trueup.core.version import __version__
from trueup.engine.plan.steps import FORMAT_VERSION
from trueup.report.reasons import coded, explained, worded
from trueup.report.values import with_ids

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueup.core.changes import Change, Path
    from trueup.core.errors import TrueupError
    from trueup.core.kinds import Declared
    from trueup.core.values import Address, Live, Where
    from trueup.engine.plan.steps import Left, Plan, Step

_ACTIONS: Final = {
    "create": ["create"],
    "update": ["update"],
    "replace": ["delete", "create"],
    "delete": ["delete"],
    "no-op": ["no-op"],
    "refuse": ["no-op"],
}


def render(plan: Plan) -> str:
    """Return the plan: its steps in order, then every declared resource that is in sync."""
    steps = {step.address for step in plan.steps}
    in_sync = [one for address, (one, _) in plan.matched.items() if address not in steps]
    resources = [_resource(plan, step.declared, step) for step in plan.steps]
    resources += [_resource(plan, one, None) for one in in_sync]
    return dumps(
        {
            **header(),
            "resource_changes": resources,
            "summary": plan.summary(),
            "errored": any(step.error for step in plan.steps),
            "unsafe": scrub(worded(plan.unsafe)),
            **({"unsafe_code": plan.unsafe.code} if plan.unsafe else {}),
            **footer(plan),
            "cost": {"requests": plan.cost.requests, "seconds": plan.cost.seconds},
        }
    )


def header() -> dict[str, Any]:
    """Return the first keys of every document."""
    return {"format_version": FORMAT_VERSION, "trueup_version": __version__}


def footer(plan: Plan) -> dict[str, Any]:
    """Return the last keys of plan and drift: unmanaged resources, limits of this run, and cost of reading."""
    unmanaged = [
        {
            "type": live.kind,
            "provider_name": place.system,
            "connection": place.connection,
            "id": live.id,
            "name": censored(live.name),
            "updated_at": live.updated_at,
        }
        for place, live in (plan.unmanaged if plan.whole else ())
    ]
    reading: dict[str, Any] = {"requests": plan.reading.requests, "seconds": round(plan.reading.seconds, 3)}
    if plan.reading.window is not None:
        reading |= {"left": plan.reading.left, "window": plan.reading.window}
        reading |= {} if plan.reading.known else {"left_is_at_most": True}
    return {
        "unmanaged": sorted(unmanaged, key=lambda one: [str(value) for value in one.values()]),
        "left": [_left(one) for one in plan.left],
        "left_out": plan.left_out,
        "aged": {str(address): at for address, at in plan.aged.items()},
        "off": [scrub(worded(one)) for one in plan.off],
        "off_codes": [one.code for one in plan.off],
        "warnings": [scrub(worded(one)) for one in plan.warnings],
        "warning_codes": [one.code for one in plan.warnings],
        "reading": reading,
    }


def _left(one: Left) -> dict[str, Any]:
    """Return a managed resource that is no longer declared and stays; `there` is null if it was not read."""
    record = one.record
    return {
        "address": scrub(record.address),
        "type": record.kind,
        "id": record.id,
        "there": None if one.unread else one.live is not None,
        **coded(one.why),
    }


def named(address: Address) -> dict[str, Any]:
    """Return the keys that identify a resource."""
    return {
        "address": str(address),
        "type": address.kind,
        "name": address.name,
        "provider_name": address.system,
        "connection": address.connection,
    }


def place(where: Where) -> dict[str, Any]:
    """Return a place in a manifest."""
    return {"file": where.file, "line": where.line}


def unverifiable(step: Step) -> list[dict[str, Any]]:
    """Return the fields of a step that cannot be read back."""
    return [{"path": dotted_safe(one.path), **coded(one.why)} for one in step.unverifiable]


_IN_ERRORS: Final = ("request_id", "method", "route", "status", "at", "correlation")


def failure(error: TrueupError) -> dict[str, Any]:
    """Return the parts of an error."""
    message, hint = explained(error)
    parts = {"code": error.code, "message": scrub(message), "hint": scrub(hint)}
    if reason := error.reason or error.remedy:
        parts["reason"] = reason.code
    more = {name: getattr(error, name, None) for name in _IN_ERRORS}
    return parts | {name: scrub(one) if isinstance(one, str) else one for name, one in more.items() if one}


def dotted_safe(path: Path) -> str:
    """Return a path in its dotted form, without secrets."""
    return censored(dotted(path))


def sides(plan: Plan, declared: Declared, live: Live | None, step: Step | None) -> dict[str, Any]:
    """Return `before` and `after` with their masks."""
    desired = step.desired.spec if step is not None and step.desired.spec else with_ids(declared, plan.matched)
    removed = {change.path: change.sensitive for change in step.changes if change.after is MISSING} if step else {}
    before: dict[str, Any] = {}
    before_mask: dict[str, Any] = {}
    after: dict[str, Any] = {}
    after_mask: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    for name, value in desired.items():
        field = declared.kind.by_name[name]
        if field.local:
            continue
        if value is UNKNOWN:
            unknown[name] = True
        else:
            _put(after, after_mask, name, *_concealed(declared, (name,), value, value))
        if live is None or name not in live.spec:
            continue
        owned = field.owned_by_key or field.write_only
        was = _ours(live.spec[name], value, live, (name,), removed) if owned else live.spec[name]
        if (name,) not in live.unreadable:
            _put(before, before_mask, name, *_concealed(declared, (name,), was, value))
    return {
        "before": None if live is None else before,
        "after": after,
        "after_unknown": unknown,
        "before_sensitive": False if live is None else before_mask,
        "after_sensitive": after_mask,
    }


def _resource(plan: Plan, declared: Declared, step: Step | None) -> dict[str, Any]:
    live = step.live if step is not None else plan.matched[declared.address][1]
    both = gone(declared, live) if declared.gone else sides(plan, declared, live, step)
    wanted = both["after"]
    if step is not None and step.action == "refuse":  # it changes nothing
        both |= {"after": both["before"], "after_unknown": {}, "after_sensitive": both["before_sensitive"]}
    found: dict[str, Any] = {
        **named(declared.address),
        "id": live.id if live is not None else None,
        "where": place(declared.place if step is not None else declared.where),
        "change": {"actions": _ACTIONS[step.action] if step else ["no-op"], **both},
        "verbs": [call.verb for call in step.calls] if step else [],
        "changes": [_change(declared, change, created=live is None) for change in step.changes] if step else [],
        "unverifiable": unverifiable(step) if step else [],
    }
    if declared.address in plan.undeclared:
        found["undeclared"] = [dotted_safe(path) for path in plan.undeclared[declared.address]]
    if declared.address in plan.aged:
        found["seen_at"] = plan.aged[declared.address]
    if step is not None and step.lost:
        found["lost"] = [scrub(worded(line)) for line in step.lost]
    if step is not None and step.staying:
        found["staying"] = [scrub(address) for address in step.staying]
    if step is not None and step.action == "delete":
        found |= coded(step.why, "reason")
    if step is not None and step.needs:
        found["needs"] = [str(address) for address in step.needs]
    if step is not None and step.after:
        found["after"] = list(step.after)
    if step is not None and step.aside:
        found["temporary_name"] = step.aside
    if step is not None and step.action == "refuse":
        found |= {**coded(step.why, "refused"), "error": step.error, "declared": wanted}
    return found


def gone(declared: Declared, live: Live | None) -> dict[str, Any]:
    """Return both sides of a removal: the live values, without mappings, in which anything may be a secret."""
    before: dict[str, Any] = {}
    for name, value in (live.spec if live is not None else {}).items():
        field = declared.kind.by_name.get(name)
        if field is not None and not field.secret and not isinstance(value, dict):
            before[censored(name)], _ = conceal(value)
    return {"before": before, "after": None, "after_unknown": {}, "before_sensitive": {}, "after_sensitive": False}


def _change(declared: Declared, change: Change, *, created: bool) -> dict[str, Any]:
    # Locating a field parses its document again. For a creation the place of the document is enough.
    where = declared.place if created else declared.locate(change.path)
    found: dict[str, Any] = {"path": dotted_safe(change.path), "where": place(where), "sensitive": change.sensitive}
    for side, value in (("before", change.before), ("after", change.after)):
        if value is UNKNOWN:
            found["after_unknown"] = True
        elif value is not MISSING:
            found[side], _ = conceal(value)
    return found | (coded(change.note, "note") if change.note else {})


def _concealed(declared: Declared, path: Path, value: Any, twin: Any) -> tuple[Any, Any]:
    field = declared.kind.by_name[str(path[0])]
    if isinstance(field.secret, tuple) and isinstance(value, dict):
        shown: dict[str, Any] = {}
        mask: dict[str, Any] = {}
        for key, item in value.items():
            inner = twin.get(key, MISSING) if isinstance(twin, dict) else MISSING
            _put(shown, mask, key, *conceal(item, secret=field.is_secret((*path, key)), twin=inner))
        return shown, mask or False
    return conceal(value, secret=field.is_secret(path), twin=twin)


def _put(values: dict[str, Any], masks: dict[str, Any], name: str, value: Any, mask: Any) -> None:
    values[censored(name)] = value
    if mask:
        masks[censored(name)] = mask


_GONE: Final = Secret("")
"""Stands for a value that was managed and may have been a secret: the manifest that says so is gone."""


def _ours(live: Any, declared: Any, found: Live, path: Path, removed: Mapping[Path, bool]) -> Any:
    """Return the live values of the keys that are declared, or were managed until now, and that can be read.

    `removed` holds the paths of the latter, and whether they are sensitive.
    """
    if path in removed:
        return _GONE if removed[path] else live
    if not isinstance(live, dict) or not isinstance(declared, dict):
        return live
    ours: dict[str, Any] = {}
    for key, value in live.items():
        here = (*path, key)
        if here in found.unreadable:
            continue
        if key in declared:
            ours[key] = _ours(value, declared[key], found, here, removed)
        elif any(one[: len(here)] == here for one in removed):
            ours[key] = _ours(value, {}, found, here, removed)
    return ours
