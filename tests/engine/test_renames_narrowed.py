"""Renames in a run that sees a part of the manifests, and after a person renamed: nothing is made twice."""

from __future__ import annotations

from typing import Any

import pytest
from declare import account, instance, mapping, target
from renaming import held, made, own, renamed
from world import INSTANCES, World, actions, changed, results

from trueup.report.reasons import worded

TARGETS = "den.connectorTargets"
REPOSITORY: dict[str, Any] = {"remoteId": "acme/repository", "config": {"is": 1}}
PARTS = ["whole", "target", "file"]


def unmanaged(world: World, name: str) -> dict[str, Any]:
    """Create an instance of the same account, as a person does."""
    above = world.row("den.connectorAccounts", remoteId="1001")["id"]
    body = {"connectorType": "github", "connectorAccountId": above, "name": name, "remoteId": "acme/theirs"}
    answer = world.sandbox.den.post("/v1/connector-instances", json=body)
    assert answer.is_success, answer.text
    return world.instance(name)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize("label", ["first", "second"])
async def test_what_a_person_renamed_is_what_the_annotation_means(
    world: World, part: str, taken: bool, label: str
) -> None:
    """Also when another instance, which nothing declares, has got the former name."""
    await world.apply(account(), own("first", **REPOSITORY), own("z"))
    identity = world.instance("first")["id"]
    world.person("first", name="elsewhere")
    theirs = unmanaged(world, "first") if taken else None
    wanted = [account(), renamed(own(label, name="second", **REPOSITORY), "first"), own("z")]
    options: dict[str, Any] = {"targets": (f"den/ConnectorInstance/{label}",)} if part == "target" else {}
    wanted = wanted[:2] if part == "file" else wanted
    assert changed(await world.plan(*wanted, **options)) == {"name": ("elsewhere", "second")}
    world.forget()
    report = await world.apply(*wanted, **options)
    assert (results(report), report.exit_code) == ({label: "done"}, 0)
    assert world.writes() == [f"PATCH /v1/connector-instances/{identity}"]
    assert held(world)[identity] == ("second", "acme/repository", {"is": 1})
    if theirs:
        assert world.row(INSTANCES, id=theirs["id"]) == theirs
    assert await world.in_sync(*wanted, **options), "the annotation may stay"


@pytest.mark.parametrize("part", ["whole", "file"])
async def test_a_target_that_a_person_changed_as_well(world: World, part: str) -> None:
    await world.apply(account(), instance("docs"), target("a"), target("z"))
    identity = world.row(TARGETS, remoteId="acme/a")["id"]
    world.upstream("person", kind="connector-target", id=identity, set={"remoteId": "acme/elsewhere"})
    wanted = [account(), instance("docs"), renamed(target("b"), "acme/a"), target("z")]
    report = await world.apply(*(wanted[:3] if part == "file" else wanted))
    assert results(report) == {"b": "done"}
    assert world.row(TARGETS, id=identity)["remoteId"] == "acme/b"
    assert len(world.rows(TARGETS)) == 2


async def test_a_mapping_that_a_person_changed_as_well(world: World) -> None:
    await world.apply(account(), instance("docs"), target("main"), mapping("a", selector="x/**"))
    (row,) = world.rows("den.connectorMappings")
    world.upstream("person", kind="connector-mapping", id=row["id"], set={"selector": "elsewhere/**"})
    wanted = [account(), instance("docs"), target("main"), renamed(mapping("b", selector="y/**"), "x/**")]
    assert results(await world.apply(*wanted)) == {"b": "done"}
    (after,) = world.rows("den.connectorMappings")
    assert (after["id"], after["selector"]) == (row["id"], "y/**")


@pytest.mark.parametrize("prune", [False, True])
async def test_half_a_chain_in_a_file_of_its_own_is_not_written_over_what_has_the_name(
    world: World, prune: bool
) -> None:
    """Of a -> b, b -> c only the first is declared here: b is one instance by the ledger, another by its annotation."""
    ids = await made(world, "a", "b")
    first = renamed(own("b", remoteId="acme/a", config={"is": "a"}), "a")
    second = renamed(own("c", remoteId="acme/b", config={"is": "b"}), "b")
    before = held(world)
    world.forget()
    report = await world.apply(account(), first, prune=prune)
    assert (results(report), report.exit_code) == ({"b": "refused"}, 1)
    why = worded(report.outcomes[0].step.why)
    assert ids["a"] in why
    assert ids["b"] in why
    assert world.writes() == []
    assert held(world) == before
    assert {world.row(INSTANCES, id=key)["status"] for key in ids.values()} == {"active"}
    assert (await world.apply(account(), first, second, prune=prune)).exit_code == 0
    assert held(world)[ids["a"]] == ("b", "acme/a", {"is": "a"})
    assert held(world)[ids["b"]] == ("c", "acme/b", {"is": "b"})
    assert await world.in_sync(account(), first, second)


async def test_half_a_chain_that_looks_in_sync_is_not_taken_for_carried_out(world: World) -> None:
    """Documents that declare an account alone: the same one is declared by either name."""
    await world.apply(account(), instance("a"), instance("b"))
    ids = {name: world.instance(name)["id"] for name in "ab"}
    first, second = renamed(instance("b"), "a"), renamed(instance("c"), "b")
    world.forget()
    assert (await world.apply(account(), first)).exit_code == 0
    assert world.writes() == []
    assert (await world.apply(account(), first, second)).exit_code == 0
    assert {name: world.instance(name)["id"] for name in "bc"} == {"b": ids["a"], "c": ids["b"]}
    assert await world.in_sync(account(), first, second)


@pytest.mark.parametrize("size", [1, 2])
async def test_a_successor_at_the_address_of_what_is_renamed_by_an_annotation(world: World, size: int) -> None:
    """By the ledger the address is that resource, by the annotation another one is: nothing is written over it."""
    ids = await made(world, *"ab"[:size])
    moves = [("a", "b"), ("b", "c")][:size]
    chain = [renamed(own(new, remoteId=f"acme/{old}", config={"is": old}), old) for old, new in moves]
    successor = {"remoteId": "acme/n", "config": {"is": "n"}}
    before = held(world)
    world.forget()
    report = await world.apply(account(), *chain, own("a", **successor), prune=True)
    assert (set(results(report).values()), report.exit_code) == ({"refused"}, 1)
    assert world.writes() == []
    assert held(world) == before
    wanted = [account(), *chain, own("fresh", name="a", **successor)]
    assert (await world.apply(*wanted)).exit_code == 0
    assert {key: held(world)[key][0] for key in ids.values()} == {ids[old]: new for old, new in moves}
    assert await world.in_sync(*wanted)


async def test_what_had_a_name_by_the_ledger_twice_is_not_guessed(world: World) -> None:
    """Two that were called so when the ledger noted it, and a person renamed both."""
    ids = await made(world, "a")
    world.person("a", name="x")
    await world.apply(account(), own("n", name="a"))
    world.person("a", name="y")
    wanted = [account(), renamed(own("b", remoteId="acme/a", config={"is": "a"}), "a")]
    plan = await world.plan(*wanted)
    assert actions(plan) == {"b": "refuse"}
    assert ids["a"] in worded(plan.steps[0].why)
    assert "Give the id of one" in worded(plan.steps[0].why)
    settled = own("b", id=ids["a"], remoteId="acme/a", config={"is": "a"})
    assert changed(await world.plan(account(), settled)) == {"name": ("x", "b")}


async def test_a_target_refused_beside_a_double_says_so(world: World) -> None:
    """Two documents declare one target: what takes its remoteId is told that it is refused, not that it is left out."""
    await world.apply(account(), instance("docs"), target("a"), target("b"), target("n"))
    double = [target("a", remoteId="acme/x"), target("b", remoteId="acme/x")]
    plan = await world.plan(account(), instance("docs"), *double, target("n", remoteId="acme/b"))
    assert actions(plan) == {"a": "update", "b": "refuse", "n": "refuse"}
    (step,) = [step for step in plan.steps if step.address.name == "n"]
    assert "den/ConnectorTarget/b" in worded(step.why)
    assert "which is refused" in worded(step.why)


async def test_an_id_that_was_another_resource_says_so(world: World) -> None:
    """A manifest gives another id to an address: what that was until now is not left out, it is declared no more."""
    await made(world, "a", "b")
    theirs = unmanaged(world, "theirs")
    plan = await world.plan(account(), own("a", id=theirs["id"], name="c"), own("b", name="a"))
    (step,) = [step for step in plan.steps if step.address.name == "b"]
    assert step.action == "refuse"
    assert "leaves out" not in worded(step.why)


async def test_each_resource_of_a_circle_is_shown_once(world: World) -> None:
    await made(world, "a", "b")
    world.progress.lines.clear()
    await world.apply(account(), own("a", name="b"), own("b", name="a"))
    shown = [line for line in world.progress.lines if line]
    assert sorted(line.split()[1] for line in shown) == ["den/ConnectorInstance/a", "den/ConnectorInstance/b"]
    assert "patch, patch" in "".join(shown)


async def test_a_temporary_name_that_fails_is_shown_once(world: World) -> None:
    await made(world, "a", "b")
    world.progress.lines.clear()
    world.fault(route="/v1/connector-instances/{connectorInstanceId}", method="PATCH", status=400, times=1)
    report = await world.apply(account(), own("a", name="b"), own("b", name="a"))
    assert sorted(results(report).values()) == ["failed", "skipped"]
    shown = [line for line in world.progress.lines if line]
    assert len(shown) == 1
    assert shown[0].endswith("failed")
