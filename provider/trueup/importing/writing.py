"""Files of an import into a folder: all of them, or none in a folder that had none."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trueup.core.errors import UsageError
from trueup.core.reasons import Reason
from trueup.manifest.walk import SET

if TYPE_CHECKING:
    from collections.abc import Mapping

_SUFFIXES: Final = (".yaml", ".yml")
_SHOWN: Final = 3
_KIND: Final = re.compile(r"^kind: (\w+)$", re.MULTILINE)
_DOCUMENT: Final = re.compile(r"^kind: (\w+)$.*?^  name: ([^\n]+)$", re.MULTILINE | re.DOTALL)
_WITH: Final = Reason("import-with-them")
_FOLDER: Final = Reason("import-another-folder")


def check(folder: Path, system: str, systems: tuple[str, ...], *, overwrite: bool) -> None:
    """Raises UsageError when the folder is none, or holds manifests that may not be written over.

    What was imported from another system has a folder of its own in it, and is not in the way.
    """
    try:
        wrong = folder.exists() and not folder.is_dir()
    except OSError as error:
        said = f"{str(folder)[:80]} is no path of a folder: {error.strerror}."
        raise UsageError(said, hint=_FOLDER) from None
    if wrong:
        raise UsageError(f"{folder} is not a folder.", hint=_FOLDER)
    if overwrite:
        return
    others = tuple(one for one in systems if one != system)
    if there := [path for path in manifests_in(folder) if Path(path).parts[0] not in others]:
        more = " and others" if len(there) > _SHOWN else ""
        raise UsageError(
            f"the folder {folder} holds YAML files already: {', '.join(there[:_SHOWN])}{more}.",
            hint=Reason("import-overwrite"),
        )


def manifests_in(folder: Path) -> list[str]:
    """The YAML files in a folder, as paths within it, in order."""
    found: list[str] = []
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            str(Path(here, name).relative_to(folder))
            for name in names
            if name.endswith(_SUFFIXES) and not name.startswith(".") and name != SET
        ]
    return sorted(found)


def check_kept(folder: Path, texts: Mapping[str, str], *, narrowed: bool = False) -> None:
    """Raises UsageError when files that are to be written over declare kinds of which none is imported now.

    Of an import that is `narrowed` to some resources also when they declare others: those may be live still.
    """
    now = {kind for text in texts.values() for kind in _KIND.findall(text)}
    lost: set[str] = set()
    for name in texts:
        for part in (folder / name, *(folder / name).parents):
            if part == folder:
                break
            if part.is_symlink():
                raise UsageError(
                    f"{part} is a link, and what is written through it may lie elsewhere.",
                    hint="Nothing was written. Remove it, or name another folder.",
                )
        path = folder / name
        if path.is_file():
            before = path.read_text(encoding="utf-8", errors="replace")
            lost |= set(_KIND.findall(before)) - now
            if narrowed:
                lost |= {f"{kind} {label}" for kind, label in _documents(before) - _documents(texts[name])}
    if lost:
        raise UsageError(
            f"the files in {folder} declare {', '.join(sorted(lost))}, which this import leaves out.",
            hint=Reason("import-unfiltered") if narrowed else _WITH,
        )


def _documents(text: str) -> set[tuple[str, str]]:
    """Kind and name of each manifest, as an import writes them."""
    found = (_DOCUMENT.search(part) for part in re.split(r"^---$", text, flags=re.MULTILINE))
    return {(one[1], one[2]) for one in found if one}


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Writes texts to files of the folder, by their paths within it. Raises UsageError, and then leaves no part of it.

    They are written beside their places first, so that what can fail fails before anything is in its place.
    """
    made = _first_missing(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=".import-", dir=folder))
        try:
            for path, text in texts.items():
                (stage / path).parent.mkdir(parents=True, exist_ok=True)
                with open(stage / path, "x", encoding="utf-8", newline="\n") as file:
                    file.write(text)
            _put(stage, folder, texts)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    except OSError as error:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)
        where = error.filename2 or error.filename or folder
        raise UsageError(
            f"{where} cannot be written: {error.strerror}.", hint="Give a folder that can be written to."
        ) from None


def _put(stage: Path, folder: Path, texts: Mapping[str, str]) -> None:
    """Moves what is staged into its place: whole folders where there is none yet."""
    for name in sorted({Path(path).parts[0] for path in texts}):
        if not (folder / name).exists():
            os.replace(stage / name, folder / name)
            continue
        for path in texts:
            if Path(path).parts[0] == name:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                os.replace(stage / path, folder / path)


def _first_missing(folder: Path) -> Path | None:
    """The highest folder that has to be made for it; None when it is there."""
    missing = None
    for path in (folder, *folder.parents):
        if path.exists():
            break
        missing = path
    return missing
