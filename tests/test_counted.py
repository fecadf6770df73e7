"""Texts as Den counts and trims them: by both doors, by the sandbox, and by zod, which the real server asks."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from engine_rpc import Rpc, account
from engine_rpc import rpc as rpc
from hypothesis import given, settings
from hypothesis import strategies as some
from test_pulumi_checking import SOUND
from world import ACCOUNTS, INSTANCES, World

from trueup import texts
from trueup.errors import Fault, ManifestError
from trueup.manifest import Manifest, load
from trueup.plugin.checking import check
from trueup.plugin.codec import Sealed
from trueup.plugin.tokens import RESOURCES
from trueup.run import Session
from trueup.sandbox.den.validate import Issue, Text

ZOD: list[tuple[str, Any]] = [
    (text, found) for text, found in json.loads(Path(__file__, "../recordings/zod-text.json").resolve().read_text())
]
"""What `z.string().trim().min(1).max(255)` of zod 4.1.13 makes of a text: the text, or the codes of its issues."""
KINDS = {kind.name: kind for kind in RESOURCES}
FIELDS = [
    ("ConnectorAccount", "remoteId"),
    ("ConnectorAccount", "displayName"),
    ("ConnectorAccount", "externalAccountRef"),
    ("ConnectorInstance", "name"),
    ("ConnectorInstance", "remoteId"),
    ("ConnectorTarget", "remoteId"),
    ("ConnectorTarget", "externalTargetRef"),
    ("ConnectorMapping", "selector"),
    ("Connector", "name"),
]
SEEN = ("name", "displayName")
each_field = pytest.mark.parametrize(("kind", "field"), FIELDS)


@pytest.mark.parametrize(("text", "found"), ZOD, ids=[str(number) for number in range(len(ZOD))])
def test_as_zod_does(text: str, found: Any) -> None:
    trimmed = texts.trimmed(text)
    size = texts.length(trimmed)
    codes = ["too_small"] * (size < 1) + ["too_big"] * (size > 255)
    assert (codes or trimmed) == found

    issues: list[Issue] = []
    parsed = Text().parse(text, (), issues)
    assert ([issue["code"] for issue in issues] or parsed) == found


def manifest(kind: str, field: str, text: str) -> str:
    """A manifest of that kind with that text; JSON is YAML as well."""
    spec = {**SOUND[kind], field: text}
    spec.pop("config", None)
    spec.pop("dataLoaderConfig", None)
    api = "wexa" if kind == "Connector" else "den"
    return json.dumps({"apiVersion": f"{api}.trueup.dev/v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec})


def loaded(text: str) -> Manifest:
    return load(["-"], stdin=io.StringIO(text))


def faults(text: str) -> list[Fault]:
    try:
        loaded(text)
    except ManifestError as error:
        return error.faults
    return []


def _refused(field: str, text: str, found: Any) -> bool:
    """Whether a door has to refuse: what the server does, half a character, and what has no place in a name."""
    if isinstance(found, list):
        return True
    control = any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in found)
    return texts.has_half(found) or (field in SEEN and control)


@each_field
def test_both_doors_take_what_the_server_takes_as_it_takes_it(kind: str, field: str) -> None:
    for text, found in ZOD:
        inputs, failures = check(KINDS[kind], {**SOUND[kind], field: text})
        if _refused(field, text, found):
            assert [one.property for one in failures] == [field], (text, failures)
            assert "(E105)" in failures[0].reason
            sealed = check(KINDS[kind], {**SOUND[kind], field: Sealed(text)})[1]
            assert [one.property for one in sealed] == [field]
            assert text.strip() == "" or text[:20] not in sealed[0].reason
        else:
            assert failures == [], (text, failures)
            assert inputs[field] == found

        told = faults(manifest(kind, field, text))
        if _refused(field, text, found):
            assert told, text
            assert all(fault.line == 1 and fault.hint for fault in told)
            assert {fault.code for fault in told} <= {"E105", "E110"}  # YAML itself knows no lone surrogate
        else:
            assert told == [], (text, told)
            (resource,) = loaded(manifest(kind, field, text)).resources
            assert resource.spec[field] == found


ROCKET = "\U0001f680"


def instance(**spec: Any) -> str:
    account = {"apiVersion": "den.trueup.dev/v1", "kind": "ConnectorAccount", "metadata": {"name": "acme"}}
    document = {"apiVersion": "den.trueup.dev/v1", "kind": "ConnectorInstance", "metadata": {"name": "docs"}}
    documents = [
        {**account, "spec": {"remoteId": "1001", "displayName": "acme"}},
        {**document, "spec": {"connectorAccount": "acme", **spec}},
    ]
    return "\n---\n".join(json.dumps(one, ensure_ascii=False) for one in documents)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"name": ROCKET * 150}, "name has 300 characters, counted in UTF-16"),
        ({"remoteId": " "}, "remoteId is blank"),
        ({"remoteId": "\u3000\ufeff"}, "remoteId is blank"),
        ({"targets": [{"remoteId": "a", "externalTargetRef": " "}]}, "targets[0].externalTargetRef is blank"),
        ({"targets": [{"remoteId": ROCKET * 128}]}, "targets[0].remoteId has 256 characters"),
        (
            {
                "targets": [
                    {
                        "remoteId": "a",
                        "mappings": [{"selector": "\u2028", "mappingKind": "path", "objectType": "skill"}],
                    }
                ]
            },
            "targets[0].mappings[0].selector is blank",
        ),
        ({"access": {"grants": [{"team": "\ufeff", "role": "viewer"}]}}, "access.grants[0].team is blank"),
    ],
)
def test_short_forms_and_their_places(spec: dict[str, Any], words: str) -> None:
    (fault,) = faults(instance(**spec))
    assert (fault.code, fault.line) == ("E105", 3)
    assert fault.message.startswith(words)


def test_a_name_that_is_left_out_is_counted_as_well() -> None:
    text = instance().replace('"docs"', json.dumps(ROCKET * 150, ensure_ascii=False))
    (fault,) = faults(text)
    assert (fault.code, fault.message[:32]) == ("E109", "metadata.name has 300 characters")
    assert "spec.name" in fault.hint
    assert faults(instance(name="docs").replace('"name": "docs"}', f'"name": "{ROCKET * 150}"}}', 1)) == []


@pytest.mark.parametrize("name", ["\ufeffdocs", "docs\ufeff", "\u3000docs", "docs\u2028"])
def test_a_name_of_ours_has_no_blanks_at_its_ends(name: str) -> None:
    assert "E109" in [fault.code for fault in faults(instance().replace('"docs"', json.dumps(name)))]


@given(some.text(some.sampled_from(texts.BLANKS + "\x1c\x85\u200b\u180eab\xe9" + ROCKET), max_size=300))
@settings(max_examples=200, deadline=None)
def test_the_doors_and_the_sandbox_agree(text: str) -> None:
    issues: list[Issue] = []
    parsed = Text().parse(text, (), issues)
    inputs, failures = check(KINDS["ConnectorTarget"], {**SOUND["ConnectorTarget"], "remoteId": text})
    assert bool(failures) is bool(issues)
    if not issues:
        assert inputs["remoteId"] == parsed


async def test_what_den_trims_is_made_once_and_found_again(world: World, rpc: Rpc) -> None:
    text = instance(name="\ufeffdocs\u2028", remoteId="\u3000acme/docs\n").replace('"1001"', '"\\ufeff1001\\u00a0"')
    for number in range(3):
        async with Session(loaded(text), world.options()) as session:
            plan = await session.plan()
            assert bool(plan.pending) is (number == 0)
            report = await session.apply(plan)
        assert all(one.verified for one in report.outcomes)
    assert world.row(INSTANCES, name="docs")["remoteId"] == "acme/docs"
    assert world.row(ACCOUNTS, displayName="acme")["remoteId"] == "1001"

    made = await account(rpc, remoteId="\ufeff2002", displayName="\u2029two ")
    assert (made.state["remoteId"], made.state["displayName"]) == ("2002", "two")
    other = await rpc.create("ConnectorInstance", "\ufeffwiki\ufeff", connectorAccount=made.id)
    assert other.state["name"] == "wiki"


@pytest.mark.parametrize(
    ("one", "other", "same", "near"),
    [
        ("Docs", "dOCS", True, True),
        ("\xc9", "\xe9", True, True),
        ("\u212a", "k", True, True),  # the Kelvin sign
        ("stra\xdfe", "strasse", False, True),
        ("\u0130", "i", False, True),
        ("caf\xe9", "cafe", False, True),
        ("cafe\u0301", "caf\xe9", False, True),
        ("\uff44ocs", "docs", False, True),
        ("docs\u200b", "docs", False, True),
        ("\xf8l", "ol", False, True),
        ("\xe6on", "aeon", False, True),
        ("\u30ab", "\u304b", False, True),
        ("docs", "doc", False, False),
        ("a b", "ab", False, False),
        ("a-b", "a_b", False, False),
    ],
)
def test_case_and_what_a_collation_takes_for_the_same(one: str, other: str, same: bool, near: bool) -> None:
    assert (texts.folded(one) == texts.folded(other)) is same
    assert (texts.near(one) == texts.near(other)) is near
