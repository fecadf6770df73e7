"""One document: is it sound, and if not, every fault of it.

`sound` is quick and says yes or no. `explain` is thorough: it composes the document again for its places, has
jsonschema collect what contradicts the kind's schema, and adds what a schema cannot say.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from trueup.core.errors import Fault
from trueup.core.kinds import PROTECT, RENAMED_FROM
from trueup.manifest import counted, nearly, words
from trueup.manifest.connections import problems
from trueup.manifest.literals import holds_literal, literals, secret_name
from trueup.manifest.scalars import Odd, made_of
from trueup.manifest.schema import REFERENCE, quick, thorough
from trueup.manifest.text import quoted
from trueup.manifest.words import Said
from trueup.systems.registry import BROKEN, BY_NAME, KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trueup.core.changes import Path
    from trueup.core.kinds import Kind
    from trueup.manifest.compose import Document
    from trueup.manifest.places import Place

_PARTS: Final = {"metadata": "Add metadata: {name: NAME}.", "spec": "Add spec, with what is declared."}


def kind_of(value: Any) -> Kind | None:
    """The kind that a document is of."""
    if not isinstance(value, dict):
        return None
    try:
        return BY_NAME.get((value.get("apiVersion"), value.get("kind")))  # type: ignore[arg-type]
    except TypeError:  # a mapping or a list in place of a word
        return None


def sound(document: Document, kind: Kind | None, *, look: bool) -> bool:
    """Whether nothing is wrong with it by itself. `look` says that its values have to be searched for secrets."""
    if kind is None or document.notes or document.odd:
        return False
    if not quick(kind, document.sealed)(document.value):
        return False
    if (look or document.wary) and holds_literal(document.value):
        return False
    value = document.value
    if next(counted.faults(kind, value["metadata"], value["spec"]), None) is not None:
        return False
    return kind.name != "Connection" or not problems(kind, value["spec"])


def explain(document: Document, kind: Kind | None, warnings: list[Fault] | None = None) -> list[Fault]:
    """Every fault of a document that is not sound; none if a closer look finds it sound after all.

    What may be right for a newer server is added to `warnings`.
    """
    explainer = _Explainer(document, kind)
    found = explainer.faults()
    if warnings is not None:
        warnings += explainer.warnings
    return found


class _Explainer:
    def __init__(self, document: Document, kind: Kind | None) -> None:
        self._document = document
        self._kind = kind
        self._places = document.span.places()
        self._found: list[Fault] = []
        self.warnings: list[Fault] = []
        self._secret_lines: set[int] = set()
        self._said: set[Path] = set()

    def faults(self) -> list[Fault]:
        value = self._document.value
        notes = self._document.notes
        if self._two_in_one(notes):
            return self._found
        for note in notes:
            self._note(note)
        if not isinstance(value, dict):
            what = "a list" if isinstance(value, list) else "a single value"
            hint = "Begin each document with apiVersion, kind, metadata and spec."
            self._add(self._places.value(()), Said("E108", f"a document must be a mapping, and this is {what}", hint))
            return self._found
        secrets = [*literals(value), *_odd_secrets(value)]
        for path, _ in secrets:
            self._hide(path)  # before anything is said of those lines
        if self._kind is None:
            self._add(*self._what_kind(value))
            self._kind = _meant(value)  # so that one wrong letter does not hide the faults of the spec
            self._said.add(("kind",))
        for error in sorted(thorough(self._kind).iter_errors(value), key=words.gravity):
            self._of_error(error)
        if self._kind is not None:
            for path, said in counted.faults(self._kind, value.get("metadata"), value.get("spec")):
                if path not in self._said:
                    self._say(path, said)
        for path, why in secrets:  # before the odd ones, of which the text is shown
            if path not in self._said:
                self._say(path, words.literal(path, why))
        for path, odd in _odds(value):
            if path not in self._said:
                self._say(path, words.odd(path, odd))
        spec = value.get("spec")
        if self._kind is not None and self._kind.name == "Connection" and isinstance(spec, dict):
            for problem in problems(self._kind, spec):
                path = ("spec", *problem.path)
                if path not in self._said:
                    if problem.said.code == "E140":
                        self._hide(path)
                    place = self._places.value(path) if problem.path else self._places.key(path)
                    self._add(place, problem.said)
        return [
            dataclasses.replace(fault, excerpt="") if fault.line - 1 in self._secret_lines else fault
            for fault in self._found
        ]

    # What is said, and where.

    def _add(self, place: Place, said: Said) -> None:
        source = self._document.span.source
        self._found.append(source.fault(place.mark, said.code, said.message, said.hint, width=place.width))

    def _say(self, path: Path, said: Said) -> None:
        self._said.add(path)
        self._add(self._places.value(path), said)

    def _hide(self, path: Path) -> None:
        for place in (self._places.key(path), self._places.value(path)):
            self._secret_lines.update(range(place.mark.line, place.last + 1))

    # What YAML allows and a manifest does not.

    def _two_in_one(self, notes: list[Any]) -> bool:
        """Whether a second document begins without a line `---`; then no other fault of the two is reliable."""
        for note in notes:
            if note.kind == "duplicate" and note.text in ("apiVersion", "kind") and note.mark.column == 0:
                message = f"a second {note.text}: another document seems to begin here"
                said = Said("E111", message, 'Put a line "---" before it, or remove it.')
                self._found.append(self._document.span.source.fault(note.mark, *said, width=note.width))
                return True
        return False

    def _note(self, note: Any) -> None:
        source = self._document.span.source
        shown = quoted(note.text)
        if note.kind == "duplicate":
            first = self._places.first(note.mark)
            line = first.mark.line + 1 if first else note.mark.line + 1
            said = Said("E111", f"duplicate key {shown}, first given on line {line}", "Remove one of the two.")
        elif note.kind == "key":
            what = f"the key {note.text} is {made_of(note.text)} to YAML" if note.text else "a key is empty"
            said = Said("E112", what, f"Quote it: {shown}." if note.text else 'Write "key: value".')
        elif note.kind == "tag":
            hint = 'Write the value without a tag; quote it when it begins with "!".'
            said = Said("E114", f"the tag {shown} is not allowed", hint)
        else:
            hint = 'Write "<<: *anchor", where the anchor is on a mapping, or a list of such.'
            said = Said("E117", 'only a mapping can be merged with "<<"', hint)
        self._found.append(source.fault(note.mark, *said, width=note.width))

    def _what_kind(self, value: dict[str, Any]) -> tuple[Place, Said]:
        version, name = value.get("apiVersion"), value.get("kind")
        versions = sorted({kind.api_version for kind in KINDS})
        if "apiVersion" not in value and "kind" not in value:
            hint = "Begin it with apiVersion and kind, or leave the file out of what is loaded."
            if (meant := nearly.kind_by_fields(value)) is not None:
                hint = (
                    f"Its fields are those of a {meant.name}: add apiVersion: {meant.api_version}, kind: {meant.name}."
                )
            return self._places.value(()), Said("E102", "this is no manifest: it has neither apiVersion nor kind", hint)
        for key in ("apiVersion", "kind"):
            if key in value and not isinstance(value[key], str):
                raw = self._places.raw((key,))
                self._said.add((key,))
                return self._places.value((key,)), words.wrong_type((key,), "string", value[key], raw, secret=False)
        if version is None:
            of_kind = [kind.api_version for kind in KINDS if kind.name == name]
            hint = f"Add apiVersion: {' or '.join(of_kind or versions)}."
            return self._places.value(()), Said("E102", "the document lacks apiVersion", hint)
        if version not in versions:
            if nearly.holds_ours(value):
                message = f"documents of ours stand inside of one of apiVersion {quoted(version)}"
                hint = 'Write each as a document of its own, with a line "---" between them.'
                return self._places.value(("apiVersion",)), Said("E106", message, hint)
            message = f"unknown apiVersion {quoted(version)}"
            if version.endswith(".trueup.dev/v1"):
                system = version.removesuffix(".trueup.dev/v1")
                broken = next((str(one) for one in BROKEN if one.name == system), "")
                message += f": {broken or f'no system is named {quoted(system)}'}"
            return self._places.value(("apiVersion",)), Said("E106", message, words.did_you_mean(version, versions))
        names = [kind.name for kind in KINDS if kind.api_version == version]
        if name is None:
            hint = f"Add kind: {' or '.join(names)}."
            return self._places.value(()), Said("E102", "the document lacks kind", hint)
        place = self._places.value(("kind",))
        for kind in KINDS:
            if kind.name == name:
                message = f"kind {name} belongs to {kind.api_version}, not to {version}"
                return place, Said("E107", message, f"Write apiVersion: {kind.api_version}.")
        return place, Said("E107", f"unknown kind {quoted(name)} of {version}", words.did_you_mean(name, names))

    # What contradicts the schema of the kind.

    def _of_error(self, error: Any) -> None:
        path: Path = tuple(error.absolute_path)
        schema = error.schema if isinstance(error.schema, dict) else {}
        secret = any(isinstance(part, str) and (part == "valueFrom" or secret_name(part)) for part in path)
        if error.validator == "not":
            self._misplaced(path)
        elif schema.get("title") == REFERENCE and error.validator in ("type", "required"):
            self._no_reference(path, error.instance)
        elif error.validator == "additionalProperties":
            self._unknown_keys(path, schema, error.instance)
        elif error.validator == "required":
            self._missing_keys(path, schema, error.instance)
        elif error.validator == "oneOf":
            self._one_of(path, [one["required"][0] for one in error.validator_value], error.instance)
        elif error.validator == "enum" and words.may_be_newer(schema, error.instance):
            self._said.add(path)
            place, said = self._places.value(path), words.newer(path, error.validator_value, error.instance)
            self.warnings.append(self._document.span.source.fault(place.mark, *said, width=place.width))
        elif path not in self._said:
            if "valueFrom" in path or schema.get("title") == REFERENCE:
                self._hide(path)
                secret = True
            self._say(path, self._wrong_value(path, error, secret))

    def _wrong_value(self, path: Path, error: Any, secret: bool) -> Said:
        keyword, limit, value = error.validator, error.validator_value, error.instance
        in_reference = "valueFrom" in path
        if in_reference and path[-1] == "exec" and isinstance(value, str):
            message = "exec must be a list of a program and its arguments: there is no shell that would split a text"
            return Said("E141", message, "Write exec: [program, argument].")
        if in_reference and keyword in ("minProperties", "maxProperties"):
            message = f"{words.name_of(path)} needs exactly one of env, file and exec"
            return Said("E141", message, words.HOW_TO_REFER)
        if keyword == "type":
            said = words.wrong_type(path, limit, value, self._places.raw(path), secret=secret)
            if value is None and (needed := error.schema.get("required")):
                said = said._replace(hint=f"Required below it: {', '.join(needed)}.")
        elif keyword == "enum":
            said = words.not_one_of(path, limit, value)
        else:
            said = words.wrong_value(path, keyword, limit, value, secret=secret)
        return said._replace(code="E141") if in_reference else said

    def _misplaced(self, path: Path) -> None:
        name = str(path[-1])
        if path[:2] == ("metadata", "annotations"):
            self._said.add(path)
            hint = words.did_you_mean(name, [PROTECT, RENAMED_FROM])
            self._add(self._places.key(path), Said("E101", f"unknown annotation {quoted(name)}", hint))
            return
        hint = f"Declare it as spec.{name}." if self._kind and name in self._kind.by_name else "Remove it."
        self._said.add(path)
        self._add(self._places.key(path), words.misplaced(path, hint))

    def _one_of(self, path: Path, names: list[str], value: Any) -> None:
        given = [name for name in names if isinstance(value, dict) and name in value]
        whose = words.name_of(path) if path != ("spec",) else f"spec of {self._kind.name if self._kind else ''}"
        self._add(self._places.key(path), words.exactly_one(whose, names, given, "write two documents"))

    def _no_reference(self, path: Path, value: Any) -> None:
        self._hide(path)
        name = words.name_of(path)
        if isinstance(value, dict):
            if any(words.near(key, ("valueFrom",)) for key in value):
                return  # it will be reported as an unknown key
            said = Said("E141", f"{name} is a secret and lacks valueFrom", words.HOW_TO_REFER)
        elif value is None:
            said = Said("E141", f"{name} is a secret and is empty", words.HOW_TO_REFER)
        else:
            said = Said("E140", f"{name} is a secret and must not be written into a manifest", words.HOW_TO_REFER)
        self._say(path, said)

    def _unknown_keys(self, path: Path, schema: dict[str, Any], value: dict[str, Any]) -> None:
        known = list(schema["properties"])
        for key in value:
            if key in schema["properties"]:
                continue
            place = self._places.key((*path, key))
            if "valueFrom" in path or schema.get("title") == REFERENCE:
                self._hide((*path, key))
                hint = words.did_you_mean(key, known) if "valueFrom" in path else "Put nothing beside valueFrom."
                if "valueFrom" not in path and "valueFrom" not in value:
                    if not words.near(key, known):
                        continue  # that valueFrom is missing says it all
                    hint = words.did_you_mean(key, known)
                # A key that is far from every known one may be the secret itself, put one level too deep.
                which = f" {quoted(key)}" if "valueFrom" not in path or words.near(key, known) else ""
                self._add(place, Said("E141", f"unknown key{which} in {words.name_of(path)}", hint))
                continue
            meant = words.near(key, known)
            if meant is not None and secret_name(meant):
                self._hide((*path, key))
            hint = self._key_hint(path, key, known, value)
            self._add(place, Said("E101", f"unknown key {quoted(key)} {self._inside(path)}", hint))

    def _inside(self, path: Path) -> str:
        name = self._kind.name if self._kind else "the document"
        if not path:
            return f"at the top of {name}"
        return f"in {'spec' if path == ('spec',) else words.name_of(path)} of {name}"

    def _key_hint(self, path: Path, key: str, known: list[str], given: dict[str, Any]) -> str:
        if path != ("metadata",) and key in ("labels", "annotations", *(("name",) if not path else ())):
            return f"It belongs below metadata: metadata.{key}."
        if path != ("spec",) and self._kind and key in self._kind.by_name:
            return f"It belongs below spec: spec.{key}."
        return words.key_hint(key, known, given)

    def _missing_keys(self, path: Path, schema: dict[str, Any], value: dict[str, Any]) -> None:
        properties = schema.get("properties", {})
        for key in words.missing(schema["required"], properties, value):
            # jsonschema reports each missing key as an error of its own; this reports all of them with the first.
            if (*path, key) in self._said:
                continue
            self._said.add((*path, key))
            if self._kind is None and not path:
                continue
            about = properties.get(key, {})
            example = f"{key}: {about['examples'][0]}" if "examples" in about else key
            hint = _PARTS.get(key) if not path else f"Add {example}. {about.get('description', '')}".rstrip()
            whose = words.name_of(path) if path != ("spec",) else f"spec of {self._kind.name if self._kind else ''}"
            self._add(
                self._places.key(path),
                Said("E141" if "valueFrom" in path else "E102", f"{whose} lacks {key}", hint or f"Add {key}."),
            )


def _meant(value: dict[str, Any]) -> Kind | None:
    """The kind of that apiVersion whose name is nearly the one given."""
    version, name = value.get("apiVersion"), value.get("kind")
    if not isinstance(version, str) or not isinstance(name, str):
        return None
    meant = words.near(name, [kind.name for kind in KINDS if kind.api_version == version])
    return BY_NAME.get((version, meant)) if meant and all(kind.name != name for kind in KINDS) else None


def _odd_secrets(value: Any) -> Iterator[tuple[Path, str]]:
    """Those of the Odds that are literal secrets by the name of their key."""
    for path, _ in _odds(value):
        name = next((part for part in reversed(path) if isinstance(part, str)), "")
        if "valueFrom" not in path and secret_name(name):
            yield path, "name"


def _odds(value: Any, path: Path = ()) -> Iterator[tuple[Path, Odd]]:
    if isinstance(value, Odd):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _odds(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _odds(item, (*path, number))
