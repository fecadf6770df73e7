"""Refusals, and fields that are not shown, as the provider meets them: nothing is taken for gone or for changed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from engine_rpc import Resource, Rpc, account, instance, serving
from engine_rpc import rpc as rpc
from mutating import MISSING, at_place, between
from world import World

ACCESS = "/v1/connector-instances/{connectorInstanceId}/access"
LISTS = {
    "ConnectorTarget": "/v1/connector-instances/{connectorInstanceId}/targets",
    "ConnectorMapping": "/v1/connector-targets/{connectorTargetId}/mappings",
    "ConnectorAccess": ACCESS,
    "ConnectorInstance": "/v1/connector-instances*",
    "ConnectorAccount": "/v1/connector-accounts*",
}
REFUSALS = {
    "reauth": {"error": "reauth"},
    "permission": {"error": "forbidden", "requiredPermission": "connector_instance.read"},
    "sso": {"error": "organization_sso_required"},
    "nothing": {},
}


async def stack(rpc: Rpc) -> dict[str, Resource]:
    """A resource of each kind of Den."""
    found = {"ConnectorInstance": await instance(rpc, status="active", config={"branch": "main"})}
    docs = found["ConnectorInstance"]
    found["ConnectorAccount"] = await account(rpc, adopt=True)
    found["ConnectorTarget"] = main = await rpc.create(
        "ConnectorTarget", "main", connectorInstance=docs.id, remoteId="acme/docs", externalTargetRef="main"
    )
    found["ConnectorMapping"] = await rpc.create(
        "ConnectorMapping",
        "skills",
        connectorTarget=main.id.rpartition("/")[2],
        mappingKind="path",
        selector="s/**",
        objectType="skill",
        autoAddToPlugin=True,
    )
    found["ConnectorAccess"] = await rpc.create(
        "ConnectorAccess", "team", connectorInstance=docs.id, team="Platform", role="editor"
    )
    return found


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("kind", LISTS)
async def test_what_may_not_be_read_is_not_gone(
    kind: str, refusal: str, rpc: Rpc, world: World, tmp_path: Path
) -> None:
    one = (await stack(rpc))[kind]
    world.fault(system="den", method="GET", route=LISTS[kind], status=403, body=REFUSALS[refusal])
    async with serving(tmp_path) as later:
        await later.configure()
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await later.read(one)
    assert raised.value.code() == grpc.StatusCode.PERMISSION_DENIED
    world.calm()
    async with serving(tmp_path) as later:
        await later.configure()
        assert (await later.read(one)).id == one.id


FIELDS = [
    ("ConnectorAccount", "displayName"),
    ("ConnectorInstance", "status"),
    ("ConnectorInstance", "instanceConfigJson"),
    ("ConnectorInstance", "connectorAccountId"),
    ("ConnectorTarget", "externalTargetRef"),
    ("ConnectorTarget", "targetKind"),
    ("ConnectorMapping", "mappingKind"),
    ("ConnectorMapping", "autoAddToPlugin"),
    ("ConnectorAccess", "role"),
]


@pytest.mark.parametrize(("kind", "field"), FIELDS)
async def test_a_field_that_is_not_shown_is_no_difference(
    kind: str, field: str, rpc: Rpc, world: World, tmp_path: Path
) -> None:
    one = (await stack(rpc))[kind]
    inputs = dict(one.inputs)
    with between(world.sandbox.ready["den"]["url"]) as proxy:
        for change in (MISSING, ["unheard"], 7):
            proxy.every = lambda body, change=change: at_place(
                at_place(body, ("items", "*", field), lambda _: change), ("item", field), lambda _: change
            )
            async with serving(tmp_path) as later:
                await later.configure(denUrl=proxy.url)
                world.forget()
                assert (await later.read(one)).id == one.id
                answer = await later.diff(one, inputs)
                assert list(answer.diffs) == []
                assert list(answer.replaces) == []
                assert one.inputs == inputs
                assert world.writes() == []


@pytest.mark.parametrize("many", [1, 4])
async def test_what_a_list_leaves_out_is_asked_for_by_its_id(many: int, rpc: Rpc, world: World, tmp_path: Path) -> None:
    """Den leaves out of its lists what a credential may not see, and answers 403 for it by id."""
    top = await account(rpc)
    found = [await instance(rpc, f"i{number}", connectorAccount=top.id) for number in range(many)]
    empty: dict[str, Any] = {"items": [], "nextCursor": None}
    world.fault(system="den", method="GET", route="/v1/connector-instances", status=200, body=empty)
    world.fault(system="den", method="GET", route="/v1/connector-instances/*", status=403, body={"error": "forbidden"})
    async with serving(tmp_path) as later:
        await later.configure()
        answers = await asyncio.gather(*(later.read(one) for one in found), return_exceptions=True)
    for answer in answers:
        assert isinstance(answer, grpc.aio.AioRpcError), answer
        assert answer.code() == grpc.StatusCode.PERMISSION_DENIED


async def test_a_mapping_of_a_kind_that_is_not_known_is_not_replaced(rpc: Rpc, world: World, tmp_path: Path) -> None:
    one = (await stack(rpc))["ConnectorMapping"]
    inputs = dict(one.inputs)
    state = world.sandbox.control.get("/state").json()
    for row in state["tables"]["den.connectorMappings"].values():
        row["mappingKind"] = "unheard-of"
    assert world.sandbox.control.put("/state", json=state).status_code == 200
    async with serving(tmp_path) as later:
        await later.configure()
        await later.read(one)
        answer = await later.diff(one, inputs)
        assert list(answer.replaces) == []
        world.forget()
        with pytest.raises(grpc.aio.AioRpcError, match="unheard-of"):
            await later.update(one, **inputs)
        assert world.writes() == []
