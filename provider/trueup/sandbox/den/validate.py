"""Validation of requests with the messages of the server, which are the issues of zod 4.

A shape parses a value and appends to a list of issues. Recorded cases `accounts.create.*`, `instances.create.*`,
`instances.list.*` and `access.grant-*` show the wording. As in zod, some issues end the checking of their value (a
wrong type does, a length does not), and a rule over a whole object runs only when nothing ended.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from trueup.sandbox.den.ids import id_issues, length_issues

Issue = dict[str, Any]
Path = tuple[str | int, ...]
_SAFE = 2**53 - 1
_BLANKS = "\t\n\v\f\r \u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000\ufeff"


class Undefined:
    """JavaScript's undefined: the key is missing."""


MISSING = Undefined()


class Shape(Protocol):
    """A schema for a value."""

    def parse(self, value: Any, path: Path, issues: list[Issue]) -> Any:
        """Return the value as the server uses it, and append what is wrong to `issues`."""


def kind_of(value: Any) -> str:
    """The type of a value as messages name it."""
    if value is MISSING:
        return "undefined"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "NaN" if isinstance(value, float) and math.isnan(value) else "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def ends(issue: Issue) -> bool:
    """Whether checking stops at that issue."""
    return issue["code"] in ("invalid_type", "invalid_value")


def wrong_type(expected: str, value: Any, path: Path, **more: str) -> Issue:
    """The issue of a value that is of another type."""
    said = f"Invalid input: expected {expected}, received {kind_of(value)}"
    return {"expected": expected, **more, "code": "invalid_type", "path": list(path), "message": said}


def too_small(origin: str, least: int, path: Path, unit: str = "", *, inclusive: bool = True) -> Issue:
    """The issue of a value below the least one."""
    sign = ">=" if inclusive else ">"
    have = f"to have {sign}{least} {unit}" if unit else f"to be {sign}{least}"
    return {
        "origin": origin,
        "code": "too_small",
        "minimum": least,
        "inclusive": inclusive,
        "path": list(path),
        "message": f"Too small: expected {origin} {have}",
    }


def too_big(origin: str, most: int, path: Path, unit: str = "") -> Issue:
    """The issue of a value above the greatest one."""
    have = f"to have <={most} {unit}" if unit else f"to be <={most}"
    return {
        "origin": origin,
        "code": "too_big",
        "maximum": most,
        "inclusive": True,
        "path": list(path),
        "message": f"Too big: expected {origin} {have}",
    }


def trim(text: str) -> str:
    """Return the text trimmed as by JavaScript; Python trims other characters."""
    return text.strip(_BLANKS)


def length_of(text: str) -> int:
    """Length as JavaScript counts it, in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass(frozen=True)
class Text:
    """A string, trimmed, of 1 to `most` characters."""

    most: int = 255
    least: int = 1

    def parse(self, value: Any, path: Path, issues: list[Issue]) -> Any:
        if isinstance(value, str):
            value = trim(value)
            self._length(length_of(value), "string", "characters", path, issues)
            return value
        issues.append(wrong_type("string", value, path))
        if isinstance(value, list):  # zod measures whatever has a length
            self._length(len(value), "array", "items", path, issues)
        return value

    def _length(self, length: int, origin: str, unit: str, path: Path, issues: list[Issue]) -> None:
        if length < self.least:
            issues.append(too_small(origin, self.least, path, unit))
        if length > self.most:
            issues.append(too_big(origin, self.most, path, unit))


@dataclass(frozen=True)
class Id:
    """An id of one kind, by its prefix."""

    prefix: str

    def parse(self, value: Any, path: Path, issues: list[Issue]) -> Any:
        if isinstance(value, str):
            found = id_issues(value, self.prefix)
        else:
            issues.append(wrong_type("string", value, path))
            found = length_issues(len(value), "array", self.prefix) if isinstance(value, list) else []
        issues.extend({**issue, "path": list(path)} for issue in found)
        return value


@dataclass(frozen=True)
class OneOf:
    """One of a list of words."""

    words: tuple[str, ...]

    def parse(self, value: Any, path: Path, issues: list[Issue]) -> Any:
        if not isinstance(value, str) or value not in self.words:
            quoted = [f'"{word}"' for word in self.words]
            said = f"option: expected one of {'|'.join(quoted)}" if len(quoted) > 1 else f"input: expected {quoted[0]}"
            words = list(self.words)
            issues.append({"code": "invalid_value", "values": words, "path": list(path), "message": f"Invalid {said}"})
        return value


@dataclass(frozen=True)
class Flag:
    """A boolean."""

    def parse(self, value: Any, path: Path, issues: list[Issue]) -> Any:
        if not isinstance(value, bool):
            issues.append(wrong_type("boolean", value, path))
        return value


@dataclass(frozen=True)
class Whole:
    """A whole number from a body, or (`coerced`) from a query, where JavaScript makes a number of any text."""

    above: int | None = None
    least: int | None = None
    most: int | None = None
    coerced: bool = False

    def parse(self, value: Any, path: Path, issues: list[Issue]) -> Any:
        number = _number(value) if self.coerced else value
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            infinite = isinstance(number, float) and not math.isnan(number)
            received = "Infinity" if infinite else "NaN"
            more = {"received": received} if isinstance(number, float) else {}
            issues.append(wrong_type("number", number, path) | more)
            return number
        if number != int(number):
            issues.append(wrong_type("int", number, path, format="safeint"))
            return number
        number = int(number)
        if abs(number) > _SAFE:
            note = {"note": "Integers must be within the safe integer range."}
            edge = too_big("int", _SAFE, path) if number > 0 else too_small("int", -_SAFE, path)
            issues.append({**edge, **note})
        if self.above is not None and number <= self.above:
            issues.append(too_small("number", self.above, path, inclusive=False))
        if self.least is not None and number < self.least:
            issues.append(too_small("number", self.least, path))
        if self.most is not None and number > self.most:
            issues.append(too_big("number", self.most, path))
        return number


def _number(value: Any) -> Any:
    """Convert a query value as JavaScript's Number() does."""
    if not isinstance(value, str):
        return math.nan
    text = trim(value)
    if not text:
        return 0
    try:
        if text[:2].lower() in ("0x", "0o", "0b"):
            return int(text, 0)
        if text.lstrip("+-") == "Infinity":
            return float(text)
        plain = text.isascii() and not any(character in "_nN" for character in text)
        number = float(text) if plain else math.nan
    except ValueError:
        return math.nan
    return int(number) if math.isfinite(number) and number == int(number) else number


@dataclass(frozen=True)
class Anything:
    """Any object, with any content."""

    def parse(self, value: Any, path: Path, issues: list[Issue]) -> Any:
        if not isinstance(value, dict):
            issues.append(wrong_type("object", value, path))
        return value


@dataclass(frozen=True)
class Items:
    """An array of limited length, of one shape."""

    item: Shape
    most: int

    def parse(self, value: Any, path: Path, issues: list[Issue]) -> Any:
        if not isinstance(value, list):
            issues.append(wrong_type("array", value, path))
            if isinstance(value, str) and length_of(value) > self.most:
                issues.append(too_big("string", self.most, path, "characters"))
            return value
        parsed = [self.item.parse(entry, (*path, index), issues) for index, entry in enumerate(value)]
        if len(value) > self.most:
            issues.append(too_big("array", self.most, path, "items"))
        return parsed


@dataclass(frozen=True)
class Maybe:
    """A value that may be missing (then it is `default`) and, with `null`, may be null."""

    shape: Shape
    null: bool = False
    default: Any = MISSING

    def parse(self, value: Any, path: Path, issues: list[Issue]) -> Any:
        if value is MISSING:
            return self.default
        if value is None and self.null:
            return None
        return self.shape.parse(value, path, issues)


Rule = Callable[[dict[str, Any]], Issue | None]


@dataclass(frozen=True)
class Body:
    """An object: its known keys, in order; others are dropped. `rule` checks the whole."""

    keys: Mapping[str, Shape] = field(default_factory=dict)
    rule: Rule | None = None

    def parse(self, value: Any, path: Path, issues: list[Issue]) -> Any:
        if not isinstance(value, dict):
            issues.append(wrong_type("object", value, path))
            return value
        before = len(issues)
        parsed = {}
        for key, shape in self.keys.items():
            found = shape.parse(value.get(key, MISSING), (*path, key), issues)
            if found is not MISSING:
                parsed[key] = found
        if self.rule and not any(ends(issue) for issue in issues[before:]) and (broken := self.rule(parsed)):
            issues.append({**broken, "path": [*path, *broken["path"]]})
        return parsed


def broken(message: str, key: str) -> Issue:
    """Return the issue of a rule over a whole object, reported at one of its keys."""
    return {"code": "custom", "message": message, "path": [key]}


def some_field(*keys: str) -> Rule:
    """Require at least one field in a change; the issue is reported at the first."""
    return lambda body: None if any(key in body for key in keys) else _no_field(keys[0])


def _no_field(key: str) -> Issue:
    return broken("Provide at least one field to update.", key)
