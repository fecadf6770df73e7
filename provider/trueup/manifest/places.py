"""Where the fields of one document stand: its text composed once more, with nodes that know their marks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml

from trueup.core.values import Where
from trueup.manifest.text import Mark

if TYPE_CHECKING:
    from trueup.core.changes import Path
    from trueup.manifest.text import Source

LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Place(NamedTuple):
    """Where something stands, how wide it is on its line, and the line (from 0) that it ends on."""

    mark: Mark
    width: int
    last: int


class Places:
    """The places of one document. Paths begin at its root; one that is not there falls back to what is around it."""

    def __init__(self, span: Span) -> None:
        self._span = span
        loader = LOADER(span.text)
        self._root: Any = loader.get_node() if loader.check_node() else None

    def key(self, path: Path, *, nearest: int = 0) -> Place:
        """The key that leads to a value, or the item of a list. With fewer than `nearest` parts found, the document."""
        return self._find(path, nearest, of_key=True)

    def value(self, path: Path) -> Place:
        """The value itself."""
        return self._find(path, 0, of_key=False)

    def raw(self, path: Path) -> str:
        """How a scalar is written when it is neither quoted nor a block; else an empty text."""
        node = self._root
        for part in path:
            node = _child(node, part)[1]
        if isinstance(node, yaml.ScalarNode) and not node.style:
            text: str = node.value
            return text
        return ""

    def first(self, mark: Mark) -> Place | None:
        """The first key of the mapping that has a second one of that name at `mark`."""
        for node in _nodes(self._root):
            if isinstance(node, yaml.MappingNode):
                seen: dict[str, Any] = {}
                for key, _ in node.value:
                    if self._span.absolute(key.start_mark) == mark:
                        return self._place(seen.get(key.value, key))
                    seen.setdefault(key.value, key)
        return None

    def path(self, mark: Mark) -> Path:
        """The path of the key or value that begins at `mark`; the root's when there is none."""
        return next((path for path, node in _walk(self._root) if self._span.absolute(node.start_mark) == mark), ())

    def _find(self, path: Path, nearest: int, *, of_key: bool) -> Place:
        best = node = self._root
        for depth, part in enumerate(path, 1):
            key, node = _child(node, part)
            if node is None:
                break
            if depth >= nearest:
                best = key if of_key else node
        return self._place(best)

    def _place(self, node: Any) -> Place:
        if node is None:
            return Place(Mark(self._span.start, self._span.line, 0), 1, self._span.line)
        begin, end = self._span.absolute(node.start_mark), self._span.absolute(node.end_mark)
        width = end.at - begin.at
        last = end.line if end.column or end.line == begin.line else end.line - 1
        return Place(begin, max(width, 1), last)


class Span:
    """Where one document stands in its source: whole lines. Called with a path, it finds the place of a field.

    Positions are not kept while loading: the few that are asked for are found by composing the document again. Paths
    begin at `base`, which is the spec, or the place of a short form in it.
    """

    __slots__ = ("base", "end", "line", "source", "start")

    def __init__(self, source: Source, start: int, end: int, line: int, base: Path = ("spec",)) -> None:
        self.base = base
        self.source = source
        self.start = start
        self.end = end
        self.line = line

    @property
    def text(self) -> str:
        """The document's own text."""
        return self.source.text[self.start : self.end]

    def places(self) -> Places:
        """The places of all that is in it; costs a second look at its text."""
        key = (self.start, self.end)
        if self.source.composed is None or self.source.composed[0] != key:
            self.source.composed = key, Places(self)
        found: Places = self.source.composed[1]
        return found

    def absolute(self, mark: Any) -> Mark:
        """A mark of the document's own text as one of the whole source."""
        return Mark(mark.index + self.start, mark.line + self.line, mark.column)

    def below(self, path: Path) -> Span:
        """The same document, with paths that begin at a path below this base."""
        return Span(self.source, self.start, self.end, self.line, (*self.base, *path))

    def __call__(self, path: Path) -> Where:
        mark = self.places().key((*self.base, *path), nearest=2).mark
        return Where(self.source.name, mark.line + 1, self.source.column(mark) + 1)


def _child(node: Any, part: str | int) -> tuple[Any, Any]:
    """The key and the value that a part of a path leads to; a key of a merged mapping is found where that is."""
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    if not isinstance(node, yaml.MappingNode):
        return None, None
    for key, value in reversed(node.value):
        if key.value == part:
            return key, value
    for key, value in node.value:
        if key.value == "<<":
            for one in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                found = _child(one, part)
                if found[1] is not None:
                    return found
    return None, None


def _nodes(root: Any) -> Iterator[Any]:
    return (node for _, node in _walk(root))


def _walk(root: Any) -> Iterator[tuple[Path, Any]]:
    """Every node once, however many aliases lead to it."""
    seen: set[int] = set()
    waiting: list[tuple[Path, Any]] = [((), root)] if root is not None else []
    while waiting:
        path, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield path, node
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                yield (*path, key.value), key
                waiting.append(((*path, key.value), value))
        elif isinstance(node, yaml.SequenceNode):
            waiting.extend(((*path, number), item) for number, item in enumerate(node.value))
