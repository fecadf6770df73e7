"""The guard of organisation and project: every command, with every credential, before its first write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from commands import inside as trueup
from engine_rpc import account, connector, fails, serving
from events_world import a_target, add
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2
from world import CONNECTORS, World

from trueup.plugin.codec import decode, encode
from trueup.sandbox.presets import DEMO_PROJECT

ELSEWHERE = "org_" + "0" * 26
OTHER_PROJECT = "0" * 24
ACCOUNT = "apiVersion: den.trueup.dev/v1\nkind: ConnectorAccount\nmetadata: {name: x}\n"
ACCOUNT += 'spec: {remoteId: "77", displayName: x}\n'
CONNECTOR = """
apiVersion: wexa.trueup.dev/v1
kind: Connector
metadata: {name: crm}
spec:
  projectId: PROJECT
  status: active
  dataLoaderConfig: {source: mongodb, batchSize: 7, auth: {password: {valueFrom: {env: TRUEUP_WEXA_API_KEY}}}}
"""
SOME = provider_pb2.DiffResponse.DIFF_SOME


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def own(world: World) -> str:
    return str(world.sandbox.den.get("/v1/org").json()["organization"]["id"])


def other_key(world: World) -> str:
    return str(world.sandbox.control.get("/principals").json()["other-org-api-key"]["x-api-key"])


def writing(world: World) -> dict[str, list[str]]:
    """Return every command that writes to Den, in a world where each has something to write."""
    target = a_target(world)
    (event,) = add(world, 1, ago=60, status="failed", connectorTargetId=target["id"])
    Path("den.yaml").write_text(ACCOUNT)
    return {
        "sync by name": ["sync", "old-wiki"],
        "sync by id": ["sync", target["connectorInstanceId"]],
        "sync of a target": ["sync", target["connectorInstanceId"], "--target", target["id"]],
        "events retry": ["events", "retry", event["id"]],
        "apply": ["apply", "--auto-approve"],
    }


def second_project(world: World) -> str:
    """Add a project with a connector `other`."""
    state = world.sandbox.control.get("/state").json()
    project, key = "68063653fc2e1fb8597000aa", "68063653fc2e1fb8597000ab"
    projects, rows = state["tables"]["wexa.projects"], state["tables"]["wexa.connectors"]
    projects[project] = {**projects[DEMO_PROJECT], "_id": project, "projectName": "second"}
    rows[key] = {**next(iter(rows.values())), "connectorID": key, "projectID": project, "sourceName": "other"}
    assert world.sandbox.control.put("/state", json=state).status_code == 200
    return project


COMMANDS = ("sync by name", "sync by id", "sync of a target", "events retry", "apply")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_a_key_of_another_organisation(command: str, world: World) -> None:
    words = writing(world)[command]
    world.forget()
    refused = trueup(*words, TRUEUP_DEN_ORGANIZATION=ELSEWHERE)
    assert refused.returncode == 3, refused.stderr
    assert f"error[E401]: TRUEUP_DEN_ORGANIZATION names organisation {ELSEWHERE}" in refused.stderr
    assert own(world) in refused.stderr
    assert "Nothing was sent." in refused.stderr
    assert world.writes() == []
    passed = trueup(*words, TRUEUP_DEN_ORGANIZATION=own(world))
    assert passed.returncode == 0, passed.stderr
    assert len(world.writes()) == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_a_session_of_another_organisation(command: str, world: World) -> None:
    words = writing(world)[command]
    session = world.sandbox.control.get("/principals").json()["owner-session"]["authorization"].removeprefix("Bearer ")
    Path("connection.yaml").write_text(
        "apiVersion: den.trueup.dev/v1\nkind: Connection\nmetadata: {name: default}\n"
        f"spec: {{url: '{world.sandbox.ready['den']['url']}', token: {{valueFrom: {{env: SESSION}}}}, "
        f"organization: {ELSEWHERE}}}\n"
    )
    world.forget()
    refused = trueup(*words, SESSION=session)
    assert refused.returncode in (1, 3), refused.stderr
    assert world.writes() == []


def test_retrying_many_asks_once_and_reading_costs_nothing_more(world: World) -> None:
    target = a_target(world)
    events = [one["id"] for one in add(world, 3, ago=60, status="failed", connectorTargetId=target["id"])]
    environment = {"TRUEUP_DEN_ORGANIZATION": own(world)}
    world.forget()
    assert trueup("events", "retry", *events, **environment).returncode == 0
    assert (world.routes()["GET /v1/org"], len(world.writes())) == (1, 3)
    world.forget()
    for words in (("events",), ("get", "instances"), ("drift",)):
        assert trueup(*words, **environment).returncode in (0, 1, 2)
    assert world.routes()["GET /v1/org"] == 0


def test_a_reading_command_refuses_by_what_it_read(world: World) -> None:
    a_target(world)
    for words in (("get", "instances"), ("get", "instances", "old-wiki"), ("events", "--instance", "old-wiki")):
        refused = trueup(*words, TRUEUP_DEN_ORGANIZATION=ELSEWHERE)
        assert refused.returncode == 3, refused.stdout
    assert trueup("get", "instances", TRUEUP_DEN_ORGANIZATION=own(world)).returncode == 0


def test_a_malformed_guard_is_explained(world: World) -> None:
    refused = trueup("events", TRUEUP_DEN_ORGANIZATION="acme")
    assert refused.returncode == 1
    assert "TRUEUP_DEN_ORGANIZATION holds no id of an organisation of Den" in refused.stderr
    assert "org_ and 26" in refused.stderr


def test_a_connector_of_another_project_is_refused(world: World) -> None:
    Path("wexa.yaml").write_text(CONNECTOR.replace("PROJECT", DEMO_PROJECT))
    world.forget()
    refused = trueup("apply", "--auto-approve", TRUEUP_WEXA_PROJECT=OTHER_PROJECT)
    assert refused.returncode == 3, refused.stderr
    assert f"is of project {DEMO_PROJECT}, and TRUEUP_WEXA_PROJECT names project {OTHER_PROJECT}." in refused.stderr
    assert world.asked() == 0
    assert trueup("apply", "--auto-approve", TRUEUP_WEXA_PROJECT=DEMO_PROJECT).returncode == 0
    assert len(world.writes()) == 1
    # A run for one project does not prune resources that were managed in another project.
    second = second_project(world)
    Path("wexa.yaml").write_text(CONNECTOR.replace("PROJECT", second).replace("name: crm", "name: other"))
    assert "wexa/Connector/crm" in trueup("plan", "--prune").stdout
    assert "wexa/Connector/crm" not in trueup("plan", "--prune", TRUEUP_WEXA_PROJECT=second).stdout


def test_a_connection_of_wexa_says_its_project(world: World) -> None:
    other = "a" * 24
    connection = (
        "apiVersion: wexa.trueup.dev/v1\nkind: Connection\nmetadata: {name: default}\n"
        f"spec: {{url: {world.sandbox.ready['wexa']['url']}, project: PROJECT, "
        "apiKey: {valueFrom: {env: TRUEUP_WEXA_API_KEY}}}\n---\n"
    )
    Path("wexa.yaml").write_text(connection.replace("PROJECT", other) + CONNECTOR.replace("PROJECT", DEMO_PROJECT))
    world.forget()
    for command in (["plan"], ["apply", "--auto-approve"], ["drift"], ["apply", "--auto-approve", "--prune"]):
        refused = trueup(*command)
        assert refused.returncode == 3, refused.stderr
        words = f'is of project {DEMO_PROJECT}, and connection "default" is meant for project {other}.'
        assert words in " ".join(refused.stderr.split())
    assert world.asked() == 0
    Path("wexa.yaml").write_text((connection + CONNECTOR).replace("PROJECT", DEMO_PROJECT))
    assert trueup("apply", "--auto-approve").returncode == 0
    assert len(world.writes()) == 1
    Path("wexa.yaml").write_text((connection + CONNECTOR).replace("PROJECT", "acme"))
    assert 'project "acme" is not an id' in trueup("validate").stderr


# The Pulumi provider


async def test_the_provider_is_not_configured_for_another_organisation(world: World, tmp_path: Path) -> None:
    async with serving(tmp_path) as rpc:
        await fails(
            rpc.configure(denOrganization=ELSEWHERE),
            f"trueup:denOrganization names organisation {ELSEWHERE}",
            own(world),
        )
        await fails(account(rpc), "configuration")
        assert world.writes() == []
        await rpc.configure(denOrganization=own(world))
        assert (await account(rpc)).id


async def test_another_organisation_is_refused_where_the_engine_names_the_provider(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def checked(**args: Any) -> list[tuple[str, str]]:
        answer = await rpc.stub.CheckConfig(provider_pb2.CheckRequest(urn="x", news=encode(args)))
        return [(one.property, one.reason) for one in answer.failures]

    async with serving(tmp_path) as rpc:
        ((name, reason),) = await checked(denOrganization=ELSEWHERE)
        assert name == "denOrganization"
        assert own(world) in reason
        ((name, reason),) = await checked(denOrganization=ELSEWHERE, denApiKey="den_" + "x" * 60)
        assert name == ""
        assert "refused the API key" in reason
        monkeypatch.setenv("TRUEUP_DEN_ORGANIZATION", ELSEWHERE)
        ((name, _),) = await checked()
        assert name == ""
        mine = own(world)
        world.forget()
        assert await checked(denOrganization=mine) == []
        await rpc.configure(denOrganization=mine)
        assert world.asked() == 1
        assert (await account(rpc)).id


async def test_nothing_of_another_project_is_imported(world: World, tmp_path: Path) -> None:
    async with serving(tmp_path) as rpc:
        key = world.rows(CONNECTORS)[0]["connectorID"]
        await rpc.configure(wexaProject=OTHER_PROJECT)
        await fails(rpc.imported("Connector", "crm", f"{DEMO_PROJECT}/{key}"), "cannot be imported", DEMO_PROJECT)
        await rpc.configure(wexaProject=DEMO_PROJECT)
        assert await rpc.imported("Connector", "crm", f"{DEMO_PROJECT}/{key}") is not None


async def test_the_verdict_is_remembered_for_that_key_and_that_organisation(world: World, tmp_path: Path) -> None:
    async def asked(**args: Any) -> int:
        world.forget()
        async with serving(tmp_path) as rpc:
            await rpc.configure(**args)
        return int(world.asked())

    mine = own(world)
    assert await asked() == 1
    assert await asked(denOrganization=mine) == 0
    assert await asked(denOrganization=mine, denUrl=world.sandbox.ready["den"]["url"]) == 0
    async with serving(tmp_path) as rpc:
        await fails(rpc.configure(denOrganization=ELSEWHERE), mine)
        await fails(rpc.configure(denOrganization=mine, denApiKey=other_key(world)), mine)
    assert await asked(denOrganization=mine) == 0


async def test_the_provider_takes_the_guard_from_the_environment(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path) as rpc:
        monkeypatch.setenv("TRUEUP_DEN_ORGANIZATION", ELSEWHERE)
        await fails(rpc.configure(), "TRUEUP_DEN_ORGANIZATION names organisation")
        monkeypatch.setenv("TRUEUP_DEN_ORGANIZATION", "acme")
        await fails(rpc.configure(), "TRUEUP_DEN_ORGANIZATION holds no id")
        await rpc.configure(denOrganization=own(world))


async def test_a_malformed_guard_of_the_provider_is_explained(world: World, tmp_path: Path) -> None:
    async with serving(tmp_path) as rpc:
        for name, value in (("denOrganization", "acme"), ("denOrganization", 7), ("wexaProject", "crm\n")):
            request = provider_pb2.CheckRequest(urn="x", news=encode({name: value}))
            answer = await rpc.stub.CheckConfig(request)
            assert [one.property for one in answer.failures] == [name], value
            assert "must be" in answer.failures[0].reason
        good = {"denOrganization": own(world), "wexaProject": DEMO_PROJECT}
        answer = await rpc.stub.CheckConfig(provider_pb2.CheckRequest(urn="x", news=encode(good)))
        assert (list(answer.failures), decode(answer.inputs)) == ([], good)


async def test_another_organisation_replaces_the_provider_only_when_it_is_one(world: World, tmp_path: Path) -> None:
    async with serving(tmp_path) as rpc:

        async def replaced(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
            request = provider_pb2.DiffRequest(olds=encode(before), old_inputs=encode(before), news=encode(after))
            found = await rpc.stub.DiffConfig(request)
            assert found.changes == SOME
            return list(found.replaces)

        mine, key = own(world), other_key(world)
        assert await replaced({}, {"denOrganization": mine}) == []
        assert await replaced({"denOrganization": ELSEWHERE}, {"denOrganization": mine}) == [], "it was a slip"
        theirs = world.sandbox.den.get("/v1/org", headers={"x-api-key": key}).json()["organization"]["id"]
        before, after = {"denOrganization": mine}, {"denOrganization": theirs, "denApiKey": key}
        assert await replaced(before, after) == ["denOrganization"]


async def test_the_provider_writes_to_no_other_project(world: World, tmp_path: Path) -> None:
    async with serving(tmp_path) as rpc:
        await rpc.configure()
        crm = await rpc.create("Connector", "crm", **connector())
        await rpc.configure(wexaProject=OTHER_PROJECT)
        _, failures = await rpc.check("Connector", "crm", crm.inputs)
        assert "trueup:wexaProject names project" in failures["projectId"]
        world.forget()
        await fails(rpc.update(crm, **{**crm.inputs, "status": "inactive"}), "trueup:wexaProject names project")
        assert world.writes() == []
        await rpc.stub.Cancel(empty_pb2.Empty())
