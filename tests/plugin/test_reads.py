"""What the provider's reading costs, counted at the server: by id or by list, and never again after a write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from engine_rpc import Resource, Rpc, account, fails, serving, urn
from pulumi.runtime.proto import provider_pb2
from world import INSTANCES, World

from trueup.plugin.codec import decode, encode


@pytest.fixture
async def rpc(thousand: World, tmp_path: Path) -> AsyncIterator[Rpc]:
    async with serving(tmp_path) as found:
        await found.configure()
        thousand.forget()
        yield found


def kept(world: World, count: int) -> list[Resource]:
    """The first instances of the sandbox as a state would hold them."""
    found = []
    for row in world.rows(INSTANCES)[:count]:
        inputs = {"connectorAccount": row["connectorAccountId"], "name": row["name"], "remoteId": row["remoteId"]}
        found.append(Resource(urn("ConnectorInstance", row["name"]), row["id"], {**inputs, "status": "active"}))
    return found


async def test_few_are_read_by_id_and_many_by_list(rpc: Rpc, thousand: World) -> None:
    await asyncio.gather(*(rpc.read(one) for one in kept(thousand, 2)))
    assert thousand.routes() == {"GET /v1/connector-instances/{connectorInstanceId}": 2}
    thousand.forget()
    await asyncio.gather(*(rpc.read(one) for one in kept(thousand, 500)))
    assert thousand.asked() <= 12


async def test_one_after_the_other_costs_no_more(rpc: Rpc, thousand: World) -> None:
    for one in kept(thousand, 100):
        await rpc.read(one)
    assert thousand.asked() <= 14


async def test_a_write_is_not_followed_by_another_list(rpc: Rpc, thousand: World) -> None:
    found = kept(thousand, 100)
    await asyncio.gather(*(rpc.read(one) for one in found))
    thousand.forget()
    for number, one in enumerate(found[:20]):
        await rpc.update(one, **{**one.inputs, "remoteId": f"acme/moved-{number}"})
        await rpc.read(one)
        assert one.state["remoteId"] == f"acme/moved-{number}"
    assert thousand.asked() == 20


async def test_of_a_write_that_may_have_happened_it_is_looked_again(rpc: Rpc, thousand: World) -> None:
    one, *_ = found = kept(thousand, 3)
    await asyncio.gather(*(rpc.read(each) for each in found))
    thousand.fault(
        system="den", method="PATCH", route="/v1/connector-instances/*", status=200, body={}, after=True, times=9
    )
    wanted = {**one.inputs, "remoteId": "acme/moved"}
    await fails(rpc.update(one, **wanted))
    thousand.calm()
    await rpc.read(one)
    assert one.state["remoteId"] == "acme/moved"


async def test_what_is_below_a_new_instance_is_known_to_be_nothing(rpc: Rpc, thousand: World) -> None:
    top = await account(rpc, adopt=True)
    thousand.forget()
    for number in range(10):
        docs = await rpc.create("ConnectorInstance", f"new-{number}", connectorAccount=top.id)
        await rpc.create("ConnectorTarget", f"t-{number}", connectorInstance=docs.id, remoteId="acme/docs")
    assert thousand.routes()["GET /v1/connector-instances/{connectorInstanceId}/targets"] == 0
    assert len(thousand.writes()) == 20
    assert thousand.asked() <= 20 + 14


async def test_writes_to_one_instance_are_one_after_the_other(rpc: Rpc, thousand: World) -> None:
    one, *_ = kept(thousand, 1)
    await rpc.read(one)
    requests = []
    for number in range(10):
        config = {**one.inputs, "config": {f"key{number}": number}}
        requests.append(
            provider_pb2.UpdateRequest(
                id=one.id, urn=one.urn, olds=encode(one.state), old_inputs=encode(one.inputs), news=encode(config)
            )
        )
    await asyncio.gather(*(rpc.stub.Update(request) for request in requests))
    live = thousand.row(INSTANCES, id=one.id)["instanceConfigJson"]
    assert {f"key{number}": number for number in range(10)}.items() <= live.items()
    answer = await rpc.stub.Read(provider_pb2.ReadRequest(id=one.id, urn=one.urn))
    assert decode(answer.inputs)["name"] == one.inputs["name"]
