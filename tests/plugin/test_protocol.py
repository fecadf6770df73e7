"""The provider's side of the Pulumi protocol, call by call, over real gRPC and against a real sandbox."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from engine_rpc import AUTH, CONFIG, MODES, Resource, Rpc, account, connector, fails, in_part, instance, serving, urn
from engine_rpc import rpc as rpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2
from waiting import until
from world import INSTANCES, World, names

from trueup.plugin.codec import UNKNOWN, Sealed, bare, decode, encode
from trueup.sandbox.presets import DEMO_PROJECT

SOME, NONE = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
KINDS = provider_pb2.PropertyDiff.Kind


async def family(rpc: Rpc) -> list[Resource]:
    """One of each kind."""
    top = await account(rpc)
    docs = await instance(rpc, connectorAccount=top.id, config=CONFIG, status="active")
    main = await rpc.create(
        "ConnectorTarget", "main", connectorInstance=docs.id, remoteId="acme/docs", config={"branch": "main"}
    )
    skills = await rpc.create(
        "ConnectorMapping", "skills", connectorTarget=main.id, mappingKind="path", selector="s/**", objectType="skill"
    )
    team = await rpc.create("ConnectorAccess", "team", connectorInstance=docs.id, team="Platform", role="editor")
    member = await rpc.create(
        "ConnectorAccess", "member", connectorInstance=docs.id, member="editor@example.test", role="viewer"
    )
    crm = await rpc.create("Connector", "crm", **connector())
    return [top, docs, main, skills, team, member, crm]


def kind_of(one: Resource) -> str:
    return one.urn.split("::")[2].rpartition(":")[2]


# up, then a preview and a refresh, are clean


async def test_what_was_made_differs_in_nothing(rpc: Rpc) -> None:
    for one in await family(rpc):
        found = await rpc.diff(one, one.inputs)
        assert (found.changes, list(found.diffs)) == (NONE, []), one
        before = (dict(one.inputs), dict(one.state))
        await rpc.read(one)
        assert (await rpc.diff(one, before[0])).changes == NONE, one
        assert (one.inputs, one.state) == before, one


# Import by id alone


async def test_import_by_id_of_every_kind(rpc: Rpc) -> None:
    for one in await family(rpc):
        kind = kind_of(one)
        found = await rpc.imported(kind, "again", one.id)
        assert found is not None
        assert found.id == one.id
        checked, failures = await rpc.check(kind, one.urn.rpartition("::")[2], found.inputs)
        assert failures == {}, kind
        assert (await rpc.diff(found, checked)).changes == NONE, kind


@pytest.mark.parametrize(
    ("kind", "key", "form"),
    [
        ("ConnectorInstance", "docs", "cin_…"),
        ("ConnectorMapping", "cmp_01", "ctg_…/cmp_…"),
        ("ConnectorAccess", "cia_01", "cin_…/cia_…"),
        ("Connector", "x", "PROJECT/CONNECTOR"),
        ("ConnectorTarget", "ctg_../../org", "ctg_…"),
    ],
)
async def test_an_id_of_another_form_is_refused(rpc: Rpc, kind: str, key: str, form: str) -> None:
    error = await fails(rpc.imported(kind, "x", key), form)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT


# Read of what is missing


async def test_a_missing_resource_has_no_id_and_no_properties(rpc: Rpc, world: World) -> None:
    assert await rpc.imported("ConnectorInstance", "x", "cin_" + "0" * 26) is None
    docs = await instance(rpc)
    world.upstream("person", kind="connector-instance", name="docs", remove=True)
    async with serving(world.folder.parent) as later:
        await later.configure()
        answer = await later.read(docs)
    assert (answer.id, answer.HasField("properties"), answer.HasField("inputs")) == ("", False, False)


# Refresh: what is live is laid over what was declared, and nothing else


async def test_a_drift_is_told_field_by_field(rpc: Rpc, world: World, tmp_path: Path) -> None:
    docs = await instance(rpc, config=CONFIG, status="active")
    declared = dict(docs.inputs)
    world.person("docs", status="disabled", instanceConfigJson={"branch": "hotfix", "path": "guides", "discovered": 7})
    async with serving(tmp_path) as later:
        await later.configure()
        await later.read(docs)
        assert docs.inputs == {**declared, "config": {"branch": "hotfix", "path": "guides"}, "status": "disabled"}
        assert docs.state["config"] == {"branch": "hotfix", "path": "guides"}
        found = await later.diff(docs, declared)
        assert {path: one.kind for path, one in found.detailedDiff.items()} == {
            "config.branch": KINDS.UPDATE,
            "status": KINDS.UPDATE,
        }
        await later.update(docs, **declared)
    row = world.instance("docs")
    assert row["status"] == "active"
    assert row["instanceConfigJson"] == {"branch": "main", "path": "guides", "discovered": 7}


async def test_of_an_empty_mapping_no_key_is_ours(rpc: Rpc) -> None:
    docs = await instance(rpc, config={"own": {"key": 1}})
    await rpc.update(docs, **{**docs.inputs, "config": {}})
    await rpc.read(docs)
    assert docs.inputs["config"] == {}
    assert (await rpc.diff(docs, docs.inputs)).changes == NONE


# Check tolerates unknowns anywhere, is deterministic, tells failures by path, marks secrets


async def test_unknowns_anywhere(rpc: Rpc) -> None:
    inputs = {"connectorAccount": UNKNOWN, "config": {"branch": UNKNOWN, "list": [UNKNOWN, 1]}, "status": UNKNOWN}
    found, failures = await rpc.check("ConnectorInstance", "docs", inputs)
    assert failures == {}
    assert found == {**inputs, "name": "docs"}
    assert await rpc.check("ConnectorInstance", "docs", inputs) == (found, failures)
    half = {"projectId": UNKNOWN, "dataLoaderConfig": {"source": UNKNOWN, "batchSize": 5, "auth": UNKNOWN}}
    assert (await rpc.check("Connector", "crm", half))[1] == {}


async def test_failures_by_path_in_the_commands_words(rpc: Rpc) -> None:
    inputs = {
        "connectorAccount": "acme",
        "status": "enabled",
        "remoteld": "x",
        "config": {"autoImportNewPlugins": True},
        "autoImportNewPlugins": "yes",
    }
    _, failures = await rpc.check("ConnectorInstance", "docs", inputs)
    assert set(failures) == {
        "connectorAccount",
        "status",
        "remoteld",
        "config.autoImportNewPlugins",
        "autoImportNewPlugins",
    }
    assert 'did you mean "active"?' in failures["status"]
    assert 'did you mean "remoteId"?' in failures["remoteld"]
    assert "is not the id of a ConnectorAccount" in failures["connectorAccount"]
    _, failures = await rpc.check("ConnectorAccess", "x", {"connectorInstance": UNKNOWN, "role": "viewer"})
    assert "exactly one of member, team and organization" in failures[""]
    _, failures = await rpc.check("Connector", "x", {"projectId": DEMO_PROJECT, "dataLoaderConfig": {"batchSize": 0}})
    assert set(failures) == {"dataLoaderConfig.batchSize", "dataLoaderConfig.source", "dataLoaderConfig.auth"}


async def test_secrets_are_marked(rpc: Rpc) -> None:
    found, _ = await rpc.check("Connector", "crm", connector())
    assert found["dataLoaderConfig"]["auth"] == Sealed(AUTH)
    found, _ = await rpc.check(
        "ConnectorInstance", "x", {"connectorAccount": UNKNOWN, "config": Sealed({"token": "t"})}
    )
    assert found["config"] == Sealed({"token": "t"})


# Diff


async def test_diff_is_of_one_mind(rpc: Rpc) -> None:
    docs = await instance(rpc, config=CONFIG, status="active")
    found = await rpc.diff(docs, {**docs.inputs, "config": {"branch": "next", "depth": 2}, "status": UNKNOWN})
    assert found.changes == SOME
    assert list(found.diffs) == ["status", "config"]
    assert list(found.replaces) == []
    assert not found.deleteBeforeReplace
    assert {path: one.kind for path, one in found.detailedDiff.items()} == {
        "status": KINDS.UPDATE,
        "config.branch": KINDS.UPDATE,
        "config.depth": KINDS.ADD,
        "config.path": KINDS.DELETE,
    }
    assert all(one.inputDiff for one in found.detailedDiff.values())


async def test_ignored_changes_are_none(rpc: Rpc) -> None:
    docs = await instance(rpc, config=CONFIG, status="active")
    wanted = {**docs.inputs, "config": {**CONFIG, "branch": "next"}, "status": "disabled"}
    assert list((await rpc.diff(docs, wanted, ignoreChanges=["status"])).diffs) == ["config"]
    assert (await rpc.diff(docs, wanted, ignoreChanges=["status", "config.branch"])).changes == NONE


async def test_what_is_declared_anew_and_live_already_is_no_change(rpc: Rpc) -> None:
    docs = await instance(rpc)
    assert (await rpc.diff(docs, {**docs.inputs, "status": "active"})).changes == NONE
    assert (await rpc.diff(docs, {**docs.inputs, "status": "disabled"})).changes == SOME


async def test_immutable_fields_replace(rpc: Rpc) -> None:
    skills = next(one for one in await family(rpc) if kind_of(one) == "ConnectorMapping")
    found = await rpc.diff(skills, {**skills.inputs, "mappingKind": "api"})
    assert (list(found.replaces), found.deleteBeforeReplace) == (["mappingKind"], True)
    assert found.detailedDiff["mappingKind"].kind == KINDS.UPDATE_REPLACE
    found = await rpc.diff(skills, {**skills.inputs, "connectorTarget": "ctg_" + "0" * 26})
    assert (list(found.replaces), found.deleteBeforeReplace) == (["connectorTarget"], False)


async def test_an_instance_is_replaced_only_when_it_may_be_removed(rpc: Rpc) -> None:
    docs = await instance(rpc)
    other = await rpc.create("ConnectorAccount", "other", remoteId="2002", displayName="other")
    moved = {**docs.inputs, "connectorAccount": other.id}
    assert list((await rpc.diff(docs, moved)).replaces) == []
    for preview in (True, False):
        await fails(rpc.update(docs, preview=preview, **moved), "deletionPolicy: remove")
    await rpc.update(docs, **docs.inputs, deletionPolicy="remove")
    found = await rpc.diff(docs, {**docs.inputs, "connectorAccount": other.id})
    assert (list(found.replaces), found.deleteBeforeReplace) == (["connectorAccount"], True)


async def test_a_secret_that_changed_is_told_through_its_wrapper(rpc: Rpc) -> None:
    crm = await rpc.create("Connector", "crm", **connector())
    checked, _ = await rpc.check("Connector", "crm", connector())
    assert (await rpc.diff(crm, checked)).changes == NONE
    changed = connector()
    changed["dataLoaderConfig"]["auth"] = {**AUTH, "password": "another-password"}
    checked, _ = await rpc.check("Connector", "crm", changed)
    found = await rpc.diff(crm, checked)
    assert list(found.detailedDiff) == ["dataLoaderConfig.auth.password"]


# A preview touches nothing


async def test_a_preview_sends_nothing(rpc: Rpc, world: World) -> None:
    docs = await instance(rpc, config=CONFIG)
    world.forget()
    inputs = {"connectorAccount": UNKNOWN, "name": "x", "config": {"branch": UNKNOWN}}
    request = provider_pb2.CreateRequest(urn=urn("ConnectorInstance", "x"), properties=encode(inputs), preview=True)
    answer = await rpc.stub.Create(request)
    assert answer.id == ""
    assert decode(answer.properties) == {"name": "x", "config": {"branch": UNKNOWN}}
    state = await rpc.update(docs, preview=True, **{**docs.inputs, "config": {"branch": UNKNOWN}})
    assert state["config"] == {"branch": UNKNOWN}
    assert "updatedAt" not in state
    assert state["createdAt"] == docs.state["createdAt"]
    assert world.asked() == 0


# Half a success


async def test_what_was_made_in_part_is_not_lost(rpc: Rpc, world: World) -> None:
    top = await account(rpc)
    world.fault(system="den", method="POST", route="*disable*", status=403, times=9)
    error = await fails(instance(rpc, connectorAccount=top.id, status="disabled"))
    found = in_part(error)
    assert found.id == world.instance("docs")["id"]
    assert decode(found.inputs)["status"] == "active"  # as it is: the next run sees the difference
    assert len(found.reasons) == 1
    kept = Resource(urn("ConnectorInstance", "docs"), found.id, decode(found.inputs), decode(found.properties))
    world.calm()
    assert list((await rpc.diff(kept, {**kept.inputs, "status": "disabled"})).diffs) == ["status"]
    await rpc.update(kept, **{**kept.inputs, "status": "disabled"})
    assert world.instance("docs")["status"] == "disabled"


async def test_a_clean_failure_says_so(rpc: Rpc, world: World) -> None:
    top = await account(rpc)
    world.fault(system="den", method="POST", route="/v1/connector-instances", status=403, times=1)
    error = await fails(instance(rpc, connectorAccount=top.id))
    assert error.code() == grpc.StatusCode.PERMISSION_DENIED
    assert in_part(error) is None
    world.calm()
    assert (await instance(rpc, connectorAccount=top.id)).id


# Delete of what is gone; Cancel


async def test_what_is_gone_is_deleted(rpc: Rpc, world: World) -> None:
    found = await family(rpc)
    world.upstream("person", kind="connector-instance", name="docs", remove=True)
    for one in reversed(found):
        await rpc.delete(one)


async def test_each_deletion_policy(rpc: Rpc, world: World) -> None:
    top = await account(rpc)
    for name, policy in (("a", "archive"), ("b", "remove"), ("c", "retain")):
        await rpc.delete(await instance(rpc, name, connectorAccount=top.id, deletionPolicy=policy))
    left = {row["name"]: row["status"] for row in world.rows(INSTANCES) if row["name"] in "abc"}
    assert left == {"a": "archived", "c": "active"}
    top.inputs["deletionPolicy"] = "disconnect"
    await fails(rpc.delete(top), "allowDisconnect")
    await rpc.configure(allowDisconnect="true")
    await rpc.delete(top)
    assert not {"a", "c"} & set(names(world.rows(INSTANCES)))


async def test_cancel_ends_waits(rpc: Rpc, world: World) -> None:
    top = await account(rpc)
    world.fault(system="den", method="POST", route="/v1/connector-instances", status=503, times=99)
    task = asyncio.ensure_future(instance(rpc, connectorAccount=top.id))
    await until(world.fired)
    await rpc.stub.Cancel(empty_pb2.Empty())
    await fails(task, "Stopped")


# Handshake


async def test_handshake_answers_as_configure_does(rpc: Rpc) -> None:
    hello = await rpc.stub.Handshake(provider_pb2.ProviderHandshakeRequest())
    ready = await rpc.stub.Configure(provider_pb2.ConfigureRequest(args=encode({})))
    assert (hello.accept_secrets, hello.accept_resources, hello.accept_outputs) == (True, True, False)
    assert (ready.acceptSecrets, ready.acceptResources, ready.acceptOutputs) == (True, True, False)
    assert ready.supportsPreview
    assert hello.supports_autonaming_configuration
    assert ready.supports_autonaming_configuration
    await rpc.stub.Attach(plugin_pb2.PluginAttach(address="127.0.0.1:1"))


# Secrets stay secret


async def test_secrets_stay_secret_everywhere(rpc: Rpc, world: World) -> None:
    crm = await rpc.create("Connector", "crm", **connector())
    token = "a-token-that-nobody-may-see"
    docs = await instance(rpc, config={"branch": "main", "token": Sealed(token)})
    for one in (crm, docs):
        await rpc.read(one)
        for side in (one.inputs, one.state):
            assert token not in repr(side)
            assert AUTH["password"] not in repr(side)
    assert bare(docs.state["config"]) == {"branch": "main", "token": token}
    world.fault(system="den", method="PATCH", status=400, times=9, body={"message": f"{token} is no good"})
    error = await fails(rpc.update(docs, **{**docs.inputs, "config": {"branch": "x", "token": Sealed(token)}}))
    assert token not in str(error.details())
    assert not any(token in said for said in rpc.engine.said)


# Sizes and numbers


async def test_messages_above_four_megabytes(rpc: Rpc) -> None:
    large = {"text": "x" * (6 << 20)}
    found, failures = await rpc.check("ConnectorInstance", "docs", {"connectorAccount": UNKNOWN, "config": large})
    assert (found["config"], failures) == (large, {})


async def test_ids_stay_text_and_numbers_numbers(rpc: Rpc) -> None:
    docs = await instance(rpc, config={"depth": 2, "ratio": 0.5, "id": "007"})
    await rpc.read(docs)
    assert docs.state["config"] == {"depth": 2, "ratio": 0.5, "id": "007"}
    assert type(docs.state["config"]["depth"]) is int


# What people should see


async def test_what_is_taken_over_and_kept_is_said(rpc: Rpc) -> None:
    docs = await instance(rpc)
    await rpc.delete(docs)
    again = await instance(rpc)
    assert again.id == docs.id
    await until(lambda: any("it was archived" in said for said in rpc.engine.said), lambda: rpc.engine.said)


# Mappings, lists


async def test_get_mapping_is_empty_and_list_lists(rpc: Rpc) -> None:
    answer = await rpc.stub.GetMapping(provider_pb2.GetMappingRequest(key="terraform"))
    assert (answer.provider, answer.data) == ("", b"")
    found = await family(rpc)

    async def listed(kind: str, **query: Any) -> list[str]:
        token = urn(kind, "").split("::")[2]
        stream = rpc.stub.List(provider_pb2.ListRequest(token=token, query=encode(query)))
        return [one.result.id async for one in stream]

    for one in found:
        kind = kind_of(one)
        above = {
            name: one.inputs[name]
            for name in ("connectorInstance", "connectorTarget", "projectId")
            if name in one.inputs
        }
        assert one.id in await listed(kind, **above), kind
    await fails(listed("ConnectorTarget"), "Give connectorInstance")


# Nothing blocks


async def test_two_hundred_reads_at_once_cost_one_list(thousand: World, tmp_path: Path) -> None:
    rows = thousand.rows(INSTANCES)[:200]
    async with serving(tmp_path) as rpc:
        await rpc.configure()
        thousand.forget()
        found = await asyncio.gather(*(rpc.imported("ConnectorInstance", row["name"], row["id"]) for row in rows))
        assert [one.id for one in found if one] == [row["id"] for row in rows]
        assert thousand.asked() <= 12


# Names


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "docs"),
        ({"autonaming": MODES(proposed_name="docs-1a2b", mode=MODES.PROPOSE)}, "docs-1a2b"),
        ({"autonaming": MODES(proposed_name="docs-1a2b", mode=MODES.ENFORCE)}, "docs-1a2b"),
        ({"autonaming": MODES(mode=MODES.DISABLE)}, None),
    ],
)
async def test_names_by_themselves(rpc: Rpc, options: dict[str, Any], name: str | None) -> None:
    found, failures = await rpc.check("ConnectorInstance", "docs", {"connectorAccount": UNKNOWN}, **options)
    if name is None:
        assert "disables automatic names" in failures["name"]
        return
    assert found["name"] == name
    again, _ = await rpc.check("ConnectorInstance", "renamed", {"connectorAccount": UNKNOWN}, found, **options)
    assert again["name"] == name


# Two of one program


async def test_two_resources_cannot_be_one(rpc: Rpc) -> None:
    inputs = {"remoteId": "1001", "displayName": "acme"}
    assert (await rpc.check("ConnectorAccount", "one", inputs))[1] == {}
    _, failures = await rpc.check("ConnectorAccount", "two", inputs)
    assert urn("ConnectorAccount", "one") in failures["remoteId"]
    assert urn("ConnectorAccount", "two") in failures["remoteId"]
    assert (await rpc.check("ConnectorAccount", "one", inputs))[1] == {}


async def test_a_secret_name_is_found_as_any_other(rpc: Rpc) -> None:
    first = await rpc.create(
        "ConnectorAccount", "acme", remoteId=Sealed("1001"), displayName=Sealed("acme-secret-name")
    )
    await rpc.delete(first)
    again = await rpc.create(
        "ConnectorAccount", "acme", remoteId=Sealed("1001"), displayName=Sealed("acme-secret-name")
    )
    assert again.id == first.id
    assert "acme-secret-name" not in repr(again.state)


async def test_what_is_taken_over_is_never_removed(rpc: Rpc, world: World) -> None:
    other = await rpc.create("ConnectorAccount", "other", remoteId="2002", displayName="other")
    for more in ({"adopt": True}, {}):
        await fails(
            rpc.create("ConnectorInstance", "old-wiki", connectorAccount=other.id, deletionPolicy="remove", **more),
            "cannot be adopted",
        )
        world.person("old-wiki", status="archived")
    assert [one for one in world.writes() if "connector-instances" in one] == []
