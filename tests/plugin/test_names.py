"""Names that a program leaves out: their defaults, that they are stable, and that they are restored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engine_rpc import MODES, Resource, Rpc, account, connector, instance, serving
from engine_rpc import rpc as rpc
from pulumi.runtime.proto import provider_pb2
from world import CONNECTORS, World

from trueup.plugin.codec import Sealed

SOME, NONE = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
KIND = "ConnectorInstance"


async def refreshed(one: Resource, folder: Path) -> None:
    """Refresh the resource in a later run."""
    async with serving(folder) as later:
        await later.configure()
        await later.read(one)


async def again(rpc: Rpc, one: Resource, label: str, /, **inputs: Any) -> Any:
    """Run `up` for the resource as the program declares it: Check, Diff, and Update if something differs."""
    wanted, failures = await rpc.check(KIND, label, inputs, one.inputs)
    assert failures == {}
    found = await rpc.diff(one, wanted)
    if found.changes == SOME:
        await rpc.update(one, **wanted)
    else:
        one.inputs = wanted
    return found


@pytest.mark.parametrize("label", ["a::b", "::", "a::", "::b", "a::b::c", "a:b", "a$b", "urn:pulumi:x::y::z::n"])
async def test_an_instance_is_called_as_the_resource_is_all_of_it(rpc: Rpc, label: str) -> None:
    checked, failures = await rpc.check(KIND, label, {"connectorAccount": (await account(rpc)).id})
    assert (checked["name"], failures) == (label, {})


async def test_two_names_that_end_alike_are_two(rpc: Rpc, world: World) -> None:
    top = (await account(rpc)).id
    for label in ("a::b", "x::b", "b"):
        await rpc.create(KIND, label, connectorAccount=top)
        assert world.instance(label)


async def test_a_state_keeps_the_name_that_an_earlier_version_gave(rpc: Rpc, world: World, tmp_path: Path) -> None:
    top = (await account(rpc)).id
    old = await rpc.create(KIND, "a::b", connectorAccount=top, name="b")
    before = world.instance("b")
    assert (await again(rpc, old, "a::b", connectorAccount=top)).changes == NONE
    await refreshed(old, tmp_path)
    assert (await again(rpc, old, "a::b", connectorAccount=top)).changes == NONE
    assert world.instance("b") == before
    replaced, _ = await rpc.check(KIND, "a::b", {"connectorAccount": top})
    assert replaced["name"] == "a::b"


@pytest.mark.parametrize("given", ["docs", "Own name", Sealed("secret name")], ids=str)
@pytest.mark.parametrize("reads", [1, 2])
async def test_a_name_changed_in_den_is_restored(
    rpc: Rpc, world: World, tmp_path: Path, given: Any, reads: int
) -> None:
    top = (await account(rpc)).id
    name = given.value if isinstance(given, Sealed) else given
    named = {} if given == "docs" else {"name": given}
    one = await rpc.create(KIND, "docs", connectorAccount=top, remoteId="acme/docs", **named)
    world.person(name, name="renamed")
    for _ in range(reads):
        await refreshed(one, tmp_path)
        assert one.state["name"] in ("renamed", Sealed("renamed"))

    found = await again(rpc, one, "docs", connectorAccount=top, remoteId="acme/docs")

    assert list(found.diffs) == ["name"]
    assert not found.replaces
    assert world.instance(name)["id"] == one.id
    assert not any(key.startswith("__") for key in one.inputs)
    await refreshed(one, tmp_path)
    assert (await again(rpc, one, "docs", connectorAccount=top, remoteId="acme/docs")).changes == NONE


async def test_a_name_that_a_person_put_back_is_no_difference(rpc: Rpc, world: World, tmp_path: Path) -> None:
    one = await instance(rpc)
    declared = dict(one.inputs)
    world.person("docs", name="renamed")
    await refreshed(one, tmp_path)
    assert one.inputs != declared
    world.person("renamed", name="docs")
    await refreshed(one, tmp_path)
    assert one.inputs == declared


async def test_a_name_that_is_given_goes_before(rpc: Rpc, world: World, tmp_path: Path) -> None:
    one = await instance(rpc)
    world.person("docs", name="renamed")
    await refreshed(one, tmp_path)
    checked, _ = await rpc.check(KIND, "docs", {**one.inputs, "name": "renamed"}, one.inputs)
    assert checked["name"] == "renamed"
    assert (await rpc.diff(one, checked)).changes == NONE
    assert not any(key.startswith("__") for key in checked)


async def test_a_proposed_name_is_the_one_that_is_restored(rpc: Rpc, world: World, tmp_path: Path) -> None:
    top = (await account(rpc)).id
    first = MODES(proposed_name="docs-1a2b", mode=MODES.PROPOSE)
    checked, _ = await rpc.check(KIND, "docs", {"connectorAccount": top}, autonaming=first)
    one = await rpc.create(KIND, "docs", **checked)
    world.person("docs-1a2b", name="renamed")
    await refreshed(one, tmp_path)
    for later in (MODES(proposed_name="docs-9z8y", mode=MODES.PROPOSE), MODES(mode=MODES.DISABLE)):
        found, failures = await rpc.check(KIND, "docs", {"connectorAccount": top}, one.inputs, autonaming=later)
        assert (found["name"], failures) == ("docs-1a2b", {})


async def test_a_connector_of_wexa_renamed_there_stays_the_same(rpc: Rpc, world: World, tmp_path: Path) -> None:
    one = await rpc.create("Connector", "crm", **connector())
    key = world.row(CONNECTORS, sourceName="crm")["connectorID"]
    world.upstream("connector-renamed", system="wexa", connectorID=key, sourceName="clients")
    await refreshed(one, tmp_path)
    checked, failures = await rpc.check("Connector", "crm", connector(), one.inputs)
    assert (checked["name"], failures) == ("clients", {})  # Wexa has no rename, so the name cannot be restored
