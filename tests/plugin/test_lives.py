"""Resources through lives of many changes and faults: what was done is seen, and nothing is twice or for ever."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from engine_rpc import Resource, Rpc, account
from engine_rpc import rpc as rpc
from pulumi.runtime.proto import provider_pb2
from world import ACCOUNTS, INSTANCES, World

from trueup.plugin.codec import Sealed

NONE = provider_pb2.DiffResponse.DIFF_NONE
PLAIN: tuple[Any, ...] = (1, 1.5, "t", "", None, True, [], {}, [1, {"k": None}], "ünï")
VALUES: tuple[Any, ...] = (*PLAIN, [Sealed("s")], Sealed("secret"), Sealed({"z": 1}))
FAULTS: tuple[dict[str, Any], ...] = (
    {"reset": "after"},
    {"reset": "before"},
    {"status": 500, "after": True},
    {"status": 503},
    {"truncate": True},
    {"status": 401},
)


async def clean(rpc: Rpc, one: Resource) -> None:
    """Neither by the state nor by what is live does anything differ."""
    declared, state = dict(one.inputs), dict(one.state)
    assert (await rpc.diff(one, declared)).changes == NONE, one
    await rpc.read(one)
    assert one.inputs == declared
    assert (await rpc.diff(one, declared)).changes == NONE, one
    assert one.state == state


class Lives:
    """What a program may say next of a resource."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def config(self, depth: int = 0) -> dict[str, Any]:
        keys = self._random.sample(["a", "b", "c", "d.e", 'q"x'], self._random.randint(0, 4))
        deeper = depth == 0
        return {
            key: self.config(1) if deeper and self._random.random() < 0.25 else self._random.choice(VALUES)
            for key in keys
        }

    def inputs(self, kind: str, fixed: dict[str, Any]) -> dict[str, Any]:
        options: dict[str, dict[str, tuple[Any, ...]]] = {
            "ConnectorInstance": {
                "status": ("active", "disabled", "archived"),
                "autoImportNewPlugins": (True, False),
                "remoteId": ("acme/x", "acme/y", None),
                "deletionPolicy": ("archive", "remove", "retain"),
            },
            "ConnectorTarget": {"externalTargetRef": ("main", None, "next")},
            "ConnectorMapping": {"autoAddToPlugin": (True, False)},
        }
        found = {name: self._random.choice(some) for name, some in options[kind].items() if self._random.random() < 0.6}
        return {**found, **fixed, **({"config": self.config()} if self._random.random() < 0.8 else {})}


@pytest.mark.parametrize("seed", range(3))
async def test_a_life_of_changes_is_always_seen_as_it_is(rpc: Rpc, seed: int) -> None:
    lives = Lives(seed)
    top = await account(rpc)
    base = await rpc.create("ConnectorInstance", "base", connectorAccount=top.id)
    target = await rpc.create("ConnectorTarget", "target", connectorInstance=base.id, remoteId="base")
    for number in range(6):
        for kind, fixed in (
            ("ConnectorInstance", {"connectorAccount": top.id, "name": f"i-{number}"}),
            ("ConnectorTarget", {"connectorInstance": base.id, "remoteId": f"r-{number}"}),
            (
                "ConnectorMapping",
                {"connectorTarget": target.id, "mappingKind": "path", "selector": f"s-{number}", "objectType": "skill"},
            ),
        ):
            name = f"{kind}-{number}"
            one = await rpc.create(kind, name, **lives.inputs(kind, fixed))
            await clean(rpc, one)
            for _ in range(3):
                wanted, failures = await rpc.check(kind, name, lives.inputs(kind, fixed), one.inputs)
                assert failures == {}
                if (await rpc.diff(one, wanted)).changes == NONE:
                    one.inputs = wanted
                    continue
                await rpc.update(one, **wanted)
                await clean(rpc, one)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_a_create_that_may_have_happened_happens_once(rpc: Rpc, world: World, fault: dict[str, Any]) -> None:
    top = await account(rpc)
    base = await rpc.create("ConnectorInstance", "base", connectorAccount=top.id)
    target = await rpc.create("ConnectorTarget", "target", connectorInstance=base.id, remoteId="base")
    for kind, inputs in (
        ("ConnectorAccount", {"remoteId": "2002", "displayName": "two"}),
        ("ConnectorInstance", {"connectorAccount": top.id, "status": "disabled", "config": {"k": "v"}}),
        ("ConnectorTarget", {"connectorInstance": base.id, "remoteId": "r1", "config": {"b": 1}}),
        (
            "ConnectorMapping",
            {"connectorTarget": target.id, "mappingKind": "path", "selector": "s", "objectType": "skill"},
        ),
        ("ConnectorAccess", {"connectorInstance": base.id, "team": "Platform", "role": "viewer"}),
    ):
        world.fault(system="den", method="POST", times=1, **fault)
        one = await rpc.create(kind, f"x-{kind}", **inputs)
        world.calm()
        await clean(rpc, one)
    for table, field in ((INSTANCES, "name"), (ACCOUNTS, "remoteId"), ("den.connectorTargets", "remoteId")):
        counts = Counter((row.get("connectorInstanceId"), row[field]) for row in world.rows(table))
        assert set(counts.values()) == {1}, table
