"""Protobuf values of Pulumi's protocol to Python's and back: nothing is lost, no secret shows, nothing crashes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import pytest
from google.protobuf import struct_pb2
from hypothesis import given, settings
from hypothesis import strategies as some
from pulumi.runtime import rpc

from trueup.core.changes import MISSING
from trueup.core.changes import UNKNOWN as UNKNOWN_OF_DIFF
from trueup.core.compare import same
from trueup.core.errors import UsageError
from trueup.core.secrets import REDACTED, Secret, scrub
from trueup.plugin import codec
from trueup.plugin.codec import (
    OPAQUE,
    OUTPUT,
    SECRET,
    SIGNATURE,
    UNKNOWN,
    UNKNOWNS,
    Opaque,
    Sealed,
    bare,
    decode,
    encode,
    has_unknown,
    is_sealed,
    seal_like,
    secrets,
    value_of,
)

URN = "urn:pulumi:dev::app::trueup:den:ConnectorAccount::acme"
REFERENCE = {SIGNATURE: "5cf8f73096256a8f31e491e813e4eb8e", "urn": URN, "id": "cac_1", "packageVersion": "0.1.0"}
ASSET = {SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "hash": "ab", "text": "hello"}
ARCHIVE = {SIGNATURE: "0def7320c3a5731c473e5ecbe6d01bc7", "hash": "cd", "assets": {"a": ASSET}}

texts = some.text(max_size=12).filter(lambda text: text not in UNKNOWNS)
keys = some.text(max_size=12).filter(lambda text: text != SIGNATURE)
plain = (
    some.none()
    | some.booleans()
    | some.integers(-(2**53), 2**53)
    | some.floats(allow_nan=False, allow_infinity=False).map(lambda number: number + 0.0)  # -0.0 comes back as 0
    | texts
)
plain_values = some.recursive(
    plain, lambda inner: some.lists(inner, max_size=4) | some.dictionaries(keys, inner, max_size=4), max_leaves=15
)
references = some.builds(
    lambda text: Opaque("resource", {**REFERENCE, "id": text}), texts | some.just(UNKNOWN) | some.just("")
)
values = some.recursive(
    plain | some.just(UNKNOWN) | references | some.builds(lambda text: Opaque("asset", {**ASSET, "text": text}), texts),
    lambda inner: (
        some.lists(inner, max_size=4) | some.dictionaries(keys, inner, max_size=4) | some.builds(Sealed, inner)
    ),
    max_leaves=15,
)
maps = some.dictionaries(keys, values, max_size=5)


def raw(**values: Any) -> struct_pb2.Struct:
    """A Struct by protobuf's own hand, so that encode cannot agree with decode's mistakes."""
    struct = struct_pb2.Struct()
    struct.update(values)
    return struct


def wired(struct: struct_pb2.Struct) -> struct_pb2.Struct:
    """What arrives of it at the other end."""
    found = struct_pb2.Struct()
    found.ParseFromString(struct.SerializeToString())
    return found


def nested(levels: int, inner: Any, *, lists: bool = False) -> Any:
    """Something in that many mappings, or lists."""
    for _ in range(levels):
        inner = [inner] if lists else {"k": inner}
    return inner


# There and back


@given(maps)
@settings(max_examples=300, deadline=None)
def test_what_is_encoded_decodes_to_the_same(found: dict[str, Any]) -> None:
    struct = encode(found)
    assert decode(struct) == found
    assert decode(wired(struct)) == found
    assert encode(decode(struct)) == struct


@given(some.dictionaries(keys, plain_values, max_size=5))
@settings(max_examples=150, deadline=None)
def test_plain_values_are_as_protobuf_itself_has_them(found: dict[str, Any]) -> None:
    assert encode(found) == raw(**found)
    assert same(decode(raw(**found)), found)


def test_the_marks_are_those_of_the_sdk() -> None:
    marks = cast(Any, rpc)
    assert marks._special_sig_key == SIGNATURE
    assert marks._special_secret_sig == SECRET
    assert marks._special_output_value_sig == OUTPUT
    marked = {"asset": marks._special_asset_sig, "archive": marks._special_archive_sig}
    assert {kind: mark for mark, kind in OPAQUE.items()} == {**marked, "resource": marks._special_resource_sig}
    assert rpc.UNKNOWN in UNKNOWNS


@pytest.mark.parametrize(
    ("number", "found"),
    [
        (3.0, 3),
        (-0.0, 0),
        (2.5, 2.5),
        (2.0**53, 2**53),
        (-(2.0**53), -(2**53)),
        (2.0**53 + 2, 2.0**53 + 2),
        (1e300, 1e300),
    ],
)
def test_whole_numbers_are_int_as_far_as_a_double_tells_each_from_the_next(number: float, found: Any) -> None:
    value = decode(raw(n=number))["n"]
    assert value == found
    assert type(value) is type(found)


def test_true_is_no_number() -> None:
    assert [type(one) for one in decode(encode({"l": [True, 1, False, 0]}))["l"]] == [bool, int, bool, int]


def test_a_value_without_a_kind_is_null() -> None:
    assert value_of(struct_pb2.Value()) is None
    assert decode(struct_pb2.Struct()) == {}


def test_empty_mappings_and_lists_stay() -> None:
    assert decode(wired(encode({"m": {}, "l": [], "t": (), "n": None}))) == {"m": {}, "l": [], "t": [], "n": None}


def test_what_is_missing_is_left_out() -> None:
    found = {"a": MISSING, "b": {"c": MISSING, "d": 1}, "e": [MISSING, 2], "f": Sealed({"g": MISSING})}
    assert decode(encode(found)) == {"b": {"d": 1}, "e": [2], "f": Sealed({})}


def test_the_order_is_that_of_the_names() -> None:
    names = [f"k{number}" for number in range(40)]
    for order in (names, names[::-1]):
        found = decode(wired(encode({"m": dict.fromkeys(order, 1), **dict.fromkeys(order, 2)})))
        assert list(found) == sorted([*names, "m"])
        assert list(found["m"]) == sorted(names)


# What is not known


@pytest.mark.parametrize(
    "sentinel",
    [
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    ],
)
def test_every_sentinel_is_unknown(sentinel: str) -> None:
    found = decode(raw(a=sentinel, b=[1, {"c": sentinel}], d=f"{sentinel} "))
    assert found == {"a": UNKNOWN, "b": [1, {"c": UNKNOWN}], "d": f"{sentinel} "}
    assert found["a"] is UNKNOWN_OF_DIFF
    assert sentinel in UNKNOWNS
    assert len(UNKNOWNS) == 7


def test_unknown_is_sent_as_the_sentinel_that_every_sdk_knows() -> None:
    assert encode({"a": UNKNOWN}) == raw(a=rpc.UNKNOWN)


# Secrets and outputs


def test_secrets_in_lists_in_mappings_and_in_secrets() -> None:
    secret = {SIGNATURE: SECRET, "value": "s"}
    found = decode(
        raw(a=[1, secret], b={SIGNATURE: SECRET, "value": {"c": secret, "d": [secret]}}, e={**secret, "value": secret})
    )
    assert found == {
        "a": [1, Sealed("s")],
        "b": Sealed({"c": Sealed("s"), "d": [Sealed("s")]}),
        "e": Sealed("s"),
    }
    assert decode(encode(found)) == found


def test_a_secret_that_is_unknown() -> None:
    assert decode(raw(a={SIGNATURE: SECRET, "value": rpc.UNKNOWN})) == {"a": Sealed(UNKNOWN)}


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, UNKNOWN),
        ({"secret": True}, Sealed(UNKNOWN)),
        ({"value": "x"}, "x"),
        ({"value": None}, None),
        ({"value": "x", "secret": False, "dependencies": [URN]}, "x"),
        ({"value": "x", "secret": True}, Sealed("x")),
        ({"value": {SIGNATURE: SECRET, "value": "x"}, "secret": True}, Sealed("x")),
        ({"value": [{SIGNATURE: OUTPUT, "value": "x", "secret": True}, {SIGNATURE: OUTPUT}]}, [Sealed("x"), UNKNOWN]),
        ({"value": [{SIGNATURE: SECRET, "value": "x"}]}, [Sealed("x")]),
    ],
)
def test_outputs_are_what_they_hold(fields: dict[str, Any], found: Any) -> None:
    assert decode(raw(a={SIGNATURE: OUTPUT, **fields})) == {"a": found}


def test_what_is_sealed_is_not_printed_nor_sealed_twice() -> None:
    sealed = Sealed({"password": ["hunter2"]})
    for text in (repr(sealed), str(sealed), f"{sealed}", repr({"a": [sealed]}), repr(Sealed(sealed))):
        assert "hunter2" not in text
        assert REDACTED in text
    assert Sealed(sealed) == sealed
    assert not isinstance(Sealed(sealed).value, Sealed)
    with pytest.raises(AttributeError):
        sealed.value = 1  # type: ignore[misc]
    with pytest.raises(AttributeError):
        sealed.__dict__  # noqa: B018


def test_secrets_of_the_core_are_sent_sealed() -> None:
    found = decode(encode({"a": Secret("hunter2"), "b": [Secret("x")], "c": Sealed(Secret("y"))}))
    assert found == {"a": Sealed("hunter2"), "b": [Sealed("x")], "c": Sealed("y")}


# What goes back as it came


@pytest.mark.parametrize(("kind", "fields"), [("resource", REFERENCE), ("asset", ASSET), ("archive", ARCHIVE)])
def test_assets_archives_and_references_go_back_as_they_came(kind: str, fields: dict[str, Any]) -> None:
    struct = raw(a=fields, b=[{"c": fields}], d={SIGNATURE: SECRET, "value": fields})
    found = decode(struct)
    assert isinstance(found["a"], Opaque)
    assert found["a"].kind == kind
    assert encode(found) == struct


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"id": "cac_1"}, "cac_1"),
        ({"id": ""}, UNKNOWN),  # so the protocol says that there is none yet
        ({"id": rpc.UNKNOWN}, UNKNOWN),
        ({"id": {SIGNATURE: OUTPUT}}, UNKNOWN),
    ],
)
def test_a_reference_stands_for_the_id_of_its_resource(fields: dict[str, Any], found: Any) -> None:
    (value,) = decode(raw(a={**REFERENCE, **fields})).values()
    assert value.id == found
    assert bare(value) == bare([value])[0] == secrets(value) == found
    assert has_unknown(value) is has_unknown([value]) is (found is UNKNOWN)


def test_a_component_has_no_id() -> None:
    component = Opaque("resource", {name: one for name, one in REFERENCE.items() if name != "id"})
    assert component.id is None
    assert bare(component) is component
    assert secrets(component) is component
    assert not has_unknown(component)


@pytest.mark.parametrize("mark", ["", "0" * 32, 7, True, None, ["x"], {"a": 1}, rpc.UNKNOWN])
def test_marks_that_mean_nothing_to_us_are_keys_like_others(mark: Any) -> None:
    struct = raw(a={SIGNATURE: mark, "value": "v"}, **{SIGNATURE: SECRET, "value": "v"})
    found = decode(struct)
    assert found["a"] == {SIGNATURE: UNKNOWN if mark == rpc.UNKNOWN else mark, "value": "v"}
    assert found[SIGNATURE] == SECRET  # of the values of a resource as a whole there is no secret
    assert encode(found) == struct


def test_a_mark_in_another_place_is_text() -> None:
    assert decode(raw(a=SECRET, b={"value": SECRET, SECRET: SIGNATURE})) == {
        "a": SECRET,
        "b": {"value": SECRET, SECRET: SIGNATURE},
    }


# What cannot be


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (math.nan, "not finite"),
        (math.inf, "not finite"),
        (-math.inf, "not finite"),
        (10**400, "too large"),
        (object(), "a object cannot be sent to Pulumi"),
        (b"x", "a bytes cannot be sent to Pulumi"),
        ({1: 2}, "a mapping has a key that is not a string"),
        ("\ud800", "not valid Unicode"),
        ({"\udfff": 1}, "not valid Unicode"),
    ],
)
@pytest.mark.parametrize("around", [lambda value: value, lambda value: [{"k": value}], Sealed])
def test_what_json_cannot_hold_is_refused_by_name(value: Any, words: str, around: Callable[[Any], Any]) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        encode({"fine": 1, "config": around(value)})
    assert caught.value.message.startswith("config: ")


def test_what_cannot_be_sent_is_not_shown() -> None:
    with pytest.raises(UsageError) as caught:
        encode({"config": Sealed("hunter2\ud800")})
    assert "hunter2" not in f"{caught.value}{caught.value!r}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_not_taken_either(number: float) -> None:
    struct = struct_pb2.Struct()
    struct.fields["config"].list_value.values.add().number_value = number
    with pytest.raises(UsageError, match="config: a number is not finite"):
        decode(struct)


@pytest.mark.parametrize("lists", [False, True])
def test_a_hundred_levels_are_fine(lists: bool) -> None:
    value = nested(100, Sealed(UNKNOWN), lists=lists)
    found = decode(wired(encode({"a": value})))
    assert found == {"a": value}
    assert has_unknown(found)
    assert is_sealed(found)
    assert bare(found) == secrets(found) == {"a": nested(100, UNKNOWN, lists=lists)}
    assert seal_like({"a": nested(100, "x", lists=lists)}, found) == {"a": nested(100, Sealed("x"), lists=lists)}


@pytest.mark.parametrize("lists", [False, True])
def test_hostile_nesting_is_refused(lists: bool) -> None:
    with pytest.raises(UsageError, match="a: a value is nested more than 200 levels deep"):
        encode({"a": nested(100_000, "x", lists=lists)})
    struct = struct_pb2.Struct()
    value = struct.fields["a"]
    for _ in range(5_000 if lists else 3_300):  # 10,000 messages, more than which the engine does not take itself
        value = value.list_value.values.add() if lists else value.struct_value.fields["k"]
    value.bool_value = True
    for one in (struct, wired(struct)):
        with pytest.raises(UsageError, match="a: a value is nested more than 200 levels deep"):
            decode(one)
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(UsageError, match="nested"):
        encode({"a": circle})


@pytest.mark.parametrize("lists", [False, True])
def test_what_is_as_deep_as_can_be_is_no_trouble_for_anything(lists: bool) -> None:
    found = decode(encode({"a": nested(199, Sealed("hunter2hunter2"), lists=lists)}))
    assert not has_unknown(found)
    assert is_sealed(found)
    assert seal_like(bare(found), found) == found
    assert is_sealed(secrets(found))


def test_a_thousand_resources_are_encoded_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """No quadratic walks: how often values are looked at grows with their number alone."""
    seen = 0
    original = codec.value_of

    def counted(value: struct_pb2.Value, depth: int = 0) -> Any:
        nonlocal seen
        seen += 1
        return original(value, depth)

    monkeypatch.setattr(codec, "value_of", counted)
    one = {"name": "docs", "config": {"branch": "main", "token": Sealed("s"), "list": [1, 2, 3]}}
    struct = encode({"all": [one] * 1_000})
    assert decode(struct) == {"all": [one] * 1_000}
    assert seen == 1 + 1_000 * (1 + 2 + 3 + 2 + 3)


# Helpers


def test_bare_opens_everything_and_leaves_the_rest() -> None:
    value = {"a": [Sealed({"b": Sealed(1)}), UNKNOWN], "c": Sealed(UNKNOWN), "d": (1, Sealed("x"))}
    assert bare(value) == {"a": [{"b": 1}, UNKNOWN], "c": UNKNOWN, "d": [1, "x"]}
    assert bare(MISSING) is MISSING
    asset = Opaque("asset", dict(ASSET))
    assert bare(Sealed(asset)) is asset


@pytest.mark.parametrize(
    ("value", "unknown", "sealed"),
    [
        (UNKNOWN, True, False),
        (Sealed(UNKNOWN), True, True),
        (Sealed([{"a": UNKNOWN}]), True, True),
        ({"a": [UNKNOWN]}, True, False),
        ({"a": [Sealed(1)]}, False, True),
        (Secret("x"), False, True),
        (Opaque("archive", {"assets": {"a": UNKNOWN}}), True, False),
        (Opaque("asset", {"text": Sealed("x")}), False, True),
        ({"a": [None, 0, "", {}]}, False, False),
        ((Sealed(1), UNKNOWN), True, True),
        (MISSING, False, False),
        (None, False, False),
    ],
)
def test_whether_something_is_unknown_or_sealed(value: Any, unknown: bool, sealed: bool) -> None:
    assert has_unknown(value) is unknown
    assert is_sealed(value) is sealed


@pytest.mark.parametrize(
    ("value", "model", "found"),
    [
        ("x", Sealed("old"), Sealed("x")),
        ({"a": 1}, Sealed("old"), Sealed({"a": 1})),
        (None, Sealed("old"), Sealed(None)),
        (UNKNOWN, Sealed("old"), Sealed(UNKNOWN)),
        ({"a": 1, "b": 2, "c": 3}, {"a": Sealed(0), "d": Sealed(0)}, {"a": Sealed(1), "b": 2, "c": 3}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": Sealed(0)}}, {"a": {"b": Sealed(1), "c": 2}}),
        ({"a": Sealed(1)}, {"a": Sealed(0)}, {"a": Sealed(1)}),
        ({"a": Sealed(1)}, Sealed(0), Sealed({"a": 1})),
        ([1, "b"], [Sealed(0), "b"], [Sealed(1), "b"]),
        ([{"t": 1}, 2], [{"t": Sealed(0)}, 2], [{"t": Sealed(1)}, 2]),
        (["b", "s"], [Sealed("s"), "b"], Sealed(["b", "s"])),  # what moved may be the secret
        ([1, 2, 3], [Sealed(1), 2], Sealed([1, 2, 3])),
        ("x", [Sealed("s")], Sealed("x")),
        (["x"], {"a": Sealed("s")}, Sealed(["x"])),
        ({"a": "x"}, {"a": [Sealed("s")]}, {"a": Sealed("x")}),
        ({"a": [1]}, {"a": [2]}, {"a": [1]}),
        ("x", None, "x"),
        ("x", MISSING, "x"),
        (MISSING, Sealed("old"), MISSING),
    ],
)
def test_what_was_sealed_is_sealed_again(value: Any, model: Any, found: Any) -> None:
    assert seal_like(value, model) == found


@given(values)
@settings(max_examples=200, deadline=None)
def test_sealing_as_before_shows_nothing_and_changes_nothing(value: Any) -> None:
    again = seal_like(bare(value), value)
    assert bare(again) == bare(value)
    assert is_sealed(again) is is_sealed(value) or isinstance(value, Opaque)
    assert not is_sealed(bare(value))
    assert has_unknown(bare(value)) is has_unknown(value)


def test_sealed_texts_become_secrets_of_the_core() -> None:
    value = {
        "plain": "plain-text-of-ours",
        "token": Sealed("a-token-of-some-length"),
        "auth": Sealed(
            {"user": "reader-of-records", "port": 5432, "tls": True, "none": None, "keys": ["key-one-of-two"]}
        ),
        "later": Sealed(UNKNOWN),
    }
    found = secrets(value)
    assert found == {
        "plain": "plain-text-of-ours",
        "token": Secret("a-token-of-some-length"),
        "auth": {
            "user": Secret("reader-of-records"),
            "port": 5432,
            "tls": True,
            "none": None,
            "keys": [Secret("key-one-of-two")],
        },
        "later": UNKNOWN,
    }
    said = scrub("a-token-of-some-length reader-of-records key-one-of-two plain-text-of-ours")
    assert said == f"{REDACTED} {REDACTED} {REDACTED} plain-text-of-ours"
    assert "token-of" not in repr(found)


def test_a_reference_in_a_secret_is_a_secret_id() -> None:
    assert secrets(Sealed([Opaque("resource", REFERENCE)])) == [Secret("cac_1")]
