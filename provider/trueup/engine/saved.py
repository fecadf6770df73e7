"""A plan in a file: to be reviewed, shown again, and applied hours later, if nothing that it rests on has changed.

The file holds what a report shows and keyed digests of what the steps rest on: no secret, and no value that a report
would not show. A keyed digest over all of it tells an edited file; its key is the ledger's, or TRUEUP_FINGERPRINT_KEY
where a plan goes from one machine to another.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from trueup.core.changes import MISSING, UNKNOWN, Change, at, dotted, list_path
from trueup.core.concealing import conceal
from trueup.core.documents import dumps
from trueup.core.errors import PlanFileError, Stale
from trueup.core.kinds import Declared
from trueup.core.reasons import Reason
from trueup.core.records import Record
from trueup.core.secrets import REDACTED, Reference, Secret, censored, fingerprint, holds_secret, scrub
from trueup.core.values import Address, Call, Desired, ListKey, Live, Where
from trueup.core.version import __version__
from trueup.engine.plan.steps import Cost, Left, Plan, Reading, Step, Unverifiable
from trueup.systems.registry import kind_named, resource_kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trueup.core.changes import Path
    from trueup.core.kinds import ResourceKind


VERSION: Final = 2
_READ: Final = (1, VERSION)
"""Versions that can be read: in the first one, reasons were texts."""
LARGEST: Final = 256 << 20
"""Bytes of a file; more is refused."""
_AGAIN: Final = Reason("plan-again")
_MISSING: Final = {"$": "absent"}
_UNKNOWN: Final = {"$": "unknown"}


@dataclass(slots=True)
class Saved:
    """The contents of a plan file."""

    plan: Plan
    document: dict[str, Any]
    """The plan as JSON shows it."""
    desired: str
    """Digest of the manifests' text."""
    files: list[str] = field(default_factory=list)
    """The paths that the manifests were loaded from, as they were given."""
    options: dict[str, Any] = field(default_factory=dict)
    """The options that a plan of the same is made with."""
    servers: dict[str, str] = field(default_factory=dict)
    """The servers, with their tenants, by connection."""
    bound: dict[str, dict[str, str]] = field(default_factory=dict)
    """Digests of what each step rests on, by step, then by what it is."""
    created: str = ""
    folder: str = ""
    """From where relative paths in `files` lead."""


def bindings(plan: Plan, key: bytes) -> dict[str, dict[str, str]]:
    """Digests of what each step that sends something rests on, by step."""
    beside = _exclusive(plan)
    return {_name(step): _binding(step, beside, key) for step in plan.pending}


def _name(step: Step) -> str:
    """A step among those of its plan: what is declared anew may have the address of what is removed."""
    return f"{step.address} {step.live.id}" if step.declared.gone and step.live is not None else str(step.address)


def _binding(step: Step, beside: Mapping[tuple[str, str], list[str]], key: bytes) -> dict[str, str]:
    live = step.live
    found: dict[str, Any] = {
        "what is to be done": [step.action, [call.verb for call in step.calls]],
        "its id": live.id if live else None,
        "what it needs": sorted(map(str, step.needs)),
        "what it refers to": _without_secrets(step.desired.spec),  # the text is the same: only ids can differ
        "what goes with it": sorted((*(one if isinstance(one, str) else one.data for one in step.lost), *step.along)),
        "what else is removed there": _near(step, beside),
    }
    if step.after or step.aside:
        found["what gives up its name"] = [*step.after, step.aside]
    # A secret may be another one at the time of the apply, and then be a change where it was none.
    paths = [list_path(change.path) for change in step.changes] + list(_secrets(step.desired.spec, ()))
    for path in paths:
        before = at(live.spec, path) if live else MISSING
        found[dotted(path)] = None if before is MISSING else [before]
    if step.action in ("delete", "replace") and live is not None:
        lasting = all(call.verb == "archive" for call in step.calls)
        found |= {name: [value] for name, value in live.spec.items() if not (lasting and isinstance(value, dict))}
    return {name: fingerprint(key, [_name(step), name, value]) for name, value in found.items()}


def _exclusive(plan: Plan) -> dict[tuple[str, str], list[str]]:
    """Ids of what is removed because somewhere only what is declared may be, by kind and what it is below."""
    found: dict[tuple[str, str], list[str]] = {}
    for step in plan.steps:
        if step.declared.gone and not step.pruned and step.live is not None:
            parent = step.live.spec.get(step.declared.kind.parent)
            found.setdefault((step.address.kind, str(parent)), []).append(step.live.id)
    return found


def _near(step: Step, beside: Mapping[tuple[str, str], list[str]]) -> list[str]:
    """Return the resources deleted for that reason beside a step, or below its resource."""
    parent = (step.live.spec if step.live else step.desired.spec).get(step.declared.kind.parent)
    own = step.live.id if step.live else None
    near = (
        ids for (kind, above), ids in beside.items() if above == own or (kind, above) == (step.address.kind, parent)
    )
    return sorted(one for ids in near for one in ids)


def _secrets(value: Any, path: Path) -> Iterable[Path]:
    """The paths of the secrets in a value; a list counts as one."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _secrets(item, (*path, key))
    elif path and holds_secret(value):
        yield path


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return REDACTED if isinstance(value, Secret | Reference) else value


def narrowed(plan: Plan, saved: Saved, key: bytes) -> Plan:
    """Of a plan made just now the steps of the saved one. Raises Stale, which names all that has changed since."""
    now = bindings(plan, key)
    refused = {_name(step): step.why for step in plan.steps if step.action == "refuse"}
    stale: list[Reason] = []
    for name, was in saved.bound.items():
        found = now.get(name)
        if found is None:
            why = Reason("refused-now", why=refused[name]) if name in refused else Reason("nothing-left-to-do")
            stale.append(Reason("step-changed", step=name, what=why))
        elif changed := [one for one in {**was, **found} if was.get(one) != found.get(one)]:
            stale.append(Reason("step-changed", step=name, what=changed))
    if stale:
        raise Stale(Reason("plan-stale", changed=stale))
    was_refused = {_name(step) for step in saved.plan.steps if step.action == "refuse"}
    steps = tuple(
        step
        for step in plan.steps
        if _name(step) in saved.bound or (step.action == "refuse" and _name(step) in was_refused)
    )
    # These very steps were not too much for one run, whatever else has drifted meanwhile.
    return replace(plan, steps=steps, unsafe=None)


def dump(saved: Saved, key: bytes) -> str:
    """The text of the file."""
    return _sealed(
        {
            "trueup_plan": VERSION,
            "trueup_version": __version__,
            "created": saved.created,
            "desired": saved.desired,
            "folder": saved.folder,
            "files": saved.files,
            "options": saved.options,
            "servers": saved.servers,
            "bound": saved.bound,
            "plan": _encoded(saved.plan),
            "document": saved.document,
        },
        key,
    )


def load(text: str, key: bytes | None) -> Saved:
    """Return the contents of a plan file. Raises PlanFileError; without a key nothing is trusted."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise _unusable("it is not JSON, or was cut off") from None
    if not isinstance(content, dict) or "trueup_plan" not in content:
        raise _unusable("it is no saved plan")
    version = content["trueup_plan"]
    if type(version) is not int or version not in _READ:
        said = f"version {str(version)[:20]}" if type(version) is int else "a version that is no number"
        raise _unusable(f"it has {said}, and this trueup knows {VERSION}")
    if key is None:
        raise PlanFileError(Reason("plan-without-key"), hint=_AGAIN)
    content.pop("mac", None)
    try:
        # Of one content there is one text only: whatever else reads alike was not written here.
        sound = hmac.compare_digest(text.encode("utf-8", "surrogatepass"), _sealed(content, key).encode())
    except (ValueError, RecursionError):
        sound = False
    if not sound:
        raise _unusable("it was edited, or made with the key of another ledger")
    try:
        return Saved(
            plan=_decoded(content["plan"]),
            document=content["document"],
            desired=content["desired"],
            files=content["files"],
            options=content["options"],
            servers=content["servers"],
            bound=content["bound"],
            created=content["created"],
            folder=content["folder"],
        )
    except (LookupError, TypeError, ValueError, AttributeError):
        raise _unusable("it is not what this trueup writes") from None


def _unusable(why: str) -> PlanFileError:
    return PlanFileError(f"the saved plan cannot be used: {why}.", hint=_AGAIN)


def _sealed(content: dict[str, Any], key: bytes) -> str:
    """The content as text, with the keyed digest of that text at its end."""
    mac = hmac.new(key, b"trueup saved plan\0" + dumps(content).encode(), hashlib.sha256).hexdigest()
    return dumps({**content, "mac": mac}) + "\n"


# A plan as JSON and back, as far as reports look at it.


def _encoded(plan: Plan) -> dict[str, Any]:
    return {
        "steps": [_step(step) for step in plan.steps],
        "matched": [[_address(address), live.id, censored(live.name)] for address, (_, live) in plan.matched.items()],
        "unmanaged": [
            [list(list_key), live.kind, live.id, censored(live.name), live.updated_at, _parent(list_key, live)]
            for list_key, live in plan.unmanaged
        ],
        "left": [
            [
                *(one.record.scope, one.record.id, scrub(one.record.address), one.record.kind),
                *(one.live is not None, _fact(one.why)),
                *((True,) if one.unread else ()),
            ]
            for one in plan.left
        ],
        "aged": [[_address(address), text] for address, text in plan.aged.items()],
        "undeclared": [[_address(address), list(map(_path, paths))] for address, paths in plan.undeclared.items()],
        "unsafe": _fact(plan.unsafe),
        "left_out": plan.left_out,
        "off": [_fact(one) for one in plan.off],
        "warnings": [_fact(one) for one in plan.warnings],
        "declared": plan.declared,
        "whole": plan.whole,
        "cost": [plan.cost.requests, plan.cost.seconds],
        "reading": [
            plan.reading.requests,
            plan.reading.seconds,
            plan.reading.left,
            plan.reading.window,
            plan.reading.silence,
            plan.reading.waited,
            plan.reading.known,
        ],
    }


def _decoded(content: Mapping[str, Any]) -> Plan:
    matched: dict[Address, tuple[Declared, Live]] = {}
    for parts, key, name in content["matched"]:
        address = _address_of(parts)
        declared = Declared(address, _kind_of(address), {}, Where("", 0))
        matched[address] = (declared, Live(address.kind, key, name, {}))
    return Plan(
        steps=tuple(_step_of(one) for one in content["steps"]),
        matched=matched,
        unmanaged=tuple(
            (ListKey(*map(str, list_key)), Live(kind, key, name, parent, updated))
            for list_key, kind, key, name, updated, parent in content["unmanaged"]
        ),
        left=tuple(_left_of(*one) for one in content["left"]),
        aged={_address_of(address): text for address, text in content["aged"]},
        undeclared={_address_of(address): tuple(map(tuple, paths)) for address, paths in content["undeclared"]},
        unsafe=_reason_of(content["unsafe"]),
        left_out=content["left_out"],
        off=_reasons_of(content["off"]),
        warnings=_reasons_of(content.get("warnings", ())),
        declared=content["declared"],
        whole=content["whole"],
        cost=Cost(*content["cost"]),
        reading=Reading(*content["reading"]),
    )


def _parent(list_key: ListKey, live: Live) -> dict[str, str]:
    """Of its spec what it is listed below, which a report shows."""
    kind = kind_named(list_key.system, live.kind)
    key = live.spec.get(kind.parent) if kind and kind.parent else None
    return {kind.parent: key} if kind and isinstance(key, str) else {}


def _fact(value: Any) -> Any:
    """Return a reason, or a fact of one, as JSON."""
    if isinstance(value, Reason):
        return {"code": value.code, "facts": {name: _fact(fact) for name, fact in value.facts.items()}}
    if isinstance(value, list | tuple):
        return [_fact(one) for one in value]
    return scrub(value) if isinstance(value, str) else value


def _reason_of(content: Any) -> Reason | None:
    """Return a reason; a text is one of a file of the first version."""
    if isinstance(content, str):
        return Reason("as-saved", text=content) if content else None
    return None if content is None else _rebuilt(content)


def _reasons_of(contents: Iterable[Any]) -> tuple[Reason, ...]:
    return tuple(one for one in map(_reason_of, contents) if one is not None)


def _rebuilt(content: Any) -> Any:
    if isinstance(content, dict):
        return Reason(str(content["code"]), **{name: _rebuilt(fact) for name, fact in content["facts"].items()})
    return [_rebuilt(one) for one in content] if isinstance(content, list) else content


def _left_of(scope: str, key: str, address: str, kind: str, there: bool, why: Any, unread: bool = False) -> Left:
    live = Live(kind, key, "", {}) if there else None
    return Left(Record(scope, key, address, kind), live, _reason_of(why), bool(unread))


def _address(address: Address) -> list[str]:
    return [address.system, address.kind, address.name, address.connection]


def _address_of(parts: list[str]) -> Address:
    system, kind, name, connection = map(str, parts)
    return Address(system, kind, name, connection)


def _kind_of(address: Address) -> ResourceKind:
    return resource_kind(address.system, address.kind)


def _path(path: Path) -> list[str | int]:
    return [censored(part) if isinstance(part, str) else part for part in path]


def _where(where: Where) -> list[Any]:
    return [where.file, where.line, where.column]


def _step(step: Step) -> dict[str, Any]:
    declared, live = step.declared, step.live
    # To place a field its document is read again, and of what is created only the document's own place is shown.
    paths = [] if step.action == "create" else [change.path for change in step.changes]
    paths += [one.path for one in step.unverifiable]
    return {
        "action": step.action,
        "address": _address(declared.address),
        "where": _where(declared.place),
        "gone": declared.gone,
        "places": [[_path(path), _where(declared.locate(path))] for path in dict.fromkeys(paths)],
        "written": _written(step),
        "live": None if live is None else [live.kind, live.id, censored(live.name), live.updated_at],
        "calls": [[call.verb, call.requests, list(call.paths), call.admin] for call in step.calls],
        "changes": [_change(change) for change in step.changes],
        "unverifiable": [[_path(one.path), _fact(one.why)] for one in step.unverifiable],
        "needs": [_address(need) for need in step.needs],
        "why": _fact(step.why),
        "error": step.error,
        "first": step.first,
        "lost": [_fact(line) for line in step.lost],
        "kept": step.kept,
        "after": list(step.after),
        "aside": step.aside,
        **({"staying": [scrub(address) for address in step.staying]} if step.staying else {}),
    }


def _step_of(content: Mapping[str, Any]) -> Step:
    address = _address_of(content["address"])
    where = Where(*content["where"])
    places = {tuple(path): Where(*place) for path, place in content["places"]}
    kind = _kind_of(address)

    def locate(path: Path) -> Where:
        return places.get(path, where)

    declared = Declared(address, kind, content["written"], where, locator=locate, gone=content["gone"])
    live = content["live"]
    return Step(
        content["action"],
        declared,
        None if live is None else Live(live[0], live[1], live[2], {}, live[3]),
        Desired({}),
        tuple(Call(verb, requests, tuple(paths), admin) for verb, requests, paths, admin in content["calls"]),
        tuple(_change_of(one) for one in content["changes"]),
        tuple(Unverifiable(tuple(path), why) for path, said in content["unverifiable"] for why in _reasons_of([said])),
        tuple(_address_of(need) for need in content["needs"]),
        _reason_of(content["why"]),
        content["error"],
        content["first"],
        tuple(line if isinstance(line, str) else _rebuilt(line) for line in content["lost"]),
        kept=content["kept"],
        after=tuple(content.get("after", ())),  # an older version does not write these two
        aside=content.get("aside", ""),
        staying=tuple(content.get("staying", ())),
    )


def _written(step: Step) -> dict[str, str]:
    """The words of the manifest that a report shows where the plan itself has ids."""
    spec, found = step.declared.spec, {}
    for change in step.changes:
        name = str(change.path[0])
        if len(change.path) == 1 and not change.sensitive and isinstance(spec.get(name), str):
            found[name] = scrub(spec[name])
    return found


def _change(change: Change) -> list[Any]:
    return [_path(change.path), _value(change.before), _value(change.after), change.sensitive, _fact(change.note)]


def _value(value: Any) -> Any:
    if value is MISSING or value is UNKNOWN:
        return _MISSING if value is MISSING else _UNKNOWN
    return {"$": "value", "is": conceal(value)[0]}


def _change_of(content: Iterable[Any]) -> Change:
    path, before, after, sensitive, note = content
    return Change(tuple(path), _value_of(before), _value_of(after), sensitive, _reason_of(note))


def _value_of(content: Mapping[str, Any]) -> Any:
    return MISSING if content == _MISSING else UNKNOWN if content == _UNKNOWN else content["is"]
