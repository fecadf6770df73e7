"""The YAML files at and below a path, in the order of their names.

Not entered are hidden folders, `node_modules` and virtual environments: what is in them was installed. What Git ignores
is looked at, since a manifest may have been generated there, but marked: only what is plainly ours counts in it. Links
that lead out of the folder are refused when there is something of ours behind them, since a manifest may come from a
place that others write to.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from trueup.errors import Fault
from trueup.manifest.ignored import Rules, rules_above
from trueup.manifest.nearly import mentioned_in
from trueup.manifest.text import printable, quoted

SUFFIXES: Final = (".yaml", ".yml")
SET: Final = "trueup.yaml"
"""The file that names a set of manifests; it is none itself."""
_INSTALLED: Final = ("node_modules", "bower_components")
_ENVIRONMENT: Final = ("pyvenv.cfg", "conda-meta")
_BEHIND_LINK: Final = 10_000
"""Files and folders behind a link out of the folder that are looked at for something of ours."""


class Found(NamedTuple):
    """A file, and whether Git ignores it."""

    path: str
    ignored: bool = False


def fault(path: str, code: str, message: str, hint: str) -> Fault:
    """Return a fault of a whole file or folder."""
    return Fault(printable(path), 1, 1, code, message, hint)


def below(path: str) -> Iterator[Found | Fault]:
    """Return the YAML files of a folder, or of what a glob matches."""
    if os.path.isdir(path):
        yield from _Walk(path).start(path)
        return
    plain: list[str] = []
    for part in Path(path).parts[:-1]:
        if glob.has_magic(part):
            break
        plain.append(part)
    root = os.path.join(*plain) if plain else "."
    walk = _Walk(root)
    for found in sorted(glob.glob(path, recursive=True)):
        yield from walk.start(found)


class _Walk:
    """A walk below `root`, out of which no link may lead."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._absolute = os.path.abspath(root)
        self._seen: set[str] = set()
        self._rules = rules_above(self._absolute)
        self._entered: dict[str, tuple[Rules, bool] | None] = {}
        """Folders on the way to what a glob matched: their rules and whether they are ignored; None: not entered."""

    def start(self, start: str) -> Iterator[Found | Fault]:
        """Return the files at and below a path."""
        around = self._around(start)
        if around is None:
            return
        waiting = [(start, *around)]
        while waiting:
            path, rules, ignored = waiting.pop()
            folder = os.path.isdir(path)
            if not folder and not path.endswith(SUFFIXES):
                continue
            if path != self._root:
                ignored = ignored or (bool(rules.specs) and rules.ignore(os.path.abspath(path), folder=folder))
                if os.path.islink(path) and (wrong := self._astray(path, ignored=ignored)) is not None:
                    if wrong is not _NOTHING:
                        yield wrong
                    continue
            if not folder:
                yield Found(path, ignored)
                continue
            real = os.path.realpath(path)
            if real in self._seen:
                continue
            self._seen.add(real)
            try:
                names = os.listdir(path)
            except OSError as error:
                why = f"this folder cannot be read: {error.strerror}"
                yield fault(path, "E122", why, "Allow reading it, or name what is to be read with -f.")
                continue
            if path != self._root and _installed(path, names):
                continue
            inner = rules.within(os.path.abspath(path), names)
            names = sorted((name for name in names if not name.startswith(".")), reverse=True)
            waiting.extend((os.path.normpath(os.path.join(path, name)), inner, ignored) for name in names)

    def _around(self, path: str) -> tuple[Rules, bool] | None:
        """Return the rules around a path below the root, and whether it is ignored with a folder around it."""
        if path == self._root:
            return self._rules, False
        outer = os.path.dirname(path) or "."
        if os.path.abspath(outer) == self._absolute:
            return self._rules.within(self._absolute, _names(outer)), False
        if outer not in self._entered:
            around = self._around(outer)
            names = _names(outer)
            if around is None or _installed(outer, names):
                self._entered[outer] = None
            else:
                rules, ignored = around
                here = os.path.abspath(outer)
                ignored = ignored or rules.ignore(here, folder=True)
                self._entered[outer] = rules.within(here, names), ignored
        return self._entered[outer]

    def _astray(self, path: str, *, ignored: bool) -> Fault | None:
        """Return what is wrong with a link: it leads nowhere, or to something of ours out of the root."""
        if not os.path.exists(path):
            if ignored:
                return _NOTHING
            message = f"this link leads to {quoted(os.readlink(path))}, which is not there"
            return fault(path, "E120", message, "Remove the link, or mend it.")
        real, within = os.path.realpath(path), os.path.realpath(self._root)
        if os.path.commonpath([real, within]) == within:
            return None
        looked = 0
        for found in _Walk(real).start(real):
            looked += 1
            if isinstance(found, Found) and not mentioned_in(found.path) and looked <= _BEHIND_LINK:
                continue
            message = f"this link leads out of the folder {quoted(self._root)}"
            return fault(path, "E125", message, "Put a copy there, or name the file itself.")
        return _NOTHING


_NOTHING: Final = Fault("", 0, 0, "", "")
"""In place of a fault: nothing of ours is there."""


def _installed(path: str, names: list[str]) -> bool:
    """Return whether what is in a folder was installed there."""
    return os.path.basename(path) in _INSTALLED or any(name in names for name in _ENVIRONMENT)


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []
