"""Which files are manifests, and their text: paths, folders, globs and standard input.

A file that is named has to be one. In a folder, or among what a glob matches, other tools have files as well: those
that do not mention us are passed over, unless something in them reads like ours. A file that is reached twice counts
once.
"""

from __future__ import annotations

import glob
import hashlib
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, TextIO

from trueup.core.errors import Fault
from trueup.core.paths import home
from trueup.manifest import nearly, walk
from trueup.manifest.mending import without_marks
from trueup.manifest.text import Source, printable

LARGEST: Final = 64 << 20
"""Bytes of one file."""
STDIN: Final = "<stdin>"
_NO_YAML: Final = "Name one with -f; only names that end in .yaml or .yml and are not hidden are looked at."
_MARKS: Final = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


def _not_ours() -> str:
    from trueup.systems.registry import KINDS

    version = KINDS[0].api_version if KINDS else "SYSTEM.trueup.dev/v1"
    return f"Name the right folder with -f; a manifest begins with apiVersion: {version}."


class Files:
    """The manifests below some paths, read one after the other when they are asked for."""

    def __init__(self, paths: Sequence[str | Path], stdin: TextIO | BinaryIO | None = None) -> None:
        self._paths = list(dict.fromkeys(home(str(path)) for path in paths))
        self._stdin = stdin
        self._seen: dict[str, bool] = {}
        """The files that were read by their real paths, and whether each is ours."""
        self._digests: list[str] = []
        self.names: list[str] = []
        """The files of ours, as they are shown."""
        self.skipped: list[str] = []
        """The files of other tools in the folders that were read."""
        self.unseen: list[str] = []
        """Files and folders that may hold manifests and could not be read, each with why."""
        self.sets: list[str] = []
        """The folders below those that were read that have a `trueup.yaml` of their own."""

    def read(self) -> Iterator[Source | Fault]:
        """Each file's text, or what is wrong with it."""
        for path in self._paths:
            if path == "-":
                self.names.append(STDIN)
                yield self._decoded(STDIN, ".", self._from_stdin())
            elif os.path.lexists(path) and not os.path.isdir(path):
                if self._is_new(real := os.path.realpath(path)):
                    yield self._at(real, self._named(path))
            elif os.path.isdir(path) or glob.has_magic(path):
                yield from self._among_others(path)
            else:
                hint = "Give a file, a folder or a glob that is there; it is looked for from the current folder."
                yield _fault(path, "E120", "there is no such file or folder", hint)

    def take(self, source: Source) -> None:
        """Counts a source as ours."""
        self._seen[source.real] = True
        if source.among_others:
            self.names.append(source.name)
        self._digests.append(source.digest)

    def pass_over(self, source: Source) -> None:
        """Counts a source as another tool's."""
        if not source.ignored:
            self.skipped.append(source.name)

    def _is_new(self, real: str) -> bool:
        if real in self._seen:
            return False
        self._seen[real] = False
        return True

    def _at(self, real: str, source: Source | Fault) -> Source | Fault:
        if isinstance(source, Source):
            source.real = real
        else:
            self._seen[real] = True  # it may be ours
        return source

    def _named(self, path: str) -> Source | Fault:
        self.names.append(printable(path))
        if os.path.basename(path) == walk.SET and _is_set(path):
            message = f"{walk.SET} names a set of manifests, and is none itself"
            return _fault(path, "E107", message, "Name its folder, or the manifests.")
        return self._decoded(path, os.path.dirname(path) or ".", _content(path))

    def _among_others(self, path: str) -> Iterator[Source | Fault]:
        """The files of a folder or a glob that are ours, or may be. A fault when none of them is."""
        others: list[str] = []
        ours = False
        for found in walk.below(path):
            if isinstance(found, Fault):
                ours = True
                yield found
            elif isinstance(found, walk.Unseen):
                self.unseen.append(str(found))
            elif os.path.basename(found.path) == walk.SET:
                if _is_set(found.path):
                    if (folder := os.path.dirname(found.path)) != os.path.normpath(path).removeprefix("."):
                        self.sets.append(folder)
                else:
                    ours = True
                    message = (
                        f"a file of the name {walk.SET} says what a set of manifests is called, and this is a manifest"
                    )
                    yield _fault(found.path, "E107", message, "Give it another name.")
            else:
                real = os.path.realpath(found.path)
                if self._is_new(real) and (source := self._if_ours(found)) is not None:
                    yield self._at(real, source)
                if self._seen[real]:
                    ours = True
                else:
                    others.append(found.path)
        if not ours:
            what = "this folder holds" if os.path.isdir(path) else "this glob matches"
            message, hint = f"{what} no YAML file", _NO_YAML
            if others:
                count = f"{len(others):,} YAML file{'' if len(others) == 1 else 's'}"
                message, hint = f"{what} {count}, and none with a trueup document", _not_ours()
            yield _fault(path, "E120", message, hint)

    def _if_ours(self, found: walk.FoundFile) -> Source | Fault | None:
        """The text of a file that mentions us or may be meant for us; None for another tool's."""
        raw = _content(found.path)
        name = printable(found.path)
        mentioned = False
        if isinstance(raw, Fault):
            if raw.code == "E123" and not nearly.mentioned_in(found.path):
                self._skip(found)
                return None
            if found.ignored:
                if raw.code == "E122":
                    self.unseen.append(str(walk.Unseen(found.path, raw.message)))
                if raw.code != "E123":
                    return None
        else:
            mentioned = nearly.mentions(raw)
            if not mentioned and (found.ignored or not (nearly.is_blank(raw) or nearly.suspicious(raw))):
                self._skip(found)
                return None
        source = self._decoded(found.path, os.path.dirname(found.path) or ".", raw)
        if isinstance(source, Fault):
            if not isinstance(raw, Fault) and not mentioned:
                self._skip(found)
                return None
            self.names.append(name)
            return source
        source.among_others, source.mentioned, source.ignored = True, mentioned, found.ignored
        return source

    def _skip(self, found: walk.FoundFile) -> None:
        if not found.ignored:
            self.skipped.append(printable(found.path))

    @property
    def digest(self) -> str:
        """SHA-256 over all that was read, whatever the order of files, their names and the form of their line ends."""
        return hashlib.sha256("".join(sorted(self._digests)).encode()).hexdigest()

    def _from_stdin(self) -> bytes | Fault:
        stream = self._stdin if self._stdin is not None else sys.stdin
        try:
            content: str | bytes = getattr(stream, "buffer", stream).read(LARGEST + 1)
        except UnicodeDecodeError:
            return _fault(STDIN, "E124", "this is not UTF-8 text", "Save it as UTF-8.")
        except OSError as error:
            return _fault(STDIN, "E122", f"standard input cannot be read: {error.strerror}", "Give a file instead.")
        raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        return raw if len(raw) <= LARGEST else _too_large(STDIN)

    def _decoded(self, name: str, folder: str, raw: bytes | Fault) -> Source | Fault:
        if isinstance(raw, Fault):
            return raw
        for mark, encoding in _MARKS.items():
            if raw.startswith(mark):
                return _fault(name, "E124", f"this is {encoding}, not UTF-8 text", "Save it as UTF-8.")
        raw = raw.removeprefix(b"\xef\xbb\xbf")
        if b"\0" in raw:
            return _fault(name, "E124", "the text holds a NUL byte", "Save it as UTF-8 text.", raw, raw.index(b"\0"))
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            message = f"the byte 0x{raw[error.start]:02X} is not UTF-8 text"
            return _fault(name, "E124", message, "Save it as UTF-8.", raw, error.start)
        source = Source(name, without_marks(text), folder)
        source.digest = hashlib.sha256(raw.replace(b"\r\n", b"\n")).hexdigest()
        return source


def source_of(path: str) -> Source | Fault:
    """Return the text of one file, whatever it is."""
    return Files([])._decoded(path, os.path.dirname(path) or ".", _content(path))


def _fault(name: str, code: str, message: str, hint: str, raw: bytes = b"", at: int = 0) -> Fault:
    before = raw[:at]
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
    return Fault(printable(name), line, column, code, message, hint)


def _too_large(name: str) -> Fault:
    return _fault(name, "E123", f"this is larger than {LARGEST >> 20} MiB", "Split it into several files.")


def _is_set(path: str) -> bool:
    """Return whether a file called `trueup.yaml` is what its name says, and no manifest of an earlier time."""
    raw = _content(path)
    return isinstance(raw, Fault) or not nearly.says_version(raw)


def _content(path: str) -> bytes | Fault:
    """The bytes of a regular file that is not too large. Never waits on a pipe or a device."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        return _fault(path, "E122", f"this cannot be read: {error.strerror}", "Allow reading it, or leave it out.")
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            return _fault(path, "E121", "this is not a regular file", 'Give a file, or "-" for standard input.')
        if facts.st_size > LARGEST:
            return _too_large(path)
        try:
            raw = file.read(LARGEST + 1)
        except OSError as error:
            return _fault(path, "E122", f"this cannot be read: {error.strerror}", "Give another file.")
    return raw if len(raw) <= LARGEST else _too_large(path)
