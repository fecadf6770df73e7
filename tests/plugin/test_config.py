"""The provider's configuration, its functions, and all other calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from engine_rpc import Rpc, account, fails, instance, serving
from engine_rpc import rpc as rpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2
from world import World

from trueup.plugin.codec import UNKNOWN, Sealed, decode, encode
from trueup.sandbox.presets import DEMO_PROJECT

SOME = provider_pb2.DiffResponse.DIFF_SOME


async def test_an_unknown_configuration_waits(world: World, tmp_path: Path) -> None:
    async with serving(tmp_path) as rpc:
        await rpc.configure(denUrl=UNKNOWN)
        await fails(account(rpc), "configuration is not known yet")
        await rpc.configure(allowDisconnect="true")
        assert (await account(rpc)).id


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"denApiKey": "no-such-key"}, "refused"),
        ({"denUrl": "http://den.example.com"}, "denUrl: the URL"),
        ({"denUrl": "https://127.0.0.1:9"}, "127.0.0.1:9"),
    ],
)
async def test_a_wrong_configuration_is_told_in_one_sentence(
    world: World, tmp_path: Path, args: dict[str, Any], words: str
) -> None:
    async with serving(tmp_path) as rpc:
        await fails(rpc.configure(**args), words)
        await fails(account(rpc), "configuration")


async def test_without_any_key(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DEN_URL", "DEN_API_KEY", "WEXA_URL", "WEXA_API_KEY"):
        monkeypatch.delenv(f"TRUEUP_{name}")
    async with serving(tmp_path) as rpc:
        await fails(rpc.configure(), "no API key for Den or Wexa", "trueup:denApiKey")


async def test_check_config_seals_keys_and_names_what_is_wrong(rpc: Rpc) -> None:
    async def check(**news: Any) -> Any:
        return await rpc.stub.CheckConfig(provider_pb2.CheckRequest(urn="x", news=encode(news)))

    assert decode((await check(denApiKey="a-key")).inputs) == {"denApiKey": Sealed("a-key")}
    answer = await check(denUrl="http://den.example.com", apiKey="x", denApiKey="a key\n", allowDisconnect="perhaps")
    assert {one.property for one in answer.failures} == {"denUrl", "apiKey", "denApiKey", "allowDisconnect"}
    assert not any("a key" in one.reason for one in answer.failures)


# DiffConfig


async def test_another_key_replaces_nothing(rpc: Rpc) -> None:
    request = provider_pb2.DiffRequest(
        olds=encode({"denApiKey": Sealed("a")}),
        old_inputs=encode({"denApiKey": Sealed("a")}),
        news=encode({"denApiKey": Sealed("b"), "denUrl": "https://den.example.com"}),
    )
    found = await rpc.stub.DiffConfig(request)
    assert (found.changes, list(found.diffs), list(found.replaces)) == (SOME, ["denUrl", "denApiKey"], [])


async def test_a_key_that_was_accepted_today_is_not_asked_about_again(world: World, tmp_path: Path) -> None:
    async with serving(tmp_path) as rpc:
        await rpc.configure()
    world.forget()
    async with serving(tmp_path) as rpc:
        await rpc.configure()
    assert world.asked() == 0


async def test_every_other_call_has_an_answer(rpc: Rpc) -> None:
    stub = rpc.stub
    schema = json.loads((await stub.GetSchema(provider_pb2.GetSchemaRequest())).schema)
    assert schema["name"] == "trueup"
    assert (await stub.GetPluginInfo(empty_pb2.Empty())).version == schema["version"]
    assert list((await stub.GetMappings(provider_pb2.GetMappingsRequest(key="x"))).providers) == []
    await fails(stub.Call(provider_pb2.CallRequest(tok="trueup:den:no")), "trueup:den:no is not a method")
    await fails(stub.Construct(provider_pb2.ConstructRequest(type="trueup:den:No")), "trueup:den:No is not a component")
    await fails(stub.Parameterize(provider_pb2.ParameterizeRequest()), "does not support parameters")
    await fails(rpc.invoke("trueup:den:nothing"), "is not a function of this provider")
    await fails(rpc.imported("Nothing", "x", "y"), "is not a resource of this provider")


async def test_every_function_of_the_schema_answers(rpc: Rpc, world: World) -> None:
    top = await account(rpc)
    docs = await instance(rpc, connectorAccount=top.id)
    assert (await rpc.invoke("trueup:den:getConnectorAccount", remoteId="1001"))[0]["id"] == top.id
    for given in ({"name": "DOCS"}, {"id": docs.id}):
        assert (await rpc.invoke("trueup:den:getConnectorInstance", **given))[0]["connectorAccount"] == top.id
    assert set((await rpc.invoke("trueup:den:getConnectorInstance", name="docs", id=docs.id))[1]) == {"name"}
    found, _ = await rpc.invoke("trueup:den:listConnectorInstances", connectorAccount=top.id)
    assert [one["name"] for one in found["instances"]] == ["docs"]
    world.sandbox.den.post(f"/v1/connector-instances/{docs.id}/sync-now").raise_for_status()
    events, _ = await rpc.invoke("trueup:den:listSyncEvents", connectorInstance=docs.id, limit=5)
    assert isinstance(events["events"], list)
    assert set((await rpc.invoke("trueup:den:listSyncEvents", limit=0))[1]) == {"limit"}
    found, _ = await rpc.invoke("trueup:wexa:getConnectors", projectId=DEMO_PROJECT)
    assert {"crm", "events"} <= {one["name"] for one in found["connectors"]}


async def test_how_long_a_silent_server_is_tried_again_is_checked(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path) as rpc:
        monkeypatch.setenv("TRUEUP_RETRY_FOR", "soon")
        await fails(rpc.configure(), 'TRUEUP_RETRY_FOR is "soon", which is not a duration. Write 90s or 10m.')
        monkeypatch.setenv("TRUEUP_RETRY_FOR", "1h30m")
        await rpc.configure()
