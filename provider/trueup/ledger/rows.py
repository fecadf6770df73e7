"""Convert values to rows and back. A row with invalid contents raises ValueError."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from trueup.core import records
from trueup.core.records import Intent, Lease, Record, Run, Seen

if TYPE_CHECKING:
    from sqlalchemy import Row

_BODY: Final = ("written", "read_back", "settling", "owned")
_LATER: Final = ("renamed_from", "archived_with")
_PATHS: Final = ("plain", "removed")
"""Keys of the body that older versions do not write: texts, and lists of paths."""
_RECORD: Final = ("scope", "id", "address", "at", "kind", "realm", "parent", "name", "policy", "stack")
_INTENT: Final = ("run", "scope", "realm", "address", "kind", "verb", "id", "parent", "key", "at")
_NO_RECORD: Final = "it holds an invalid record"
_State = Literal["open", "done", "failed", "found", "absent"]
_STATES: Final[tuple[_State, ...]] = get_args(_State)


def from_record(one: Record) -> dict[str, Any]:
    """Return the row of a record."""
    body = json.dumps({name: getattr(one, name) for name in _BODY} | _later(one))
    return {**{name: getattr(one, name) for name in _RECORD}, "protected": int(one.protected), "body": body}


def to_record(row: Row[Any]) -> Record:
    """Return the record of a row."""
    found = {name: getattr(row, name) for name in (*_RECORD, "protected")}
    return _record({**found, **_object(row.body)})


def from_intent(one: Intent) -> dict[str, Any]:
    """Return the row of an intent."""
    record = None if one.record is None else json.dumps(_plain(one.record))
    return {
        **{name: getattr(one, name) for name in _INTENT},
        "number": one.number,
        "record": record,
        "state": known_state(one.state),
    }


def to_intent(row: Row[Any]) -> Intent:
    """Return the intent of a row."""
    texts = {name: _text(getattr(row, name)) for name in _INTENT}
    record = None if row.record is None else _record(_object(row.record))
    return Intent(**texts, number=_number(row.number), record=record, state=known_state(row.state))


def to_run(row: Row[Any]) -> Run:
    """Return the run of a row."""
    return Run(*(_text(getattr(row, one.name)) for one in fields(Run)))


def to_seen(row: Row[Any]) -> Seen:
    """Return the Seen of a row."""
    return Seen(*(_text(getattr(row, one.name)) for one in fields(Seen)))


def to_lease(row: Row[Any], now: float) -> Lease:
    """Return the lease of a row at that time of the database."""
    since, heartbeat = _seconds(row.since), _seconds(row.heartbeat)
    age = max(now - heartbeat, 0.0)  # negative after the clock was set back
    revoked = stamp(_seconds(row.revoked)) if row.revoked else ""
    return Lease(
        _text(row.name),
        _text(row.run),
        _text(row.holder),
        stamp(since),
        stamp(heartbeat),
        age,
        shared=row.mode == "shared",
        revoked=revoked,
        revoker=_text(row.revoker),
    )


def stamp(seconds: float) -> str:
    """Return seconds since 1970 as RFC 3339."""
    try:
        return records.stamp(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, OSError):
        raise ValueError("it holds an invalid time") from None


def _plain(one: Record) -> dict[str, Any]:
    return {name: getattr(one, name) for name in (*_RECORD, "protected", *_BODY)} | _later(one)


def _later(one: Record) -> dict[str, Any]:
    """Return the fields that older versions do not write, without the empty ones."""
    return {name: getattr(one, name) for name in (*_LATER, *_PATHS) if getattr(one, name)}


def _object(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(_NO_RECORD)
    return found


def _record(found: dict[str, Any]) -> Record:
    texts = {name: _text(found[name]) for name in _RECORD if name != "stack"}
    texts["stack"] = _text(found.get("stack", ""))  # an intent of an older version has none
    body: dict[str, Any] = {name: found[name] for name in _BODY}
    if not all(isinstance(body[name], dict) for name in ("written", "read_back")):
        raise ValueError(_NO_RECORD)
    if not all(isinstance(one, list) for one in (body["settling"], body["owned"])):
        raise ValueError(_NO_RECORD)
    body |= {name: found.get(name, []) for name in _PATHS}
    paths = [body[name] for name in ("owned", *_PATHS)]
    if not all(isinstance(one, list) and all(isinstance(path, list) for path in one) for one in paths):
        raise ValueError(_NO_RECORD)
    each = [path for one in paths for path in one]
    for one in (body["written"].values(), body["read_back"].values(), body["settling"], *each):
        if not all(isinstance(part, str) for part in one):
            raise ValueError(_NO_RECORD)
    body |= texts | {name: _text(found[name]) for name in _LATER if name in found}
    return Record(**body, protected=bool(_number(found["protected"])))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("it holds another type where a text is expected")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int):
        raise ValueError("it holds another type where a number is expected")
    return value


def _seconds(value: Any) -> float:
    if not isinstance(value, float | int):
        raise ValueError("it holds another type where a time is expected")
    return float(value)


def known_state(value: Any) -> _State:
    """Return the state of an intent. Raises ValueError when it is none."""
    for state in _STATES:
        if state == value:
            return state
    raise ValueError("it holds an intent with an unknown state")
