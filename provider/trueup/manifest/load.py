"""Paths -> Manifest, or every fault of every file at once."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, TextIO

from trueup.core.errors import Fault, ManifestError
from trueup.core.kinds import Declaration, Declared
from trueup.core.values import ConnectionId
from trueup.manifest import nearly, words
from trueup.manifest.check import explain, kind_of, sound
from trueup.manifest.compose import LostDocument, documents
from trueup.manifest.declare import declare, sketch, written_out
from trueup.manifest.files import Files
from trueup.manifest.links import link
from trueup.manifest.literals import needs_a_look
from trueup.manifest.text import Source
from trueup.manifest.values import Manifest
from trueup.systems.registry import KINDS

if TYPE_CHECKING:
    from trueup.core.kinds import Kind
    from trueup.manifest.compose import Document

_SAYS_CONNECTION: Final = re.compile(r"""kind["']?\s*:\s*["']?Connection\b""")


def load(paths: Sequence[str | Path] = (".",), *, stdin: TextIO | BinaryIO | None = None) -> Manifest:
    """Load the manifests below the paths; `-` is standard input. Raises ManifestError with every fault."""
    batch = _Batch()
    files = Files(paths, stdin)
    with _without_collector():
        batch.read(files)
        batch.link()
    if batch.faults:
        raise _failed(batch.faults, files.names)
    return batch.manifest(files)


def load_connections(
    paths: Sequence[str | Path], wanted: ConnectionId, *, stdin: TextIO | BinaryIO | None = None
) -> tuple[Manifest, int]:
    """Load the valid documents, and count the others: for commands that only read.

    `wanted` is the Connection that is meant, by system and name. Without paths the current folder is meant, which may
    hold nothing. Raises ManifestError for what is wrong with a Connection, and for what might have declared that one.
    """
    batch = _Batch()
    files = Files(paths or (".",), stdin)
    with _without_collector():
        batch.read(files)
    grave = [*link((), batch.connections), *(fault for one in batch.broken if one.connection for fault in one.faults)]
    unread = [fault for fault in batch.unread if paths or (fault.file, fault.code) != (".", "E120")]
    found = batch.manifest(files)
    if paths or wanted not in found.connections:
        grave += unread
    if grave:
        raise _failed(grave, files.names)
    found.resources = [one for one in found.resources if batch.is_sound(one)]
    return found, len(batch.broken) + len(unread)


def _failed(faults: list[Fault], names: Sequence[str]) -> ManifestError:
    if names:
        return ManifestError(faults, len({*names, *(fault.file for fault in faults)}))
    error = ManifestError(faults, 0)
    error.message = "No manifest was found. Nothing was sent."
    return error


class _Broken(NamedTuple):
    """A document with faults, and whether it declares a Connection, or was meant to."""

    faults: list[Fault]
    connection: bool


class _Batch:
    def __init__(self) -> None:
        self.resources: list[Declared] = []
        self.connections: list[Declaration] = []
        self.broken: list[_Broken] = []
        self.unread: list[Fault] = []
        """Faults of whole files."""
        self.faults: list[Fault] = []
        """All of these, and those between documents."""
        self.blank: list[str] = []
        self.warnings: list[Fault] = []
        self._unsound: set[int] = set()
        self._lost: list[str] = []

    def read(self, files: Files) -> None:
        """Adds the documents of all files, and their faults."""
        for found in files.read():
            if isinstance(found, Fault):
                self.unread.append(found)
                self.faults.append(found)
            else:
                self._take(found, files)

    def manifest(self, files: Files) -> Manifest:
        """Return the manifest of everything added."""
        connections = {ConnectionId(one.address.system, one.address.name): one for one in self.connections}
        return Manifest(
            self.resources,
            connections,
            files.names,
            files.digest,
            self.blank,
            files.skipped,
            files.unseen,
            files.sets,
            self.warnings,
        )

    def _take(self, source: Source, files: Files) -> None:
        look = needs_a_look(source.text)
        blank = True
        ours = not source.among_others
        for document in documents(source):
            blank = False
            if type(document) is LostDocument:
                if not source.mentioned and not nearly.names_us(document.text):
                    continue
                ours = True
                self.faults.append(document.fault)
                said = document.text or source.text
                self.broken.append(_Broken([document.fault], bool(_SAYS_CONNECTION.search(said))))
                self._lost.append(document.text)
                continue
            assert not isinstance(document, LostDocument)
            kind = kind_of(document.value)
            if kind is None and source.among_others and not nearly.concerns(document.value):
                continue  # of another tool
            ours = True
            if not sound(document, kind, look=look) and (faults := explain(document, kind, self.warnings)):
                self.faults += faults
                self.broken.append(_Broken(faults, _is_connection(document, kind)))
                if kind is None:
                    self._lost.append(document.span.text)
                rough = sketch(document, kind) if kind else None
                if rough is not None:
                    self._unsound.add(id(rough))
                    self._put(rough)
            elif kind is not None:
                for one in written_out(declare(document, kind)):
                    self._put(one)
        if blank:
            self.blank.append(source.name)
        if ours or blank:
            files.take(source)
        else:
            files.pass_over(source)

    def is_sound(self, one: Declaration) -> bool:
        """Whether the document that declares it has no faults."""
        return id(one) not in self._unsound

    def _put(self, one: Declaration) -> None:
        if isinstance(one, Declared):
            self.resources.append(one)
        else:
            self.connections.append(one)

    def link(self) -> None:
        """Adds the faults between documents."""
        self.faults += link(self.resources, self.connections, unsound=self._unsound, lost=self._lost)


def _is_connection(document: Document, kind: Kind | None) -> bool:
    name = document.value.get("kind") if isinstance(document.value, dict) else None
    if kind is None and isinstance(name, str) and words.near(name, [one.name for one in KINDS]) == "Connection":
        return True
    return (kind is not None and kind.name == "Connection") or bool(_SAYS_CONNECTION.search(document.span.text))


@contextmanager
def _without_collector() -> Iterator[None]:
    """Nothing made here is in a circle, and looking for circles among that many values costs more than making them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
