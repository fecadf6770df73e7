"""The declared names, looked up in the same time however many faults ask: which there are, where, and which is near."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from trueup.core.values import ListKey
from trueup.manifest import words

_COMPARED: Final = 50_000
"""Names that are compared in one load to find near ones: about a second. Faults after that list what is known."""
_WORD: Final = re.compile(r"""[^\s"',:#{}\[\]]+""")


class Names:
    """The names of what is declared, by place."""

    def __init__(self, keys: Iterable[tuple[str, str, str, str]]) -> None:
        self._names: dict[ListKey, dict[str, None]] = defaultdict(dict)
        self._places: dict[tuple[str, str], list[ListKey]] = defaultdict(list)
        for system, connection, kind, name in keys:
            self._names[ListKey(system, connection, kind)][name] = None
            self._places[system, name].append(ListKey(system, connection, kind))
        self._known: dict[ListKey, tuple[str, ...]] = {}
        self._hints: dict[tuple[ListKey, str], str] = {}
        self._left = _COMPARED

    def of(self, place: ListKey) -> dict[str, None]:
        """Return the names at a place, in the order of their declarations."""
        return self._names.get(place, {})

    def places(self, system: str, name: str) -> Sequence[ListKey]:
        """Return where something of that name is declared."""
        return self._places.get((system, name), ())

    def did_you_mean(self, word: str, place: ListKey, known: str) -> str:
        """Return `did you mean "acme"?`, or the list of what is declared there."""
        hint = self._hints.get((place, word))
        if hint is None:
            if place not in self._known:
                self._known[place] = tuple(self.of(place))
            names = self._known[place]
            if len(names) <= self._left:
                self._left -= min(len(names), words.CANDIDATES)
                hint = words.did_you_mean(word, names, known=known)
            else:
                hint = words.listed(names, known=known)
            self._hints[place, word] = hint
        return hint


class UnreadTexts:
    """The words of the texts that could not be read: what one of them may have declared is not called unknown."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._words: set[str] | None = None

    def __contains__(self, name: str) -> bool:
        if not self._texts:
            return False
        if self._words is None:
            self._words = {word for text in self._texts for word in _WORD.findall(text)}
        return all(word in self._words for word in _WORD.findall(name))
