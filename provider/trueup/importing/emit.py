"""Plain values -> YAML as people write it: block style, and quotes only where a text would be read as something else.

What is written is read alike by YAML 1.1 and 1.2: a text that either takes for a number, a boolean, null or a date is
quoted. Invisible characters become escapes, so that what a name holds can be seen.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from trueup.manifest.scalars import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_INDICATORS: Final = frozenset("-?:,[]{}#&*!|>'\"%@`~<=")
_ELSEWHERE: Final = re.compile(
    r"(?i:y|n|yes|no|on|off|true|false|null)|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.(?i:inf)|\.(?i:nan)"
)
"""Text that YAML 1.2 or an older parser reads as something other than a string."""
_LARGEST: Final = 2**53 - 1
"""The largest whole number that a manifest takes without a point."""
_LONGEST_KEY: Final = 512
"""Characters of a key that may stand before its colon; YAML knows 1,024, with quotes and escapes."""


def document(value: dict[str, Any]) -> str:
    """One document, with a line end behind it."""
    return "".join(f"{line}\n" for line in _mapping(value, ""))


def file(documents: Iterable[str], comment: Iterable[str]) -> str:
    """Documents as one file, below a comment."""
    return "".join(f"# {line}\n" for line in comment) + "---\n".join(documents)


def scalar(value: Any) -> str:
    """A value on one line: a text, a number, true, false or null; lists and mappings that are empty."""
    if isinstance(value, str):
        return value if _is_plain(value) else _quoted(value)
    if isinstance(value, int) and abs(value) > _LARGEST:
        value = float(value)  # as such it has its place in a manifest
    if isinstance(value, float):
        # 1e+16 would be a text to YAML 1.1, which wants a point in a number.
        return re.sub(r"^(-?\d+)e", r"\1.0e", repr(value))
    return json.dumps(value)


def _mapping(value: dict[str, Any], indent: str) -> Iterator[str]:
    for key, item in value.items():
        name = scalar(key)
        if len(name) > _LONGEST_KEY:
            yield f"{indent}? {name}"
            yield from _item(f"{indent}:", item, indent)
        else:
            yield from _item(f"{indent}{name}:", item, indent)


def _item(before: str, value: Any, indent: str) -> Iterator[str]:
    """A value behind its key, on the same line or on those below."""
    if isinstance(value, dict) and value:
        yield before
        yield from _mapping(value, indent + "  ")
    elif isinstance(value, list) and value:
        yield before
        yield from _sequence(value, indent + "  ")
    elif isinstance(value, str) and (sign := _block(value)):
        yield f"{before} {sign}"
        for line in value.removesuffix("\n").split("\n"):
            yield f"{indent}  {line}" if line else ""
    else:
        yield f"{before} {scalar(value)}"


def _sequence(value: list[Any], indent: str) -> Iterator[str]:
    for item in value:
        if isinstance(item, dict | list) and item:
            inner = indent + "  "
            lines = _mapping(item, inner) if isinstance(item, dict) else _sequence(item, inner)
            yield f"{indent}- {next(lines)[len(inner) :]}"
            yield from lines
        else:
            yield from _item(f"{indent}-", item, indent)


def _is_plain(text: str) -> bool:
    if not text or text[0] in _INDICATORS or text != text.strip() or not text.isprintable():
        return False
    if ": " in text or " #" in text or text.endswith(":") or text.startswith(("...", "---")):
        return False
    return not _ELSEWHERE.fullmatch(text) and isinstance(resolve(text), str)


def _block(text: str) -> str:
    """How a text of several lines begins as a block; empty when it has to be quoted."""
    lines = text.removesuffix("\n").split("\n")
    if "\n" not in text or not all(line.isprintable() for line in lines):
        return ""
    if not lines[0] or not lines[-1] or lines[0][0] == " " or any(line.isspace() for line in lines):
        return ""
    return "|" if text.endswith("\n") else "|-"


def _quoted(text: str) -> str:
    plain = json.dumps(text, ensure_ascii=False)
    return plain if plain.isprintable() else "".join(map(_escaped, plain))


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    number = ord(char)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
