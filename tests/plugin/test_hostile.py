"""Others at work, servers that lie, people who press Ctrl-C: nothing foreign is taken, and nothing of ours lost."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from engine_rpc import AUTH, Rpc, account, connector, fails, instance, serving
from engine_rpc import rpc as rpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2
from sandboxes import PATIENCE
from waiting import until
from world import INSTANCES, World, names

from trueup.core import redaction
from trueup.plugin.codec import UNKNOWN, Sealed

NONE = provider_pb2.DiffResponse.DIFF_NONE
TOKEN = "a-token-that-nobody-may-see"
PIN = 90817263


async def said(rpc: Rpc, words: str) -> None:
    """Waits until people were told so."""
    await until(lambda: any(words in one for one in rpc.engine.said), lambda: rpc.engine.said)


async def held(world: World) -> None:
    """Wait until the server holds a request."""
    await until(world.held)


def colleague(world: World, account_id: str, name: str, **more: Any) -> None:
    body = {"connectorAccountId": account_id, "connectorType": "github", "name": name, **more}
    world.sandbox.den.post("/v1/connector-instances", json=body).raise_for_status()


# Others


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"remoteId": "foreign/x"}, {"config": {"branch": "m"}}),
        ({"config": {"branch": "other"}}, {"config": {"branch": "m"}}),
        ({"config": {"branch": "m"}}, {"remoteId": "acme/docs"}),
    ],
)
async def test_what_somebody_made_after_the_list_was_read_is_not_ours(
    rpc: Rpc, world: World, tmp_path: Path, theirs: dict[str, Any], ours: dict[str, Any]
) -> None:
    top = await account(rpc)
    await rpc.invoke("trueup:den:listConnectorInstances")
    colleague(world, top.id, "docs", **theirs)
    inputs = {"connectorAccount": top.id, **ours}
    error = await fails(rpc.create("ConnectorInstance", "docs", **inputs), "already exists")
    assert "pulumi import" in str(error.details())
    async with serving(tmp_path) as later:
        await later.configure()
        await fails(later.create("ConnectorInstance", "docs", **inputs), "already exists")


@pytest.mark.parametrize("variable", ["http_proxy", "https_proxy", "grpc_proxy"])
@pytest.mark.parametrize("excepted", [{}, {"no_proxy": "*"}, {"no_grpc_proxy": "*"}], ids=str)
async def test_messages_reach_the_engine_whatever_proxy_is_set(
    variable: str, excepted: dict[str, str], world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {variable: "http://127.0.0.1:9", **excepted}.items():
        monkeypatch.setenv(name, value)
    async with serving(tmp_path) as rpc:
        await rpc.configure()
        await rpc.delete(await account(rpc))
        await said(rpc, "acme is left unchanged: its deletionPolicy is retain.")


async def test_of_two_connectors_of_one_name_none_is_guessed(rpc: Rpc, world: World) -> None:
    world.switch(duplicateNames="accept")
    first, second, *_ = (row["connectorID"] for row in world.rows("wexa.connectors"))
    name = world.row("wexa.connectors", connectorID=first)["sourceName"]
    world.upstream("connector-renamed", system="wexa", connectorID=second, sourceName=name)
    error = await fails(rpc.create("Connector", name, **connector()), "2 live resources have this name")
    assert first in str(error.details())
    assert second in str(error.details())
    assert world.writes() == []
    assert (await rpc.create("Connector", "one", **connector(connectorId=first))).id.endswith(first)


async def test_what_its_state_calls_archived_is_looked_at_before_it_is_let_go(
    rpc: Rpc, world: World, tmp_path: Path
) -> None:
    docs = await instance(rpc, status="archived")
    world.person("docs", status="active")
    async with serving(tmp_path) as later:
        await later.configure()
        await later.delete(docs)
    assert world.instance("docs")["status"] == "archived"


# Secrets


@pytest.fixture
def another_process(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function after which no secret of before is known, as in a process that starts."""
    return lambda: monkeypatch.setattr(redaction, "process", redaction.Redactor())


async def test_a_server_that_repeats_the_secrets_of_a_state_shows_none(
    rpc: Rpc, world: World, tmp_path: Path, another_process: Callable[[], None]
) -> None:
    docs = await instance(rpc, config={"branch": "m", "token": Sealed(TOKEN), "pin": Sealed(PIN)})
    without = {**docs.inputs, "config": {"branch": "n"}}
    for call in ("update", "read", "delete"):
        another_process()
        async with serving(tmp_path) as later:
            await later.configure()
            body = {"error": "bad", "message": f"no token {TOKEN} nor pin {PIN}"}
            world.fault(system="den", route="/v1/connector-instances*", status=400, body=body, times=9)
            one = copy.deepcopy(docs)
            calls = {"update": lambda: later.update(one, **without), "read": lambda: later.read(one)}  # noqa: B023
            error = await fails(calls.get(call, lambda: later.delete(one))())  # noqa: B023
            world.calm()
            for secret in (TOKEN, str(PIN)):
                assert secret not in str(error.details()), call
                assert not any(secret in one for one in later.engine.said)


async def test_a_secret_name_is_in_no_message(rpc: Rpc, tmp_path: Path, another_process: Callable[[], None]) -> None:
    inputs = {"name": Sealed("a-name-to-hide"), "deletionPolicy": "retain", "connectorAccount": (await account(rpc)).id}
    docs = await rpc.create("ConnectorInstance", "docs", **inputs)
    another_process()
    async with serving(tmp_path) as later:
        await later.configure()
        await later.delete(docs)
        await said(later, "is left unchanged")
        assert not any("a-name-to-hide" in one for one in later.engine.said)


# Ends in the middle


async def test_ctrl_c_while_a_create_is_in_doubt_leaves_it_to_the_next_run(
    rpc: Rpc, world: World, tmp_path: Path
) -> None:
    top = await account(rpc)
    await rpc.invoke("trueup:den:listConnectorInstances")
    world.fault(system="den", method="POST", route="/v1/connector-instances", reset="after", times=1)
    world.fault(system="den", method="GET", status=503, times=99)
    creating = asyncio.ensure_future(instance(rpc, connectorAccount=top.id))
    await until(world.fired)
    await rpc.stub.Cancel(empty_pb2.Empty())
    error = await asyncio.wait_for(fails(creating, "Stopped"), PATIENCE)
    assert error.code() == grpc.StatusCode.UNKNOWN  # so that the engine believes nothing of the state
    world.calm()
    async with serving(tmp_path) as later:
        await later.configure()
        docs = await instance(later, connectorAccount=top.id)
        await said(later, "was being created when an earlier run ended")
    assert docs.id == world.instance("docs")["id"]


async def test_a_grant_whose_answer_is_garbled_is_found_again(rpc: Rpc, world: World, tmp_path: Path) -> None:
    docs = await instance(rpc)
    grant = {"connectorInstance": docs.id, "team": "Platform", "role": "viewer"}
    world.fault(system="den", method="POST", status=200, body={}, after=True, times=1)
    await fails(rpc.create("ConnectorAccess", "team", **grant))
    world.calm()
    async with serving(tmp_path) as later:
        await later.configure()
        assert (await later.create("ConnectorAccess", "team", **grant)).id.startswith(f"{docs.id}/cia_")


async def test_what_a_killed_run_made_under_another_name_is_told(rpc: Rpc, world: World, tmp_path: Path) -> None:
    top = await account(rpc)
    world.fault(system="den", method="POST", route="/v1/connector-instances", hold="after", times=1)
    inputs = {"connectorAccount": top.id, "name": "docs-old"}
    killed = asyncio.ensure_future(rpc.create("ConnectorInstance", "docs", **inputs))
    await held(world)
    killed.cancel()
    world.calm()
    world.settle()
    async with serving(tmp_path) as later:
        await later.configure()
        new = await later.create("ConnectorInstance", "docs", **{**inputs, "name": "docs-new"})
        await said(later, "docs-old (cin_")
        assert (await later.diff(new, new.inputs)).changes == NONE
    assert {"docs-old", "docs-new"} <= set(names(world.rows(INSTANCES)))


async def test_a_take_over_that_is_killed_half_way_is_ours_all_the_same(rpc: Rpc, world: World, tmp_path: Path) -> None:
    docs = await instance(rpc)
    await rpc.delete(docs)
    world.fault(system="den", method="POST", route="*enable*", hold="after", times=1)
    again = asyncio.ensure_future(instance(rpc, connectorAccount=docs.inputs["connectorAccount"]))
    await held(world)
    again.cancel()
    world.calm()
    world.settle()
    async with serving(tmp_path) as later:
        await later.configure()
        taken = await instance(later, connectorAccount=docs.inputs["connectorAccount"])
    assert (taken.id, world.instance("docs")["status"]) == (docs.id, "active")


async def test_what_was_retained_stays_so_until_it_is_taken_over(rpc: Rpc, world: World, tmp_path: Path) -> None:
    docs = await instance(rpc, deletionPolicy="retain")
    await rpc.delete(docs)
    wanted = {"connectorAccount": docs.inputs["connectorAccount"], "config": {"branch": "next"}}
    world.fault(system="den", method="PATCH", status=403, times=1)
    async with serving(tmp_path) as later:
        await later.configure()
        await fails(instance(later, **wanted), "403")
        assert (await instance(later, **wanted)).id == docs.id


async def test_what_a_state_holds_again_is_retained_no_more(rpc: Rpc, tmp_path: Path) -> None:
    docs = await instance(rpc, deletionPolicy="retain")
    await rpc.delete(docs)
    found = await rpc.imported("ConnectorInstance", "docs", docs.id)
    assert found is not None
    await rpc.read(found)
    async with serving(tmp_path) as other:
        await other.configure()
        inputs = {"connectorAccount": docs.inputs["connectorAccount"], "name": "docs"}
        await fails(other.create("ConnectorInstance", "another", **inputs), "already exists")


# What a program may say


async def test_a_replacement_and_another_policy_at_once_are_refused(rpc: Rpc) -> None:
    docs = await instance(rpc)
    other = await rpc.create("ConnectorAccount", "other", remoteId="2002", displayName="other")
    wanted = {**docs.inputs, "connectorAccount": other.id, "deletionPolicy": "remove"}
    assert list((await rpc.diff(docs, wanted)).replaces) == []
    for preview in (True, False):
        await fails(
            rpc.update(docs, preview=preview, **wanted), "would end the old resource with deletionPolicy archive"
        )


@pytest.mark.parametrize(
    ("ignored", "left"),
    [
        ('config["branch"]', ["config.sync.branch", 'config.sync["a.b"]']),
        ('config.sync["a.b"]', ["config.branch", "config.sync.branch"]),
        ("config.sync", ["config.branch"]),
        ("config.*.branch", ["config.branch", 'config.sync["a.b"]']),
        ("conf", ["config.branch", "config.sync.branch", 'config.sync["a.b"]']),
    ],
)
async def test_what_is_ignored_is_what_was_named(rpc: Rpc, ignored: str, left: list[str]) -> None:
    docs = await instance(rpc, config={"branch": "m", "sync": {"branch": "m", "a.b": "m"}})
    wanted = {**docs.inputs, "config": {"branch": "n", "sync": {"branch": "n", "a.b": "n"}}}
    assert sorted((await rpc.diff(docs, wanted, ignoreChanges=[ignored])).detailedDiff) == sorted(left)


async def test_a_list_that_could_not_be_read_is_read_again(rpc: Rpc, world: World) -> None:
    docs = await instance(rpc)
    async with serving(world.folder.parent) as later:
        await later.configure()
        world.fault(system="den", method="GET", route="/v1/connector-instances", status=403, times=1)
        for _ in range(2):
            with contextlib.suppress(grpc.aio.AioRpcError):
                found = await later.invoke("trueup:den:listConnectorInstances")
    assert docs.id in [one["id"] for one in found[0]["instances"]]


async def test_a_configuration_that_is_left_out_is_left_as_it_is(rpc: Rpc) -> None:
    crm = await rpc.create("Connector", "crm", **connector())
    without = {name: value for name, value in crm.inputs.items() if name != "dataLoaderConfig"}
    assert (await rpc.diff(crm, without)).changes == NONE
    assert AUTH["password"] not in repr(crm.state)


async def test_a_null_that_is_declared_anew_is_written(rpc: Rpc, world: World) -> None:
    docs = await instance(rpc, config={"branch": "m"})
    world.person("docs", instanceConfigJson={"branch": "m", "hook": "on"})
    wanted = {**docs.inputs, "config": {"branch": "m", "hook": None}}
    assert list((await rpc.diff(docs, wanted)).detailedDiff) == ["config.hook"]
    await rpc.update(docs, **wanted)
    assert world.instance("docs")["instanceConfigJson"] == {"branch": "m", "hook": None}
    assert (await rpc.diff(docs, wanted)).changes == NONE


async def test_a_mapping_that_nothing_of_ours_is_left_in_goes_as_well(rpc: Rpc, world: World) -> None:
    docs = await instance(rpc, config={"branch": "m", "sync": {"every": 5}, "mixed": {"ours": 1}})
    live = world.instance("docs")["instanceConfigJson"]
    world.person("docs", instanceConfigJson={**live, "mixed": {"ours": 1, "theirs": 2}})
    await rpc.update(docs, **{**docs.inputs, "config": {"branch": "m"}})
    assert world.instance("docs")["instanceConfigJson"] == {"branch": "m", "mixed": {"theirs": 2}}


async def test_a_member_by_e_mail_beside_an_unknown_replaces_nothing(rpc: Rpc) -> None:
    docs = await instance(rpc)
    grant = {"connectorInstance": docs.id, "member": "editor@example.test", "role": "viewer"}
    made = await rpc.create("ConnectorAccess", "editor", **grant)
    found = await rpc.imported("ConnectorAccess", "editor", made.id)
    assert found is not None
    assert found.inputs["member"].startswith("om_")
    answer = await rpc.diff(found, {**grant, "role": UNKNOWN})
    assert (list(answer.detailedDiff), list(answer.replaces)) == (["role"], [])


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "yesterday"])
async def test_a_time_that_is_none_is_a_failure_of_that_argument(rpc: Rpc, since: str) -> None:
    _, failures = await rpc.invoke("trueup:den:listSyncEvents", since=since)
    assert list(failures) == ["since"]


async def test_an_account_that_somebody_changed_can_be_refreshed_and_is_refused_by_the_update(
    rpc: Rpc, world: World, tmp_path: Path
) -> None:
    top = await account(rpc)
    declared = dict(top.inputs)
    world.person("acme", kind="connector-account", displayName="theirs")
    async with serving(tmp_path) as later:
        await later.configure()
        await later.read(top)
        found = await later.diff(top, declared)
        assert (list(found.diffs), list(found.replaces)) == (["displayName"], [])
        for preview in (True, False):
            error = await fails(later.update(top, preview=preview, **declared), "Den cannot change displayName")
            assert "manifest" not in str(error.details())
        assert (await later.diff(top, {**declared, "displayName": "theirs"})).changes == NONE


async def test_a_connector_that_drifts_to_pending_is_set_again(rpc: Rpc, world: World, tmp_path: Path) -> None:
    crm = await rpc.create("Connector", "crm", **connector())
    declared = dict(crm.inputs)
    world.upstream("status-changed", system="wexa", connectorID=crm.id.rpartition("/")[2], status="pending")
    async with serving(tmp_path) as later:
        await later.configure()
        await later.read(crm)
        assert list((await later.diff(crm, declared)).detailedDiff) == ["status"]
        await later.update(crm, **declared)
        await later.read(crm)
        assert (await later.diff(crm, declared)).changes == NONE


async def test_another_word_for_what_is_declared_is_no_reason_to_write(rpc: Rpc, world: World) -> None:
    """Wexa reads `ready`, and takes `active`; without its configuration nothing can be written."""
    row = world.rows("wexa.connectors")[0]
    world.upstream("status-changed", system="wexa", connectorID=row["connectorID"], status="ready")
    inputs = {"projectId": row["projectID"], "name": row["sourceName"], "status": "active"}
    made = await rpc.create("Connector", "events", **inputs)
    assert made.id.endswith(row["connectorID"])
    assert world.writes() == []


async def test_names_are_claimed_while_all_else_is_unknown(rpc: Rpc) -> None:
    inputs = {"connectorAccount": UNKNOWN}
    assert (await rpc.check("ConnectorInstance", "one", {**inputs, "name": "same"}))[1] == {}
    _, failures = await rpc.check("ConnectorInstance", "two", {**inputs, "name": "Same"})
    assert "::one declare the same ConnectorInstance (case is ignored)" in failures["name"]
    for name in ("three", "four"):
        assert (await rpc.check("ConnectorInstance", name, {**inputs, "name": UNKNOWN}))[1] == {}


async def test_what_a_server_says_in_its_own_words_is_remembered(rpc: Rpc, world: World, tmp_path: Path) -> None:
    """It answers to a write with what it made of it; neither a preview nor a refresh takes that for a difference."""
    docs = await instance(rpc, config={"branch": "main"})
    item = world.sandbox.den.get(f"/v1/connector-instances/{docs.id}").json()["item"]
    item["instanceConfigJson"] = {"branch": "refs/heads/next"}
    world.fault(system="den", method="PATCH", status=200, body={"ok": True, "item": item}, times=1)
    wanted = {**docs.inputs, "config": {"branch": "next"}}
    await rpc.update(docs, **wanted)
    world.person("docs", instanceConfigJson=item["instanceConfigJson"])
    assert (await rpc.diff(docs, wanted)).changes == NONE
    async with serving(tmp_path) as later:
        await later.configure()
        await later.read(docs)
        assert docs.inputs == wanted
        assert (await later.diff(docs, wanted)).changes == NONE
        world.person("docs", instanceConfigJson={"branch": "hotfix"})
    async with serving(tmp_path) as later:
        await later.configure()
        await later.read(docs)
        assert list((await later.diff(docs, wanted)).detailedDiff) == ["config.branch"]
