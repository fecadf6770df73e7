"""Secret references and values: resolved late, never printed, remembered only as keyed fingerprints."""

from __future__ import annotations

import hmac
import json
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from trueup.core.redaction import REDACTED as REDACTED
from trueup.core.redaction import censored as censored
from trueup.core.redaction import is_known as is_known
from trueup.core.redaction import remember
from trueup.core.redaction import scrub as scrub

_EXACT = 2**53


class Secret:
    """A value that cannot be printed, pickled or converted to JSON by accident; only `reveal` returns it."""

    __slots__ = ("_reveal",)

    def __init__(self, value: str, *, ours: bool = True) -> None:
        self._reveal: Callable[[], str] = lambda: (
            value
        )  # code that walks over attributes, as deepdiff does, finds a function
        if ours:  # a server's text must not decide what is redacted in trueup's own messages
            remember(value)

    def reveal(self) -> str:
        """Return the value itself, for the request that needs it."""
        return self._reveal()

    def __repr__(self) -> str:
        return REDACTED

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Secret):
            one, two = (each.reveal().encode("utf-8", "surrogatepass") for each in (self, other))
            return hmac.compare_digest(one, two)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.reveal())

    def matches(self, text: str) -> bool:
        """Return whether a text from a server is this value, without remembering the text as a secret."""
        return hmac.compare_digest(
            self.reveal().encode("utf-8", "surrogatepass"), text.encode("utf-8", "surrogatepass")
        )

    def __reduce__(self) -> str:
        raise TypeError("a secret cannot be pickled")

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self


@dataclass(frozen=True, slots=True)
class Reference:
    """The source of a secret, `{valueFrom: {env|file|exec}}`, and its place in the manifest."""

    source: str
    """`env`, `file` or `exec`."""
    target: str | tuple[str, ...]
    """The variable, the path, or the program and its arguments."""
    place: str = field(default="", compare=False)
    """`file:line`, for messages."""
    folder: str = "."
    """The folder of the manifest, from which relative paths are resolved."""
    timeout: float = 30.0
    """Time limit of a program, in seconds."""

    def describe(self) -> str:
        """Return `the environment variable X`, `the file X` or `the program X`: never a value."""
        name = self.target if isinstance(self.target, str) else self.target[0]
        return {"env": "the environment variable", "file": "the file", "exec": "the program"}[self.source] + f" {name}"


def holds_secret(value: Any) -> bool:
    """Return whether a value is or holds a Secret or a Reference."""
    if isinstance(value, dict):
        return any(map(holds_secret, value.values()))
    if isinstance(value, list | tuple):
        return any(map(holds_secret, value))
    return isinstance(value, Secret | Reference)


def mentions(value: Any) -> bool:
    """Return whether a value holds a Reference."""
    if isinstance(value, dict):
        return any(map(mentions, value.values()))
    if isinstance(value, list):
        return any(map(mentions, value))
    return isinstance(value, Reference)


def reveal(value: Any) -> Any:
    """Return the value with every Secret in clear: only for the body of a request."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, dict):
        return {key: reveal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [reveal(item) for item in value]
    return value


_canonical: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode


def fingerprint(key: bytes, value: Any) -> str:
    """Return a keyed digest of a plain value or a Secret: equal for equal values, useless without the key."""
    text = _canonical(reveal(value))
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256").hex()


def is_mark_of(mark: str | None, key: bytes, value: Any) -> bool:
    """Return whether a fingerprint is that of a value, whether its integers were written as 200 or as 200.0."""
    return any(mark == fingerprint(key, spelled) for spelled in _spellings(value))


def _spellings(value: Any) -> Iterator[Any]:
    """Yield the value as it is, with its integers as 200, and with them as 200.0."""
    yield value
    for kind in (int, float):
        if (spelled := _spelled(value, kind)) is not value:
            yield spelled


def _spelled(value: Any, kind: type[int | float]) -> Any:
    """Return the value with its integers as that type; the value itself where there is nothing to convert."""
    if isinstance(value, dict):
        items = {name: _spelled(item, kind) for name, item in value.items()}
        return items if any(items[name] is not item for name, item in value.items()) else value
    if isinstance(value, list):
        found = [_spelled(item, kind) for item in value]
        return found if any(map(operator.is_not, found, value)) else value
    number = isinstance(value, int | float) and not isinstance(value, bool) and not isinstance(value, kind)
    if number and abs(value) < _EXACT and value == int(value):
        return kind(value)
    return value
