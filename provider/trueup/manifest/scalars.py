"""Plain scalars: the value on which YAML 1.1 and 1.2 agree, or an Odd where they do not.

YAML 1.1 is what PyYAML reads, YAML 1.2 is its core schema, which editors and JSON go by. They differ in `no`, `010`,
`1:30`, `1_000`, a date, `1e3`, `0o17`, `08`: those become an Odd, which no schema accepts, so that the author has to
say which is meant. Booleans are `true` and `false` alone. A number is one that JSON keeps: finite, with no digit lost
in a double, and a whole one without a point is at most 2**53 - 1.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any, Final

import yaml

from trueup.manifest.text import printable

_RESOLVERS: Final[dict[str, list[tuple[str, re.Pattern[str]]]]] = yaml.SafeLoader.yaml_implicit_resolvers
_TAG: Final = "tag:yaml.org,2002:"
_DECIMAL: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+")
_CORE: Final = re.compile(r"([-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)|0o([0-7]+)")
"""A number of YAML 1.2 in decimal or octal digits; in hexadecimal ones both versions have the same."""
_MANTISSA: Final = re.compile(r"[-+]?([0-9]*)\.?([0-9]*)")
_LARGEST: Final = 2**53 - 1
_LONGEST: Final = 800
"""Characters of a number: no double has more digits than 767."""
_TRUE: Final = frozenset(("yes", "on"))
_LOST: Final = "a number that loses digits on its way"
_INFINITE: Final = "not a finite number"


class Odd:
    """A plain scalar that has no single meaning, or none in JSON."""

    __slots__ = ("code", "core", "instead", "made", "tag", "text")

    def __init__(self, text: str, tag: str, made: str, instead: str, *, core: str = "", code: str = "E113") -> None:
        self.text = text
        self.tag = tag
        self.made = made
        """Describe the YAML 1.1 reading."""
        self.instead = instead
        """How to write that without doubt; empty when JSON has no such value."""
        self.core = core
        """Its meaning in YAML 1.2, in words; empty for a text."""
        self.code = code
        """E113 where the versions differ, E118 where JSON has no such number."""


def tag_of(text: str) -> str:
    """The tag of a plain text in YAML 1.1: `bool`, `int`, `float`, `null`, `timestamp`, `merge`, `value` or `str`."""
    for tag, form in _RESOLVERS.get(text[:1], ()):
        if form.match(text):
            return tag.removeprefix(_TAG)
    return "str"


def resolve(text: str) -> Any:
    """The value of a plain scalar; an Odd when there is no single one."""
    if text[:1] not in _RESOLVERS:
        return text
    tag = tag_of(text)
    if tag == "str":
        number = _core(text)
        if number is None:
            return text
        exact = isinstance(number, int) or not math.isfinite(number) or _is_exact(text, number)
        return Odd(text, tag, "a text", _written(number) if exact else "", core=_in_words(number))
    if tag == "bool":
        word = text.lower()
        if word in ("true", "false"):
            return word == "true"
        made = "true" if word in _TRUE else "false"
        return Odd(text, tag, f"the boolean {made}", made)
    if tag == "null":
        return None
    if tag == "int":
        return _whole(text)
    if tag == "float":
        return _fraction(text)
    if tag == "timestamp":
        return Odd(text, tag, "a date" if len(text) <= len("2000-01-01") else "a point in time", "")
    return text


def _core(text: str) -> int | float | None:
    """The number that YAML 1.2 reads in decimal or octal digits, infinite when it is too large; None for a text."""
    found = _CORE.fullmatch(text)
    if found is None:
        return None
    if found[2]:
        return int(found[2], 8) if len(text) <= _LONGEST else math.inf
    if len(text) <= _LONGEST and text.lstrip("+-").isdigit():
        return int(text)
    return float(text)


def _plain(number: float) -> int | float:
    """The number, without a point where it is whole and every reader of JSON keeps it."""
    return int(number) if number.is_integer() and abs(number) <= _LARGEST else number


def _written(number: float) -> str:
    """A number as both versions read it; empty for one that is not finite, or too large to be whole in JSON."""
    number = _plain(number) if math.isfinite(number) and isinstance(number, float) else number
    if not math.isfinite(number) or (isinstance(number, int) and abs(number) > _LARGEST):
        return ""
    return re.sub(r"^(-?\d+)e", r"\1.0e", repr(number))  # YAML 1.1 wants a point in a number with an exponent


def _in_words(number: float) -> str:
    if isinstance(number, int):
        return f"the number {number}"
    return f"the number {_plain(number)!r}" if math.isfinite(number) else "a number without bounds"


def _whole(text: str) -> int | Odd:
    if len(text) > 40:
        return Odd(text, "int", _LOST, "", code="E118")
    if _DECIMAL.fullmatch(text):
        number = int(text, 0)
        if abs(number) <= _LARGEST:
            return number
        return Odd(text, "int", _LOST, "", code="E118")
    try:
        number = int(yaml.safe_load(text))
    except ValueError:  # `0b_` is a number to the resolver and none to the constructor
        return Odd(text, "int", "a number without digits", "")
    base = {"0b": "binary ", "0x": ""}.get(text.lstrip("+-")[:2], "octal " if text.lstrip("+-")[0] == "0" else "")
    made = f"the {'sexagesimal ' if ':' in text else base}number {number}"
    core = _core(text)
    readings = dict.fromkeys((number,) if core is None else (number, core))
    instead = " or ".join(filter(None, map(_written, readings)))
    return Odd(text, "int", made, instead, core="" if core is None else _in_words(core))


def _fraction(text: str) -> float | Odd:
    if text.lower().endswith(("inf", "nan")):
        return Odd(text, "float", _INFINITE, "", code="E118")
    if ":" in text or "_" in text:
        if len(text) > 40:
            return Odd(text, "float", "a number", "")
        number = float(yaml.safe_load(text))
        return Odd(text, "float", f"the number {number!r}", _written(number))
    number = float(text)
    if not math.isfinite(number):
        return Odd(text, "float", _INFINITE, "", code="E118")
    return number if _is_exact(text, number) else Odd(text, "float", _LOST, "", code="E118")


def _is_exact(text: str, number: float) -> bool:
    """Whether a double has every digit that is written, or is what is printed of it."""
    found = _MANTISSA.match(text)
    digits = (found[1] + found[2]).lstrip("0") if found else ""
    if not digits:
        return True
    if number == 0 or len(text) > _LONGEST:
        return False
    if f"{abs(number):.{len(digits) - 1}e}".partition("e")[0].replace(".", "") == digits:
        return True
    return Decimal(text) == Decimal(repr(number))


def made_of(text: str) -> str:
    """Describe the YAML reading of a plain text, for a message."""
    value = resolve(text)
    if isinstance(value, Odd):
        return value.core if value.tag == "str" else value.made
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value!r}"
    return f'the text "{printable(text[:40])}"'
