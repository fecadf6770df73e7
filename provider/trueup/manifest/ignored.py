"""The rules by which Git ignores files, applied without running it: a repository may bring programs that Git runs.

Of several rules the last one counts, those of an inner folder before those of an outer one, and all of them before
`.git/info/exclude` and the person's own file. Nothing below an ignored folder is taken back (gitignore(5)).
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pathspec import GitIgnoreSpec

NAME: Final = ".gitignore"
GIT: Final = ".git"
_LARGEST: Final = 1 << 20
_EXCLUDES: Final = re.compile(r"^\s*excludesfile\s*=\s*\"?([^\"\n]+?)\"?\s*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that hold in a folder, each with the folder that it is relative to, the outermost first."""

    specs: tuple[tuple[str, GitIgnoreSpec], ...] = ()

    def ignore(self, path: str, *, folder: bool) -> bool:
        """Return whether an absolute path is ignored, when nothing around it is."""
        for base, spec in reversed(self.specs):
            relative = path[len(base) :].lstrip(os.sep).replace(os.sep, "/")
            found = spec.check_file(f"{relative}/" if folder else relative).include
            if found is not None:
                return found
        return False

    def within(self, folder: str, names: Iterable[str]) -> Rules:
        """Return the rules in a folder that holds those names; a repository in it has rules of its own alone."""
        rules = _of_repository(folder) if GIT in names else self
        if NAME in names and (spec := _read(os.path.join(folder, NAME))) is not None:
            return Rules((*rules.specs, (folder, spec)))
        return rules


def rules_above(folder: str) -> Rules:
    """Return the rules that hold for what is in an absolute folder, but for those that are in it itself.

    A folder that is ignored was named on purpose: then the rules around it do not count.
    """
    above: list[str] = []
    here = folder
    while not os.path.lexists(os.path.join(here, GIT)):
        outer = os.path.dirname(here)
        if outer == here:
            return Rules()
        above.append(here)
        here = outer
    rules = Rules()
    for inner in [*reversed(above), None]:
        if inner is None or here == folder:
            break
        rules = rules.within(here, [name for name in (GIT, NAME) if os.path.lexists(os.path.join(here, name))])
        if rules.ignore(inner, folder=True):
            return Rules()
        here = inner
    return rules


def _of_repository(folder: str) -> Rules:
    """Return the rules of a repository that are in none of its folders: the person's, and its own `info/exclude`."""
    found = [_global(), os.path.join(_git_folder(os.path.join(folder, GIT)), "info", "exclude")]
    return Rules(tuple((folder, spec) for path in found if path and (spec := _read(path)) is not None))


def _git_folder(path: str) -> str:
    """Return where a repository keeps what its worktrees share: `.git`, or where such a file leads."""
    with contextlib.suppress(OSError, ValueError):
        if os.path.isfile(path):
            said = _text(path).removeprefix("gitdir:").strip()
            path = os.path.join(os.path.dirname(path), said)
            shared = os.path.join(path, "commondir")
            return os.path.join(path, _text(shared).strip()) if os.path.isfile(shared) else path
    return path


def _global() -> str:
    """Return the path of the person's own rules."""
    settings = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    for path in (os.path.expanduser("~/.gitconfig"), os.path.join(settings, "git", "config")):
        with contextlib.suppress(OSError, ValueError):
            if found := _EXCLUDES.search(_text(path)):
                return os.path.expanduser(found[1])
    return os.path.join(settings, "git", "ignore")


def _text(path: str) -> str:
    with open(path, "rb") as file:
        return file.read(_LARGEST).decode("utf-8", "surrogateescape")


def _read(path: str) -> GitIgnoreSpec | None:
    """Return the rules of a file; None when there are none. A line that is no rule is none for Git either."""
    try:
        if not os.path.isfile(path):
            return None
        lines = _text(path).splitlines()
    except (OSError, ValueError):
        return None
    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError:
        return GitIgnoreSpec.from_lines(filter(_is_rule, lines))


def _is_rule(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True
