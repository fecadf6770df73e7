"""Teams and members that are renamed, replaced or not listed by Den: grants are matched by id, and none is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from declare import access, account, instance
from principals import live_grants, team_id
from world import World, actions, results

from trueup.core.kinds import Declared
from trueup.engine.plan import Plan
from trueup.report import drift, text
from trueup.report import json as report
from trueup.report.page import Page
from trueup.report.reasons import worded


def docs(*, exclusive: bool = False) -> list[Declared]:
    more: dict[str, Any] = {"access": {"exclusive": True}} if exclusive else {}
    return [account(), instance("docs", **more)]


def rename(world: World, name: str, to: str) -> None:
    world.upstream("person", kind="team", name=name, set={"name": to})


def refusal(plan: Plan, name: str) -> str:
    (step,) = [step for step in plan.steps if step.address.name == name]
    assert (step.action, step.error, step.live is not None) == ("refuse", True, True)
    return worded(step.why)


@pytest.mark.parametrize("prune", [False, True])
@pytest.mark.parametrize("exclusive", [False, True])
async def test_a_renamed_team_keeps_its_access(world: World, exclusive: bool, prune: bool) -> None:
    wanted = [*docs(exclusive=exclusive), access("team", team="Platform"), access("other", team="Support")]
    await world.apply(*wanted)
    before = live_grants(world)
    assert len(before) == 2
    rename(world, "Platform", "Platform EMEA")
    plan = await world.plan(*wanted, prune=prune)
    assert actions(plan) == {"team": "refuse"}
    why = refusal(plan, "team")
    assert "team Platform was renamed to Platform EMEA in Den" in why
    assert "`team: Platform EMEA`" in why
    assert all(live.kind != "ConnectorAccess" for _, live in plan.unmanaged)
    done = await world.apply(*wanted, prune=prune)
    assert (results(done), done.exit_code, done.released) == ({"team": "refused"}, 1, 0)
    assert live_grants(world) == before
    now = [*wanted[:2], access("team", team="Platform EMEA"), wanted[3]]
    world.forget()
    done = await world.apply(*now, prune=prune)
    assert (done.outcomes, world.writes()) == ([], [])
    assert await world.in_sync(*now, prune=True)
    assert live_grants(world) == before


@pytest.mark.parametrize("prune", [False, True])
@pytest.mark.parametrize("exclusive", [False, True])
async def test_a_member_with_another_e_mail_keeps_their_access(world: World, exclusive: bool, prune: bool) -> None:
    wanted = [*docs(exclusive=exclusive), access("editor", "editor", member="Editor@example.test")]
    await world.apply(*wanted)
    before = live_grants(world)
    world.upstream("person", kind="user", name="editor@example.test", set={"email": "ed@example.test"})
    plan = await world.plan(*wanted, prune=prune)
    assert actions(plan) == {"editor": "refuse"}
    assert "has the e-mail ed@example.test now" in refusal(plan, "editor")
    assert "`member: ed@example.test`" in refusal(plan, "editor")
    await world.apply(*wanted, prune=prune)
    assert live_grants(world) == before
    world.forget()
    await world.apply(*wanted[:2], access("editor", "editor", member="ed@example.test"), prune=prune)
    assert world.writes() == []


async def test_nothing_of_an_instance_is_revoked_while_one_of_it_is_unresolved(world: World) -> None:
    """Any other grant may be the one that is meant, including unmanaged ones and those no longer declared."""
    wanted = [*docs(exclusive=True), access("team", team="Platform"), access("other", team="Support")]
    await world.apply(*wanted)
    key = world.instance("docs")["id"]
    body = {"orgWide": True, "role": "viewer"}
    world.sandbox.den.post(f"/v1/connector-instances/{key}/access", json=body).raise_for_status()
    before = live_grants(world)
    rename(world, "Platform", "Sales")
    for prune in (False, True):
        plan = await world.plan(*wanted[:3], prune=prune)
        assert set(actions(plan).values()) == {"refuse"}
        why = [step.why for step in plan.steps if step.declared.gone]
        assert why
        assert all("den/ConnectorAccess/team" in worded(one) for one in why)
        done = await world.apply(*wanted[:3], prune=prune)
        assert done.released == 0
        assert live_grants(world) == before
    now = [*docs(exclusive=True), access("team", team="Sales")]
    assert set((await world.apply(*now)).outcomes[0].made) == {"revoke"}
    assert live_grants(world) == {team_id(world, "Sales"): "viewer"}


async def test_other_instances_are_pruned_all_the_same(world: World) -> None:
    wanted = [
        *docs(),
        instance("handbook"),
        access("team", team="Platform"),
        access("here", connectorInstance="handbook", team="Platform"),
        access("there", connectorInstance="handbook", team="Support"),
    ]
    await world.apply(*wanted)
    rename(world, "Platform", "Sales")
    key = team_id(world, "Sales")
    kept = [*wanted[:4], access("here", connectorInstance="handbook", team=key)]
    done = await world.apply(*kept, prune=True)
    assert results(done) == {"team": "refused", "there": "done"}
    assert done.exit_code == 4


async def test_without_a_ledger_nothing_beside_an_unresolved_one_is_revoked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [*docs(exclusive=True), access("team", team="Platform")]
    await world.apply(*wanted)
    before = live_grants(world)
    rename(world, "Platform", "Sales")
    monkeypatch.setenv("TRUEUP_LEDGER", "off")
    plan = await world.plan(*wanted)
    assert set(actions(plan).values()) == {"refuse"}
    await world.apply(*wanted)
    assert live_grants(world) == before


async def test_a_team_that_den_does_not_show_is_not_gone(world: World) -> None:
    wanted = [*docs(exclusive=True), access("team", team="Platform")]
    await world.apply(*wanted)
    before = live_grants(world)
    org = world.sandbox.den.get("/v1/org").json()
    world.fault(system="den", method="GET", route="/v1/org", status=200, body={**org, "teams": []})
    for prune in (False, True):
        plan = await world.plan(*wanted, prune=prune)
        assert actions(plan) == {"team": "refuse"}
        assert f"`team: {team_id(world, 'Platform')}`" in refusal(plan, "team")
        await world.apply(*wanted, prune=prune)
    world.calm()
    assert live_grants(world) == before
    assert await world.in_sync(*wanted)


async def test_a_successor_under_the_former_name_is_not_taken_for_it(world: World) -> None:
    wanted = [*docs(exclusive=True), access("team", team="Platform")]
    await world.apply(*wanted)
    before = live_grants(world)
    former = team_id(world, "Platform")
    rename(world, "Platform", "Platform EMEA")
    rename(world, "Support", "Platform")
    plan = await world.plan(*wanted, prune=True)
    assert actions(plan) == {"team": "refuse"}
    assert f"another team ({team_id(world, 'Platform')}) is called Platform now" in refusal(plan, "team")
    await world.apply(*wanted, prune=True)
    assert live_grants(world) == before
    for now in ("Platform EMEA", former):
        assert await world.in_sync(*wanted[:2], access("team", team=now))
    meant = [*wanted[:2], access("team", team=team_id(world, "Platform"))]
    await world.apply(*meant)
    assert set(live_grants(world)) == {team_id(world, "Platform")}


async def test_a_team_that_was_made_again_is_another_one(world: World) -> None:
    wanted = [*docs(exclusive=True), access("team", team="Platform")]
    await world.apply(*wanted)
    world.upstream("person", kind="team", name="Platform", remove=True)
    assert live_grants(world) == {}
    rename(world, "Support", "Platform")
    done = await world.apply(*wanted, prune=True)
    assert results(done) == {"team": "done"}
    assert set(live_grants(world)) == {team_id(world, "Platform")}
    assert await world.in_sync(*wanted, prune=True)


async def test_two_teams_of_one_name_keep_what_they_have(world: World) -> None:
    wanted = [*docs(exclusive=True), access("team", team="Platform")]
    await world.apply(*wanted)
    before = live_grants(world)
    org = world.sandbox.den.get("/v1/org").json()
    (mine,) = [one for one in org["teams"] if one["name"] == "Platform"]
    org["teams"].insert(0, {**mine, "id": "tem_" + "0" * 26})
    world.fault(system="den", method="GET", route="/v1/org", status=200, body=org)
    plan = await world.plan(*wanted, prune=True)
    assert f"`team: {mine['id']}`" in refusal(plan, "team")
    await world.apply(*wanted, prune=True)
    assert live_grants(world) == before


async def test_another_team_that_a_person_declares_is_another_grant(world: World) -> None:
    wanted = [*docs(), access("team", team="Platform")]
    await world.apply(*wanted)
    other = [*docs(), access("team", team="Support")]
    assert actions(await world.plan(*other)) == {"team": "create"}
    await world.apply(*other)
    assert set(live_grants(world)) == {team_id(world, "Platform"), team_id(world, "Support")}
    await world.apply(*other, prune=True)
    assert set(live_grants(world)) == {team_id(world, "Support")}


async def test_a_name_that_nobody_has_keeps_what_was_granted(world: World) -> None:
    wanted = [*docs(exclusive=True), access("team", team="Platform")]
    await world.apply(*wanted)
    before = live_grants(world)
    mistyped = [*wanted[:2], access("team", team="Platfrom")]
    plan = await world.plan(*mistyped, prune=True)
    assert "no team of this organisation is called Platfrom. Near: Platform." in refusal(plan, "team")
    assert "stays as it is" in refusal(plan, "team")
    await world.apply(*mistyped, prune=True)
    assert live_grants(world) == before


async def test_a_role_that_changed_as_well_waits(world: World) -> None:
    await world.apply(*docs(), access("team", team="Platform"))
    before = live_grants(world)
    rename(world, "Platform", "Sales: EMEA")
    wanted = [*docs(), access("team", "manager", team="Platform")]
    assert '`team: "Sales: EMEA"`' in refusal(await world.plan(*wanted), "team")
    await world.apply(*wanted)
    assert live_grants(world) == before
    await world.apply(*docs(), access("team", "manager", team="Sales: EMEA"))
    assert list(live_grants(world).values()) == ["manager"]


async def test_both_names_of_a_renamed_team_are_one(world: World) -> None:
    await world.apply(*docs(exclusive=True), access("team", team="Platform"))
    before = live_grants(world)
    rename(world, "Platform", "Sales")
    for both in ([access("new", team="Sales"), access("team", team="Platform")],) * 2:
        done = await world.apply(*docs(exclusive=True), *both, prune=True)
        assert "refused" in results(done).values()
        assert live_grants(world) == before
        both.reverse()


async def test_what_is_declared_and_refused_is_not_pruned(world: World) -> None:
    """A declaration with an id that does not exist is refused; the managed resource of its address is not removed."""
    await world.apply(account(), instance("docs"), instance("other"))
    wrong = instance("docs", id="cin_" + "0" * 26)
    done = await world.apply(account(), wrong, instance("other"), prune=True)
    assert results(done) == {"docs": "refused"}
    assert world.instance("docs")["status"] == "active"


async def test_drift_counts_what_is_declared_alone(world: World) -> None:
    wanted = [*docs(exclusive=True), access("team", team="Platform")]
    await world.apply(*wanted)
    key = world.instance("docs")["id"]
    body = {"orgWide": True, "role": "viewer"}
    world.sandbox.den.post(f"/v1/connector-instances/{key}/access", json=body).raise_for_status()
    now = world.clock.now()
    for wrong in (0, 1):
        plan = await world.plan(*wanted)
        shown = drift.Drift(plan, now, lambda target: f"apply {target}")
        said = drift.render(shown, Page())
        assert f"{wrong} of 3 drifted, 1 not declared, " in said
        assert f"Drift: {3 - wrong} in sync, {wrong} drifted of 3 declared. 1 live, but not declared." in said
        assert "apply den/ConnectorAccess" not in said
        found = json.loads(drift.render_json(shown))
        assert found["drifted"]
        assert found["summary"] | {"unmanaged": 0} == {
            "declared": 3,
            "drifted": wrong,
            "undeclared": 1,
            "unchanged": 3 - wrong,
            "unverifiable": 0,
            "unmanaged": 0,
        }
        (entry,) = [one for one in found["resource_drift"] if one["type"] == "ConnectorAccess"]
        assert "refused" not in entry
        assert "exclusive" in entry["reason"]
        summary = json.loads(report.render(plan))["summary"]
        assert (summary["unchanged"], summary["delete"], summary["refused"]) == (3 - wrong, 1, 0)
        said = text.render(plan, Page())
        assert ("All declared resources are in sync, 1 to remove." in said) is not bool(wrong)
        world.person("docs", status="error")
        wanted[1] = instance("docs", access={"exclusive": True}, status="active")
