"""Paths -> Manifest, or every fault of every file at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TextIO

from trueup.errors import Fault, ManifestError
from trueup.manifest.check import explain, kind_of, sound
from trueup.manifest.compose import Lost, documents
from trueup.manifest.declare import declare, sketch, written_out
from trueup.manifest.files import Files
from trueup.manifest.links import link
from trueup.manifest.literals import needs_a_look
from trueup.manifest.text import Source
from trueup.model import Declared


@dataclass(slots=True)
class Manifest:
    """What is declared: resources in the order of the files, and how their systems are reached."""

    resources: list[Declared]
    """All but the Connections."""
    connections: dict[tuple[str, str], Declared]
    """The Connections, by system and name."""
    files: list[str]
    digest: str
    """SHA-256 of the text: another one means that something may have changed since."""
    blank: list[str] = field(default_factory=list)
    """The files without any document: nothing, or comments alone."""


def load(paths: Sequence[str | Path] = (".",), *, stdin: TextIO | BinaryIO | None = None) -> Manifest:
    """What the manifests below the paths declare; `-` is standard input. Raises ManifestError with every fault."""
    batch = _Batch()
    files = Files(paths, stdin)
    with _without_collector():
        for found in files.read():
            if isinstance(found, Fault):
                batch.faults.append(found)
            else:
                batch.take(found)
        batch.link()
    if batch.faults:
        raise _failed(batch.faults, files.names)
    connections = {(one.address.system, one.address.name): one for one in batch.connections}
    return Manifest(batch.resources, connections, files.names, files.digest, batch.blank)


def _failed(faults: list[Fault], names: Sequence[str]) -> ManifestError:
    if names:
        return ManifestError(faults, len({*names, *(fault.file for fault in faults)}))
    error = ManifestError(faults, 0)
    error.message = "No file was found. Nothing was sent."
    return error


class _Batch:
    def __init__(self) -> None:
        self.resources: list[Declared] = []
        self.connections: list[Declared] = []
        self.faults: list[Fault] = []
        self.blank: list[str] = []
        self._unsound: set[int] = set()
        self._lost: list[str] = []

    def take(self, source: Source) -> None:
        """Adds the documents of a source, and their faults."""
        look = needs_a_look(source.text)
        blank = True
        for document in documents(source):
            blank = False
            if type(document) is Lost:
                self.faults.append(document.fault)
                self._lost.append(document.text)
                continue
            assert not isinstance(document, Lost)
            kind = kind_of(document.value)
            if not sound(document, kind, look=look) and (faults := explain(document, kind)):
                self.faults += faults
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

    def _put(self, one: Declared) -> None:
        (self.connections if one.kind.name == "Connection" else self.resources).append(one)

    def link(self) -> None:
        """Adds the faults between documents."""
        self.faults += link(self.resources, self.connections, unsound=self._unsound, lost=self._lost)


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
