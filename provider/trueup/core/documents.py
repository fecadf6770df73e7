"""JSON documents, for people to search and for programs to read, and the paths into them."""

from __future__ import annotations

import json
from typing import Any

Path = tuple[str | int, ...]
"""The keys and list positions that lead to a value."""


def dumps(document: dict[str, Any]) -> str:
    """Return a document as ASCII-only JSON, safe for any locale and terminal, with one list item per line."""
    lines = []
    for name, value in document.items():
        if isinstance(value, list) and value:
            items = ",\n".join(f"    {json.dumps(item, allow_nan=False)}" for item in value)
            lines.append(f"  {json.dumps(name)}: [\n{items}\n  ]")
        else:
            lines.append(f"  {json.dumps(name)}: {json.dumps(value, allow_nan=False)}")
    return "{\n" + ",\n".join(lines) + "\n}"
