"""`trueup.yaml`: what a set of manifests is called, and the options that its commands have unless they are given.

It comes out of a repository, and so decides nothing about where a credential goes: no URL with one, and of a database
only where it is, by a URL whose password is elsewhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from trueup.core.errors import Fault, ManifestError
from trueup.core.paths import home
from trueup.manifest import words
from trueup.manifest.compose import LostDocument, documents
from trueup.manifest.files import source_of
from trueup.manifest.literals import literals
from trueup.manifest.text import printable, quoted
from trueup.manifest.walk import SET
from trueup.manifest.words import Said

if TYPE_CHECKING:
    from trueup.manifest.compose import Document

NAME: Final = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
"""The form of a set's name."""
_TEXT: Final = {"type": "string", "minLength": 1}
SCHEMA: Final[dict[str, Any]] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": SET,
    "description": "The name of a set of manifests, and the options of its commands.",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "stack": {"type": "string", "pattern": NAME, "description": "The name of the set in the ledger."},
        "files": {
            "type": "array",
            "minItems": 1,
            "items": _TEXT,
            "description": "The manifests, from this folder: files, folders and globs.",
        },
        "connection": {**_TEXT, "description": "The Connection to run against."},
        "ledger": {**_TEXT, "description": "A path, a postgresql:// URL without a password, or off (TRUEUP_LEDGER)."},
        "state": {**_TEXT, "description": "The folder of the ledger and the embedded servers."},
        "parallelism": {"type": "integer", "minimum": 1, "maximum": 64, "description": "Maximum concurrent writes."},
        "maxDeletePercent": {
            "type": "integer",
            "minimum": 0,
            "maximum": 100,
            "description": "Percentage of the managed resources that may be deleted at once.",
        },
        "maxChanges": {"type": "integer", "minimum": 0, "description": "Number of steps that may be made at once."},
        "lockTimeout": {
            "type": "string",
            "pattern": r"^(\d{1,6}(\.\d{1,3})?[smhd])+$",
            "description": "How long to wait for another run to finish: 90s, 10m.",
        },
    },
}
_HARMLESS: Final = ("application_name", "connect_timeout", "sslmode", "target_session_attrs")
"""Parameters of a database's URL that send nothing anywhere."""
_URL: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Set:
    """A set of manifests: its name, empty when it has none, and what its commands take unless they are given it."""

    stack: str
    options: dict[str, Any]
    """By name as in the file, with paths that lead from the current folder."""


def set_in(folder: str) -> Set | None:
    """Return what the `trueup.yaml` of a folder says; None when it has none. Raises ManifestError with every fault."""
    path = os.path.normpath(os.path.join(folder, SET))
    if not os.path.lexists(path):
        return None
    source = source_of(path)
    if isinstance(source, Fault):
        raise ManifestError([source], 1)
    faults: list[Fault] = []
    value: dict[str, Any] = {}
    for number, document in enumerate(documents(source)):
        if isinstance(document, LostDocument):
            faults.append(document.fault)
        elif number:
            said = Said("E108", f"{SET} holds one document, and this is another one", "Remove it.")
            faults.append(source.fault(document.span.places().value(()).mark, *said))
        else:
            faults += _faults(document)
            value = document.value
    if faults:
        raise ManifestError(faults, 1)
    return Set(value.get("stack", ""), _led(folder, value))


def check_apart(folders: Iterable[str], stack: str) -> None:
    """Check that no folder that was read along is of another set than the run. Raises ManifestError."""
    faults: list[Fault] = []
    for folder in folders:
        try:
            found = set_in(folder)
        except ManifestError as error:
            faults += error.faults
            continue
        if found is not None and found.stack and found.stack != stack:
            this = f"the set {quoted(stack)}" if stack else "no set"
            message = f"this folder is the set {quoted(found.stack)}, and this run is of {this}"
            where = printable(folder or ".")
            hint = f"Run it by itself (-f {where}), and name the other folders with -f, or files in {SET}."
            faults.append(Fault(printable(os.path.join(folder, SET)), 1, 1, "E126", message, hint))
    if faults:
        raise ManifestError(faults, len({fault.file for fault in faults}))


def ledger_problem(url: str) -> str:
    """Return why a file may not name a database so; empty when it may, or when it is no URL."""
    if not _URL.match(url):
        return ""
    try:
        parts = urlsplit(url)
        password = parts.password is not None or "@" in (parts.hostname or "")
    except ValueError:
        return "is a URL that cannot be read"
    if parts.scheme not in ("postgresql", "postgres"):
        return "is a URL of something else than postgresql"
    if password:
        return "is a URL with a password"
    odd = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True) if name not in _HARMLESS]
    if odd:
        return f"is a URL with the parameter {quoted(odd[0])}"
    if os.environ.get("PGPASSWORD"):
        return "would be sent the password of the environment variable PGPASSWORD"
    return ""


def _faults(document: Document) -> Iterator[Fault]:
    source, places, value = document.span.source, document.span.places(), document.value
    if not isinstance(value, dict):
        said = Said("E108", f"{SET} must be a mapping", "Write stack: NAME.")
        yield source.fault(places.value(()).mark, *said)
        return
    if "apiVersion" in value:
        message = f"a file of the name {SET} says what a set of manifests is called, and this is a manifest"
        yield source.fault(places.key(("apiVersion",)).mark, "E107", message, "Give it another name.")
        return
    for note in document.notes:
        what = {"duplicate": "given twice", "tag": "a tag, which is not allowed"}.get(note.kind, "no key that can be")
        yield source.fault(note.mark, "E111", f"{quoted(note.text)} is {what}", "Remove it.", width=note.width)
    properties = SCHEMA["properties"]
    secret = {path[0] for path, _ in literals(value)}
    for key, item in value.items():
        at_key, at_value = places.key((key,)), places.value((key,))
        hide = key in secret or key == "ledger"
        if key not in properties:
            hint = words.did_you_mean(key, list(properties), known="Known keys are")
            yield source.fault(
                at_key.mark, "E101", f"unknown key {quoted(key)} in {SET}", hint, width=at_key.width, hide=hide
            )
            continue
        problems = [_said((key, *path), error, places.raw((key, *path))) for path, error in _errors(key, item)]
        if key == "ledger" and isinstance(item, str) and (why := ledger_problem(item)):
            problems.append(Said("E140", f"ledger {why}", "Name the database in the variable TRUEUP_LEDGER instead."))
        elif key in secret:
            problems.append(Said("E140", f"{key} holds a secret", "Take it out, and name it in a variable."))
        if key == "files" and isinstance(item, list) and "-" in item:
            problems.append(Said("E105", "files names standard input", "Name files, folders or globs."))
        for said in problems:
            yield source.fault(at_value.mark, *said, width=at_value.width, hide=hide)


def _errors(key: str, value: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
    import jsonschema

    for error in jsonschema.Draft7Validator(SCHEMA["properties"][key]).iter_errors(value):
        yield tuple(error.absolute_path), error


def _said(path: tuple[Any, ...], error: Any, raw: str) -> Said:
    keyword, limit, value = error.validator, error.validator_value, error.instance
    if keyword == "type":
        return words.wrong_type(path, limit, value, raw, secret=path[0] == "ledger")
    if keyword == "pattern":
        form = "letters, digits, dots, dashes and underscores" if path == ("stack",) else "a time: 90s, 10m, 2h"
        return Said("E105", f"{path[0]} {quoted(str(value))} is not {form}", f"Write {form}.")
    return words.wrong_size(path, keyword, limit, value, secret=False)


def _led(folder: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return the options with their paths from the current folder rather than that of the file."""

    def lead(path: str) -> str:
        return os.path.normpath(os.path.join(folder, home(path)))

    options = {key: item for key, item in value.items() if key != "stack"}
    for key in ("state", "ledger"):
        if key in options and not (key == "ledger" and (_URL.match(options[key]) or _is_off(options[key]))):
            options[key] = lead(options[key])
    if "files" in options:
        options["files"] = tuple(map(lead, options["files"]))
    return options


def _is_off(text: str) -> bool:
    return text.lower() in ("off", "none")
