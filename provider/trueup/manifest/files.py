"""Which files are manifests, and their text: paths, folders, globs and standard input.

Folders are walked in the order of their names, without hidden ones; a file that is reached twice counts once. Links
that lead out of the folder given are refused, since a manifest may come from a place that others write to.
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

from trueup.errors import Fault
from trueup.manifest.mending import without_marks
from trueup.manifest.text import Source, printable, quoted
from trueup.paths import home

LARGEST: Final = 64 << 20
"""Bytes of one file."""
SUFFIXES: Final = (".yaml", ".yml")
STDIN: Final = "<stdin>"
_MARKS: Final = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class Files:
    """The manifests below some paths, read one after the other when they are asked for."""

    def __init__(self, paths: Sequence[str | Path], stdin: TextIO | BinaryIO | None = None) -> None:
        self._paths = list(dict.fromkeys(home(str(path)) for path in paths))
        self._stdin = stdin
        self._seen: set[str] = set()
        self._digests: list[str] = []
        self.names: list[str] = []
        """All files that were found, as they are shown."""

    def read(self) -> Iterator[Source | Fault]:
        """Each file's text, or what is wrong with it."""
        for path in self._paths:
            if path == "-":
                self.names.append(STDIN)
                yield self._decoded(STDIN, ".", self._from_stdin())
                continue
            for found in _expand(path):
                if isinstance(found, Fault):
                    yield found
                    continue
                real = os.path.realpath(found)
                if real not in self._seen:
                    self._seen.add(real)
                    self.names.append(printable(found))
                    yield self._decoded(found, os.path.dirname(found) or ".", _content(found))

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
        self._digests.append(hashlib.sha256(raw.replace(b"\r\n", b"\n")).hexdigest())
        return Source(name, without_marks(text), folder)


def _fault(name: str, code: str, message: str, hint: str, raw: bytes = b"", at: int = 0) -> Fault:
    before = raw[:at]
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
    return Fault(printable(name), line, column, code, message, hint)


def _too_large(name: str) -> Fault:
    return _fault(name, "E123", f"this is larger than {LARGEST >> 20} MiB", "Split it into several files.")


def _expand(path: str) -> Iterator[str | Fault]:
    """The files that a path, a folder or a glob stands for."""
    if os.path.isdir(path):
        yield from _some(path, _walk(path, path))
    elif os.path.lexists(path):
        yield path
    elif glob.has_magic(path):
        yield from _some(path, _matches(path))
    else:
        hint = "Give a file, a folder or a glob that is there; it is looked for from the current folder."
        yield _fault(path, "E120", "there is no such file or folder", hint)


def _some(path: str, found: Iterator[str | Fault]) -> Iterator[str | Fault]:
    """What was found, or a fault when that is nothing."""
    nothing = True
    for one in found:
        nothing = False
        yield one
    if nothing:
        what = "this folder holds" if os.path.isdir(path) else "this glob matches"
        hint = "Name one with -f; only names that end in .yaml or .yml and are not hidden are looked at."
        yield _fault(path, "E120", f"{what} no YAML file", hint)


def _matches(pattern: str) -> Iterator[str | Fault]:
    plain: list[str] = []
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part):
            break
        plain.append(part)
    root = os.path.join(*plain) if plain else "."
    for found in sorted(glob.glob(pattern, recursive=True)):
        yield from _walk(found, root)


def _walk(start: str, root: str) -> Iterator[str | Fault]:
    """The YAML files at and below a path; links among them may not lead out of `root`."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        path = waiting.pop()
        folder = os.path.isdir(path)
        if not folder and not path.endswith(SUFFIXES):
            continue
        if path != root and os.path.islink(path) and (fault := _astray(path, root)) is not None:
            yield fault
            continue
        if not folder:
            yield path
            continue
        real = os.path.realpath(path)
        if real in seen:
            continue
        seen.add(real)
        try:
            names = sorted((name for name in os.listdir(path) if not name.startswith(".")), reverse=True)
        except OSError as error:
            yield _fault(path, "E122", f"this folder cannot be read: {error.strerror}", "Allow reading it.")
            continue
        waiting.extend(os.path.normpath(os.path.join(path, name)) for name in names)


def _astray(path: str, root: str) -> Fault | None:
    """What is wrong with a link: it leads nowhere, or out of `root`."""
    if not os.path.exists(path):
        message = f"this link leads to {quoted(os.readlink(path))}, which is not there"
        return _fault(path, "E120", message, "Remove the link, or mend it.")
    real, within = os.path.realpath(path), os.path.realpath(root)
    if os.path.commonpath([real, within]) != within:
        message = f"this link leads out of the folder {quoted(root)}"
        return _fault(path, "E125", message, "Put a copy there, or name the file itself.")
    return None


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
