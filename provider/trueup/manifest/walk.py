"""The YAML files at and below a path, in the order of their names.

Not entered are hidden folders, `node_modules` and virtual environments: what is in them was installed. What Git ignores
is looked at, since a manifest may have been generated there, but marked: only what is plainly ours counts in it. Links
that lead out of the folder are refused when there is something of ours behind them, since a manifest may come from a
place that others write to. What is missing, and may have held manifests, is named: nothing is pruned then.
"""

from __future__ import annotations

import glob
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from trueup.core.errors import Fault
from trueup.manifest.ignored import GIT, Rules, git_around, git_folder, rules_above, submodules
from trueup.manifest.nearly import mentioned_in
from trueup.manifest.text import printable, quoted

SUFFIXES: Final = (".yaml", ".yml")
SET: Final = "trueup.yaml"
"""The file that names a set of manifests; it is none itself."""
_INSTALLED: Final = ("node_modules", "bower_components")
_ENVIRONMENT: Final = ("pyvenv.cfg", "conda-meta")
_BEHIND_LINK: Final = 10_000
"""Files and folders behind a link out of the folder that are looked at for something of ours."""
_MODULES: Final = ".gitmodules"


class FoundFile(NamedTuple):
    """A file, and whether Git ignores it."""

    path: str
    ignored: bool = False


class Unseen(NamedTuple):
    """Folders that may hold manifests and cannot be read, without being an error: one that is not there yet."""

    path: str
    why: str

    def __str__(self) -> str:
        return f"{printable(self.path)} ({self.why})"


def fault(path: str, code: str, message: str, hint: str) -> Fault:
    """Return a fault of a whole file or folder."""
    return Fault(printable(path), 1, 1, code, message, hint)


def below(path: str) -> Iterator[FoundFile | Fault | Unseen]:
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
        self.left: float = math.inf
        """Files and folders that are still looked at."""
        self._absolute = os.path.abspath(root)
        self._seen: set[str] = set()
        self._git = git_around(self._absolute)
        self._rules = rules_above(self._absolute)
        self._entered: dict[str, tuple[Rules, bool] | None] = {}
        """Folders on the way to what a glob matched: their rules and whether they are ignored; None: not entered."""

    def start(self, start: str) -> Iterator[FoundFile | Fault | Unseen]:
        """Return the files at and below a path."""
        around = self._around(start)
        if around is None:
            return
        waiting = [(start, *around)]
        while waiting and self.left > 0:
            path, rules, ignored = waiting.pop()
            self.left -= 1
            folder = os.path.isdir(path)
            if not folder and not path.endswith(SUFFIXES):
                if not ignored and _may_be_folder(path) and not rules.ignore(os.path.abspath(path), folder=False):
                    yield Unseen(path, f"a link to {quoted(os.readlink(path))}, which is not there")
                continue
            if path != self._root:
                ignored = ignored or (bool(rules.specs) and rules.ignore(os.path.abspath(path), folder=folder))
                if os.path.islink(path) and (wrong := self._astray(path, ignored=ignored)) is not None:
                    if wrong is not _NOTHING:
                        yield wrong
                    continue
            if not folder:
                yield FoundFile(path, ignored)
                continue
            real = os.path.realpath(path)
            if real in self._seen:
                continue
            self._seen.add(real)
            try:
                names = os.listdir(path)
            except OSError as error:
                why = f"this folder cannot be read: {error.strerror}"
                if ignored:
                    yield Unseen(path, why)
                else:
                    yield fault(path, "E122", why, "Allow reading it, or name what is to be read with -f.")
                continue
            if path != self._root and (_installed(path, names) or self._is_worktree(path, names)):
                continue
            yield from _without_modules(path, names)
            inner = rules.within(os.path.abspath(path), names)
            names = sorted((name for name in names if not name.startswith(".")), reverse=True)
            waiting.extend((os.path.normpath(os.path.join(path, name)), inner, ignored) for name in names)

    def _is_worktree(self, path: str, names: list[str]) -> bool:
        """Return whether a folder is another checkout of the repository that is read (git worktree)."""
        return bool(self._git) and GIT in names and git_folder(os.path.join(path, GIT), worktree=True) == self._git

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
            if around is None or _installed(outer, names) or self._is_worktree(outer, names):
                self._entered[outer] = None
            else:
                rules, ignored = around
                here = os.path.abspath(outer)
                ignored = ignored or rules.ignore(here, folder=True)
                self._entered[outer] = rules.within(here, names), ignored
        return self._entered[outer]

    def _astray(self, path: str, *, ignored: bool) -> Fault | Unseen | None:
        """Return what is wrong with a link: it leads nowhere, or to something of ours out of the root."""
        if not os.path.exists(path):
            if ignored:
                return _NOTHING
            message = f"this link leads to {quoted(os.readlink(path))}, which is not there"
            return fault(path, "E120", message, "Remove the link, or mend it.")
        real, within = os.path.realpath(path), os.path.realpath(self._root)
        if os.path.commonpath([real, within]) == within:
            return None
        return self._behind(path, real)

    def _behind(self, path: str, real: str) -> Fault | Unseen:
        """Return what is wrong with a link out of the root to that place."""
        walk = _Walk(real)
        walk.left = _BEHIND_LINK
        unseen: Unseen | None = None
        for found in walk.start(real):
            if isinstance(found, FoundFile):
                try:
                    ours = mentioned_in(found.path)
                except OSError as error:
                    unseen = Unseen(path, f"a link to {quoted(found.path)}, which cannot be read: {error.strerror}")
                    continue
                if ours:
                    break
            elif isinstance(found, Unseen):
                unseen = Unseen(path, f"a link to {found}")
            else:
                break
        else:
            if walk.left > 0:
                return unseen or _NOTHING
        message = f"this link leads out of the folder {quoted(self._root)}"
        return fault(path, "E125", message, "Put a copy there, or name the file itself.")


_NOTHING: Final = Fault("", 0, 0, "", "")
"""In place of a fault: nothing of ours is there."""


def _installed(path: str, names: list[str]) -> bool:
    """Return whether what is in a folder was installed there."""
    return os.path.basename(path) in _INSTALLED or any(name in names for name in _ENVIRONMENT)


def _may_be_folder(path: str) -> bool:
    """Return whether a path is a link that leads nowhere, and perhaps led to a folder: its name has no ending."""
    return not os.path.splitext(path)[1] and os.path.islink(path)


def _without_modules(path: str, names: list[str]) -> Iterator[Unseen]:
    """Return the submodules of a repository that are not checked out."""
    if _MODULES not in names:
        return
    for module in submodules(os.path.join(path, _MODULES)):
        folder = os.path.normpath(os.path.join(path, module))
        if module and not _names(folder):
            yield Unseen(folder, "a Git submodule that is not checked out")


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []
