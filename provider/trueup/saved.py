"""A plan in a file: to be reviewed, shown again, and applied hours later, if nothing that it rests on has changed.

The file holds what a report shows and keyed digests of what the steps rest on: no secret, and no value that a report
would not show. A keyed digest over all of it tells an edited file; its key is the ledger's, or TRUEUP_FINGERPRINT_KEY
where a plan goes from one machine to another.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from trueup import __version__
from trueup.diff import MISSING, UNKNOWN, Change, at, dotted
from trueup.errors import PlanFileError, Stale
from trueup.model import Address, Call, Declared, Desired, Live, Where
from trueup.plan import Cost, Left, Plan, Reading, Step, Unverifiable
from trueup.records import Record
from trueup.report.values import conceal
from trueup.secrets import fingerprint, scrub
from trueup.systems import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from trueup.diff import Path

VERSION: Final = 1
LARGEST: Final = 256 << 20
"""Bytes of a file; more is refused."""
_MISSING: Final = {"$": "absent"}
_UNKNOWN: Final = {"$": "unknown"}


@dataclass(slots=True)
class Saved:
    """What a file holds."""

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
    """The servers by connection, as the ledger knows them."""
    bound: dict[str, dict[str, str]] = field(default_factory=dict)
    """Digests of what each step rests on, by address, then by what it is."""
    created: str = ""


def bindings(plan: Plan, key: bytes) -> dict[str, dict[str, str]]:
    """Digests of what each step that sends something rests on, by address."""
    return {str(step.address): _binding(step, key) for step in plan.pending}


def _binding(step: Step, key: bytes) -> dict[str, str]:
    live = step.live
    what = [step.action, [call.verb for call in step.calls], sorted(map(str, step.needs)), sorted(step.lost)]
    found = {"what is to be done": fingerprint(key, what), "its id": fingerprint(key, live.id if live else None)}
    for change in step.changes:
        before = at(live.spec, change.path) if live else MISSING
        found[dotted(change.path)] = fingerprint(key, None if before is MISSING else [before])
    if step.action in ("delete", "replace") and live is not None:
        found |= {name: fingerprint(key, [value]) for name, value in live.spec.items()}
    return found


def narrowed(plan: Plan, saved: Mapping[str, Mapping[str, str]], key: bytes) -> Plan:
    """Of a plan made just now the steps of the saved one. Raises Stale, which names all that has changed since."""
    now = bindings(plan, key)
    told: list[str] = []
    for address, was in saved.items():
        found = now.get(address)
        if found is None:
            told.append(f"{address}: there is nothing to be done any more, or it is refused now")
        elif changed := [name for name in {**was, **found} if was.get(name) != found.get(name)]:
            told.append(f"{address}: {', '.join(changed)}")
    if told:
        raise Stale(
            f"the plan is stale. Since it was made these have changed: {'; '.join(told)}.",
            hint="Nothing was sent. Make a new plan.",
        )
    plan.steps = [step for step in plan.steps if str(step.address) in saved]
    return plan


def dump(saved: Saved, key: bytes) -> str:
    """The text of the file."""
    content = {
        "trueup_plan": VERSION,
        "trueup_version": __version__,
        "created": saved.created,
        "desired": saved.desired,
        "files": saved.files,
        "options": saved.options,
        "servers": saved.servers,
        "bound": saved.bound,
        "plan": _encoded(saved.plan),
        "document": saved.document,
    }
    return json.dumps({**content, "mac": _mac(content, key)}, indent=1, allow_nan=False) + "\n"


def load(text: str, key: bytes | None) -> Saved:
    """What the text of a file holds. Raises PlanFileError; without a key nothing is believed."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise _unusable("it is not JSON, or was cut off") from None
    if not isinstance(content, dict) or "trueup_plan" not in content:
        raise _unusable("it is no saved plan")
    if content["trueup_plan"] != VERSION:
        raise _unusable(f"it has version {scrub(str(content['trueup_plan']))[:20]}, and this trueup knows {VERSION}")
    mac = content.pop("mac", None)
    if key is None:
        raise _unusable("there is no key to tell whether it was edited")
    try:
        sound = isinstance(mac, str) and hmac.compare_digest(mac.encode(), _mac(content, key).encode())
    except (ValueError, RecursionError):
        sound = False
    if not sound:
        raise _unusable("it was edited, or made with the key of another ledger")
    try:
        return Saved(
            _decoded(content["plan"]),
            content["document"],
            content["desired"],
            content["files"],
            content["options"],
            content["servers"],
            content["bound"],
            content["created"],
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _unusable("it is not what this trueup writes") from None


def _unusable(why: str) -> PlanFileError:
    return PlanFileError(
        f"the saved plan cannot be used: {why}.",
        hint="Nothing was sent. Make it again with `trueup plan --out`; across machines with TRUEUP_FINGERPRINT_KEY.",
    )


def _mac(content: Mapping[str, Any], key: bytes) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hmac.new(key, b"trueup saved plan\0" + text.encode(), hashlib.sha256).hexdigest()


def stamp(now: datetime) -> str:
    """The time as a file has it."""
    return now.isoformat(timespec="seconds").replace("+00:00", "Z")


# A plan as JSON and back, as far as reports look at it.


def _encoded(plan: Plan) -> dict[str, Any]:
    return {
        "steps": [_step(step) for step in plan.steps],
        "matched": [[_address(address), live.id, scrub(live.name)] for address, (_, live) in plan.matched.items()],
        "unmanaged": [
            [list(place), live.kind, live.id, scrub(live.name), live.updated_at] for place, live in plan.unmanaged
        ],
        "left": [
            [one.record.scope, one.record.id, one.record.address, one.record.kind, one.live is not None, one.why]
            for one in plan.left
        ],
        "aged": [[_address(address), text] for address, text in plan.aged.items()],
        "undeclared": [[_address(address), list(map(list, paths))] for address, paths in plan.undeclared.items()],
        "unsafe": scrub(plan.unsafe),
        "left_out": plan.left_out,
        "off": plan.off,
        "declared": plan.declared,
        "whole": plan.whole,
        "cost": [plan.cost.requests, plan.cost.seconds],
        "reading": [
            plan.reading.requests,
            plan.reading.seconds,
            plan.reading.left,
            plan.reading.window,
            plan.reading.silence,
        ],
    }


def _decoded(content: Mapping[str, Any]) -> Plan:
    plan = Plan(
        steps=[_step_of(one) for one in content["steps"]],
        unmanaged=[
            ((place[0], place[1], place[2]), Live(kind, key, name, {}, updated))
            for place, kind, key, name, updated in content["unmanaged"]
        ],
        left=[
            Left(Record(scope, key, address, kind), Live(kind, key, "", {}) if there else None, why)
            for scope, key, address, kind, there, why in content["left"]
        ],
        aged={_address_of(address): text for address, text in content["aged"]},
        undeclared={_address_of(address): tuple(map(tuple, paths)) for address, paths in content["undeclared"]},
        unsafe=content["unsafe"],
        left_out=content["left_out"],
        off=content["off"],
        declared=content["declared"],
        whole=content["whole"],
        cost=Cost(*content["cost"]),
        reading=Reading(*content["reading"]),
    )
    for parts, key, name in content["matched"]:
        address = _address_of(parts)
        declared = Declared(address, BY_NAME[f"{address.system}.trueup.dev/v1", address.kind], {}, Where("", 0))
        plan.matched[address] = (declared, Live(address.kind, key, name, {}))
    return plan


def _address(address: Address) -> list[str]:
    return [address.system, address.kind, address.name, address.connection]


def _address_of(parts: list[str]) -> Address:
    system, kind, name, connection = map(str, parts)
    return Address(system, kind, name, connection)


def _where(where: Where) -> list[Any]:
    return [where.file, where.line, where.column]


def _step(step: Step) -> dict[str, Any]:
    declared, live = step.declared, step.live
    paths = [change.path for change in step.changes] + [one.path for one in step.unverifiable]
    return {
        "action": step.action,
        "address": _address(declared.address),
        "where": _where(declared.place),
        "gone": declared.gone,
        "places": [[list(path), _where(declared.locate(path))] for path in dict.fromkeys(paths)],
        "references": {
            trait.name: declared.spec[trait.name] for trait in declared.kind.references if trait.name in declared.spec
        },
        "live": None if live is None else [live.kind, live.id, scrub(live.name), live.updated_at],
        "calls": [[call.verb, call.requests, list(call.paths), call.admin] for call in step.calls],
        "changes": [_change(change) for change in step.changes],
        "unverifiable": [[list(one.path), scrub(one.why)] for one in step.unverifiable],
        "needs": [_address(need) for need in step.needs],
        "why": scrub(step.why),
        "error": step.error,
        "first": step.first,
        "lost": [scrub(line) for line in step.lost],
        "kept": step.kept,
    }


def _step_of(content: Mapping[str, Any]) -> Step:
    address = _address_of(content["address"])
    where = Where(*content["where"])
    places = {tuple(path): Where(*place) for path, place in content["places"]}
    kind = BY_NAME[f"{address.system}.trueup.dev/v1", address.kind]

    def locate(path: Path) -> Where:
        return places.get(path, where)

    declared = Declared(address, kind, content["references"], where, locator=locate, gone=content["gone"])
    live = content["live"]
    return Step(
        content["action"],
        declared,
        None if live is None else Live(live[0], live[1], live[2], {}, live[3]),
        Desired({}),
        tuple(Call(verb, requests, tuple(paths), admin) for verb, requests, paths, admin in content["calls"]),
        tuple(_change_of(one) for one in content["changes"]),
        tuple(Unverifiable(tuple(path), why) for path, why in content["unverifiable"]),
        tuple(_address_of(need) for need in content["needs"]),
        content["why"],
        content["error"],
        content["first"],
        tuple(content["lost"]),
        kept=content["kept"],
    )


def _change(change: Change) -> list[Any]:
    return [list(change.path), _value(change.before), _value(change.after), change.sensitive, scrub(change.note)]


def _value(value: Any) -> Any:
    if value is MISSING or value is UNKNOWN:
        return _MISSING if value is MISSING else _UNKNOWN
    return {"$": "value", "is": conceal(value)[0]}


def _change_of(content: Iterable[Any]) -> Change:
    path, before, after, sensitive, note = content
    return Change(tuple(path), _value_of(before), _value_of(after), sensitive, note)


def _value_of(content: Mapping[str, Any]) -> Any:
    return MISSING if content == _MISSING else UNKNOWN if content == _UNKNOWN else content["is"]
