"""Plain scalars: what YAML makes of them, and where its versions disagree.

Texts are read as PyYAML reads them (YAML 1.1), unless YAML 1.2, and so an editor, reads them otherwise: `no`, `010`,
`1:30`, `1_000`, a date. Those become an Odd, which no schema accepts: whoever wrote one has to say what is meant.
Booleans are `true` and `false` alone. Numbers are finite and whole ones stay exact in JSON (at most 2**53 - 1).
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

import yaml

from trueup.manifest.text import printable

_RESOLVERS: Final[dict[str, list[tuple[str, re.Pattern[str]]]]] = yaml.SafeLoader.yaml_implicit_resolvers
_TAG: Final = "tag:yaml.org,2002:"
_DECIMAL: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+")
_LARGEST: Final = 2**53 - 1
_TRUE: Final = frozenset(("yes", "on"))


class Odd:
    """A plain scalar that has no single meaning, or none in JSON."""

    __slots__ = ("instead", "made", "tag", "text")

    def __init__(self, text: str, tag: str, made: str, instead: str) -> None:
        self.text = text
        self.tag = tag
        self.made = made
        """What YAML 1.1 makes of it, in words."""
        self.instead = instead
        """How to write that without doubt; empty when JSON has no such value."""


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


def _whole(text: str) -> int | Odd:
    if len(text) > 40:
        return Odd(text, "int", "a number that loses digits on its way", "")
    if _DECIMAL.fullmatch(text):
        number = int(text, 0)
        if abs(number) <= _LARGEST:
            return number
        return Odd(text, "int", "a number that loses digits on its way", "")
    try:
        number = int(yaml.safe_load(text))
    except ValueError:  # `0b_` is a number to the resolver and none to the constructor
        return Odd(text, "int", "a number without digits", "")
    base = {"0b": "binary ", "0x": ""}.get(text.lstrip("+-")[:2], "octal " if text.lstrip("+-")[0] == "0" else "")
    return Odd(text, "int", f"the {'sexagesimal ' if ':' in text else base}number {number}", str(number))


def _fraction(text: str) -> float | Odd:
    if text.lower().endswith(("inf", "nan")):
        return Odd(text, "float", "not a finite number", "")
    if ":" in text or "_" in text:
        if len(text) > 40:
            return Odd(text, "float", "a number", "")
        number = float(yaml.safe_load(text))
        return Odd(text, "float", f"the number {number!r}", repr(number))
    number = float(text)
    return number if math.isfinite(number) else Odd(text, "float", "not a finite number", "")


def made_of(text: str) -> str:
    """What YAML makes of a plain text, in words for a message."""
    value = resolve(text)
    if isinstance(value, Odd):
        return value.made
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value!r}"
    return f'the text "{printable(text[:40])}"'
