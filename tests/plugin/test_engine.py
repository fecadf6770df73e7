"""`pulumi up` by the real engine, of the same programs in YAML and in Python, against a real sandbox."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from engine import FAILED, PROVIDER, Stack, descendants, resource, small
from sandboxes import PATIENCE
from waiting import wait_until
from world import ACCOUNTS, INSTANCES, World, names

from trueup.sandbox.presets import DEMO_PROJECT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # each starts the engine several times
TOKEN = "a-token-that-nobody-may-see"
MAPPINGS = "den.connectorMappings"


@pytest.fixture(params=["yaml", "python"])
def stack(world: World, tmp_path: Path, request: pytest.FixtureRequest) -> Stack:
    found = Stack(tmp_path / "program", runtime=request.param)
    found.resources = small()
    return found


def test_up_is_followed_by_no_changes_and_destroy_by_another_up(stack: Stack, world: World) -> None:
    stack.outputs = {"id": "${docs.id}"}
    said = stack.up()
    assert "+ 7 created" in said
    stack.clean()
    first = stack.export()
    assert json.loads(stack.run("stack", "output", "--json")) == {"id": first["docs"]["id"]}
    said = stack.run("destroy", "--yes", "--skip-preview")
    assert "Den has no route that deletes a target" in said
    assert world.instance("docs")["status"] == "archived"
    said = stack.up()
    assert "docs (" in said
    assert "is adopted: it was archived" in said
    again = stack.export()
    assert {name: again[name]["id"] for name in ("acme", "docs", "main")} == {
        name: first[name]["id"] for name in ("acme", "docs", "main")
    }
    stack.clean()


def test_a_drift_is_seen_field_by_field_and_healed(stack: Stack, world: World) -> None:
    stack.up()
    world.person("docs", status="disabled", instanceConfigJson={"branch": "hotfix", "path": "guides", "discovered": 7})
    said = stack.preview("--refresh", "--diff")
    assert '~ branch: "hotfix" => "main"' in said
    assert '~ status: "disabled" => "active"' in said
    said = stack.up("--refresh")
    assert "~ 1 updated" in said
    assert world.instance("docs")["status"] == "active"
    assert world.instance("docs")["instanceConfigJson"] == {"branch": "main", "path": "guides", "discovered": 7}
    stack.clean()


def test_an_update_in_place_and_a_replacement(stack: Stack, world: World) -> None:
    stack.up()
    before = stack.export()
    stack.resources["docs"]["properties"] |= {"config": {"branch": "next"}, "status": "disabled"}
    stack.resources["skills"]["properties"]["mappingKind"] = "api"
    said = stack.up()
    assert "~ 1 updated" in said
    assert "+-1 replaced" in said.replace("-+", "+-")
    after = stack.export()
    assert after["docs"]["id"] == before["docs"]["id"]
    assert after["skills"]["id"] != before["skills"]["id"]
    assert world.instance("docs")["instanceConfigJson"] == {"branch": "next"}
    assert [row["mappingKind"] for row in world.rows(MAPPINGS)] == ["api"]
    stack.clean()


def test_import_by_id_and_by_the_option_and_then_no_changes(stack: Stack, world: World, tmp_path: Path) -> None:
    stack.up()
    known = stack.export()
    other = Stack(tmp_path / "other", runtime=stack.runtime)
    other.resources = small()
    for name in other.resources:
        other.resources[name]["options"] = {"import": known[name]["id"]}
        for field, value in other.resources[name]["properties"].items():
            if isinstance(value, str) and value.startswith("${"):
                other.resources[name]["properties"][field] = known[value[2:-4]]["id"].rpartition("/")[2]
    assert "= 6 imported" in other.up()
    other.clean()
    third = Stack(tmp_path / "third")
    said = third.run(
        "import",
        "trueup:den:ConnectorInstance",
        "docs",
        known["docs"]["id"],
        "--yes",
        "--protect=false",
        "--skip-preview",
    )
    assert "remoteId: acme/docs" in said
    assert world.instance("docs")["status"] == "active"


def test_what_was_deleted_outside_is_made_again(stack: Stack, world: World) -> None:
    stack.up()
    world.upstream("person", kind="connector-instance", name="docs", remove=True)
    stack.run("refresh", "--yes", "--skip-preview")
    assert set(stack.export()) & set(small()) == {"acme"}
    stack.up()
    stack.clean()


def test_no_secret_is_in_state_preview_or_output(stack: Stack, world: World) -> None:
    stack.resources["docs"]["properties"]["config"] = {"branch": "main", "token": {"fn::secret": TOKEN}}
    stack.resources["crm"] = resource(
        "Connector",
        projectId=DEMO_PROJECT,
        status="active",
        dataLoaderConfig={"source": "mongodb", "batchSize": 2, "auth": {"password": TOKEN}},
    )
    key = world.sandbox.ready["den"]["apiKey"]
    said = [stack.preview("--json"), stack.up(), stack.preview("--refresh", "--diff", "--json")]
    stack.clean()
    said += [stack.run("stack", "export"), stack.run("stack", "--show-ids")]
    world.fault(system="den", method="PATCH", status=400, times=9, body={"message": f"{TOKEN} is no good"})
    stack.resources["docs"]["properties"]["config"]["branch"] = "next"
    said.append(stack.up("--logtostderr", "-v=9", code=FAILED))
    for text in said:
        assert key not in text
    for text in said[:-1]:  # the engine's own log of level 9 shows what the program gave it
        assert TOKEN not in text


def test_two_claims_on_one_thing_name_both(stack: Stack) -> None:
    stack.resources["twin"] = resource("ConnectorAccount", remoteId="1001", displayName="acme")
    said = stack.preview(code=FAILED)
    assert "ConnectorAccount::acme" in said
    assert "ConnectorAccount::twin" in said


def test_an_existing_namesake_is_not_taken_over_unasked(stack: Stack, world: World) -> None:
    stack.resources = {
        "acme": small()["acme"],
        "old-wiki": resource("ConnectorInstance", connectorAccount="${acme.id}", remoteId="acme/x"),
    }
    before = world.instance("old-wiki")
    stack.resources["acme"]["properties"] = {"remoteId": "1002", "displayName": "acme-archive"}
    said = stack.up(code=FAILED)
    assert "pulumi import trueup:den:ConnectorAccount NAME cac_" in said
    stack.resources["acme"]["properties"]["adopt"] = True
    said = stack.up(code=FAILED)
    assert "pulumi import trueup:den:ConnectorInstance NAME cin_" in said
    assert world.instance("old-wiki") == before
    stack.resources["old-wiki"]["properties"] |= {"adopt": True, "remoteId": before["remoteId"]}
    stack.up()
    stack.clean()
    assert world.instance("old-wiki")["id"] == before["id"]


def test_a_wrong_configuration_is_told_once(stack: Stack) -> None:
    stack.run("config", "set", "trueup:denApiKey", "den_" + "x" * 64, "--secret")
    said = stack.up(code=FAILED)
    assert "refused the API key" in said
    assert said.count("refused the API key") <= 2  # as it happens, and in the summary


def test_options_of_resources(stack: Stack, world: World) -> None:
    stack.up()
    stack.resources["docs"]["options"] = {"ignoreChanges": ["config.branch"], "protect": True}
    stack.resources["docs"]["properties"]["config"] = {"branch": "ignored", "path": "guides"}
    stack.up()
    assert world.instance("docs")["instanceConfigJson"]["branch"] == "main"
    said = stack.run("destroy", "--yes", "--skip-preview", code=FAILED)
    assert "protected" in said
    stack.resources["docs"]["options"] = {"retainOnDelete": True}
    stack.up()
    stack.resources = {"acme": small()["acme"]}
    stack.up()
    assert world.instance("docs")["status"] == "active"


def test_an_alias_and_depends_on_change_nothing(stack: Stack) -> None:
    stack.up()
    before = stack.id("docs")
    text = json.dumps(stack.resources).replace("${docs.", "${handbook.")
    stack.resources = json.loads(text)
    stack.resources["handbook"] = stack.resources.pop("docs")
    stack.resources["handbook"]["options"] = {"aliases": [{"name": "docs"}], "dependsOn": ["${acme}"]}
    stack.resources["handbook"]["properties"]["name"] = "docs"
    said = stack.up()
    assert "created" not in said.partition("Resources:")[2]
    assert stack.id("handbook") == before


def test_replace_on_changes_and_delete_before_replace(stack: Stack, world: World) -> None:
    stack.resources["skills"]["options"] = {"replaceOnChanges": ["plugin"], "deleteBeforeReplace": True}
    stack.up()
    before = stack.id("skills")
    stack.resources["skills"]["properties"]["config"] = {"depth": 1}
    stack.resources["skills"]["options"] = {"replaceOnChanges": ["config"], "deleteBeforeReplace": True}
    stack.up()
    assert stack.id("skills") != before
    stack.clean()


def test_outputs_of_what_is_yet_to_be_made(stack: Stack) -> None:
    stack.resources["twin"] = resource(
        "ConnectorInstance",
        connectorAccount="${acme.id}",
        name="of-${docs.id}",
        config={"nested": {"of": "${docs.id}"}},
    )
    stack.preview()
    stack.up()
    stack.clean()
    docs = stack.export()["docs"]["id"]
    assert stack.export()["twin"]["inputs"]["name"] == f"of-{docs}"


def test_two_providers_and_an_explicit_one(stack: Stack, world: World) -> None:
    ready = world.sandbox.ready["den"]
    for name in ("one", "two"):
        stack.resources[name] = {
            "type": "pulumi:providers:trueup",
            "properties": {"denUrl": ready["url"], "denApiKey": {"fn::secret": ready["apiKey"]}},
        }
    stack.resources["docs"]["options"] = {"provider": "${one}"}
    stack.resources["main"]["options"] = {"provider": "${two}"}
    stack.up()
    stack.clean()
    assert ready["apiKey"] not in stack.run("stack", "export")


def test_a_failure_in_the_middle_and_another_up(stack: Stack, world: World) -> None:
    world.fault(system="den", method="POST", route="*targets*", status=403, times=1)
    said = stack.up(code=FAILED)
    assert "main" in said
    stack.up()
    stack.clean()
    assert names(world.rows(INSTANCES)).count("docs") == 1


@pytest.mark.parametrize(
    "held", [{"hold": "before"}, {"hold": "before", "drop": True}, {"hold": "after"}], ids=["before", "lost", "after"]
)
def test_a_killed_engine_makes_nothing_twice(stack: Stack, world: World, held: dict[str, Any]) -> None:
    world.fault(system="den", method="POST", route="/v1/connector-instances", times=1, **held)
    stack.write()
    process = stack.start_held(world, "up", "--yes", "--skip-preview")
    everything = [process.pid, *descendants(process.pid)]
    for one in everything:
        with contextlib.suppress(ProcessLookupError):  # it has ended with the one before it
            os.kill(one, signal.SIGKILL)
    process.communicate()
    world.sandbox.control.post("/faults/release")
    world.calm()
    world.settle()
    stack.run("cancel", "--yes", code=None)
    stack.run("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
    stack.up()
    stack.clean()
    assert names(world.rows(INSTANCES)).count("docs") == 1
    assert len([row for row in world.rows(ACCOUNTS) if row["remoteId"] == "1001"]) == 1


def test_a_provider_ends_with_its_engine(stack: Stack, world: World) -> None:
    world.fault(system="den", method="POST", route="/v1/connector-instances", times=1, hold="after")
    stack.write()
    process = stack.start_held(world, "up", "--yes", "--skip-preview")
    providers = [one for one in descendants(process.pid) if b"provider" in Path(f"/proc/{one}/cmdline").read_bytes()]
    assert providers
    process.kill()
    world.calm()
    process.communicate()
    wait_until(lambda: not any(Path(f"/proc/{one}").exists() for one in providers), lambda: "it outlived its engine")


def test_an_engine_attaches_to_a_provider_that_runs(stack: Stack, world: World) -> None:
    command = [str(PROVIDER / "pulumi-resource-trueup")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=stack.folder, text=True) as provider:
        assert provider.stdout is not None
        stack.environment["PULUMI_DEBUG_PROVIDERS"] = f"trueup:{provider.stdout.readline().strip()}"
        try:
            stack.up()
            stack.clean()
            assert provider.poll() is None
        finally:
            provider.send_signal(signal.SIGINT)
        assert provider.wait(PATIENCE) == 0


@pytest.mark.timeout(400)
@pytest.mark.parametrize("stack", ["yaml"], indirect=True)
def test_the_limit_of_the_key_is_waited_out(stack: Stack, world: World) -> None:
    stack.resources = {"acme": small()["acme"]}
    for number in range(700):
        stack.resources[f"i-{number}"] = resource(
            "ConnectorInstance", connectorAccount="${acme.id}", remoteId=f"acme/{number}", config={"branch": "main"}
        )
    said = stack.up(patience=300)
    assert "+ 702 created" in said
    assert "window for this key is spent" in said
    assert len([row for row in world.rows(INSTANCES) if row["name"].startswith("i-")]) == 700
    assert world.asked(system="den") <= 725
