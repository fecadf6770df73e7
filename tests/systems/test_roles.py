"""Keys of members with few rights: what a role forbids is refused before anything is sent, the rest is told when it
fails, and what a key may not see is never taken for gone.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import inside
from declare import DEN, access, account, declared_connection, instance, target
from world import ACCOUNTS, INSTANCES, World, actions, names, results

from trueup.core.kinds import Declared
from trueup.core.secrets import Secret
from trueup.ledger.store import Ledger
from trueup.report.reasons import worded

WIKI = "old-wiki"


def archive() -> Declared:
    """The account that `demo` has."""
    return account("acme-archive", remoteId="1002")


def wiki(**spec: object) -> Declared:
    """The instance that the editor may change, and the viewer see."""
    return instance(WIKI, connectorAccount="acme-archive", remoteId=f"acme-archive/{WIKI}", **spec)


def behave_as(world: World, monkeypatch: pytest.MonkeyPatch, who: str) -> None:
    key = world.sandbox.control.get("/principals").json()[f"{who}-api-key"]["x-api-key"]
    monkeypatch.setenv("TRUEUP_DEN_API_KEY", key)


async def addresses(folder: Path) -> set[str]:
    async with await Ledger.open(folder / "ledger.db") as ledger:
        return {record.address for record in (await ledger.records()).values()}


@pytest.mark.parametrize("who", ["member", "editor", "viewer"])
async def test_what_takes_an_admin_is_refused_in_the_plan(
    who: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    behave_as(world, monkeypatch, who)
    wanted = [account(), instance("docs"), target("main"), access("all", organization=True)]
    plan = await world.plan(*wanted)
    assert set(actions(plan).values()) == {"refuse"}
    why = {step.address.name: worded(step.why) for step in plan.steps}
    assert why["acme"] == "create requires an organisation admin, and this credential belongs to a member."
    assert "which cannot be applied" in why["main"]
    assert "which cannot be applied" in why["all"]
    report = await world.apply(*wanted)
    assert set(results(report).values()) == {"refused"}
    assert report.exit_code == 1
    assert world.writes() == []


@pytest.mark.parametrize("who", ["member", "editor", "viewer"])
async def test_what_a_key_may_not_see_stays_ours(who: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [archive(), wiki(), account()]
    await world.apply(*kept, instance("docs"), target("main"))
    before = await addresses(world.folder)
    behave_as(world, monkeypatch, who)
    for prune in (False, True):
        report = await world.apply(*kept, prune=prune)
        assert report.released == 0
    assert await addresses(world.folder) == before
    assert world.instance("docs")["status"] == "active"


async def test_an_admin_by_a_team_may_what_admins_may(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.den(version="2026-09")
    state = world.sandbox.control.get("/state").json()
    user = world.row("den.users", email="viewer@example.test")
    member = world.row("den.members", userId=user["id"])
    for team in state["tables"]["den.teams"].values():
        team["admin"] = member["id"] in team["memberIds"]
    world.sandbox.control.put("/state", json=state)
    behave_as(world, monkeypatch, "viewer")
    report = await world.apply(account(), instance("docs"), target("main"))
    assert results(report) == {"acme": "done", "docs": "done", "main": "done"}
    assert (await world.apply(archive(), account(), prune=True)).exit_code == 0
    assert world.instance("docs")["status"] == "archived"


async def test_what_a_grant_may_forbid_is_told_when_it_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.apply(archive(), wiki())
    behave_as(world, monkeypatch, "viewer")
    wanted = [archive(), wiki(config={"branch": "release"}), target("main", connectorInstance=WIKI)]
    assert actions(await world.plan(*wanted)) == {WIKI: "update", "main": "create"}
    report = await world.apply(*wanted)
    assert results(report) == {WIKI: "failed", "main": "failed"}
    assert report.exit_code == 1
    for outcome in report.outcomes:
        assert outcome.error is not None
        assert outcome.error.code == "E302"
        assert "Missing editor access for connector instance" in outcome.error.message
        assert not outcome.maybe
    assert world.instance(WIKI)["instanceConfigJson"]["branch"] == "main"
    assert world.rows("den.connectorTargets") == []


async def test_an_editor_changes_what_they_may(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.apply(archive(), wiki())
    behave_as(world, monkeypatch, "editor")
    wanted = [archive(), wiki(config={"branch": "release"}), target("main", connectorInstance=WIKI)]
    report = await world.apply(*wanted)
    assert (set(results(report).values()), report.exit_code) == ({"done"}, 0)
    assert await world.in_sync(*wanted)


@pytest.mark.parametrize("who", ["editor", "viewer"])
async def test_an_access_list_that_may_not_be_read_is_told_as_such(
    who: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody = access("all", connectorInstance=WIKI, organization=True)
    await world.apply(archive(), wiki(), everybody)
    before = world.rows("den.accessGrants")
    behave_as(world, monkeypatch, who)
    for wanted in ([archive(), wiki(), everybody], [archive(), wiki()]):
        for prune in (False, True):
            plan = await world.plan(*wanted, prune=prune)
            assert not plan.has_changes
            report = await world.apply(*wanted, prune=prune)
            assert (report.outcomes, report.released) == ([], 0)
    assert "den/ConnectorAccess/all" in await addresses(world.folder)
    plan = await world.plan(archive(), wiki(), everybody)
    (step,) = plan.steps
    assert "may not read" in worded(step.unverifiable[0].why)
    assert "Missing manager access" in worded(step.unverifiable[0].why)
    assert world.rows("den.accessGrants") == before


async def test_a_grant_that_was_sent_and_may_not_be_looked_at_is_not_called_verified(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Revoking the last grant that let somebody in is done; that it is so can be seen no more."""
    manager = access("manager", "manager", connectorInstance=WIKI, member="editor@example.test")
    everybody = access("all", connectorInstance=WIKI, organization=True)
    await world.apply(archive(), wiki(), manager, everybody)
    forbidden = {"error": "forbidden", "message": "Missing manager access for connector instance."}

    def forbid() -> None:
        world.fault(system="den", method="GET", route="*/access", status=403, body=forbidden)

    world.progress.on_look = forbid
    report = await world.apply(archive(), wiki(), manager, prune=True)
    assert results(report) == {"all": "done"}
    assert not report.outcomes[0].verified


def test_the_command_says_why_and_exits_with_1(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    behave_as(world, monkeypatch, "member")
    head = "apiVersion: den.trueup.dev/v1\nkind: ConnectorAccount\nmetadata: {name: acme}\n"
    (tmp_path / "den.yaml").write_text(head + 'spec: {remoteId: "1001", displayName: acme}\n')
    words = ["-f", str(tmp_path / "den.yaml"), "--state", str(world.folder)]
    for command in (["plan"], ["apply", "--auto-approve"]):
        done = inside(*command, *words)
        assert done.returncode == 1, done.stdout + done.stderr
        said = " ".join((done.stdout + done.stderr).split())
        assert "requires an organisation admin, and this credential belongs to a member" in said
    assert world.writes() == []
    assert names([{"name": row["displayName"]} for row in world.rows(ACCOUNTS)]) == ["acme-archive"]
    assert len(world.rows(INSTANCES)) == 2


async def test_what_is_managed_and_cannot_be_seen_is_told_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan neither its creation nor another declaration, and show no difference of what is visible of it."""
    who = access("who", member="member@example.test")
    wanted = [account(), archive(), wiki(), instance("docs"), target("main"), who]
    await world.apply(*wanted)
    key = world.instance("docs")["id"]
    before = await addresses(world.folder)
    behave_as(world, monkeypatch, "editor")
    for narrowed in ({}, {"targets": ("den/ConnectorAccess/who", f"den/ConnectorInstance/{WIKI}")}):
        plan = await world.plan(*wanted, **narrowed)
        assert set(actions(plan).values()) == {"no-op"}
        why = {step.address.name: worded(step.unverifiable[0].why) for step in plan.steps}
        assert set(why) == {"docs", "who"} | ({"main"} if not narrowed else set())
        assert key in why["docs"]
        assert "which this credential cannot see: use one of an organisation admin" in why["docs"]
        assert "may not read" in why["who"]
        world.forget()
        report = await world.apply(*wanted, **narrowed)
        assert (report.outcomes, report.released, world.writes()) == ([], 0, [])
    changed = [*wanted[:2], wiki(config={"branch": "release"}), *wanted[3:]]
    assert results(await world.apply(*changed)) == {WIKI: "done"}
    assert await addresses(world.folder) == before


@pytest.mark.parametrize("grants", [True, False])
async def test_a_session_that_is_too_old_to_write_is_told_with_the_plan(world: World, grants: bool) -> None:
    wanted = [archive(), wiki(), *([access("all", connectorInstance=WIKI, organization=True)] if grants else [])]
    await world.apply(*wanted)
    token = world.sandbox.control.get("/principals").json()["owner-session"]["authorization"].removeprefix("Bearer ")
    url = world.sandbox.ready["den"]["url"]
    person = {"connections": (declared_connection(DEN, "default", url=url, token=Secret(token)),)}
    changed = [archive(), wiki(config={"branch": "release"}), *wanted[2:]]
    assert not any("session" in worded(one) for one in (await world.plan(*changed, **person)).warnings)
    await world.clock.sleep(16 * 60)
    plan = await world.plan(*changed, **person)
    (told,) = [one for one in map(worded, plan.warnings) if "session" in one]
    assert "15 minutes" in told
    assert "sign in again before applying" in told
    assert token not in told
    world.forget()
    plan = await world.plan(*wanted, **person)  # nothing to write, so the session is not checked
    assert "GET /api/auth/get-session" not in world.routes()
    assert any("session" in worded(one) for one in plan.warnings) is grants
