"""Scalars in every spelling, in manifests and Pulumi: the server gets the YAML 1.2 or JSON value, or nothing."""

from __future__ import annotations

import io
import json
import math
import re
from decimal import Decimal
from typing import Any

import pytest
from crm import CRM, crm, writes
from crm import password as password
from engine_rpc import Rpc, account
from engine_rpc import rpc as rpc
from hypothesis import given, settings
from hypothesis import strategies as some
from world import CONNECTORS, World

from trueup.core.compare import same
from trueup.core.errors import ManifestError
from trueup.core.secrets import fingerprint, is_mark_of
from trueup.engine.loop import Session
from trueup.ledger.store import Ledger
from trueup.manifest import Manifest, load
from trueup.manifest.scalars import Odd, resolve
from trueup.plugin.checking import check
from trueup.plugin.codec import Sealed, decode, encode
from trueup.systems.registry import resource_kind

INSTANCE = resource_kind("den", "ConnectorInstance")
EXACT = 2**53
REFUSED = object()


def core(text: str) -> Any:
    """Return the YAML 1.2 value of a plain scalar by the core schema (10.3.2), with numbers as written."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    if re.fullmatch(r"0o[0-7]+", text):
        return Decimal(int(text[2:], 8))
    if re.fullmatch(r"0x[0-9a-fA-F]+", text):
        return Decimal(int(text[2:], 16))
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", text):
        return Decimal(text)
    if re.fullmatch(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", text):
        return REFUSED
    return text


digits = some.text("0123456789", min_size=1, max_size=20)
numbers = some.builds(
    "".join,
    some.tuples(
        some.sampled_from(["", "-", "+"]),
        some.sampled_from(["", "0", "0x", "0o", "0b", "."]),
        digits,
        some.sampled_from(["", ".", "_", ":", ".0", "_0", ":30", ":30.5"]),
        digits | some.just(""),
        some.sampled_from(["", "e3", "E3", "e+3", "e-3", "E-7", "e+15", "e+300", "e-300", "e400", "e+400", "e-400"]),
    ),
)
printed = some.floats(allow_nan=False).map(repr) | some.floats(allow_nan=False, width=32).map(lambda one: f"{one:.17g}")
NAMED = (
    "y Y n N yes Yes YES no No NO on On ON off Off OFF true True TRUE false FALSE ~ null Null NULL nULL .inf -.INF "
    "+.inf .nan .NaN 2001-12-14 2001-12-14t21:59:43.10-05:00 2001-1-1 = 1e3 1.5e3 0o17 017 0x1F 0b11 1_000 08 .5 5. "
    "+1 -0 -0.0 1e400 1e-400 9007199254740993 1:30 190:20:30 0.1 100.00 1e21 1.0e+21 0X1F 0o8 08.5 1.2.3"
)
named = some.sampled_from(NAMED.split())
spelled = numbers | printed | named | some.integers().map(str) | some.integers().map(lambda one: f"{one}.0")


@given(spelled)
@settings(max_examples=1500, deadline=None)
def test_what_is_not_refused_is_what_yaml_1_2_says(text: str) -> None:
    found, wanted = resolve(text), core(text)
    if isinstance(found, Odd):
        assert found.code in ("E113", "E118")
        assert found.instead == "" or not isinstance(resolve(found.instead.split(" or ")[0]), Odd)
    elif isinstance(wanted, Decimal):
        assert type(found) in (int, float)
        assert math.isfinite(found)
        # The written digits are either those that a double prints, or its exact value.
        assert wanted in (Decimal(repr(found)), Decimal(found)) or Decimal(f"{wanted:.16e}") == Decimal(f"{found:.16e}")
    else:
        assert found == wanted
        assert type(found) is type(wanted)


PLAIN = (
    "1", "+12", "-0", "-0.0", "0x1F", "200.0", "1.5e+3", ".5", "5.", "0.1", "-1.0e-07", "1.0e+15", "1.0e+16",
    "1.2345678901234566e+17", "1.0e+21", "1.7976931348623157e+308", "5.0e-324", "9007199254740991",
    "-9007199254740991.0", "08.5", "true", "FALSE", "~", "Null", "y", "n", "0o8", "0X1F", "1.2.3", "'1e3'", '"08"',
)  # fmt: skip
ODD = (
    "1e3", "1.5e3", "2e2", "0o17", "017", "08", "0b11", "1_000", "+.5", "1e400", "1e-400", "1.0e+400", "1.0e-400",
    "9007199254740992", "-9007199254740993", "9007199254740993.0", "0.1234567890123456789", ".inf", "-.INF", ".nan",
    "1:30", "1:30.5", "yes", "No", "ON", "off", "2001-12-14", "2001-12-14 21:59:43", "1E3", "-0x1F", "0b_",
)  # fmt: skip


def organisation(values: tuple[str, ...]) -> str:
    lines = "".join(f"    k{number}: {text}\n    l{number}: [[{text}]]\n" for number, text in enumerate(values))
    return (
        "apiVersion: den.trueup.dev/v1\nkind: ConnectorAccount\nmetadata: {name: acme}\n"
        'spec: {remoteId: "1001", displayName: acme}\n---\n'
        "apiVersion: den.trueup.dev/v1\nkind: ConnectorInstance\nmetadata: {name: docs}\n"
        f"spec:\n  connectorAccount: acme\n  config:\n{lines}"
    )


def loaded(text: str) -> Manifest:
    return load(["-"], stdin=io.StringIO(text))


async def test_the_server_gets_what_the_editor_shows_and_is_in_sync(world: World) -> None:
    found = loaded(organisation(PLAIN))
    async with Session(found, world.options()) as session:
        report = await session.apply(await session.plan())
    assert [(str(one.address), one.result, one.verified) for one in report.outcomes if not one.verified] == []

    config = world.instance("docs")["instanceConfigJson"]
    for number, text in enumerate(PLAIN):
        wanted = text[1:-1] if text[0] in "'\"" else core(text)
        got = config[f"k{number}"]
        if isinstance(wanted, Decimal):
            assert float(got) == float(wanted)
        else:
            assert got == wanted
        assert same(config[f"l{number}"], [[got]])

    world.forget()
    async with Session(found, world.options()) as session:
        assert not (await session.plan()).has_changes
    assert world.writes() == []


def test_each_odd_one_is_a_fault_with_its_place() -> None:
    with pytest.raises(ManifestError) as caught:
        loaded(organisation(ODD))
    faults = caught.value.faults
    assert {fault.line for fault in faults} == {*range(12, 12 + 2 * len(ODD))}
    assert {fault.code for fault in faults} == {"E113", "E118"}


@pytest.mark.parametrize("text", ["0x1e", "08", "12e45", "1_000", "9007199254740993", "1e400"])
def test_a_number_under_the_name_of_a_secret_is_not_shown(text: str) -> None:
    manifest = organisation(()).replace("config:\n", f"config:\n    apiToken: {text}\n    other: 1_2\n")
    with pytest.raises(ManifestError) as caught:
        loaded(manifest)
    shown = str([(fault.message, fault.hint, fault.excerpt) for fault in caught.value.faults])
    assert text not in shown
    assert "E140" in [fault.code for fault in caught.value.faults]


BREAKS = "\x85", "\u2028", "\u2029"


@pytest.mark.parametrize("char", BREAKS)
async def test_what_ends_a_line_in_yaml_1_1_alone_ends_none(world: World, char: str) -> None:
    texts = (
        f'"a {char} b"',
        f"'a{char}  b'",
        f"a{char}b",
        f"|-\n      a{char}\n      b{char}c",
        f"1 # {char}    k9: hidden",
    )
    lines = "".join(f"    k{number}: {text}\n" for number, text in enumerate(texts))
    found = loaded(organisation(()) + lines + f'    "k{char}": {{valueFrom: {{env: HOME}}}}\n')
    async with Session(found, world.options()) as session:
        report = await session.apply(await session.plan())
    assert report.exit_code == 0
    config = world.instance("docs")["instanceConfigJson"]
    assert config.pop(f"k{char}")
    assert list(config.values()) == [f"a {char} b", f"a{char}  b", f"a{char}b", f"a{char}\nb{char}c", 1]
    async with Session(found, world.options()) as session:
        assert not (await session.plan()).has_changes


@pytest.mark.parametrize("char", BREAKS)
def test_a_fault_behind_one_has_its_place(char: str) -> None:
    with pytest.raises(ManifestError) as caught:
        loaded(organisation(()) + f'    a: "x{char}y"\n    b: 1e3\n    "\\U0010fffd": "{char}\\U0010FFFC"\n    c: [\n')
    assert {(fault.line, fault.code) for fault in caught.value.faults} == {(16, "E110")}
    with pytest.raises(ManifestError) as caught:
        loaded(organisation(()) + f'    a: "x{char}y" # {char}\n    b: 1e3\n')
    assert [(fault.line, fault.column, fault.code) for fault in caught.value.faults] == [(13, 8, "E113")]


def test_an_escape_is_not_taken_for_one() -> None:
    found = loaded(organisation(()) + '    a: "\x85\\U0010FFFD\\U0010fffc\U0010fffb"\n')
    assert found.resources[1].spec["config"] == {"a": "\x85\U0010fffd\U0010fffc\U0010fffb"}


# Pulumi, where numbers are doubles


@given(some.floats(allow_nan=False, allow_infinity=False) | some.integers(-(2**70), 2**70), some.booleans())
@settings(max_examples=300, deadline=None)
def test_a_whole_number_that_may_have_lost_digits_is_refused_in_programs(number: float, secret: bool) -> None:
    value: Any = Sealed([number]) if secret else {"deep": [number]}
    config = decode(encode({"config": {"n": value}}))["config"]
    inputs = {"connectorAccount": "cac_01m81v3dzpec9b6q80jhy1r3kd", "name": "docs", "config": config}
    found, failures = check(INSTANCE, inputs)
    if abs(number) < EXACT:
        assert failures == []
        assert same(found["config"]["n"].value[0] if secret else found["config"]["n"]["deep"][0], float(number))
        return
    (failure,) = failures
    assert failure.property == ("config.n" if secret else "config.n.deep[0]")
    assert "(E118)" in failure.reason
    assert not secret or not re.search(r"\d{4,}", failure.reason)


async def test_a_program_cannot_send_it(rpc: Rpc, world: World) -> None:
    top = await account(rpc)
    world.forget()
    _, failures = await rpc.check(
        "ConnectorInstance", "docs", {"connectorAccount": top.id, "config": {"n": 9007199254740993.0, "m": [-1e17]}}
    )
    assert sorted(failures) == ["config.m[0]", "config.n"]
    assert world.writes() == []
    made = await rpc.create(
        "ConnectorInstance", "docs", connectorAccount=top.id, config={"n": 200.0, "m": [2.0**53 - 1]}
    )
    assert world.instance("docs")["instanceConfigJson"] == {"n": 200, "m": [EXACT - 1]}
    assert made.state["config"] == {"n": 200, "m": [EXACT - 1]}


# Whole numbers with a decimal point


WEXA = """\
apiVersion: wexa.trueup.dev/v1
kind: Connector
metadata: {{name: crm}}
spec:
  projectId: 68063653fc2e1fb859700001
  status: active
  dataLoaderConfig: {{source: mongodb, batchSize: {size}, auth: {{username: reader, port: {port}}}}}
"""


@pytest.mark.parametrize("config", ["absent", "masked", "clear"])
async def test_200_0_is_200(world: World, config: str) -> None:
    world.switch(config=config)
    for number, (size, port) in enumerate((("200", "27017"), ("200.0", "27017.0"), ("2.0e+2", "27017"))):
        async with Session(loaded(WEXA.format(size=size, port=port)), world.options()) as session:
            report = await session.apply(await session.plan())
        assert report.outcomes == [] or number == 0
        assert writes(world) == 1
    stored = world.row(CONNECTORS, connectorID=CRM)["data_loader_config"]
    assert json.dumps(stored["batch_size"]) == "200"


async def test_200_0_is_sent_as_200(world: World) -> None:
    async with Session(loaded(WEXA.format(size="200.0", port="1")), world.options()) as session:
        await session.apply(await session.plan())
    stored = world.row(CONNECTORS, connectorID=CRM)["data_loader_config"]
    assert json.dumps(stored["batch_size"]) == "200"


async def test_200_0_that_the_ledger_recorded_earlier_is_not_sent_again(world: World) -> None:
    world.switch(config="absent")
    await world.apply(crm(batch=200))
    async with await Ledger.open(world.folder / "ledger.db") as ledger:
        (record,) = (one for one in (await ledger.records()).values() if one.id == CRM)
        record.written["dataLoaderConfig.batchSize"] = fingerprint(ledger.key, 200.0)
        await ledger.write(records=[record])
    for batch in (200, 200.0):
        assert not (await world.plan(crm(batch=batch))).has_changes  # type: ignore[arg-type]
    assert (await world.plan(crm(batch=201))).has_changes


@pytest.mark.parametrize(
    ("recorded", "now", "is_one"),
    [
        (200.0, 200, True),
        (200, 200.0, True),
        ([1.0, {"a": 2.0}], [1, {"a": 2}], True),
        ([1, {"a": 2}], [1.0, {"a": 2.0}], True),
        ([1, "2.0"], [1.0, "2.0"], True),
        (0, -0.0, True),
        (1, True, False),
        (1.0, True, False),
        (200.0, 201, False),
        ("200.0", 200, False),
        (1.5, 1.5, True),
        (None, 0, False),
    ],
)
def test_a_fingerprint_does_not_hang_on_a_point(recorded: Any, now: Any, is_one: bool) -> None:
    assert is_mark_of(fingerprint(b"k", recorded), b"k", now) is is_one
