"""JSON from outside: parsed and validated, with a sentence about what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from typing import Any

Schema = dict[str, Any]


class CompiledSchema:
    """A JSON Schema that is compiled when it is first needed, since the compiler takes longer to import than to run."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def check(self, value: Any, name: str) -> None:
        """Raise ValueError with a sentence that calls the value `name` and quotes none of its content."""
        from fastjsonschema import JsonSchemaValueException

        try:
            self._validate(value)
        except JsonSchemaValueException as error:
            where = name + str(error.name).removeprefix("data")
            if error.rule == "additionalProperties":
                known = error.definition.get("properties", {})
                unknown = ", ".join(sorted(map(str, error.value.keys() - known.keys())))
                raise ValueError(f"{where} does not know {unknown}; it knows {', '.join(known)}") from None
            if error.rule == "required":
                missing = ", ".join(sorted(set(error.rule_definition) - error.value.keys()))
                raise ValueError(f"{where} lacks {missing}") from None
            raise ValueError(where + error.message.removeprefix(str(error.name))) from None

    @cached_property
    def _validate(self) -> Callable[[Any], Any]:
        import fastjsonschema

        validate: Callable[[Any], Any] = fastjsonschema.compile(self.schema, use_default=False)
        return validate


def record(properties: Schema, required: list[str] | None = None) -> Schema:
    """The schema of an object that has these keys and no others."""
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": required or []}


def parse(text: bytes) -> Any:
    """Return the JSON value. Raises ValueError, with a sentence, for invalid JSON, NaN and Infinity."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"the body is not JSON: {error}") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"the body is not JSON: {constant} is no number")
