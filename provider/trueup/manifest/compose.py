"""YAML text -> plain values, one document after the other, and what is odd about each.

libyaml's events are turned into values as they come, so that no tree of nodes is ever kept. Whatever makes a document
impossible to read (syntax, depth, expansion) ends it, and reading goes on at the next `---`. All else that is odd is
noted with its mark, and the document is read to its end, so that all faults are reported at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from trueup.core.errors import Fault
from trueup.manifest import syntax
from trueup.manifest.literals import leads_to_secret
from trueup.manifest.mending import hide_breaks, join_halves, shown_breaks
from trueup.manifest.places import LOADER, Span
from trueup.manifest.scalars import Odd, resolve
from trueup.manifest.text import Mark, Source

DEEPEST: Final = 50
"""Mappings and lists inside one another: jsonschema takes nine frames for each, and the interpreter has 1,000."""
LARGEST: Final = 100_000
"""Values in one document, aliases and merge keys counted as often as they are used."""
_MEMO: Final = 4096
_UNSEEN: Final = object()
_NEXT: Final = re.compile(r"(?:\A|(?<=[\r\n\x85\u2028\u2029]))---(?=\s|\Z)")


class Note(NamedTuple):
    """Something odd about a document that did not keep it from being read."""

    kind: str
    """`duplicate`, `key`, `tag`, `merge`."""
    mark: Mark
    width: int
    text: str


class SecretMapping(dict[str, Any]):
    """A mapping with the key `valueFrom`, and the line (from 1) that it begins on."""

    __slots__ = ("line",)
    line: int


class Document:
    """One document: its value, its place, and what is odd about it."""

    __slots__ = ("column", "line", "notes", "odd", "sealed", "span", "value", "wary")

    def __init__(self, value: Any, span: Span, mark: Any, builder: _Builder) -> None:
        self.value = value
        self.span = span
        self.line: int = mark.line + builder.base.line + 1
        self.column: int = mark.column + 1
        self.notes = builder.notes
        self.odd = builder.odd
        """Whether an Odd is among the values."""
        self.sealed = builder.sealed
        """Whether a `valueFrom` is among them."""
        self.wary = builder.wary
        """Whether a key seen so far names a secret."""


class LostDocument(NamedTuple):
    """A document that could not be read: why, and the text that went with it."""

    fault: Fault
    text: str


def documents(source: Source) -> Iterator[Document | LostDocument]:
    """The documents of a source; empty ones are left out."""
    memo: dict[str, Any] = {}
    keys: dict[str, str] = {}
    start, line = 0, 0
    hidden = hide_breaks(source)
    while True:
        builder = _Builder(source, start, line, memo, keys)
        try:
            while (document := builder.document()) is not None:
                if hidden:
                    document.value = shown_breaks(document.value, hidden)
                if document.value is not None:
                    yield document
            return
        except syntax.BrokenDocument as error:
            broken = error
        except yaml.reader.ReaderError as error:
            # It looks ahead, so what was read before is not known: mend the text and read on from there.
            broken = syntax.forbidden(source) or syntax.explain(error, source, builder.base)
            yield LostDocument(broken.fault(source, source.text[builder.begin : broken.mark.at]), "")
            source.text = syntax.without_forbidden(source.text)
            start, line = builder.begin, builder.line
            continue
        except yaml.YAMLError as error:
            if join_halves(source, error, builder.base.at):
                start, line = builder.begin, builder.line
                continue
            broken = syntax.explain(error, source, builder.base)
        begin = min(builder.begin, broken.mark.at)
        found = _NEXT.search(source.text, max(broken.mark.at - broken.mark.column, builder.begin + 1))
        end = found.start() if found else len(source.text)
        lost = source.text[begin:end]
        yield LostDocument(broken.fault(source, lost), lost)
        if not found:
            return
        line = broken.mark.line + syntax.lines_between(source.text, broken.mark.at, end)
        start = end


class _Reader:
    """The rest of a text as a stream, so that reading can begin anywhere without copying."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._at = start

    def read(self, size: int) -> str:
        piece = self._text[self._at : self._at + size]
        self._at += len(piece)
        return piece


class _Builder:
    def __init__(self, source: Source, start: int, line: int, memo: dict[str, Any], keys: dict[str, str]) -> None:
        self._event: Callable[[], Any] = LOADER(_Reader(source.text, start)).get_event
        self._source = source
        self.base = Mark(start, line, 0)
        self.begin = start
        self.line = line
        self._memo = memo
        self._keys = keys
        self.wary = any(map(leads_to_secret, keys))
        self._fresh()

    def _fresh(self) -> None:
        self.notes: list[Note] = []
        self.odd = False
        self.sealed = False
        self._count = 0
        self._anchors: dict[str, tuple[Any, int] | None] = {}

    def document(self) -> Document | None:
        event = self._event()
        if type(event) is StreamStartEvent:
            event = self._event()
        if type(event) is StreamEndEvent or event is None:
            return None
        assert type(event) is DocumentStartEvent
        base = self.base
        mark: Any = event.start_mark
        self.begin = begin = mark.index - mark.column + base.at
        self.line = line = mark.line + base.line
        self._fresh()
        root = self._event()
        value = self._value(root, 1)
        mark = self._event().end_mark
        document = Document(value, Span(self._source, begin, mark.index + base.at, line), root.start_mark, self)
        self.begin = mark.index - mark.column + base.at
        self.line = mark.line + base.line
        return document

    def _mark(self, mark: Any) -> Mark:
        base = self.base
        return Mark(mark.index + base.at, mark.line + base.line, mark.column)

    def _value(self, event: Any, depth: int) -> Any:
        kind = type(event)
        if kind is AliasEvent:
            return self._alias(event)
        if event.tag is not None:
            self._note("tag", event, event.tag)
        anchor = event.anchor
        if anchor is not None:
            if anchor in self._anchors:
                raise syntax.BrokenDocument(self._mark(event.start_mark), "E115", *syntax.anchor_twice(anchor))
            self._anchors[anchor] = None
        before = self._count
        if kind is ScalarEvent:
            value = self._scalar(event)
        elif depth > DEEPEST:
            raise syntax.BrokenDocument(self._mark(event.start_mark), "E116", *syntax.too_deep(DEEPEST))
        elif kind is MappingStartEvent:
            value = self._mapping(event, depth)
        else:
            assert kind is SequenceStartEvent
            value = self._sequence(event, depth)
        if anchor is not None:
            self._anchors[anchor] = (value, self._count - before + 1)
        return value

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if not event.implicit[0]:
            return text
        value = self._memo.get(text, _UNSEEN)
        if value is not _UNSEEN:
            return value
        value = resolve(text)
        if type(value) is Odd:
            self.odd = True
        elif len(self._memo) < _MEMO:
            self._memo[text] = value
        return value

    def _sequence(self, start: Any, depth: int) -> list[Any]:
        items: list[Any] = []
        while type(event := self._event()) is not SequenceEndEvent:
            items.append(self._value(event, depth + 1))
        self._add(len(items), start)
        return items

    def _mapping(self, start: Any, depth: int) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] | None = None
        following, memo, keys, scalar = self._event, self._memo, self._keys, ScalarEvent
        while True:
            event = following()
            if type(event) is not scalar:
                if type(event) is MappingEndEvent:
                    break
                raise syntax.BrokenDocument(self._mark(event.start_mark), "E112", *syntax.complex_key())
            text = event.value
            plain = event.implicit[0]
            key = keys.get(text) if plain else None
            if key is None:
                if plain and text == "<<":
                    merged = self._merge(event, merged, depth)
                    continue
                key = self._key(event, text, plain)
            elif event.anchor is not None:
                self._key_anchor(event, text)
            if key in own:
                self._note("duplicate", event, key)
            event = following()
            if type(event) is not scalar or event.anchor is not None or event.tag is not None:
                own[key] = self._value(event, depth + 1)
            elif event.implicit[0]:
                text = event.value
                own[key] = memo[text] if text in memo else self._scalar(event)
            else:
                own[key] = event.value
        self._add(len(own), start)
        if merged:
            own = {**merged, **own}
        if "valueFrom" in own:
            self.sealed = True
            own = SecretMapping(own)
            own.line = start.start_mark.line + self.base.line + 1
        return own

    def _key(self, event: Any, text: str, plain: bool) -> str:
        """A key seen for the first time, or a quoted one."""
        if event.tag is not None:
            self._note("tag", event, event.tag)
        if event.anchor is not None:
            self._key_anchor(event, text)
        if plain and type(resolve(text)) is not str:
            self._note("key", event, text)
            return text
        if leads_to_secret(text):
            self.wary = True
        if plain and len(self._keys) < _MEMO:
            self._keys[text] = text
        return text

    def _key_anchor(self, event: Any, text: str) -> None:
        if event.anchor in self._anchors:
            raise syntax.BrokenDocument(self._mark(event.start_mark), "E115", *syntax.anchor_twice(event.anchor))
        self._anchors[event.anchor] = (text, 1)

    def _merge(self, key: Any, merged: dict[str, Any] | None, depth: int) -> dict[str, Any]:
        if merged is not None:
            self._note("duplicate", key, "<<")
        result = {} if merged is None else merged
        event = self._event()
        value = self._value(event, depth + 1)
        for one in value if type(value) is list else [value]:
            if not isinstance(one, dict):
                self._note("merge", event, "")
                break
            for name, item in one.items():
                result.setdefault(name, item)
        return result

    def _alias(self, event: Any) -> Any:
        name = event.anchor
        if name not in self._anchors:
            raise syntax.BrokenDocument(
                self._mark(event.start_mark), "E115", *syntax.alias_unknown(name, self._anchors)
            )
        found = self._anchors[name]
        if found is None:
            raise syntax.BrokenDocument(self._mark(event.start_mark), "E115", *syntax.alias_recursive(name))
        value, size = found
        self._add(size, event)
        return _copy(value)

    def _add(self, count: int, event: Any) -> None:
        self._count += count
        if self._count > LARGEST:
            raise syntax.BrokenDocument(self._mark(event.start_mark), "E116", *syntax.too_large(LARGEST))

    def _note(self, kind: str, event: Any, text: str) -> None:
        width = max(event.end_mark.index - event.start_mark.index, 1)
        self.notes.append(Note(kind, self._mark(event.start_mark), width, text))


def _copy(value: Any) -> Any:
    """Each alias has its own copy: what is declared twice can be changed apart."""
    if isinstance(value, dict):
        copied: dict[str, Any] = {key: _copy(item) for key, item in value.items()}
        if isinstance(value, SecretMapping):
            copied = SecretMapping(copied)
            copied.line = value.line
        return copied
    if type(value) is list:
        return [_copy(item) for item in value]
    return value
