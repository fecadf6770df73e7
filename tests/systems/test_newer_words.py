"""Values of a newer server that this trueup does not know: shown, a warning when declared, never a failed read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from commands import inside
from declare import access, account, instance, mapping, target
from repository import ROOT
from world import World, actions, results

from trueup.core.errors import ManifestError
from trueup.manifest import load
from trueup.plugin.checking import check, newer_words
from trueup.report.reasons import worded
from trueup.systems.den import connector_mapping

MAPPING = """
apiVersion: den.trueup.dev/v1
kind: ConnectorMapping
metadata: {name: m}
spec: {connectorTarget: ctg_01m8fhs6pbeej9j7vaqmg1js02, mappingKind: path, selector: a, objectType: WORD}
"""
INSTANCE = """
apiVersion: den.trueup.dev/v1
kind: ConnectorInstance
metadata: {name: i}
spec:
  connectorAccount: cac_01m8fhs6pbeej9j7vaqmg1js02
  status: STATUS
  targets:
    - remoteId: acme/x
      mappings: [{mappingKind: path, selector: a, objectType: WORD}]
"""


def written(path: Path, text: str, **words: str) -> Path:
    for name, word in words.items():
        text = text.replace(name, word)
    path.write_text(text)
    return path


def test_a_word_of_a_newer_server_is_a_warning(tmp_path: Path) -> None:
    found = load([written(tmp_path / "m.yaml", MAPPING, WORD="workflow")])
    assert found.resources[0].spec["objectType"] == "workflow"
    (warning,) = found.warnings
    assert (warning.line, "workflow" in warning.message, warning.code) == (5, True, "E104")


@pytest.mark.parametrize("word", ["skil", "Skill", "agents"])
def test_a_near_miss_is_an_error(tmp_path: Path, word: str) -> None:
    with pytest.raises(ManifestError) as raised:
        load([written(tmp_path / "m.yaml", MAPPING, WORD=word)])
    assert raised.value.faults[0].hint.startswith("did you mean")


def test_in_a_short_form_too_and_a_status_has_to_be_one_that_can_be_set(tmp_path: Path) -> None:
    path = tmp_path / "i.yaml"
    assert len(load([written(path, INSTANCE, STATUS="active", WORD="workflow")]).warnings) == 1
    with pytest.raises(ManifestError, match="1 error"):
        load([written(path, INSTANCE, STATUS="orbiting", WORD="workflow")])


def test_validate_shows_it_and_is_content(tmp_path: Path) -> None:
    path = written(tmp_path / "m.yaml", MAPPING, WORD="workflow")
    done = inside("validate", "-f", str(path))
    assert done.returncode == 0
    assert ": warning[E104]: objectType " in done.stderr
    told = json.loads(inside("validate", "-f", str(path), "-o", "json").stdout)
    assert told["valid"]
    assert "workflow" in told["warnings"][0]


def test_editors_suggest_words_and_refuse_none() -> None:
    import jsonschema

    schema = json.loads((ROOT / "schemas" / "manifest.schema.json").read_text())
    assert '"x-grows"' not in json.dumps(schema)
    document: dict[str, Any] = {
        "apiVersion": "den.trueup.dev/v1",
        "kind": "ConnectorMapping",
        "metadata": {"name": "m"},
        "spec": {"connectorTarget": "t", "mappingKind": "path", "selector": "a", "objectType": "workflow"},
    }
    jsonschema.Draft7Validator(schema).validate(document)


def test_a_program_may_say_it_too() -> None:
    inputs = {
        "connectorTarget": "ctg_01m8fhs6pbeej9j7vaqmg1js02",
        "mappingKind": "path",
        "selector": "a",
        "objectType": "workflow",
    }
    found, failures = check(connector_mapping.KIND, inputs)
    assert not failures
    (warning,) = newer_words(connector_mapping.KIND, found)
    assert "workflow" in warning
    _, failures = check(connector_mapping.KIND, {**inputs, "objectType": "skil"})
    assert [failure.property for failure in failures] == ["objectType"]
    assert not newer_words(connector_mapping.KIND, {**inputs, "objectType": "skil"})


async def test_what_is_live_in_other_words_is_shown_and_brought_back(world: World) -> None:
    wanted = [
        account(),
        instance("docs", status="active"),
        target("main", connectorInstance="docs"),
        mapping("skills", connectorTarget="main"),
        access("viewer", connectorInstance="docs", member="viewer@example.test", role="viewer"),
    ]
    assert (await world.apply(*wanted)).exit_code == 0
    world.den(version="2026-09")
    state = world.sandbox.control.get("/state").json()
    words = {"den.connectorMappings": "objectType", "den.connectorInstances": "status", "den.accessGrants": "role"}
    for table, name in words.items():
        for row in state["tables"][table].values():
            row[name] = "unheard-of"
    for row in state["tables"]["den.connectorAccounts"].values():
        row["status"] = "unheard-of"
    assert world.sandbox.control.put("/state", json=state).status_code == 200
    plan = await world.plan(*wanted)
    assert actions(plan) == dict.fromkeys(("docs", "skills", "viewer"), "update")
    report = await world.apply(*wanted)
    assert set(results(report).values()) == {"done"}
    assert await world.in_sync(*wanted)


def test_get_tells_what_was_detected(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    older = inside("get", "accounts", "-v").stderr
    assert "1 of 1 answers carried x-request-id" in older
    assert "600 requests" in older
    world.den(version="2026-09")
    newer = inside("get", "accounts", "-v").stderr
    assert "0 of 1 answers carried x-request-id" in newer
    assert "detected" not in inside("get", "accounts").stderr


async def test_a_mapping_of_a_kind_that_is_not_known_is_not_deleted(world: World) -> None:
    wanted = [account(), instance("docs"), target("main"), mapping("skills")]
    await world.apply(*wanted)
    state = world.sandbox.control.get("/state").json()
    for row in state["tables"]["den.connectorMappings"].values():
        row["mappingKind"] = "unheard-of"
    assert world.sandbox.control.put("/state", json=state).status_code == 200
    world.forget()
    for prune in (False, True):
        report = await world.apply(*wanted, prune=prune)
        assert results(report) == {"skills": "refused"}
        assert "unheard-of" in worded(report.outcomes[0].step.why)
    assert world.writes() == []
    changed = [*wanted[:3], mapping("skills", mappingKind="unheard-of")]
    assert await world.in_sync(*changed)


def test_get_tells_what_was_detected_when_it_fails_as_well(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    world.den(version="2026-09")
    world.fault(system="den", route="/v1/*", status=401, body={"error": "unauthorized"})
    for command in (["get", "accounts"], ["get", "instance", "docs"], ["get", "targets", "--below", "docs"]):
        done = inside(*command, "-v")
        assert done.returncode == 1
        assert "0 of 2 answers carried x-request-id" in done.stderr
        assert "get-session said: 200 null" in done.stderr
        assert "mid-August" in done.stderr


def test_nothing_is_said_of_the_window_of_a_refused_key(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    world.den(version="2026-09")
    world.fault(system="den", route="/v1/*", status=401, body={"error": "unauthorized"})
    done = inside("events", "retry", "cse_01m8fhs6pbeej9j7vaqmg1js02")
    assert done.returncode == 1
    assert "1 failed" in done.stdout + done.stderr
    assert "600 left" not in done.stdout + done.stderr


async def test_a_cursor_that_is_refused_is_one_that_vanished(thousand: World) -> None:
    invalid = {"error": "invalid_request", "message": "Invalid cursor."}
    thousand.fault(system="den", route="/v1/connector-instances", nth=4, status=400, body=invalid)
    plan = await thousand.plan(account(), *(instance(f"repo-{number:04d}") for number in range(1000)))
    assert not [step for step in plan.steps if step.action == "create"]
