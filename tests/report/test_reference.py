"""The reference page of the kinds: every field and what is below it, and examples that are what the fields say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from trueup.core.fields import field
from trueup.core.kinds import kind
from trueup.report import reference
from trueup.systems.registry import KINDS
from trueup.systems.rest import RestHandler


def section(page: str, title: str) -> str:
    """What stands below a heading."""
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("one", KINDS, ids=lambda one: f"{one.system}-{one.name}")
def test_every_field_and_what_is_below_it_has_a_row(one: Any) -> None:
    text = section(reference.render(KINDS), f"{one.system} {one.name}")
    rows = re.findall(r"^\| `([\w.]+)`( \*)? \|", text, re.MULTILINE)

    expected = []
    for trait in one.fields:
        expected.append((trait.name, " *" if trait.required else ""))
        for key, schema in trait.schema.get("properties", {}).items():
            if "description" in schema:
                expected.append((f"{trait.name}.{key}", " *" if key in trait.schema.get("required", ()) else ""))
        if trait.inline and trait.inline[1]:
            expected.append((f"{trait.name}.{trait.inline[1]}", ""))
    assert rows == expected
    assert ("`*` is required" in text) == any(star for _, star in rows)


@pytest.mark.parametrize("one", KINDS, ids=lambda one: f"{one.system}-{one.name}")
def test_an_example_reads_back_as_it_is_declared(one: Any) -> None:
    text = section(reference.render(KINDS), f"{one.system} {one.name}")
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    document = yaml.safe_load(block)
    told = {"name": document["metadata"]["name"], **document["spec"]}

    declared = {trait.name: trait.example for trait in one.fields if trait.example is not None}
    assert {name: told[name] for name in declared} == declared


def test_what_is_left_out_is_told_as_what_becomes_of_it() -> None:
    rows = {
        line.split("`")[1]: line
        for line in section(reference.render(KINDS), "den ConnectorInstance").splitlines()
        if line.startswith("| `")
    }
    assert "If omitted, the live value is kept; new resources get `true`." in rows["autoImportNewPlugins"]
    assert rows["deletionPolicy"].endswith(" Default: `archive`. |")


@dataclass(frozen=True)
class Odd:
    """A made-up kind whose texts YAML would read as something else."""

    one: dict[str, Any] = field(
        "Texts.",
        example={
            "number": "1001",
            "float": "12e34",
            "binary": "0b11",
            "word": "No",
            "colon": "a: b",
            "id": "68063653fc2e1fb859700001",
            "flow": {"valueFrom": {"exec": ["a", "b, c"]}},
            "flag": True,
        },
    )


def test_texts_that_look_like_something_else_are_quoted() -> None:
    odd = kind(Odd, system="made", handler=RestHandler(Odd, listed="/odds", one="/odds/{id}"))
    (block,) = re.findall(r"```yaml\n(.*?)```", reference.render([odd]), re.DOTALL)

    assert yaml.safe_load(block)["spec"]["one"] == odd.fields[0].example
    for text in ('"1001"', '"12e34"', '"0b11"', '"No"', '"a: b"', "id: 68063653fc2e1fb859700001\n"):
        assert text in block
