"""An instance that prune archives keeps its children, and is complete when it is declared again."""

from __future__ import annotations

import pytest
from commands import inside
from declare import access, account, instance, mapping, target
from world import World, actions, names, results

from trueup.core.kinds import Declared
from trueup.core.reasons import Reason
from trueup.ledger.store import Ledger
from trueup.report.reasons import worded

INSTANCES, TARGETS, MAPPINGS, GRANTS = (
    f"den.{name}" for name in ("connectorInstances", "connectorTargets", "connectorMappings", "accessGrants")
)


def kept() -> list[Declared]:
    return [account(), instance("other")]


def docs(**spec: object) -> list[Declared]:
    return [
        instance("docs", **spec),
        target("main", config={"branch": "main"}),
        mapping("skills", config={"depth": 2}),
        access("team", team="Platform"),
    ]


async def managed(world: World) -> set[str]:
    async with await Ledger.open(world.folder / "ledger.db") as ledger:
        return {record.address for record in (await ledger.records()).values()}


def below(world: World) -> list[tuple[str, str]]:
    """Return ids and contents of all targets, mappings and grants."""
    rows = [row for table in (TARGETS, MAPPINGS, GRANTS) for row in world.rows(table)]
    return sorted((row["id"], str(row)) for row in rows)


async def test_what_is_below_it_stays_and_is_managed(world: World) -> None:
    await world.apply(*kept(), *docs())
    before = below(world)
    plan = await world.plan(*kept(), prune=True)
    assert actions(plan) == {"docs": "delete"}
    (step,) = plan.steps
    assert [call.verb for call in step.calls] == ["archive"]
    addresses = {"den/ConnectorTarget/main", "den/ConnectorMapping/skills", "den/ConnectorAccess/team"}
    assert set(step.staying) == addresses
    assert step.lost == ()
    assert plan.left == ()
    report = await world.apply(*kept(), prune=True)
    assert (results(report), report.released) == ({"docs": "done"}, 0)
    assert world.instance("docs")["status"] == "archived"
    assert below(world) == before
    assert addresses <= await managed(world)
    world.forget()
    for prune in (True, False):  # a later run changes nothing either, and reads no children
        plan = await world.plan(*kept(), prune=prune)
        assert (plan.has_changes, plan.left) == (False, ())
        await world.apply(*kept(), prune=prune)
    assert not any("/targets" in route or "/mappings" in route or "/access" in route for route in world.routes())
    assert below(world) == before
    assert addresses <= await managed(world)


async def test_it_is_revived_whole(world: World) -> None:
    await world.apply(*kept(), *docs())
    before = below(world)
    key = world.instance("docs")["id"]
    await world.apply(*kept(), prune=True)
    world.forget()
    report = await world.apply(*kept(), *docs())
    assert results(report) == {"docs": "done"}
    assert world.writes() == [f"POST /v1/connector-instances/{key}/enable"]
    assert (world.instance("docs")["id"], world.instance("docs")["status"]) == (key, "active")
    assert below(world) == before
    assert await world.in_sync(*kept(), *docs(), prune=True)
    less = docs()
    less[2] = mapping("skills")  # the ledger records the key that it set before it was archived
    report = await world.apply(*kept(), *less)
    assert world.rows(MAPPINGS)[0]["mappingConfigJson"] in (None, {})


async def test_with_other_children_declared_as_well(world: World) -> None:
    others = [target("far", connectorInstance="other"), mapping("far", connectorTarget="far")]
    others.append(access("far", connectorInstance="other", team="Support"))
    await world.apply(*kept(), *docs(), *others)
    before = below(world)
    assert not (await world.apply(*kept(), *others)).released
    assert {"den/ConnectorTarget/main", "den/ConnectorMapping/skills"} <= await managed(world)
    await world.apply(*kept(), *others, prune=True)
    assert below(world) == before
    await world.apply(*kept(), *others, prune=True)
    assert below(world) == before
    await world.apply(*kept(), *docs(), *others)
    assert below(world) == before
    assert await world.in_sync(*kept(), *docs(), *others, prune=True)


async def test_what_left_an_archived_one_that_is_declared_goes_by_itself(world: World) -> None:
    await world.apply(*kept(), *docs(status="archived"))
    less = docs(status="archived")[:2]
    plan = await world.plan(*kept(), *less, prune=True)
    assert actions(plan) == {"skills": "delete", "team": "delete"}
    lost = next(step.lost for step in plan.steps if step.address.name == "skills")
    assert lost == (Reason("den/lost-with-a-mapping"),)


async def test_what_is_retained_keeps_what_is_below_it_and_both_are_let_go(world: World) -> None:
    await world.apply(*kept(), *docs(deletionPolicy="retain"))
    before = below(world)
    for _ in range(2):
        plan = await world.plan(*kept(), prune=True)
        assert not plan.has_changes
        await world.apply(*kept(), prune=True)
    assert (below(world), world.instance("docs")["status"]) == (before, "active")
    assert await managed(world) == {"den/ConnectorAccount/acme", "den/ConnectorInstance/other"}
    assert await world.in_sync(*kept(), *docs())


async def test_what_is_removed_takes_all_along_and_the_plan_says_so(world: World) -> None:
    await world.apply(*kept(), *docs(deletionPolicy="remove"))
    (step,) = (await world.plan(*kept(), prune=True)).steps
    said = " ".join(map(worded, step.lost))
    assert "1 mapping, 0 imported objects, and all its targets, grants and sync events" in said
    assert "the plugin memberships of what was imported" in said
    assert {"den/ConnectorTarget/main", "den/ConnectorMapping/skills", "den/ConnectorAccess/team"} <= set(step.lost)
    await world.apply(*kept(), prune=True)
    assert names(world.rows(INSTANCES)) == ["old-wiki", "other", "release-notes-2019"]
    assert await managed(world) == {"den/ConnectorAccount/acme", "den/ConnectorInstance/other"}


@pytest.mark.parametrize("which", ["target", "mapping", "access"])
async def test_what_is_declared_below_by_an_id_is_not_removed_along(world: World, which: str) -> None:
    await world.apply(*kept(), *docs(deletionPolicy="remove"))
    key = world.instance("docs")["id"]
    child = {
        "target": target("main", connectorInstance=key, config={"branch": "main"}),
        "mapping": mapping("skills", connectorTarget=world.rows(TARGETS)[0]["id"], config={"depth": 2}),
        "access": access("team", connectorInstance=key, team="Platform"),
    }[which]
    if which == "mapping":
        wanted = [*kept(), target("main", connectorInstance=key, config={"branch": "main"}), child]
    else:
        wanted = [*kept(), child]
    plan = await world.plan(*wanted, prune=True)
    assert actions(plan)["docs"] == "refuse"
    why = next(worded(step.why) for step in plan.steps if step.address.name == "docs")
    assert "declared and would be deleted with it" in why
    await world.apply(*wanted, prune=True)
    assert world.instance("docs")["status"] == "active"


async def test_what_a_person_archived_keeps_what_is_below_it(world: World) -> None:
    await world.apply(*kept(), *docs())
    before = below(world)
    world.person("docs", status="archived")
    for _ in range(2):
        assert not (await world.plan(*kept(), prune=True)).has_changes
        await world.apply(*kept(), prune=True)
    assert below(world) == before
    assert "den/ConnectorMapping/skills" in await managed(world)


@pytest.mark.parametrize("how", ["pruned", "by a person"])
async def test_what_a_person_enables_again_keeps_what_is_below_it(world: World, how: str) -> None:
    """The instance was archived and released: what is below it left the manifests with that, not by itself."""
    await world.apply(*kept(), *docs())
    before = below(world)
    if how == "by a person":
        world.person("docs", status="archived")
    await world.apply(*kept(), prune=True)
    world.person("docs", status="active")
    world.forget()
    for prune in (False, True, True):
        plan = await world.plan(*kept(), prune=prune)
        assert (plan.has_changes, plan.left) == (False, ())
        await world.apply(*kept(), prune=prune)
    assert world.writes() == []
    assert not any("/targets" in route or "/mappings" in route or "/access" in route for route in world.routes())
    assert below(world) == before
    assert await world.in_sync(*kept(), *docs())
    await world.apply(*kept(), *docs())
    report = await world.apply(*kept(), *docs()[:2], prune=True)
    assert results(report) == {"skills": "done", "team": "done"}, "declared again, it leaves by itself"


async def test_what_was_removed_by_a_person_is_forgotten_with_all_below_it(world: World) -> None:
    await world.apply(*kept(), *docs())
    world.upstream("person", kind="connector-instance", name="docs", remove=True)
    await world.apply(*kept(), prune=True)
    assert await managed(world) == {"den/ConnectorAccount/acme", "den/ConnectorInstance/other"}


HEAD = "apiVersion: den.trueup.dev/v1\nkind: {}\nmetadata: {{name: {}}}\nspec: {}\n---\n"
ACCOUNT = HEAD.format("ConnectorAccount", "acme", '{remoteId: "1001", displayName: acme}')
TARGET = "targets: [{remoteId: acme/docs, mappings: [{mappingKind: path, selector: s/**, objectType: skill}]}]"
ACCESS = "access: {grants: [{team: Platform, role: viewer}]}"


def test_a_short_form_that_was_dropped_is_named_without_a_request(world: World) -> None:
    """Children are not read when none is declared: the ledger has them."""
    file = world.folder.parent / "den.yaml"

    def write(*blocks: str) -> None:
        spec = ", ".join(["connectorAccount: acme", *blocks])
        file.write_text(ACCOUNT + HEAD.format("ConnectorInstance", "docs", f"{{{spec}}}"))

    words = ("-f", str(file), "--state", str(world.folder))
    write(TARGET, ACCESS)
    assert inside("apply", "--auto-approve", *words).returncode == 0
    write()
    world.forget()
    for command in ("plan", "drift", "apply"):
        done = inside(command, *words)
        said = " ".join(done.stdout.split())
        assert done.returncode == 0, done.stdout + done.stderr
        assert "In sync: 2 of 2" in said or command == "apply"
        if command != "apply":
            assert "No longer declared, still in the ledger (not read): " in said
            for name in ("den/ConnectorAccess/docs:Platform", "den/ConnectorTarget/docs:acme-docs"):
                assert name in said, said
            assert "den/ConnectorMapping/" in said
    assert not any("/targets" in route or "/mappings" in route or "/access" in route for route in world.routes())
    done = inside("plan", *words, "-o", "json")
    assert '"there": null' in done.stdout
    done = inside("plan", *words, "--prune")
    assert "- den/ConnectorAccess/docs:Platform" in done.stdout
    assert "- den/ConnectorMapping/" in done.stdout


def test_a_dropped_mapping_beside_one_that_stays_is_named(world: World) -> None:
    file = world.folder.parent / "den.yaml"
    first = HEAD.format("ConnectorInstance", "docs", "{connectorAccount: acme}")
    one = HEAD.format("ConnectorTarget", "a", "{connectorInstance: docs, remoteId: acme/a}")
    two = HEAD.format("ConnectorTarget", "b", "{connectorInstance: docs, remoteId: acme/b}")
    mappings = [
        HEAD.format(
            "ConnectorMapping",
            name,
            f'{{connectorTarget: {name}, mappingKind: path, selector: "{name}/**", objectType: skill}}',
        )
        for name in ("a", "b")
    ]
    words = ("-f", str(file), "--state", str(world.folder))
    file.write_text(ACCOUNT + first + one + two + "".join(mappings))
    assert inside("apply", "--auto-approve", *words).returncode == 0
    file.write_text(ACCOUNT + first + one + two + mappings[0])
    done = inside("plan", *words)
    assert "No longer declared, still in the ledger (not read): den/ConnectorMapping/b" in " ".join(done.stdout.split())
    file.write_text(ACCOUNT + first + one + mappings[0])
    said = " ".join(inside("drift", *words).stdout.split())
    assert "No longer declared, still managed: den/ConnectorTarget/b" in said
    assert "(not read): den/ConnectorMapping/b" in said
    done = inside("plan", *words, "--prune")
    assert "- den/ConnectorMapping/b" in done.stdout
