"""The reference page of the kinds in Markdown, generated from their fields."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from trueup.core.values import DEFAULT_CONNECTION
from trueup.manifest.words import form_of

if TYPE_CHECKING:
    from trueup.core.fields import Field
    from trueup.core.kinds import Kind


_PLAIN: Final = re.compile(r"[A-Za-z][\w./-]*|[1-9]\d*[a-df][0-9a-f]*")
"""Text that every YAML parser reads as a string: a word, a path, or an id that is not a number."""
_WORDS: Final = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")
_EVERY: Final = (
    "Every document has `apiVersion`, `kind`, `metadata` with its `name`, and `spec` with the fields below.",
    "`metadata` may also have `labels`, for selection (`-l team=platform`), and `annotations`. trueup uses two:",
    '`trueup.dev/protect: "true"` refuses removal and replacement, and `trueup.dev/renamed-from` is the former name of',
    "a resource, so that it is renamed instead of created again. Every resource may name its Connection in",
    "`spec.connection`; the default is `default`. Without a Connection of that name, the environment sets URL and",
    "credentials; without those, the URL is the public API.",
)


def render(kinds: Sequence[Kind]) -> str:
    """Return the page."""
    parts = ["# Kinds", "", *_contents(kinds), "", *_EVERY]
    names = _names(kinds)
    for kind in kinds:
        parts += ["", *_kind(kind, names[kind])]
    return "\n".join(parts)


def _contents(kinds: Sequence[Kind]) -> list[str]:
    return [
        f"- [{kind.name}](#{_anchor(kind)}) of `{kind.api_version}`: {_text(kind.doc).partition('. ')[0].rstrip('.')}."
        for kind in kinds
    ]


def _title(kind: Kind) -> str:
    return f"{kind.system} {kind.name}"


def _anchor(kind: Kind) -> str:
    return _title(kind).lower().replace(" ", "-")


def _names(kinds: Sequence[Kind]) -> dict[Kind, str]:
    """Return the name in each kind's example: the one that other examples refer to, so that they apply together."""
    referred = {(kind.system, one.reference): one.example for kind in kinds for one in kind.references}
    names = {}
    for kind in kinds:
        own = kind.by_name.get("name")
        named = referred.get((kind.system, kind.name)) or (own.example if own else None)
        names[kind] = DEFAULT_CONNECTION if kind.name == "Connection" else str(named or "example")
    return names


def _kind(kind: Kind, name: str) -> list[str]:
    lines = [f"## {_title(kind)}", ""]
    lines += [line.strip() for line in inspect.cleandoc(kind.doc).splitlines()]
    lines += ["", "| field | type | description |", "|---|---|---|"]
    for field in kind.fields:
        lines.append(
            _row(field.name, field.required, "secret" if field.secret is True else _type(field.schema), _about(field))
        )
        needed = field.schema.get("required", ())
        for key, schema in field.schema.get("properties", {}).items():
            if "description" in schema:
                kept = isinstance(field.secret, tuple) and key in field.secret
                what = "mapping of secrets" if kept else _type(schema)
                lines.append(_row(f"{field.name}.{key}", key in needed, what, _text(schema["description"])))
        if field.inline and field.inline[1]:
            about = f"Each like the spec of a {field.inline[0]}, without the reference to this resource."
            lines.append(_row(f"{field.name}.{field.inline[1]}", False, "list", about))
    if starred := [line.split()[1] for line in lines if line.startswith("| `") and " * |" in line]:
        within = "; a key only if its field is given" if any("." in name for name in starred) else ""
        lines += ["", f"`*` is required{within}."]
    if kind.one_of:
        lines += ["", f"Exactly one of {', '.join(f'`{name}`' for name in kind.one_of)} is required."]
    return [*lines, "", "```yaml", *_example(kind, name), "```"]


def _row(name: str, required: bool, what: str, about: str) -> str:
    return f"| `{name}`{' *' if required else ''} | {what} | {about} |"


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(f"`{word}`" for word in schema["enum"])
    form, is_id = form_of(schema.get("pattern", ""))
    types = schema.get("type", "any")
    if is_id:
        prefix, _, rest = form.partition(" ")
        null = " or null" if "null" in types else ""
        return f"id (`{prefix}…`){null}" if rest.startswith("and ") else f"id ({form}){null}"
    names = {"string": "text", "object": "mapping", "array": "list"}
    return " or ".join(names.get(one, str(one)) for one in (types if isinstance(types, list) else [types]))


def _about(field: Field) -> str:
    sentences = [_text(field.doc)]
    if field.reference:
        sentences.append(f"A reference to a {field.reference}.")
    if field.default is not None:
        sentences.append(field.when_omitted)
    if field.immutable:
        sentences.append("Cannot be changed later.")
    if field.write_only:
        sentences.append("The API may not return it.")
    if field.owned_by_key and "declared keys" not in field.doc:
        sentences.append("Only the declared keys are compared and written.")
    if isinstance(field.secret, tuple):
        sentences.append(f"Values of {', '.join(f'`{key}`' for key in field.secret)} are secret references.")
    return " ".join(sentences).replace("|", "\\|")


def _text(doc: str) -> str:
    return " ".join(doc.split())


def _example(kind: Kind, name: str) -> list[str]:
    lines = [f"apiVersion: {kind.api_version}", f"kind: {kind.name}", "metadata:", f"  name: {name}", "spec:"]
    for field in kind.fields:
        if field.example is not None and not (field.name == "name" and field.example == name):
            lines += _yaml(field.name, field.example, "  ")
    return lines


def _yaml(key: str, value: Any, indent: str) -> list[str]:
    """Return lines in block style, with quotes only around text that YAML would read as something else."""
    if isinstance(value, dict) and "valueFrom" not in value:
        return [f"{indent}{key}:", *(line for name in value for line in _yaml(name, value[name], indent + "  "))]
    return [f"{indent}{key}: {_flow(value)}"]


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    plain = isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS
    return value if plain else json.dumps(value)
