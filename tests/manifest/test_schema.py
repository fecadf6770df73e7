"""The schema for editors: as committed, valid, and of one mind with the loader."""

from __future__ import annotations

import io
import json
from typing import Any

import jsonschema
import pytest
import yaml
from faulty import NAMES, ROWS, SHAPE, VALUES
from repository import ROOT
from sound import ACCOUNT, CONNECTOR, INSTANCE

from trueup.manifest import load, manifest_schema
from trueup.manifest.schema import schema_text
from trueup.systems.registry import BY_NAME, KINDS

COMMITTED = ROOT / "schemas" / "manifest.schema.json"


def errors(document: Any) -> list[str]:
    """What the published schema says of a document."""
    validator = jsonschema.Draft7Validator(manifest_schema())
    return [error.message for error in validator.iter_errors(document)]


def test_it_is_what_is_committed() -> None:
    how = "from trueup.manifest.schema import schema_text; print(schema_text(), end='')"
    assert COMMITTED.read_text(encoding="utf-8") == schema_text(), f'python -c "{how}" > schemas/{COMMITTED.name}'


def test_it_is_a_schema_of_draft_7() -> None:
    schema = json.loads(schema_text())

    jsonschema.Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.system}-{kind.name}")
def test_every_field_of_every_kind_is_described(kind: Any) -> None:
    document = manifest_schema()["definitions"][f"{kind.system}.{kind.name}"]
    spec = document["properties"]["spec"]

    assert document["description"] == kind.doc
    assert set(spec["properties"]) == {field.name for field in kind.fields} | (
        set() if kind.name == "Connection" else {"connection"}
    )
    assert all(value["description"] for value in spec["properties"].values())
    assert spec.get("required", []) == [field.name for field in kind.fields if field.required]
    assert "idPattern" not in json.dumps(document)


@pytest.mark.parametrize("text", [ACCOUNT, INSTANCE, CONNECTOR])
def test_it_accepts_what_the_loader_accepts(text: str) -> None:
    assert errors(yaml.safe_load(text)) == []


REFUSED = {
    name: row
    for name, row in ROWS.items()
    if row in [*SHAPE.values(), *NAMES.values(), *VALUES.values()] and name != "shape: kind of the other"
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_refuses_what_the_loader_refuses(name: str) -> None:
    *_, last = yaml.safe_load_all(REFUSED[name].text)

    assert errors(last)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.system}-{kind.name}")
def test_the_examples_are_accepted(kind: Any) -> None:
    needed = {field.name for field in kind.fields if field.required}
    *above, document = _examples(kind, "x")

    assert needed <= set(document["spec"]), "every required field has an example"
    assert errors(document) == []
    assert load(["-"], stdin=io.StringIO(yaml.safe_dump_all([*above, document]))).files == ["<stdin>"]


def _examples(kind: Any, name: str) -> list[dict[str, Any]]:
    """The example of a kind behind those that it refers to."""
    found: list[dict[str, Any]] = []
    for field in kind.references:
        found += _examples(BY_NAME[kind.api_version, field.reference], field.example)
    spec = {field.name: field.example for field in kind.fields if field.example is not None}
    return [*found, {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": name}, "spec": spec}]
