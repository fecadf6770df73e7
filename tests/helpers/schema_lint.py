"""What is wrong with a Pulumi package schema that neither Pulumi's metaschema nor its own check tells.

`faults` names each with its place, in the words of a JSON pointer: dangling references, names that are required and not
there, reserved names, what is not described, secrets that are not marked, tokens that collide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

BUILT_IN: Final = {f"pulumi.json#/{name}" for name in ("Any", "Archive", "Asset", "Json")}
RESERVED: Final = {"id", "urn", "pulumi", "provider"}
"""Names that a resource has already, or that SDKs use for themselves."""
RESERVED_CONFIG: Final = RESERVED | {"version", "pluginDownloadURL"}
"""Names of arguments that the engine gives to every provider."""
_NAME: Final = re.compile(r"[a-z][A-Za-z0-9]*")
_SECRET: Final = re.compile(r"(api|access)key$|password|secret|token$|^auth$", re.IGNORECASE)
_STRAY: Final = re.compile(r"\s{2,}|\s$|^\s|\.\.")

Schema = Mapping[str, Any]


def faults(schema: Schema) -> list[str]:
    """Everything that is wrong, in the order of the schema."""
    return [*_package(schema), *_references(schema), *_objects(schema), *_tokens(schema)]


def objects(schema: Schema) -> Iterator[tuple[str, Schema, list[str]]]:
    """Each object with properties: where its properties are, they themselves, and what is required of them."""
    yield "#/config/variables", schema.get("config", {}).get("variables", {}), []
    provider = schema.get("provider", {})
    for place, one in {"#/provider": provider, **_of(schema, "resources")}.items():
        yield f"{place}/properties", one.get("properties", {}), one.get("required", [])
        yield f"{place}/inputProperties", one.get("inputProperties", {}), one.get("requiredInputs", [])
        for name in ("stateInputs", "listInputs"):
            inner = one.get(name, {})
            yield f"{place}/{name}/properties", inner.get("properties", {}), inner.get("required", [])
    for place, one in _of(schema, "types").items():
        if "enum" not in one:
            yield f"{place}/properties", one.get("properties", {}), one.get("required", [])
    for place, one in _of(schema, "functions").items():
        for name in ("inputs", "outputs"):
            inner = one.get(name, {})
            yield f"{place}/{name}/properties", inner.get("properties", {}), inner.get("required", [])


def _of(schema: Schema, section: str) -> dict[str, Schema]:
    return {f"#/{section}/{token}": one for token, one in schema.get(section, {}).items()}


def _package(schema: Schema) -> Iterator[str]:
    for name in ("version", "description", "license", "displayName"):
        if not schema.get(name):
            yield f"#/{name} is missing"
    variables = schema.get("config", {}).get("variables", {})
    if variables != schema.get("provider", {}).get("inputProperties", {}):
        yield "#/config/variables are not #/provider/inputProperties"
    for section in ("types", "resources", "functions"):
        for place, one in {"#/provider": schema.get("provider", {}), **_of(schema, section)}.items():
            if not one.get("description"):
                yield f"{place} has no description"


def _references(schema: Schema) -> Iterator[str]:
    known = {f"#/{section}/{token}" for section in ("types", "resources") for token in schema.get(section, {})}
    used = set()
    for place, found in _all_references(schema, "#"):
        used.add(found)
        if found not in known | BUILT_IN | {"#/provider"}:
            yield f"{place} refers to {found}, which is not there"
    for token in schema.get("types", {}):
        if f"#/types/{token}" not in used:
            yield f"#/types/{token} is used by nothing"


def _all_references(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, one in value.items():
            if name == "$ref" and isinstance(one, str):
                yield place, one
            else:
                yield from _all_references(one, f"{place}/{name}")
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _all_references(one, f"{place}/{number}")


def _objects(schema: Schema) -> Iterator[str]:
    for place, properties, required in objects(schema):
        if "/resources/" in place:
            reserved = RESERVED
        else:
            reserved = RESERVED_CONFIG if place.startswith(("#/provider", "#/config")) else {"pulumi"}
        yield from (f"{place} lacks {name}, which is required" for name in required if name not in properties)
        yield from (f"{place} requires {name} twice" for name in set(required) if required.count(name) > 1)
        for name, one in properties.items():
            here = f"{place}/{name}"
            if name in reserved:
                yield f"{here} is a reserved name"
            if not _NAME.fullmatch(name):
                yield f"{here} is no name in camelCase"
            if not one.get("description"):
                yield f"{here} has no description"
            elif _STRAY.search(one["description"]) or not one["description"].endswith("."):
                yield f"{here} has a description that is no sentence: {one['description']!r}"
            if _SECRET.search(name) and one.get("secret") is not True:
                yield f"{here} is not marked as a secret"
            if "const" in one:
                yield f"{here} is sent by SDKs whether a program says it or not"


def _tokens(schema: Schema) -> Iterator[str]:
    seen: dict[str, str] = {}
    for section in ("types", "resources", "functions"):
        for place in _of(schema, section):
            token = place.removeprefix(f"#/{section}/")
            package, _, rest = token.partition(":")
            module, _, name = rest.partition(":")
            if package != schema.get("name") or not module or not name or name.lower() in ("pulumi", "provider"):
                yield f"{place} is no token of this package"
            # Go and .NET have types, resources and functions of a module in one namespace; file systems have no case.
            other = seen.setdefault(token.lower(), place)
            if other != place:
                yield f"{place} collides with {other}"
    for place, one in _of(schema, "types").items():
        values = [value.get("value") for value in one.get("enum", [])]
        if len(set(values)) < len(values):
            yield f"{place} has a word twice"
