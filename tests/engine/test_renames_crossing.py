"""Resources that exchange names: ids take precedence over names, names are released first, nothing is overwritten."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from commands import inside
from declare import account, instance, mapping, target
from renaming import held, made, moved, own, renamed
from repository import ROOT
from saving import ACCOUNT
from world import INSTANCES, World, actions, results

from trueup.core.kinds import Declared
from trueup.engine.plan.names import PREFIX
from trueup.engine.saved import bindings
from trueup.manifest import load
from trueup.report.reasons import worded

TARGETS, MAPPINGS = "den.connectorTargets", "den.connectorMappings"
INPUTS = ROOT / "tests" / "failing" / "rename-chain"


@pytest.mark.parametrize("after", ["chain", "chain-by-annotation"])
async def test_the_chain_of_the_report(world: World, after: str) -> None:
    def manifest(name: str) -> list[Declared]:
        return list(load([INPUTS / f"{name}.yaml"]).resources)

    await world.apply(*manifest("before"))
    before = {row["name"]: row["id"] for row in world.rows(INSTANCES)}
    world.forget()
    plan = await world.plan(*manifest(after))
    assert [step.action for step in plan.steps] == ["update", "update"]
    assert {change.name for step in plan.steps for change in step.changes} == {"name"}
    report = await world.apply(*manifest(after), prune=True)
    assert report.exit_code == 0
    assert world.writes() == [f"PATCH /v1/connector-instances/{before[name]}" for name in ("b", "a")]
    for name, former, branch in (("b", "a", "main"), ("c", "b", "rel")):
        row = world.instance(name)
        assert (row["id"], row["remoteId"]) == (before[former], f"acme/{former}")
        assert row["instanceConfigJson"] == {"branch": branch}
        assert row["status"] == "active"
    assert await world.in_sync(*manifest(after))


@pytest.mark.parametrize("size", [2, 3, 5])
async def test_a_cycle_goes_through_one_temporary_name(world: World, size: int) -> None:
    labels = "abcde"[:size]
    ids = await made(world, *labels)
    names = {label: labels[(number + 1) % size] for number, label in enumerate(labels)}
    plan = await world.plan(account(), *(own(label, name=names[label]) for label in labels))
    assert sum(bool(step.aside) for step in plan.steps) == 1
    world.forget()
    report = await moved(world, ids, names)
    writes = [one for one in world.writes() if one.startswith("PATCH")]
    assert len(writes) == size + 1, "one request more than there are names"
    assert plan.cost.requests == report.requests, "which the plan foretells"


async def test_two_cycles_and_a_chain_at_once(world: World) -> None:
    ids = await made(world, *"abcdefg")
    await moved(world, ids, dict(zip("abcdefg", ["b", "a", "d", "e", "c", "g", "new"], strict=True)))


async def test_a_new_one_takes_a_name_that_is_freed_just_now(world: World) -> None:
    ids = await made(world, "a", "b")
    await moved(world, ids, {"a": "x", "b": "a"}, own("fresh", name="b"))
    assert world.instance("b")["id"] not in ids.values()
    assert world.instance("b")["instanceConfigJson"] == {"is": "fresh"}


async def test_names_of_other_case_only(world: World) -> None:
    ids = await made(world, "a", "b")
    await moved(world, ids, {"a": "A", "b": "B"})
    await moved(world, ids, {"a": "B", "b": "a"})


async def test_a_cycle_by_annotation_is_made_once_and_the_annotation_may_stay(world: World) -> None:
    ids = await made(world, "a", "b")
    first = world.instance("a")
    swapped = [
        account(),
        renamed(own("a", remoteId="acme/b", config={"is": "b"}), "b"),
        renamed(own("b", remoteId="acme/a", config={"is": "a"}), "a"),
    ]
    assert (await world.apply(*swapped)).exit_code == 0
    assert world.instance("b")["id"] == first["id"]
    assert held(world)[ids["b"]] == ("a", "acme/b", {"is": "b"})
    assert await world.in_sync(*swapped), "it was carried out"
    assert not (await world.plan(*swapped, prune=True)).has_changes


async def test_an_annotation_outranks_what_an_unmanaged_one_is_called(world: World) -> None:
    ids = await made(world, "a")
    world.person("old-wiki", name="b")
    theirs = world.instance("b")
    plan = await world.plan(account(), renamed(own("b", remoteId="acme/a", config={"is": "a"}), "a"))
    (step,) = plan.steps
    assert (step.action, step.live and step.live.id) == ("refuse", ids["a"])
    assert theirs["id"] in worded(step.why)


async def test_what_a_person_put_under_the_old_name_is_not_ours(world: World) -> None:
    ids = await made(world, "a")
    world.person("a", name="moved")
    world.person("old-wiki", name="a")
    theirs = world.instance("a")
    world.forget()
    report = await world.apply(account(), own("a"))
    assert (results(report), report.exit_code) == ({"a": "refused"}, 3)
    assert world.writes() == []
    (outcome,) = report.outcomes
    assert theirs["id"] in worded(outcome.step.why)
    assert f"id: {theirs['id']}" in worded(outcome.step.why)
    assert world.instance("a") == theirs
    assert not (await world.plan(account(), own("a"), prune=True)).pending, "and neither of them is removed"
    assert world.instance("moved")["id"] == ids["a"]


async def test_what_waits_for_a_name_that_stays_taken_is_refused_with_it(world: World) -> None:
    await made(world, "a", "b", "c")
    world.forget()
    wanted = [account(), own("a", name="b"), own("b", name="c"), own("c", name="old-wiki"), own("n", name="a")]
    report = await world.apply(*wanted, target("t", connectorInstance="n", remoteId="acme/n"))
    assert set(results(report).values()) == {"refused"}
    assert world.writes() == []


async def test_a_name_that_a_declared_one_keeps(world: World) -> None:
    await made(world, "a", "b")
    plan = await world.plan(account(), own("a", name="B"), own("b", name="b"))
    assert "refuse" in actions(plan).values()
    assert not plan.pending


async def test_a_failure_skips_what_waits_for_its_name(world: World) -> None:
    ids = await made(world, "a", "b", "c")
    world.fault(route="/v1/connector-instances/{connectorInstanceId}", method="PATCH", status=400, times=1)
    wanted = [account(), own("a", name="b"), own("b", name="c"), own("c", name="d")]
    world.forget()
    report = await world.apply(*wanted)
    assert results(report) == {"a": "skipped", "b": "skipped", "c": "failed"}
    assert "den/ConnectorInstance/b" in str(report.outcomes[0].error)
    assert len(world.writes()) == 1
    assert {ids["a"]: "a", ids["b"]: "b", ids["c"]: "c"} == {key: row[0] for key, row in held(world).items()}
    world.calm()
    await moved(world, ids, {"a": "b", "b": "c", "c": "d"})


async def test_a_cycle_that_fails_midway_says_what_goes_by_a_temporary_name_and_goes_on_the_next_time(
    world: World,
) -> None:
    ids = await made(world, "a", "b")
    wanted = [account(), own("a", name="b"), own("b", name="a")]
    world.fault(route="/v1/connector-instances/{connectorInstanceId}", method="PATCH", status=400, nth=2)
    report = await world.apply(*wanted)
    assert report.exit_code == 4
    (left,) = [name for name, _, _ in held(world).values() if name.startswith(PREFIX)]
    assert any(left in str(outcome.error) for outcome in report.outcomes)
    world.calm()
    await moved(world, ids, {"a": "b", "b": "a"})


async def test_a_name_that_a_removal_frees(world: World) -> None:
    removable = own("old", deletionPolicy="remove")
    await world.apply(account(), own("a"), removable)
    first = world.instance("a")["id"]
    kept = [account(), own("a", name="old")]
    refused = await world.plan(*kept)
    assert actions(refused) == {"a": "refuse"}
    assert "no longer declared" in worded(refused.steps[0].why)
    report = await world.apply(*kept, prune=True)
    assert (results(report), report.exit_code) == ({"a": "done", "old": "done"}, 0)
    assert world.instance("old")["id"] == first


async def test_what_is_archived_keeps_its_name(world: World) -> None:
    await made(world, "a", "b")
    plan = await world.plan(account(), own("a", name="b"), prune=True)
    assert actions(plan) == {"a": "refuse", "b": "delete"}
    assert "keeps its name" in worded(plan.steps[0].why)


async def test_an_id_in_the_manifest_outranks_the_ledger_and_needs_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await made(world, "a", "b")
    monkeypatch.setenv("TRUEUP_LEDGER", "off")
    wanted = [account(), own("a", id=ids["a"], name="b"), own("b", id=ids["b"], name="a"), own("n", name="n")]
    assert (await world.apply(*wanted)).exit_code == 0
    assert {key: row[0] for key, row in held(world).items() if key in ids.values()} == {ids["a"]: "b", ids["b"]: "a"}
    assert await world.in_sync(*wanted)


async def test_a_stale_id_leaves_it_to_the_name(world: World) -> None:
    ids = await made(world, "a")
    world.upstream("person", kind="connector-instance", name="a", remove=True)
    world.person("old-wiki", name="a")
    plan = await world.plan(account(), own("a", connectorAccount=world.instance("a")["connectorAccountId"]))
    assert plan.steps[0].live is not None
    assert plan.steps[0].live.id != ids["a"]


@pytest.mark.parametrize("chosen", [("a",), ("b",), ("a", "b")])
async def test_a_narrowed_run_includes_what_gives_up_the_name_or_is_refused(world: World, chosen: Any) -> None:
    ids = await made(world, "a", "b")
    wanted = [account(), own("a", name="b"), own("b", name="c")]
    world.forget()
    report = await world.apply(*wanted, targets=tuple(f"den/ConnectorInstance/{one}" for one in chosen))
    if chosen == ("a",):
        assert results(report) == {"a": "refused"}
        assert "den/ConnectorInstance/b" in worded(report.outcomes[0].step.why)
        assert world.writes() == []
    else:
        assert report.exit_code == 0
    await moved(world, ids, {"a": "b", "b": "c"})


@pytest.mark.parametrize("chosen", ["b", "c"])
async def test_a_narrowed_run_never_guesses_at_half_a_chain(world: World, chosen: str) -> None:
    ids = await made(world, "a", "b")
    wanted = [
        account(),
        renamed(own("b", remoteId="acme/a", config={"is": "a"}), "a"),
        renamed(own("c", remoteId="acme/b", config={"is": "b"}), "b"),
    ]
    world.forget()
    report = await world.apply(*wanted, targets=(f"den/ConnectorInstance/{chosen}",))
    assert results(report) == {chosen: "refused"}
    assert world.writes() == []
    assert (await world.apply(*wanted)).exit_code == 0
    assert held(world)[ids["a"]] == ("b", "acme/a", {"is": "a"})
    assert held(world)[ids["b"]] == ("c", "acme/b", {"is": "b"})


async def test_a_new_one_in_a_narrowed_run_is_not_what_another_one_is(world: World) -> None:
    await made(world, "a")
    wanted = [account(), own("a", name="x"), own("n", name="a")]
    plan = await world.plan(*wanted, targets=("den/ConnectorInstance/n",))
    assert actions(plan) == {"n": "refuse"}
    assert "den/ConnectorInstance/a" in worded(plan.steps[0].why)


@pytest.mark.parametrize("order", list(itertools.permutations("abc"))[1:])
async def test_targets_and_mappings_that_change_hands(world: World, order: tuple[str, ...]) -> None:
    def below(names: dict[str, str]) -> list[Declared]:
        targets = [target(one, remoteId=f"acme/{names[one]}", config={"is": one}) for one in "abc"]
        mappings = [
            mapping(f"m{one}", connectorTarget="a", selector=f"{names[one]}/**", config={"is": one}) for one in "abc"
        ]
        return [account(), instance("docs"), *targets, *mappings]

    await world.apply(*below({one: one for one in "abc"}))
    before = {
        row["targetConfigJson"]["is"]: row["id"] for row in world.rows(TARGETS) if row["targetConfigJson"].get("is")
    }
    mapped = {
        row["mappingConfigJson"]["is"]: row["id"] for row in world.rows(MAPPINGS) if row["mappingConfigJson"].get("is")
    }
    wanted = below(dict(zip("abc", order, strict=True)))
    report = await world.apply(*wanted)
    assert report.exit_code == 0, results(report)
    for one, name in zip("abc", order, strict=True):
        row = world.row(TARGETS, id=before[one])
        assert (row["remoteId"], row["targetConfigJson"]) == (f"acme/{name}", {"is": one})
        row = world.row(MAPPINGS, id=mapped[one])
        assert (row["selector"], row["mappingConfigJson"]) == (f"{name}/**", {"is": one})
    assert await world.in_sync(*wanted)


@pytest.mark.parametrize("after", [["agent", "skill", "tool"], ["tool", "skill", "agent"], ["skill", "tool", "agent"]])
async def test_mappings_of_one_selector_that_exchange_their_object_types(world: World, after: list[str]) -> None:
    """Selector and object type together are unique there: the selector alone can be a temporary one."""

    def below(types: list[str]) -> list[Declared]:
        found = [
            mapping(f"m{number}", selector="x/**", objectType=kind, config={"is": number})
            for number, kind in enumerate(types)
        ]
        return [account(), instance("docs"), target("main"), *found]

    await world.apply(*below(["skill", "agent", "tool"]))
    ids = {row["mappingConfigJson"]["is"]: row["id"] for row in world.rows(MAPPINGS)}
    plan = await world.plan(*below(after))
    world.forget()
    report = await world.apply(*below(after))
    assert (report.exit_code, set(results(report).values())) == (0, {"done"})
    assert len(world.writes()) == len(plan.steps) + 1
    assert plan.cost.requests == report.requests
    for number, kind in enumerate(after):
        row = world.row(MAPPINGS, id=ids[number])
        assert (row["selector"], row["objectType"], row["mappingConfigJson"]) == ("x/**", kind, {"is": number})
    assert await world.in_sync(*below(after))


async def test_a_target_that_nothing_declares_keeps_its_remote_id(world: World) -> None:
    await world.apply(account(), instance("docs"), target("a"), target("b"))
    plan = await world.plan(account(), instance("docs"), target("a", remoteId="acme/b"), prune=True)
    assert actions(plan) == {"a": "refuse"}
    report = await world.apply(account(), instance("docs"), target("a", remoteId="acme/b"), prune=True)
    assert not [one for one in report.outcomes if one.made]


async def test_accounts_that_swap_their_remote_ids_are_refused_and_not_confused(world: World) -> None:
    both = [account("acme"), account("other", remoteId="2002")]
    await world.apply(*both)
    plan = await world.plan(account("acme", remoteId="2002"), account("other", remoteId="1001"))
    assert actions(plan) == {"acme": "refuse", "other": "refuse"}


def test_a_saved_plan_of_a_swap_shows_the_temporary_name_and_is_applied(world: World, tmp_path: Path) -> None:
    def document(label: str, name: str) -> str:
        return (
            "---\napiVersion: den.trueup.dev/v1\nkind: ConnectorInstance\n"
            f"metadata: {{name: {label}}}\n"
            f"spec: {{connectorAccount: acme, name: {name}, remoteId: acme/{label}, config: {{is: {label}}}}}\n"
        )

    manifest, saved = tmp_path / "x.yaml", tmp_path / "plan.json"
    state = ("--state", str(world.folder))
    manifest.write_text(ACCOUNT + document("a", "a") + document("b", "b"))
    assert inside("apply", "-f", str(manifest), *state, "--auto-approve").returncode == 0
    before = {key: row[1:] for key, row in held(world).items()}
    manifest.write_text(ACCOUNT + document("a", "b") + document("b", "a"))
    done = inside("plan", "-f", str(manifest), *state, "--out", str(saved))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(PREFIX) == 1
    assert inside("show", str(saved), *state).stdout.count(PREFIX) == 1
    done = inside("apply", str(saved), *state, "--auto-approve")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {key: row[1:] for key, row in held(world).items()} == before
    assert {row[2]["is"]: row[0] for row in held(world).values()} == {"a": "b", "b": "a"}


async def test_a_saved_plan_is_stale_once_what_has_the_name_is_another_one(world: World) -> None:
    await made(world, "a", "b")
    wanted = [account(), own("a", name="b"), own("b", name="c")]
    async with world.session(*wanted) as session:
        first = bindings(await session.plan(), b"key")
    world.person("b", name="elsewhere")
    async with world.session(*wanted) as session:
        second = bindings(await session.plan(), b"key")
    assert first["den/ConnectorInstance/a"] != second["den/ConnectorInstance/a"]
