"""A change to one field, with secrets redacted, and the paths by which fields are named."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any, Final

from trueup.core.documents import Path as Path
from trueup.core.reasons import Reason
from trueup.core.redaction import REDACTED


class Missing:
    """The type of MISSING: no value at all, which is not the same as null."""

    def __repr__(self) -> str:
        return "(absent)"

    def __bool__(self) -> bool:
        return False


MISSING: Final = Missing()


class Unknown:
    """The type of UNKNOWN: a value known only after another step is applied."""

    def __repr__(self) -> str:
        return "(known after apply)"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True, slots=True)
class Change:
    """A change to one field. A sensitive change drops its values when it is created."""

    path: Path
    before: Any = MISSING
    after: Any = MISSING
    sensitive: bool = False
    note: Reason | None = None
    """The reason for the change, where the values alone do not show it."""

    def __post_init__(self) -> None:
        if self.sensitive:
            for name in ("before", "after"):
                if getattr(self, name) is not MISSING:
                    object.__setattr__(self, name, REDACTED)

    @property
    def name(self) -> str:
        """The path as users write it: `config.branch`, `roles[0]`."""
        return dotted(self.path)


@functools.lru_cache(maxsize=4096)
def dotted(path: Path) -> str:
    """Return a path as users write it: `config.branch`, `roles[0]`, `config["a.b"]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part and part.replace("_", "").replace("-", "").isalnum():
            text += f".{part}" if text else part
        else:
            text += f"[{_quoted(part)}]"
    return text


def _quoted(key: str) -> str:
    # Distinct keys stay distinct, and none can send control sequences to a terminal.
    text = json.dumps(key, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def at(value: Any, path: Path) -> Any:
    """Return the value at a path through mappings; MISSING when there is none."""
    for part in path:
        if not isinstance(value, dict) or part not in value:
            return MISSING
        value = value[part]
    return value


def list_path(path: Path) -> Path:
    """Return the path of the list that an item belongs to, since lists are written as one; any other path as it is."""
    return next((path[:place] for place, part in enumerate(path) if isinstance(part, int)), path)
