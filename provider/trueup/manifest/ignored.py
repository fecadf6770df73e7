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
_INNER: Final = "ps_d"
"""The group of a rule of pathspec that matches the slash between a folder and what is in it."""
_CORE: Final = re.compile(r"^[ \t]*\[core\](.*(?:\n(?![ \t]*\[).*)*)", re.IGNORECASE | re.MULTILINE)
_EXCLUDES: Final = re.compile(
    r"""excludesfile[ \t]*=[ \t]*(?:"([^"\n]*)"|([^"#;\n]*?))[ \t]*(?:[#;].*)?$""", re.I | re.M
)
_MODULE: Final = re.compile(r"^\s*path\s*=\s*\"?([^\"\n]+?)\"?\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that hold in a folder, each with the folder that it is relative to, the outermost first."""

    specs: tuple[tuple[str, GitIgnoreSpec], ...] = ()

    def ignore(self, path: str, *, folder: bool) -> bool:
        """Return whether an absolute path is ignored, when nothing around it is."""
        for base, spec in reversed(self.specs):
            relative = path[len(base) :].lstrip(os.sep).replace(os.sep, "/")
            found = _verdict(spec, _by_bytes(os.fsencode(relative)), folder=folder)
            if found is not None:
                return found
        return False

    def within(self, folder: str, names: Iterable[str]) -> Rules:
        """Return the rules in a folder that holds those names; a repository in it has rules of its own alone."""
        rules = _of_repository(folder) if GIT in names else self
        if NAME in names and (spec := _read(os.path.join(folder, NAME))) is not None:
            return Rules((*rules.specs, (folder, spec)))
        return rules


def repository_of(folder: str) -> str:
    """Return the folder of the repository that an absolute path is in; empty when it is in none."""
    while not os.path.lexists(os.path.join(folder, GIT)):
        outer = os.path.dirname(folder)
        if outer == folder:
            return ""
        folder = outer
    return folder


def rules_above(folder: str) -> Rules:
    """Return the rules that hold for what is in an absolute folder, but for those that are in it itself.

    A folder that is ignored was named on purpose: then the rules around it do not count.
    """
    here = repository_of(folder)
    if not here:
        return Rules()
    rules = Rules()
    while here != folder:
        rules = rules.within(here, [name for name in (GIT, NAME) if os.path.lexists(os.path.join(here, name))])
        inner = os.path.join(here, os.path.relpath(folder, here).split(os.sep)[0])
        if rules.ignore(inner, folder=True):
            return Rules()
        here = inner
    return rules


def git_around(folder: str) -> str:
    """Return where the repository around an absolute folder keeps what its worktrees share; empty without one."""
    found = repository_of(folder)
    return git_folder(os.path.join(found, GIT)) if found else ""


def git_folder(path: str, *, worktree: bool = False) -> str:
    """Return where a repository keeps what its worktrees share: `.git`, or where such a file leads.

    With `worktree` empty unless it is that of a further worktree.
    """
    shared = ""
    with contextlib.suppress(OSError, ValueError):
        if os.path.isfile(path):
            said = _text(path).removeprefix("gitdir:").strip()
            path = os.path.join(os.path.dirname(path), said)
            common = os.path.join(path, "commondir")
            if os.path.isfile(common):
                shared = os.path.realpath(os.path.join(path, _text(common).strip()))
    return shared if shared or worktree else os.path.realpath(path)


def submodules(path: str) -> list[str]:
    """Return the folders of the submodules that a file `.gitmodules` lists."""
    with contextlib.suppress(OSError, ValueError):
        return _MODULE.findall(_text(path))
    return []


def _of_repository(folder: str) -> Rules:
    """Return the rules of a repository that are in none of its folders: the person's, and its own `info/exclude`."""
    shared = git_folder(os.path.join(folder, GIT))
    found = [_personal(os.path.join(shared, "config")), os.path.join(shared, "info", "exclude")]
    return Rules(tuple((folder, spec) for path in found if path and (spec := _read(path)) is not None))


def _personal(own: str) -> str:
    """Return the path of the person's own rules; the settings of the repository, at that path, count most."""
    settings = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    found = os.path.join(settings, "git", "ignore")
    person = [os.path.join(settings, "git", "config"), os.path.expanduser("~/.gitconfig")]
    if "GIT_CONFIG_GLOBAL" in os.environ:
        person = [os.environ["GIT_CONFIG_GLOBAL"]]
    for path in ("/etc/gitconfig", *person, own):
        with contextlib.suppress(OSError, ValueError):
            for section in _CORE.findall(_text(path)):
                for quoted, plain in _EXCLUDES.findall(section):
                    found = os.path.expanduser(quoted or plain)
    return found


def _text(path: str) -> str:
    with open(path, "rb") as file:
        return file.read(_LARGEST).decode("utf-8", "surrogateescape")


def _verdict(spec: GitIgnoreSpec, path: str, *, folder: bool) -> bool | None:
    """Return what the last rule says of a path itself; None when none does.

    For pathspec a rule on a folder is one on all that is in it, by which `!*/` would take back every file.
    """
    for rule in reversed(spec.patterns):
        if rule.include is not None and rule.regex is not None and _is_about(rule.regex, path, folder=folder):
            return bool(rule.include)
    return None


def _is_about(rule: re.Pattern[str], path: str, *, folder: bool) -> bool:
    inner = _INNER in rule.groupindex
    if any(not inner or found[_INNER] is None for found in rule.finditer(path)):
        return True
    path += "/"
    return folder and inner and any(found.end(_INNER) == len(path) for found in rule.finditer(path))


def _by_bytes(raw: bytes) -> str:
    """Return a text with a character for each byte, which is how Git compares."""
    return raw.decode("latin-1")


def _read(path: str) -> GitIgnoreSpec | None:
    """Return the rules of a file; None when there are none. A line that is no rule is none for Git either."""
    try:
        if not os.path.isfile(path):
            return None
        with open(path, "rb") as file:
            raw = file.read(_LARGEST).removeprefix(b"\xef\xbb\xbf")
    except (OSError, ValueError):
        return None
    lines = [line.removesuffix("\r") for line in _by_bytes(raw).split("\n")]
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
