"""What holds for any manifest: it loads back as it was written, and no text makes the loader fail in another way."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
import yaml
from faulty import ROWS
from hypothesis import assume, given, settings
from hypothesis import strategies as some
from sound import ACCOUNT, CONNECTOR, INSTANCE

from trueup.core.compare import same
from trueup.core.errors import Fault, ManifestError
from trueup.manifest import load
from trueup.manifest.check import explain, kind_of, sound
from trueup.manifest.compose import Document, documents
from trueup.manifest.literals import holds_literal
from trueup.manifest.text import Source

ACCOUNT_ID = "cac_01m81v3dzpec9b6q80jhy1r3kd"
LARGEST = 2**53 - 1

NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+")
"""Texts that YAML 1.2 reads as a number, and that PyYAML may write without quotes."""

texts = some.text(max_size=20).filter(lambda text: not NUMBER.fullmatch(text))
scalars = (
    texts
    | some.integers(-LARGEST, LARGEST)
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.booleans()
    | some.none()
    | some.sampled_from(["no", "on", "010", "1:30", "1.0", "2024-01-01", "null", "~", "<<", "=", "0o8", "- a", ""])
)
values = some.recursive(
    scalars,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
configs = some.dictionaries(texts, values, max_size=5)
words = some.text(some.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40).filter(
    lambda text: bool(text.strip()) and not NUMBER.fullmatch(text)
)


def spec_of(text: str) -> Any:
    """What the only resource of a text declares, as its kind takes it."""
    (found,) = load(["-"], stdin=io.StringIO(text)).resources
    return found.spec


@given(configs, words, some.sampled_from(["active", "disabled", "archived"]), some.booleans(), some.booleans())
@settings(max_examples=150, deadline=None)
def test_what_pyyaml_writes_is_read_back(config: Any, name: str, status: str, auto: bool, flow: bool) -> None:
    assume(not holds_literal(config) and not holds_literal(name))
    assume("valueFrom" not in repr(config) and "autoImportNewPlugins" not in config)
    spec = {"connectorAccount": ACCOUNT_ID, "name": name, "status": status, "config": config}
    document = {
        "apiVersion": "den.trueup.dev/v1",
        "kind": "ConnectorInstance",
        "metadata": {"name": "docs"},
        "spec": {**spec, "autoImportNewPlugins": auto},
    }

    found = spec_of(yaml.safe_dump(document, default_flow_style=flow, allow_unicode=False))

    assert same(found, {**spec, "name": name.strip(), "autoImportNewPlugins": auto})


def faults_of(manifest: io.StringIO | io.BytesIO) -> list[Fault]:
    """The faults of a manifest, if it has any; nothing else may be raised."""
    try:
        load(["-"], stdin=manifest)
    except ManifestError as error:
        return error.faults
    return []


pieces = some.sampled_from(
    [
        *" \n\t:-[]{},&*!|>'\"#%@`?<=~019ax\\\x00\x1b\x85\u2028é🎉",
        "\n---\n",
        "\r\n",
        "  ",
        "...\n",
        "? ",
        "- ",
        "spec:\n",
    ]
) | some.sampled_from(["<<: *a", "&a ", "*a", "!!str ", "valueFrom: ", "password: x", "no", "1.0"])
originals = some.sampled_from(
    [ACCOUNT, INSTANCE, CONNECTOR, *(row.text for row in ROWS.values() if len(row.text) < 2000)]
)


@some.composite
def mutated(draw: some.DrawFn) -> str:
    """A manifest with some mistakes typed into it."""
    text = draw(originals)
    for _ in range(draw(some.integers(1, 4))):
        start = draw(some.integers(0, len(text)))
        end = min(len(text), start + draw(some.integers(0, 6)))
        text = text[:start] + draw(pieces | some.just("")) + text[end:]
    return text


@given(mutated())
@settings(max_examples=400, deadline=None)
def test_a_mistyped_manifest_is_loaded_or_refused_in_words(text: str) -> None:
    for fault in faults_of(io.StringIO(text)):
        assert fault.hint
        assert fault.line >= 1
        assert fault.column >= 1
        assert (fault.message + fault.hint + fault.excerpt).isprintable()


@given(some.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_loaded_or_refused_in_words(raw: bytes) -> None:
    assert all(fault.hint for fault in faults_of(io.BytesIO(raw)))


def _agree(text: str) -> None:
    """The quick look and the thorough one say the same of every document."""
    for document in documents(Source("x", text)):
        if isinstance(document, Document):
            kind = kind_of(document.value)
            assert sound(document, kind, look=True) == (explain(document, kind) == [])


@given(mutated())
@settings(max_examples=150, deadline=None)
def test_the_quick_look_and_the_thorough_one_agree(text: str) -> None:
    _agree(text)


@pytest.mark.parametrize("name", ROWS)
def test_the_quick_look_and_the_thorough_one_agree_on_every_known_fault(name: str) -> None:
    _agree(ROWS[name].text)
