"""The entry points of the installed distributions in trueup's groups, found in a millisecond.

`trueup --help` lists the commands of systems, and importlib.metadata alone takes longer to import than all of that.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

SYSTEMS = "trueup.systems"
COMMAND_LINES = "trueup.cli"


class EntryPoint(NamedTuple):
    """One line of a distribution's entry_points.txt."""

    group: str
    name: str
    value: str
    distribution: str = ""

    def load(self) -> Any:
        """Import and return the object that it names."""
        module, _, attributes = self.value.partition(":")
        found = import_module(module.strip())
        for attribute in filter(None, attributes.strip().split(".")):
            found = getattr(found, attribute)
        return found


def entry_points(group: str) -> list[EntryPoint]:
    """Return the entry points of a group, by name."""
    return sorted(point for point in _all(tuple(sys.path)) if point.group == group)


@cache
def _all(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for folder in path:
        for stem, text, metadata in _distributions(folder or "."):
            # Of two installations of one distribution that count which Python would import.
            if stem not in found:
                found[stem] = tuple(_points(text, metadata)) if "[trueup." in text else ()
    return tuple(point for points in found.values() for point in points)


def _distributions(folder: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, entry points and metadata file of each distribution in a folder of the path."""
    try:
        names = os.listdir(folder)
    except NotADirectoryError:
        yield from _archived(folder)
        return
    except OSError:
        return
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            place = os.path.join(folder, name)
            kept = os.path.join(place, "METADATA" if name.endswith(".dist-info") else "PKG-INFO")
            yield (
                name.rpartition(".")[0].partition("-")[0].lower(),
                _read(os.path.join(place, "entry_points.txt")),
                kept,
            )


def _archived(path: str) -> Iterator[tuple[str, str, str]]:
    """Yield those of a zip file, such as an application in a single file."""
    from importlib.metadata import distributions

    for distribution in distributions(path=[path]):
        yield distribution.name.lower(), distribution.read_text("entry_points.txt") or "", distribution.name


def _points(text: str, metadata: str) -> Iterator[EntryPoint]:
    group = ""
    lines = _read(metadata).splitlines()
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("Name:")), metadata)
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[] ")
        elif line and line[0] not in "#;":
            key, _, value = line.partition("=")
            yield EntryPoint(group, key.strip(), value.partition("[")[0].strip(), name)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
