"""The functions of the installed systems as the package schema lists them, and the types that they take and return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from trueup.core.kinds import ResourceKind
from trueup.plugin.fields_schema import TEXT, always, enum, seen
from trueup.plugin.tokens import PACKAGE
from trueup.systems.functions import Enum, Function, Property, RecordType
from trueup.systems.registry import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trueup.plugin.fields_schema import Properties

FUNCTIONS: Final[dict[str, tuple[str, Function]]] = {
    f"{PACKAGE}:{system.name}:{function.name}": (system.name, function)
    for system in SYSTEMS.values()
    for function in system.functions
}
"""The system and the function of each token."""


def functions() -> Properties:
    """Return the functions by token."""
    return {token: _function(system, function) for token, (system, function) in FUNCTIONS.items()}


def types() -> Properties:
    """Return the types of the functions' inputs and outputs by token."""
    found: Properties = {}
    for system, function in FUNCTIONS.values():
        for property in (*_own(function.outputs), *function.inputs.values()):
            if isinstance(property.type, Enum):
                found[f"{PACKAGE}:{system}:{property.type.name}"] = enum(property.type.doc, property.type.words)
            elif isinstance(property.type, RecordType):
                found[f"{PACKAGE}:{system}:{property.type.name}"] = _record(system, property.type)
    return found


def _function(system: str, function: Function) -> dict[str, Any]:
    inputs: dict[str, Any] = {"type": "object", "properties": _properties(system, function.inputs)}
    if function.required:
        inputs["required"] = list(function.required)
    doc = function.doc
    if function.one_of:
        doc += f" Exactly one of {' and '.join(f'`{name}`' for name in function.one_of)} must be given."
    outputs = {
        "type": "object",
        "properties": _properties(system, function.outputs),
        "required": _always(function.outputs, function.always),
    }
    return {"description": doc, "inputs": inputs, "outputs": outputs}


def _record(system: str, record: RecordType) -> dict[str, Any]:
    return {
        "type": "object",
        "description": record.doc,
        "properties": _properties(system, record.properties),
        "required": _always(record.properties, record.always),
    }


def _own(properties: Mapping[str, Property] | ResourceKind) -> Iterable[Property]:
    return () if isinstance(properties, ResourceKind) else properties.values()


def _always(properties: Mapping[str, Property] | ResourceKind, own: tuple[str, ...]) -> list[str]:
    return ["id", *always(properties)] if isinstance(properties, ResourceKind) else list(own)


def _properties(system: str, properties: Mapping[str, Property] | ResourceKind) -> Properties:
    if isinstance(properties, ResourceKind):
        return seen(properties)
    return {name: _property(system, property) for name, property in properties.items()}


def _property(system: str, property: Property) -> dict[str, Any]:
    if isinstance(property.type, str):
        return TEXT | {"type": property.type, "description": property.doc}
    reference = {"$ref": f"#/types/{PACKAGE}:{system}:{property.type.name}"}
    if isinstance(property.type, Enum):
        return {**reference, "description": property.doc}
    return {"type": "array", "items": reference, "description": property.doc}
