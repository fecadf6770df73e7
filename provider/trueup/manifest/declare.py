"""A sound document -> Declared: canonical values, secrets as references, the connection in the address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from trueup.manifest.compose import Sealed
from trueup.model import DEFAULT_CONNECTION, Address, Declared, Where
from trueup.secrets import Reference

if TYPE_CHECKING:
    from trueup.manifest.compose import Document
    from trueup.manifest.text import Source
    from trueup.model import Kind

_TRIMMED: Final = ("name", "displayName")
"""Den trims them (recorded cases `accounts.create.minimal`, `instances.create.second-account`)."""
_TIMEOUT: Final = 30.0


def declare(document: Document, kind: Kind) -> Declared:
    """The resource that a sound document declares. Takes the document's values for its own."""
    value, source = document.value, document.span.source
    metadata, spec = value["metadata"], value["spec"]
    if document.sealed:
        spec = _referring(spec, source)
    connection = spec.pop("connection", DEFAULT_CONNECTION)
    name = metadata["name"]
    for key in _TRIMMED:
        if key in spec:
            spec[key] = spec[key].strip()
    if "name" in kind.by_name and "connectorId" not in spec:
        spec.setdefault("name", name)
    return Declared(
        Address(kind.system, kind.name, name, connection),
        kind,
        spec,
        Where(source.name, document.line, document.column),
        metadata.get("labels"),
        metadata.get("annotations"),
        document.span,
    )


def sketch(document: Document, kind: Kind) -> Declared | None:
    """What a document with faults declares as far as one can tell, so that others can refer to it."""
    value = document.value
    metadata, spec = value.get("metadata"), value.get("spec")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name:
        return None
    spec = spec if isinstance(spec, dict) else {}
    connection = spec.get("connection", DEFAULT_CONNECTION)
    if not isinstance(connection, str):
        connection = DEFAULT_CONNECTION
    where = Where(document.span.source.name, document.line, document.column)
    return Declared(Address(kind.system, kind.name, name, connection), kind, spec, where, locator=document.span)


def _referring(value: Any, source: Source) -> Any:
    """The value with every `{valueFrom: …}` as a Reference."""
    if type(value) is Sealed:
        return _reference(value, source)
    if isinstance(value, dict):
        return {key: _referring(item, source) for key, item in value.items()}
    if isinstance(value, list):
        return [_referring(item, source) for item in value]
    return value


def _reference(value: Sealed, source: Source) -> Reference:
    ((kind, target),) = value["valueFrom"].items()
    timeout = _TIMEOUT
    if isinstance(target, dict):
        timeout = float(target.get("timeout", _TIMEOUT))
        target = target["command"]
    if isinstance(target, list):
        target = tuple(target)
    return Reference(kind, target, f"{source.name}:{value.line}", source.folder, timeout)
