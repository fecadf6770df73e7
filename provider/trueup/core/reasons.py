"""Reasons as data: why something is refused, skipped, left alone, unverifiable, noted or limited.

A Reason has a code and the facts of the case. The door that shows it (the command, Pulumi, the Python API) chooses its
words from a catalogue: `report.catalogue` for trueup itself, `System.reasons` for a system. `docs/errors.md` lists all.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeAlias

Fact: TypeAlias = "str | int | float | Reason | Sequence[str | Reason] | None"
"""A plain value, never a secret; a Reason as a fact is a part of another one, and None is a part that is absent."""


@dataclass(frozen=True, slots=True, init=False)
class Reason:
    """A code that stays the same when its words change, and the facts of the case."""

    code: str
    """A slug; that of a system begins with the system's name: `den/target-cannot-move`."""
    facts: Mapping[str, Any]

    def __init__(self, code: str, /, **facts: Fact) -> None:
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "facts", MappingProxyType(facts))

    def __hash__(self) -> int:
        return hash(self.code)

    def __str__(self) -> str:
        """Return its words in a Python program, else code and facts."""
        return " ".join(filter(None, _python[0](self))) if _python else self.data

    @property
    def cure(self) -> str:
        """The words of its remedy in a Python program."""
        return _python[0](self)[1] if _python else ""

    @property
    def data(self) -> str:
        """Code and facts: the words of a reason that no catalogue knows."""
        facts = ", ".join(f"{name}: {_data(value)}" for name, value in self.facts.items())
        return f"{self.code} ({facts})" if facts else self.code

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self.code, dict(self.facts))


_python: list[Callable[[Reason], tuple[str, str]]] = []


def speak_python(words: Callable[[Reason], tuple[str, str]]) -> None:
    """Let `str` of a reason or an error return these words: a Python program is a door where nothing else chooses."""
    _python[:] = [words]


def _rebuilt(code: str, facts: dict[str, Any]) -> Reason:
    return Reason(code, **facts)


def _data(value: Any) -> str:
    return ", ".join(map(_data, value)) if isinstance(value, list | tuple) else getattr(value, "data", str(value))


@dataclass(frozen=True, slots=True)
class Door:
    """One way to use trueup: the terms by which a catalogue adapts its words to the reader."""

    name: str
    manifest: str
    """The place where resources are declared: `the manifest`, `the program`."""
    options: Mapping[str, str] = field(default_factory=dict)
    """How an option is written, where `option` does not say it."""
    option: str = "--{}"
    """How any other option is written."""

    def __getitem__(self, name: str) -> str:
        """Return an option as a user of this door writes it."""
        return self.options.get(name) or self.option.format(name)


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of a reason, as format strings.

    Their fields are the facts of the reason, `{door.manifest}`, and `{option[prune]}` for an option as the door writes
    it. A number takes a noun (`{count:resource}`: `2 resources`) or a choice (`{count:is|are}`); a list takes a choice,
    or the number of items to show (`{names:10}`); a reason within a sentence is a `{why:clause}`.
    """

    text: str
    """The cause."""
    remedy: str = ""
    """The remedy, shown after the cause."""
    advice: str = ""
    """A remedy for the reference alone, where the message needs none."""
    remedies: Mapping[str, str] = field(default_factory=dict)
    """Remedies by door, where one differs in more than its terms."""

    def at(self, door: Door) -> tuple[str, str]:
        """Return cause and remedy as format strings for a door."""
        return self.text, self.remedies.get(door.name, self.remedy)


class ReasonFormatter(string.Formatter):
    """Fills the words of reasons with facts."""

    def __init__(self, say: Any) -> None:
        self._say = say

    def format_field(self, value: Any, format_spec: str) -> str:
        """Return a fact as text."""
        if value is None:
            return ""
        if isinstance(value, Reason):
            text = str(self._say(value))
            return text.rstrip(".") if format_spec == "clause" else text
        if isinstance(value, list | tuple):
            return self._listed([self._say(one) if isinstance(one, Reason) else str(one) for one in value], format_spec)
        if "|" in format_spec:
            return _chosen(value, format_spec)
        if isinstance(value, int) and format_spec.replace(" ", "").isalpha():
            return f"{value:,} {format_spec}{'' if value == 1 else 's'}"
        return format(value, format_spec)

    @staticmethod
    def _listed(items: list[str], spec: str) -> str:
        if "|" in spec:
            return _chosen(len(items), spec)
        if not spec.isdigit():
            return (spec or ", ").join(items)
        shown, more = items[: int(spec)], len(items) - int(spec)
        return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def _chosen(count: int, spec: str) -> str:
    one, _, many = spec.partition("|")
    return one if count == 1 else many


FACTS_OF_DOOR: Final = ("door", "option")
"""Fields of the words that are not facts of the reason."""
