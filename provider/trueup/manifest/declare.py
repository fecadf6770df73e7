"""A sound document -> Declared: canonical values, secrets as references, the connection in the address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from trueup.core.kinds import RENAMED_FROM, Declaration, Declared, ResourceKind
from trueup.core.secrets import Reference
from trueup.core.texts import trimmed
from trueup.core.values import DEFAULT_CONNECTION, Address, Where
from trueup.manifest.compose import SecretMapping
from trueup.manifest.places import Span
from trueup.systems.registry import resource_kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trueup.core.changes import Path
    from trueup.core.kinds import Kind
    from trueup.manifest.compose import Document
    from trueup.manifest.text import Source

_TIMEOUT: Final = 30.0


def declare(document: Document, kind: Kind) -> Declaration:
    """Return what a sound document declares. Takes the document's values for its own."""
    value, source = document.value, document.span.source
    metadata, spec = value["metadata"], value["spec"]
    if document.sealed:
        spec = _referring(spec, source)
    connection = spec.pop("connection", DEFAULT_CONNECTION)
    name = metadata["name"]
    _trim(kind, spec)
    if kind.whole:
        _make_whole(kind, spec)
    if "name" in kind.by_name and "connectorId" not in spec:
        spec.setdefault("name", trimmed(name))
    declaration = _declaration(document, kind, name, connection, spec)
    declaration.labels, declaration.annotations = metadata.get("labels"), metadata.get("annotations")
    return declaration


def _declaration(document: Document, kind: Kind, name: str, connection: str, spec: dict[str, Any]) -> Declaration:
    address = Address(kind.system, kind.name, name, connection)
    where = Where(document.span.source.name, document.line, document.column)
    if isinstance(kind, ResourceKind):
        return Declared(address, kind, spec, where, locator=document.span)
    return Declaration(address, kind, spec, where, locator=document.span)


def _trim(kind: Kind, spec: dict[str, Any]) -> None:
    for field in kind.trimmed:
        name = field.name
        if name in spec and isinstance(value := spec[name], str):
            spec[name] = trimmed(value)


def _make_whole(kind: Kind, spec: dict[str, Any]) -> None:
    """Writes 200.0 as 200 where a whole number is asked for."""
    for *outer, key in kind.whole:
        holder = spec.get(outer[0]) if outer else spec
        if isinstance(holder, dict) and isinstance(value := holder.get(key), float):
            holder[key] = int(value)


def written_out(one: Declaration) -> Iterator[Declaration]:
    """Yield the declaration, and those that it declares in a short form; these lose nothing by standing there."""
    yield one
    for field, name, key in one.kind.inlines:
        value = one.spec.get(field)
        items = value.pop(key, None) if key and isinstance(value, dict) else one.spec.pop(field, None)
        kind = resource_kind(one.kind.system, name)
        path = (field, key) if key else (field,)
        for number, item in enumerate(items or ()):
            yield from written_out(_below(one, kind, item, (*path, number)))


def _below(one: Declaration, kind: ResourceKind, item: dict[str, Any], path: Path) -> Declared:
    address = one.address
    spec = {kind.parent: address.name, **item}
    _trim(kind, spec)
    label = "".join("-" if char == "/" or not char.isprintable() else char for char in kind.handler.label(spec))
    notes = {name: text for name, text in (one.annotations or {}).items() if name != RENAMED_FROM}
    locator = one.locator.below(path) if isinstance(one.locator, Span) else None
    return Declared(
        Address(address.system, kind.name, f"{address.name}:{label}", address.connection),
        kind,
        spec,
        one.where,
        one.labels,
        notes or None,
        locator,
        within=True,
    )


def sketch(document: Document, kind: Kind) -> Declaration | None:
    """Return what a document with faults declares as far as it is readable, so that others can refer to it."""
    value = document.value
    metadata, spec = value.get("metadata"), value.get("spec")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name:
        return None
    spec = spec if isinstance(spec, dict) else {}
    connection = spec.get("connection", DEFAULT_CONNECTION)
    if not isinstance(connection, str):
        connection = DEFAULT_CONNECTION
    return _declaration(document, kind, name, connection, spec)


def _referring(value: Any, source: Source) -> Any:
    """The value with every `{valueFrom: …}` as a Reference."""
    if type(value) is SecretMapping:
        return _reference(value, source)
    if isinstance(value, dict):
        return {key: _referring(item, source) for key, item in value.items()}
    if isinstance(value, list):
        return [_referring(item, source) for item in value]
    return value


def _reference(value: SecretMapping, source: Source) -> Reference:
    ((kind, target),) = value["valueFrom"].items()
    timeout = _TIMEOUT
    if isinstance(target, dict):
        timeout = float(target.get("timeout", _TIMEOUT))
        target = target["command"]
    if isinstance(target, list):
        target = tuple(target)
    return Reference(kind, target, f"{source.name}:{value.line}", source.folder, timeout)
