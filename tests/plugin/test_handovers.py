"""Resources of a Pulumi program that exchange names: each update waits for its name, with a limit."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from engine import LONG, Stack, descendants, resource
from engine_rpc import Resource, Rpc, account, fails, instance, serving
from engine_rpc import rpc as rpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2
from waiting import until
from world import INSTANCES, World

from trueup.engine.plan.names import PREFIX
from trueup.plugin import handovers
from trueup.plugin.codec import encode

TARGETS = "den.connectorTargets"
NONE = provider_pb2.DiffResponse.DIFF_NONE


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the waits for tests, where no further update arrives."""
    monkeypatch.setattr(handovers, "QUIET", 0.3)
    monkeypatch.setattr(handovers, "SILENT", 0.1)


@pytest.fixture
def patient(hasty: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """No wait ends by itself: every other update of the test does arrive, however busy the machine is."""
    monkeypatch.setattr(handovers, "QUIET", 600.0)
    monkeypatch.setattr(handovers, "SILENT", 600.0)


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Return an event that is set once a resource waits for news of another."""
    found, original = asyncio.Event(), handovers.Handovers._next

    async def following(self: handovers.Handovers, count: int, quiet: float) -> bool:
        found.set()
        return await original(self, count, quiet)

    monkeypatch.setattr(handovers.Handovers, "_next", following)
    return found


async def made(rpc: Rpc, *labels: str, **more: Any) -> dict[str, Resource]:
    top = await account(rpc)
    return {
        one: await instance(rpc, one, connectorAccount=top.id, status="active", config={"is": one}, **more)
        for one in labels
    }


async def told(rpc: Rpc, resources: dict[str, Resource], names: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Check and compare the inputs with the new names, one resource after the other, as the engine does."""
    await rpc.configure()  # as each run of the engine does
    found = {}
    for label, one in resources.items():
        inputs = {**one.inputs, "name": names[label]}
        checked, failures = await rpc.check("ConnectorInstance", label, inputs, one.inputs)
        assert failures == {}
        await rpc.diff(one, checked)
        found[label] = checked
    return found


def held(world: World) -> dict[str, tuple[str, str, Any]]:
    rows = [row for row in world.rows(INSTANCES) if "is" in (row["instanceConfigJson"] or {})]
    return {row["id"]: (row["name"], row["remoteId"], row["instanceConfigJson"]) for row in rows}


def right(world: World, resources: dict[str, Resource], names: dict[str, str]) -> bool:
    wanted = {one.id: (names[label], f"acme/{label}", {"is": label}) for label, one in resources.items()}
    return {key: row for key, row in held(world).items() if key in wanted} == wanted


CASES = {
    "chain": {"a": "b", "b": "c"},
    "swap": {"a": "b", "b": "a"},
    "three": {"a": "b", "b": "c", "c": "a"},
    "five": {"a": "b", "b": "c", "c": "d", "d": "e", "e": "a"},
    "mixed": {"a": "b", "b": "a", "c": "d", "d": "x"},
    "case": {"a": "B", "b": "A"},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.usefixtures("patient")
async def test_updates_at_once(rpc: Rpc, world: World, case: str, backwards: bool) -> None:
    names = CASES[case]
    resources = await made(rpc, *names)
    inputs = await told(rpc, resources, names)
    world.forget()
    order = list(names)[:: -1 if backwards else 1]
    await asyncio.gather(*(rpc.update(resources[label], **inputs[label]) for label in order))
    assert right(world, resources, names)
    patches = len([one for one in world.writes() if one.startswith("PATCH")])
    assert patches == len(names) + (case not in ("chain",)), "one more where names only change places"
    for label, one in resources.items():
        assert (await rpc.diff(one, inputs[label])).changes == NONE


@pytest.mark.parametrize("case", ["chain", "swap", "three"])
async def test_updates_one_after_the_other(rpc: Rpc, world: World, case: str) -> None:
    names = CASES[case]
    resources = await made(rpc, *names)
    inputs = await told(rpc, resources, names)
    for label in names:
        await rpc.update(resources[label], **inputs[label])
    assert right(world, resources, names)


@pytest.mark.usefixtures("patient")
async def test_a_new_one_under_a_name_that_is_given_up(rpc: Rpc, world: World) -> None:
    resources = await made(rpc, "a")
    inputs = await told(rpc, resources, {"a": "x"})
    parent = resources["a"].inputs["connectorAccount"]
    new, _ = await asyncio.gather(
        rpc.create("ConnectorInstance", "n", connectorAccount=parent, name="a", remoteId="acme/n", adopt=True),
        rpc.update(resources["a"], **inputs["a"]),
    )
    assert new.id != resources["a"].id
    assert right(world, resources, {"a": "x"})
    assert world.instance("a")["remoteId"] == "acme/n"


async def test_a_new_one_never_takes_what_another_resource_is(rpc: Rpc, world: World) -> None:
    resources = await made(rpc, "a")
    await told(rpc, resources, {"a": "a"})
    parent = resources["a"].inputs["connectorAccount"]
    given = {"connectorAccount": parent, "name": "a", "remoteId": "acme/n", "adopt": True}
    request = provider_pb2.CreateRequest(urn=resources["a"].urn + "-n", properties=encode(given))
    await fails(rpc.stub.Create(request), "is taken by", resources["a"].id, "keeps it")
    assert right(world, resources, {"a": "a"})


@pytest.mark.usefixtures("patient")
async def test_a_target_under_the_remote_id_of_another_one(rpc: Rpc, world: World) -> None:
    docs = (await made(rpc, "docs"))["docs"]
    spec = {"connectorInstance": docs.id, "config": {"is": "t"}}
    old = await rpc.create("ConnectorTarget", "t", remoteId="acme/one", **spec)
    wanted = {**old.inputs, "remoteId": "acme/two"}
    await rpc.configure()
    await rpc.check("ConnectorTarget", "t", wanted, old.inputs)
    await rpc.diff(old, wanted)
    new, _ = await asyncio.gather(
        rpc.create("ConnectorTarget", "u", remoteId="acme/one", connectorInstance=docs.id, config={"is": "u"}),
        rpc.update(old, **wanted),
    )
    assert new.id != old.id
    assert world.row(TARGETS, id=old.id)["remoteId"] == "acme/two"
    assert world.row(TARGETS, id=new.id)["targetConfigJson"] == {"is": "u"}
    await rpc.configure()
    first, second = {**old.inputs, "remoteId": "acme/one"}, {**new.inputs, "remoteId": "acme/two"}
    await rpc.diff(old, first)
    await rpc.diff(new, second)
    await asyncio.gather(rpc.update(old, **first), rpc.update(new, **second))
    assert world.row(TARGETS, id=old.id)["remoteId"] == "acme/one"
    assert world.row(TARGETS, id=old.id)["targetConfigJson"] == {"is": "t"}


async def test_what_is_not_heard_of_keeps_its_name_and_nothing_is_written(world: World, tmp_path: Path) -> None:
    async with serving(tmp_path) as first:
        await first.configure()
        resources = await made(first, "a", "b")
    async with serving(tmp_path) as later:  # dependsOn: the other resource is updated after this one
        await later.configure()
        one = resources["a"]
        inputs = {**one.inputs, "name": "b"}
        await later.diff(one, inputs)
        world.forget()
        await fails(later.update(one, **inputs), '"b" is taken by', resources["b"].id, "pulumi up with its new name")
        assert world.writes() == []


async def previewed(folder: Path, resources: dict[str, Resource], names: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Show a provider process of its own the new names, as a preview does."""
    async with serving(folder) as preview:
        return await told(preview, resources, names)


@pytest.mark.parametrize("case", ["chain", "swap", "three"])
async def test_each_resource_is_heard_of_only_after_the_one_before(world: World, tmp_path: Path, case: str) -> None:
    names = CASES[case]
    async with serving(tmp_path) as first:
        await first.configure()
        resources = await made(first, *names)
    inputs = await previewed(tmp_path, resources, names)
    async with serving(tmp_path) as later:
        await later.configure()
        for label, one in resources.items():
            await later.check("ConnectorInstance", label, inputs[label], one.inputs)
            await later.diff(one, inputs[label])
            await later.update(one, **inputs[label])
        assert right(world, resources, names)
        for label, one in resources.items():
            assert (await later.diff(one, inputs[label])).changes == NONE


@pytest.mark.usefixtures("patient")
async def test_after_a_refresh_each_is_still_awaited(world: World, tmp_path: Path, waiting: asyncio.Event) -> None:
    names = {"a": "b", "b": "c"}
    async with serving(tmp_path) as first:
        await first.configure()
        resources = await made(first, *names)
    async with serving(tmp_path) as later:
        await later.configure()
        inputs = {label: {**one.inputs, "name": names[label]} for label, one in resources.items()}
        for one in resources.values():
            await later.read(one)
            await later.diff(one, one.inputs)

        async def update(label: str) -> None:
            await later.check("ConnectorInstance", label, inputs[label], resources[label].inputs)
            await later.diff(resources[label], inputs[label])
            await later.update(resources[label], **inputs[label])

        first_update = asyncio.ensure_future(update("a"))
        await waiting.wait()
        await asyncio.gather(first_update, update("b"))
        assert right(world, resources, names)


@pytest.mark.parametrize("how", ["adopt", "archived", "target"])
@pytest.mark.parametrize("leaves", [False, True])
async def test_what_a_state_holds_is_not_taken_over(world: World, tmp_path: Path, how: str, leaves: bool) -> None:
    kind = "ConnectorTarget" if how == "target" else "ConnectorInstance"
    naming = "remoteId" if how == "target" else "name"
    async with serving(tmp_path) as first:
        await first.configure()
        old = (await made(first, "a"))["a"]
        if how == "archived":
            await first.update(old, **{**old.inputs, "status": "archived"})
        if how == "target":
            old = await first.create(kind, "a", connectorInstance=old.id, remoteId="a", config={"is": "a"})
    given = {**old.inputs, "config": {"is": "n"}, **({"adopt": True} if how == "adopt" else {})}
    async with serving(tmp_path) as preview:
        await preview.configure()
        wanted, _ = await preview.check(kind, "a", {**old.inputs, naming: "x" if leaves else "a"}, old.inputs)
        await preview.diff(old, wanted)
    async with serving(tmp_path) as later:
        await later.configure()
        world.forget()
        if not leaves:
            await fails(later.create(kind, "n", **given), '"a" is taken by', old.id, old.urn, "alias", "pulumi import")
            assert world.writes() == []
            return
        new = await later.create(kind, "n", **given)
        await later.check(kind, "a", wanted, old.inputs)
        await later.diff(old, wanted)
        await later.update(old, **wanted)
        assert new.id != old.id
        table, field = (TARGETS, "targetConfigJson") if how == "target" else (INSTANCES, "instanceConfigJson")
        assert (world.row(table, id=old.id)[naming], world.row(table, id=old.id)[field]) == ("x", {"is": "a"})
        assert (world.row(table, id=new.id)[naming], world.row(table, id=new.id)[field]) == ("a", {"is": "n"})


async def test_a_grant_that_a_state_holds_is_not_taken_over(world: World, tmp_path: Path) -> None:
    async with serving(tmp_path) as first:
        await first.configure()
        docs = (await made(first, "docs"))["docs"]
        grant = {"connectorInstance": docs.id, "team": "Platform", "role": "viewer"}
        old = await first.create("ConnectorAccess", "platform", **grant)
    async with serving(tmp_path) as later:
        await later.configure()
        await fails(later.create("ConnectorAccess", "n", **grant, adopt=True), old.urn, "alias")
        await later.configure()
        again = await later.create("ConnectorAccess", "platform", **grant, adopt=True)
        assert again.id == old.id


async def test_what_left_the_state_may_be_taken_over(world: World, tmp_path: Path) -> None:
    async with serving(tmp_path) as first:
        await first.configure()
        old = (await made(first, "docs"))["docs"]
        target = {"connectorInstance": old.id, "remoteId": "a"}
        one = await first.create("ConnectorTarget", "a", **target)
        await first.delete(one)
        await first.delete(old)
    async with serving(tmp_path) as later:
        await later.configure()
        assert (await later.create("ConnectorInstance", "n", **old.inputs)).id == old.id
        assert (await later.create("ConnectorTarget", "n", **target)).id == one.id


@pytest.mark.usefixtures("patient")
async def test_a_name_that_a_person_gave_another_resource_is_freed_by_a_refresh(world: World, tmp_path: Path) -> None:
    async with serving(tmp_path) as first:
        await first.configure()
        resources = await made(first, "a", "b")
    world.person("b", name="c")
    names = {"a": "c", "b": "b"}
    async with serving(tmp_path) as later:
        inputs = await told(later, resources, names)
        await fails(later.update(resources["a"], **inputs["a"]), resources["b"].urn, "pulumi up --refresh")
    async with serving(tmp_path) as refreshed:
        await refreshed.configure()
        for one in resources.values():
            await refreshed.read(one)
        inputs = await told(refreshed, resources, names)
        await asyncio.gather(*(refreshed.update(one, **inputs[label]) for label, one in resources.items()))
        assert right(world, resources, names)


async def test_what_is_unmanaged_keeps_its_name(rpc: Rpc, world: World) -> None:
    resources = await made(rpc, "a")
    inputs = await told(rpc, resources, {"a": "old-wiki"})
    theirs = world.instance("old-wiki")
    await fails(rpc.update(resources["a"], **inputs["a"]), theirs["id"])
    assert world.instance("old-wiki") == theirs
    assert right(world, resources, {"a": "a"})


@pytest.mark.usefixtures("patient")
async def test_a_failed_update_keeps_its_name_and_who_waits_is_told(rpc: Rpc, world: World) -> None:
    names = {"a": "b", "b": "c"}
    resources = await made(rpc, *names)
    inputs = await told(rpc, resources, names)
    world.fault(route="/v1/connector-instances/{connectorInstanceId}", method="PATCH", status=400, times=1)
    results = await asyncio.gather(
        *(rpc.update(resources[label], **inputs[label]) for label in names), return_exceptions=True
    )
    assert all(isinstance(one, Exception) for one in results)
    assert "keeps it" in str(results[0])
    assert right(world, resources, {"a": "a", "b": "b"})


@pytest.mark.usefixtures("patient")
async def test_cancel_ends_the_wait(rpc: Rpc, world: World, waiting: asyncio.Event) -> None:
    names = {"a": "b", "b": "c"}
    resources = await made(rpc, *names)
    inputs = await told(rpc, resources, names)
    update = asyncio.ensure_future(rpc.update(resources["a"], **inputs["a"]))
    await waiting.wait()
    await rpc.stub.Cancel(empty_pb2.Empty())
    await fails(update, "interrupted while waiting for a name")
    assert right(world, resources, {"a": "a", "b": "b"})


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.usefixtures("patient")
async def test_a_temporary_name_that_an_earlier_run_left_is_a_difference(
    world: World, tmp_path: Path, after: bool
) -> None:
    names = {"a": "b", "b": "a"}
    async with serving(tmp_path) as first:
        await first.configure()
        resources = await made(first, *names)
        inputs = await told(first, resources, names)
        patch = {"route": "/v1/connector-instances/{connectorInstanceId}", "method": "PATCH"}
        # The rename after the temporary one is refused, or is held until this process has exited.
        world.fault(**patch, nth=2, **({"status": 400} if after else {"hold": "before"}))
        updates = asyncio.gather(*(first.update(resources[label], **inputs[label]) for label in names))
        if after:
            with contextlib.suppress(Exception):
                await updates
        else:
            await until(lambda: any(name.startswith(PREFIX) for name, _, _ in held(world).values()))
            updates.cancel()
    world.calm()
    async with serving(tmp_path) as later:
        await later.configure()
        for label, one in resources.items():
            await later.diff(one, inputs[label])
        await asyncio.gather(*(later.update(one, **inputs[label]) for label, one in resources.items()))
        assert right(world, resources, names)
        assert not [name for name, _, _ in held(world).values() if name.startswith(PREFIX)]
        for label, one in resources.items():
            assert (await later.diff(one, inputs[label])).changes == NONE


@pytest.mark.timeout(300)
def test_the_engine_makes_chains_and_cycles(world: World, tmp_path: Path) -> None:
    def program(names: dict[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = {"acme": resource("ConnectorAccount", remoteId="1001", displayName="acme")}
        for label, name in names.items():
            given: dict[str, Any] = {"connectorAccount": "${acme.id}", "name": name, "remoteId": f"acme/{label}"}
            found[label] = resource("ConnectorInstance", **given, config={"is": label})
        return found

    stack = Stack(tmp_path / "program")
    stack.resources = program({one: one for one in "abcde"})
    stack.up()
    before = {label: stack.id(label) for label in "abcde"}
    stack.resources = program({**{one: one for one in "cde"}, "a": "b", "b": "a"})
    said = stack.up("--parallel", "1", code=None)  # the provider may or may not learn of the other resource in time
    assert "~ 2 updated" in said or "do not run with --parallel 1" in said
    for label, identity in before.items():
        assert held(world)[identity][1:] == (f"acme/{label}", {"is": label})
    names = {"a": "b", "b": "a", "c": "d", "d": "e", "e": "x", "n": "c"}
    stack.resources = program(names)
    stack.up()
    rows = held(world)
    for label, identity in before.items():
        assert rows[identity] == (names[label], f"acme/{label}", {"is": label})
    assert stack.id("n") not in before.values()
    stack.clean()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("runtime", ["yaml", "python"])
@pytest.mark.parametrize("words", [("--parallel", "1"), ("--refresh",)], ids=" ".join)
def test_the_engine_renames_in_an_adverse_order(
    world: World, tmp_path: Path, runtime: str, words: tuple[str, ...]
) -> None:
    def program(names: dict[str, str], after: dict[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = {"acme": resource("ConnectorAccount", remoteId="1001", displayName="acme")}
        for label, name in names.items():
            given: dict[str, Any] = {"connectorAccount": "${acme.id}", "name": name, "remoteId": f"acme/{label}"}
            options = {"dependsOn": [f"${{{after[label]}}}"]} if label in after else None
            found[label] = resource("ConnectorInstance", options, **given, adopt=True, config={"is": label})
        return found

    stack = Stack(tmp_path / "program", runtime=runtime)
    stack.resources = program({one: one for one in "abc"}, {})
    stack.up()
    before = {label: stack.id(label) for label in "abc"}
    names = {"a": "b", "b": "c", "n": "a", "c": "x"}
    stack.resources = program(names, {"b": "a", "a": "n", "c": "b"})
    stack.write()
    stack.run("up", "--yes", *words)
    rows = held(world)
    for label, identity in before.items():
        assert rows[identity] == (names[label], f"acme/{label}", {"is": label})
    assert rows[stack.id("n")] == ("a", "acme/n", {"is": "n"})
    stack.clean()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("hold", ["before", "after"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_provider_killed_in_a_rename_and_another_up(world: World, tmp_path: Path, hold: str, nth: int) -> None:
    def program(names: dict[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = {"acme": resource("ConnectorAccount", remoteId="1001", displayName="acme")}
        for label, name in names.items():
            given: dict[str, Any] = {"connectorAccount": "${acme.id}", "name": name, "remoteId": f"acme/{label}"}
            found[label] = resource("ConnectorInstance", **given, config={"is": label})
        return found

    stack = Stack(tmp_path / "program")
    stack.resources = program({one: one for one in "abc"})
    stack.up()
    before = {label: stack.id(label) for label in "abc"}
    route = "/v1/connector-instances/{connectorInstanceId}"
    world.fault(system="den", method="PATCH", route=route, nth=nth, times=1, hold=hold)
    names = CASES["three"]
    stack.resources = program(names)
    stack.write()
    process = stack.start_held(world, "up", "--yes", "--skip-preview")
    for one in descendants(process.pid):
        if b"pulumi-resource-trueup" in Path(f"/proc/{one}/cmdline").read_bytes():
            os.kill(one, signal.SIGKILL)
    world.sandbox.control.post("/faults/release")
    world.calm()
    process.communicate(timeout=LONG)
    world.settle()
    for label, identity in before.items():
        assert held(world)[identity][1:] == (f"acme/{label}", {"is": label})
    stack.up()
    assert {key: held(world)[key] for key in before.values()} == {
        identity: (names[label], f"acme/{label}", {"is": label}) for label, identity in before.items()
    }
    stack.clean()
