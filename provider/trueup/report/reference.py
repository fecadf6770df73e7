"""The reference page of the kinds, in Markdown: what is written once in each kind, for people."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueup.model import Field, Kind


def render(kinds: Sequence[Kind]) -> str:
    """The page."""
    parts = ["# Kinds", "", *_contents(kinds)]
    for kind in kinds:
        parts += ["", *_kind(kind)]
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


def _kind(kind: Kind) -> list[str]:
    lines = [f"## {_title(kind)}", ""]
    lines += [line.strip() for line in inspect.cleandoc(kind.doc).splitlines()]
    lines += ["", "| field | type | what it is |", "|---|---|---|"]
    lines += [f"| `{one.name}`{' *' if one.required else ''} | {_type(one)} | {_about(one)} |" for one in kind.fields]
    lines += ["", "`*` has to be given.", "", "```yaml", *_example(kind), "```"]
    return lines


def _type(field: Field) -> str:
    if field.secret is True:
        return "secret"
    schema = field.schema
    if "enum" in schema:
        return " or ".join(f"`{word}`" for word in schema["enum"])
    types = schema.get("type", "any")
    names = {"string": "text", "object": "mapping", "array": "list"}
    return " or ".join(names.get(one, str(one)) for one in (types if isinstance(types, list) else [types]))


def _about(field: Field) -> str:
    said = [_text(field.doc)]
    if field.reference:
        said.append(f"A reference to a {field.reference}.")
    if field.default is not None:
        said.append(f"Left out: `{_json(field.default)}`.")
    if field.immutable:
        said.append("It cannot be changed later.")
    if field.write_only:
        said.append("It may not be readable.")
    if field.owned_by_key and "declared keys" not in field.doc:
        said.append("Only the declared keys are compared and written.")
    if isinstance(field.secret, tuple):
        said.append(f"Secrets by reference below {', '.join(f'`{key}`' for key in field.secret)}.")
    return " ".join(said).replace("|", "\\|")


def _text(doc: str) -> str:
    return " ".join(doc.split())


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _example(kind: Kind) -> list[str]:
    if kind.example:
        return kind.example.strip().splitlines()
    lines = [f"apiVersion: {kind.api_version}", f"kind: {kind.name}", "metadata:", "  name: example", "spec:"]
    for field in kind.fields:
        if field.example is not None:
            lines.append(f"  {field.name}: {json.dumps(field.example)}")
    return lines
