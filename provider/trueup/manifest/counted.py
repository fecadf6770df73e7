"""Texts that a server trims and counts by itself: too short, too long, or with what has no place in a name.

JSON Schema counts characters, of the text as it is written, while a server of JavaScript counts UTF-16 units of what is
left between the blanks. So these texts are checked here, by the limits that their fields have.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from trueup.core.texts import has_half, length, trimmed
from trueup.manifest.text import quoted
from trueup.manifest.words import SEEN, Said, name_of
from trueup.systems.registry import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trueup.core.changes import Path
    from trueup.core.fields import Field
    from trueup.core.kinds import Kind

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")


def faults(kind: Kind, metadata: Any, spec: Any, path: Path = ("spec",)) -> Iterator[tuple[Path, Said]]:
    """Yield the faults of the texts of a resource, and of those that it declares in short, each with its path."""
    if not isinstance(spec, dict):
        return
    for field in kind.trimmed:
        value = spec.get(field.name)
        if type(value) is str and not _plain(value):
            said = of_text(field, (*path, field.name), value)
            if said is not None:
                yield (*path, field.name), said
    if "name" not in spec and path == ("spec",) and isinstance(metadata, dict):
        yield from _by_default(kind, metadata.get("name"), spec)
    for inline, name, key in kind.inlines:
        if inline not in spec:
            continue
        items, here = spec[inline], (*path, inline)
        if key:
            items, here = (items.get(key) if isinstance(items, dict) else None), (*here, key)
        for number, item in enumerate(items if isinstance(items, list) else ()):
            yield from faults(BY_NAME[kind.api_version, name], None, item, (*here, number))


def of_text(field: Field, path: Path, value: str, *, secret: bool = False) -> Said | None:
    """Return the fault of a text of that field, if it has one; nothing of the text is shown when it is secret."""
    text, name = trimmed(value), name_of(path)
    if not text:
        hint = "Give it at least one character that can be seen."
        return (
            Said("E105", f"{name} is blank", hint)
            if value
            else Said("E105", f"{name} is empty", "Give it, or leave the key out.")
        )
    most, size = field.schema.get("maxLength"), length(text)
    if most is not None and size > most:
        if secret:
            return Said("E105", f"{name} is too long", f"Use at most {most}.")
        units = "" if size == len(text) else ", counted in UTF-16 as the server does"
        return Said("E105", f"{name} has {size} characters{units}", f"Use at most {most}.")
    shown = name if secret else f"{name} {quoted(text)}"
    if field.name in SEEN and _CONTROL.search(text):
        return Said("E105", f"{shown} holds a control character", "Remove it.")
    if has_half(text):
        return Said("E105", f"{shown} holds half a character: a lone surrogate", "Remove it.")
    return None


def _by_default(kind: Kind, name: Any, spec: dict[str, Any]) -> Iterator[tuple[Path, Said]]:
    """Yield the fault that keeps `metadata.name` from being the name at the server as well."""
    field = kind.by_name.get("name")
    if field is None or not field.trimmed or "connectorId" in spec:
        return
    if type(name) is not str or not name or _plain(name):
        return
    said = of_text(field, ("metadata", "name"), name)
    if said is not None:
        yield ("metadata", "name"), said._replace(code="E109", hint=f"{said.hint} Or give spec.name.")


def _plain(text: str) -> bool:
    """Whether nothing can be wrong with a text: most are like that."""
    return 0 < len(text) < 255 and text.isascii() and text.isprintable() and not text.isspace()
