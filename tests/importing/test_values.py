"""What an import makes of values and names by itself: YAML that reads back, names that are each once, no secret."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.core.changes import MISSING
from trueup.core.errors import UsageError
from trueup.core.reasons import Reason
from trueup.core.secrets import Secret
from trueup.core.values import Listing, Live
from trueup.importing import Style, emit, writing
from trueup.importing.describing import described
from trueup.importing.kinds import kind_named, live_kinds, short
from trueup.importing.naming import file_names, resource_names
from trueup.importing.pruning import pruned
from trueup.manifest.compose import Document, documents
from trueup.manifest.text import Source
from trueup.report.reasons import worded
from trueup.systems.den.connector_instance import KIND as INSTANCE

ACCOUNT = "cac_01m87aqsgafdrb2ydxs2zh8x2h"
TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def read(text: str) -> Any:
    (found,) = documents(Source("x", text))
    assert isinstance(found, Document), found
    assert (found.notes, found.odd) == ([], False)
    return found.value


def like(one: Any, other: Any) -> bool:
    """Equal, and of one type throughout."""
    if isinstance(one, dict):
        return isinstance(other, dict) and list(one) == list(other) and all(like(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(like, one, other))
    return type(one) is type(other) and bool(one == other)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4))
def test_every_value_reads_back_as_it_is(value: dict[str, Any]) -> None:
    assert like(read(emit.document({"spec": value})), {"spec": value})


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("main", "main"),
        ("acme/docs", "acme/docs"),
        ("two words", "two words"),
        ("tschüß", "tschüß"),
        ("a:b", "a:b"),
        ("skills/**", "skills/**"),
        ("no", '"no"'),
        ("Y", '"Y"'),
        ("1e3", '"1e3"'),
        ("0o17", '"0o17"'),
        ("010", '"010"'),
        ("1_000", '"1_000"'),
        ("12:30", '"12:30"'),
        ("2026-01-01", '"2026-01-01"'),
        ("~", '"~"'),
        ("", '""'),
        (" a", '" a"'),
        ("a: b", '"a: b"'),
        ("a #b", '"a #b"'),
        ("*", '"*"'),
        ("zero\u200bwidth", '"zero\\u200bwidth"'),
        ("\x85", '"\\u0085"'),
        ("\U000e0001", '"\\U000e0001"'),
        (1e16, "1.0e+16"),
        (-1e-7, "-1.0e-07"),
        (True, "true"),
        (None, "null"),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_quotes_stand_only_where_they_are_needed(value: Any, written: str) -> None:
    assert emit.scalar(value) == written
    assert like(read(f"a: {written}\n"), {"a": value})
    assert yaml.safe_load(f"a: {written}\n") == {"a": value}


def test_several_lines_and_long_keys() -> None:
    value = {"script": "one\n\n  two\n", "last": "a\nb", "end": "a\n\n", "k" * 2000: {"inner": [[1, [2]], {"a": "b"}]}}
    text = emit.document(value)
    assert text.startswith("script: |\n  one\n\n    two\nlast: |-\n  a\n  b\nend: ")
    assert like(read(text), value)


def test_names_are_each_once_and_do_not_depend_on_the_order() -> None:
    found = [
        ("cin_b00001", "docs"),
        ("cin_a00001", "Docs"),
        ("cin_c00001", "a/b"),
        ("cin_d00001", "a-b"),
        ("cin_e00001", "  \t "),
        ("cin_f00001", "///"),
        ("cin_g00001", "x" * 300),
        ("cin_h00001", "x" * 299),
        ("cin_i00001", "docs-b00001"),
        ("cin_j00001", "cin_00000000000000000000000000"),
    ]
    names = resource_names(found)
    assert names == resource_names(reversed(found))
    assert names["cin_a00001"] == "Docs"
    assert names["cin_i00001"] == "docs-b00001"
    assert names["cin_b00001"] == "cin_b00001"  # `docs-b00001` is taken
    assert (names["cin_c00001"], names["cin_d00001"]) == ("a-b", "a-b-d00001")
    assert (names["cin_e00001"], names["cin_f00001"]) == ("cin_e00001", "cin_f00001")
    assert {len(names["cin_g00001"]), len(names["cin_h00001"])} == {253}
    assert len({name.casefold() for name in names.values()}) == len(found)
    assert names["cin_j00001"] == "cin_j00001"


@settings(deadline=None)
@given(st.lists(st.text(max_size=80), max_size=12))
def test_any_names_become_sound_ones(texts: list[str]) -> None:
    import re

    from trueup.manifest.schema import METADATA

    form = METADATA["properties"]["name"]["pattern"]
    names = resource_names((f"cin_{number:026}", text) for number, text in enumerate(texts))
    for name in names.values():
        assert re.search(form, name)
        assert 0 < len(name) <= 253
    files = list(file_names(names.items()).values())
    assert len({name.casefold() for name in files}) == len(files)
    for name in files:
        assert len(f"{name}.yaml".encode()) <= 255
        assert not set(name) & set('/\\:*?"<>|\0')
        assert name[0] not in ".-"
        assert not name.endswith(".")


def test_secrets_go_and_lists_go_whole() -> None:
    value = {
        "kept": 1,
        "password": "x",
        "list": ["fine", TOKEN],
        "deep": {"apiKey": "y", "branch": "main", "pin_secret": 123456},
        "maxTokens": 4096,
        "only": {"token": "z"},
        TOKEN: 1,
        "sealed": Secret("abcdefgh"),
        "inf": math.inf,
        "big": 2**53,
        "half": "\ud800",
        "reference": {"valueFrom": {"env": "X"}},
    }
    found = pruned(value, ("config",))
    assert found.value == {"kept": 1, "deep": {"branch": "main"}, "maxTokens": 4096}
    assert {path for path, _ in found.gone} == {
        ("config", "password"),
        ("config", "list"),
        ("config", "deep", "apiKey"),
        ("config", "deep", "pin_secret"),
        ("config", "only", "token"),
        ("config", TOKEN),
        ("config", "sealed"),
        ("config", "inf"),
        ("config", "big"),
        ("config", "half"),
        ("config", "reference"),
    }


def test_what_is_too_deep_or_too_large_goes() -> None:
    deep: Any = []
    for _ in range(60):
        deep = {"a": deep}
    assert pruned(deep, ("config",)).value is MISSING
    assert pruned({"a": [1] * 60_000}, ("config",)).gone == [(("config",), Reason("import-too-large"))]


@pytest.mark.parametrize("kind", live_kinds(), ids=lambda kind: kind.name)
def test_kinds_by_every_name(kind: Any) -> None:
    for word in (kind.name, kind.name.upper(), short(kind), short(kind).title(), f"{kind.name}s"):
        assert kind_named(word) is kind


def test_a_link_in_the_way_and_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is not a folder"):
        writing.check(tmp_path / "file", "den", ("den", "wexa"), overwrite=True)
    with pytest.raises(UsageError, match="cannot be written"):
        writing.write(tmp_path / "file" / "below", {"den/a.yaml": ""})
    (tmp_path / "out" / "den").mkdir(parents=True)
    (tmp_path / "out" / "den" / "a.yaml").mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        writing.write(tmp_path / "out", {"den/a.yaml": "", "den/b.yaml": ""})


def _instance(**spec: Any) -> Live:
    known: dict[str, Any] = {
        "name": "docs",
        "connectorAccount": ACCOUNT,
        "remoteId": None,
        "status": "active",
        "config": {},
    }
    return Live("ConnectorInstance", "cin_01m87aqsgae588zg76b4hgstyf", "docs", {**known, **spec})


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"connectorAccount": None}, "connectorAccount is not a well-formed id"),
        ({"connectorAccount": {"a": 1}}, "connectorAccount is not a well-formed id"),
        ({"connectorAccount": "acme"}, "connectorAccount is not a well-formed id"),
        ({"name": "x\ty"}, "holds a control character"),
        ({"name": "\ud800"}, "cannot be written"),
        ({"name": "x" * 256}, "name"),
    ],
)
def test_what_a_hostile_answer_tells_is_not_declared(spec: dict[str, Any], why: str) -> None:
    found = described(INSTANCE, _instance(**spec), "docs", {}, Listing([]), Style())
    assert (found.document, found.text) == (None, "")
    assert why in worded(found.why)


@pytest.mark.parametrize("spec", [{"status": "gone"}, {"status": 7}, {"remoteId": ["x"]}, {"remoteId": "x" * 256}])
def test_a_field_that_cannot_be_declared_is_left_out(spec: dict[str, Any]) -> None:
    (name,) = spec
    found = described(INSTANCE, _instance(**spec), "docs", {}, Listing([]), Style())
    assert found.document is not None
    assert name not in found.document["spec"]
    assert [one.path for one in found.left] == [(name,)]


def test_a_name_beside_is_a_reference() -> None:
    found = described(INSTANCE, _instance(), "Docs", {"ConnectorAccount": {ACCOUNT: "acme"}}, Listing([]), Style())
    assert found.document is not None
    assert found.document["spec"] == {"connectorAccount": "acme", "name": "docs", "status": "active"}
