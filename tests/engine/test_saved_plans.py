"""Saved plans: what was reviewed is what is done, and nothing is sent once anything that it rests on has changed."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from commands import Terminal, inside, parsed, trueup
from declare import account, instance, manifest
from saving import ACCESS, ACCOUNT, CRM, INSTANCE, LABS, Desk
from world import INSTANCES, World

from trueup.engine.session import Session
from trueup.sandbox.presets import DEMO_CONNECTORS


@pytest.fixture
def desk(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """An account and the instance `docs`, declared and not there yet; a plan is saved in another folder."""
    return Desk(world, tmp_path, monkeypatch)


# What was planned is done


def test_what_was_saved_is_done_from_another_folder(desk: Desk) -> None:
    plan = desk.plan()
    assert plan.returncode == 0, plan.stderr
    assert f"Next: trueup apply '{desk.saved}' --state {desk.world.folder}\n" in plan.stdout
    assert desk.world.writes() == []
    done = trueup(*desk.words("-f", str(desk.manifests)))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Applied: 2 created, 0 changed, all verified." in done.stdout
    assert desk.world.instance("docs")["remoteId"] == "acme/docs"
    assert "In sync: 2 of 2" in desk.run("plan").stdout


def test_the_files_are_found_again_from_any_folder(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk.manifests)
    assert inside("plan", "--state", str(desk.world.folder), "--out", str(desk.saved)).returncode == 0
    monkeypatch.chdir(desk.away)
    assert desk.apply().returncode == 0
    assert desk.world.instance("docs")["status"] == "active"


def test_where_its_folder_is_not_there_files_are_looked_for_from_here(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk.manifests.parent)
    words = ("--state", str(desk.world.folder), "--out", str(desk.saved))
    assert inside("plan", "-f", desk.manifests.name, *words).returncode == 0
    desk.manifests.rename(desk.away / desk.manifests.name)
    monkeypatch.chdir(desk.away)
    assert desk.apply().returncode == 0


def test_standard_input_is_read_again(desk: Desk) -> None:
    text = ACCOUNT + INSTANCE.replace("NAME", "docs")
    state = ("--state", str(desk.world.folder))
    assert inside("plan", "-f", "-", *state, "--out", str(desk.saved), stdin=text).returncode == 0
    assert inside("apply", str(desk.saved), *state, stdin="").returncode == 5
    assert inside("apply", str(desk.saved), *state, stdin=text).returncode == 0


def test_an_update_and_a_secret_of_wexa(desk: Desk) -> None:
    desk.write("wexa.yaml", CRM)
    assert desk.settled(CRM_PASSWORD="the-first-password")
    desk.world.person("docs", remoteId="elsewhere")
    desk.world.upstream("status-changed", system="wexa", connectorID=DEMO_CONNECTORS["crm"], status="inactive")
    assert desk.plan(CRM_PASSWORD="the-first-password").returncode == 0
    done = desk.apply(CRM_PASSWORD="the-first-password")
    assert "Applied: 0 created, 2 changed, all verified." in done.stdout
    assert desk.world.instance("docs")["remoteId"] == "acme/docs"
    assert "In sync" in desk.run("plan", CRM_PASSWORD="the-first-password").stdout


def test_a_replacement(desk: Desk) -> None:
    removable = INSTANCE.replace("NAME", "docs").replace("  status", "  deletionPolicy: remove\n  status")
    desk.write("den.yaml", ACCOUNT + LABS + removable)
    assert desk.settled()
    former = desk.world.instance("docs")["id"]
    desk.write("den.yaml", ACCOUNT + LABS + removable.replace("connectorAccount: acme", "connectorAccount: labs"))
    plan = desk.plan()
    assert "also lost: 0 mappings, 0 imported objects" in " ".join(plan.stdout.split())
    assert "1 replaced" in desk.apply().stdout
    assert desk.world.instance("docs")["id"] != former


def test_what_is_pruned_is_told_with_what_goes_along_and_then_goes(desk: Desk) -> None:
    old = INSTANCE.replace("NAME", "old").replace("  status", "  deletionPolicy: remove\n  status")
    kept = INSTANCE.replace("NAME", "attic")
    desk.write("more.yaml", old + kept + LABS.replace("spec: {", "spec: {deletionPolicy: disconnect, "))
    desk.write("lab.yaml", INSTANCE.replace("NAME", "lab").replace("acme", "labs"))
    assert desk.settled()
    for name in ("more.yaml", "lab.yaml"):
        (desk.manifests / name).unlink()
    plan = desk.plan("--prune", "--allow-disconnect", "-o", "json")
    found = {one["name"]: one for one in parsed(plan)["resource_changes"] if one["change"]["actions"] == ["delete"]}
    assert found.keys() == {"old", "attic", "labs"}
    assert "0 mappings, 0 imported objects, and all its targets" in found["old"]["lost"][0]
    assert found["labs"]["lost"][0].startswith("den/ConnectorInstance lab (cin_")
    shown = " ".join(desk.show().stdout.split())
    for words in ("also removed: 0 mappings, 0 imported", "also removed: den/ConnectorInstance lab (cin_", "archive"):
        assert words in shown
    done = desk.apply()
    assert "3 removed, all verified" in done.stdout
    assert sorted(row["name"] for row in desk.world.rows(INSTANCES) if row["status"] == "active") == [
        "docs",
        "old-wiki",
        "release-notes-2019",
    ]


def test_exclusive_grants_are_revoked(desk: Desk) -> None:
    desk.write("den.yaml", ACCOUNT + ACCESS)
    assert desk.settled()
    desk.grant(orgWide=True, role="viewer")
    plan = desk.plan()
    assert "docs:organization" in plan.stdout
    assert desk.apply().returncode == 0
    assert "In sync" in desk.run("plan").stdout


def test_what_is_given_and_what_is_revoked_may_have_one_address(desk: Desk) -> None:
    grant = (
        "---\napiVersion: den.trueup.dev/v1\nkind: ConnectorAccess\nmetadata: {name: who}\n"
        "spec: {connectorInstance: docs, role: viewer, WHOM}\n"
    )
    desk.write("who.yaml", grant.replace("WHOM", "organization: true"))
    assert desk.settled()
    desk.write("who.yaml", grant.replace("WHOM", "member: viewer@example.test"))
    plan = parsed(desk.plan("--prune", "-o", "json"))
    steps = [one["change"]["actions"] for one in plan["resource_changes"] if one["name"] == "who"]
    assert steps == [["create"], ["delete"]]
    assert len(json.loads(desk.saved.read_text())["bound"]) == 2
    assert "1 created, 0 changed, 1 removed, all verified" in desk.apply().stdout


def test_what_is_refused_in_it_is_told_as_a_plain_apply_does(desk: Desk) -> None:
    desk.write("wexa.yaml", CRM.replace("crm", "evnts"))
    assert desk.plan(CRM_PASSWORD="some-password").returncode == 1  # as without --out
    done = desk.apply(CRM_PASSWORD="some-password")
    assert done.returncode == 4
    assert "2 created, 0 changed, 1 refused" in done.stdout


def test_only_the_new_secret_is_sent(desk: Desk) -> None:
    desk.write("wexa.yaml", CRM)
    desk.write("den.yaml", ACCOUNT + INSTANCE.replace("NAME", "docs") + "    token: {valueFrom: {env: TOKEN}}\n")
    assert desk.plan(CRM_PASSWORD="the-first-password", TOKEN="the-first-token").returncode == 0
    assert desk.apply(CRM_PASSWORD="the-second-password", TOKEN="the-second-token").returncode == 0
    assert desk.world.instance("docs")["instanceConfigJson"]["token"] == "the-second-token"
    state = desk.world.sandbox.control.get("/state").text
    assert "the-second-password" in state
    assert "the-first" not in state


def test_a_secret_that_was_in_sync_and_is_rotated_is_sent_along(desk: Desk) -> None:
    desk.write("den.yaml", ACCOUNT + INSTANCE.replace("NAME", "docs") + "    token: {valueFrom: {env: TOKEN}}\n")
    assert desk.settled(TOKEN="the-first-token")
    desk.world.person("docs", remoteId="elsewhere")
    assert desk.plan(TOKEN="the-first-token").returncode == 0
    done = desk.apply(TOKEN="the-second-token")
    assert done.returncode == 0, done.stderr
    config = desk.world.instance("docs")["instanceConfigJson"]
    assert config["token"] == "the-second-token"


def test_a_plan_in_sync_changes_nothing(desk: Desk) -> None:
    assert desk.settled()
    assert desk.plan().returncode == 0
    desk.world.person("docs", remoteId="elsewhere")  # not in the plan
    done = desk.apply()
    assert (done.returncode, desk.world.writes()) == (0, [])
    assert done.stdout.startswith("Applied: 0 created, 0 changed.")
    assert parsed(desk.apply("-o", "json"))["outcomes"] == []


def test_the_account_is_json_for_a_program(desk: Desk) -> None:
    assert desk.plan().returncode == 0
    report = parsed(desk.apply("-o", "json"))
    assert (report["summary"]["created"], report["exit_code"]) == (2, 0)
    stale = desk.apply("-o", "json")
    assert stale.returncode == 5
    error = parsed(stale)["error"]
    assert error["code"] == "E404"
    assert "den/ConnectorInstance/docs (nothing is left to do)" in error["message"]


def test_a_plan_for_another_connection(desk: Desk) -> None:
    desk.write(
        "connection.yaml",
        "apiVersion: den.trueup.dev/v1\nkind: Connection\nmetadata: {name: staging}\n"
        f"spec:\n  url: {desk.world.sandbox.ready['den']['url']}\n  apiKey: {{valueFrom: {{env: STAGING_KEY}}}}\n",
    )
    key = desk.world.sandbox.ready["den"]["apiKey"]
    assert desk.plan("--connection", "staging", STAGING_KEY=key).returncode == 0
    assert "+ den:staging/ConnectorInstance/docs" in desk.show().stdout
    done = desk.apply(STAGING_KEY=key, TRUEUP_CONNECTION="production", TRUEUP_DEN_API_KEY="")
    assert done.returncode == 0, done.stderr


def test_a_run_is_narrowed_to_what_the_plan_is_about(desk: Desk) -> None:
    desk.write("wexa.yaml", CRM)
    assert desk.settled(CRM_PASSWORD="some-password")
    desk.world.person("docs", remoteId="elsewhere")
    assert desk.plan(CRM_PASSWORD="some-password").returncode == 0
    desk.world.forget()
    assert desk.apply(CRM_PASSWORD="some-password").returncode == 0
    assert desk.world.asked(system="wexa") == 0


# It is shown as it was


@pytest.mark.parametrize("width", ["80", "120"])
def test_it_is_shown_as_the_plan_was(desk: Desk, width: str) -> None:
    everything(desk)
    secrets = {"CRM_PASSWORD": "some-password", "TOKEN": "some-token-of-docs", "COLUMNS": width}
    plan = desk.plan("--prune", **secrets)
    shown = desk.show(COLUMNS=width)
    assert lines(plan.stdout) == lines(shown.stdout)
    (following,) = (line for line in shown.stdout.splitlines() if line.startswith("Next: "))
    assert following.startswith(f"Next: trueup apply '{desk.saved}' --state {desk.world.folder}  # made at 20")
    coloured = desk.plan("--prune", **secrets, FORCE_COLOR="1")
    assert "\x1b[" in coloured.stdout
    assert lines(desk.show(COLUMNS=width, FORCE_COLOR="1").stdout) == lines(coloured.stdout)


def everything(desk: Desk) -> None:
    """A manifest with a step of every kind."""
    docs = INSTANCE.replace("NAME", "docs") + "    token: {valueFrom: {env: TOKEN}}\n    paths: [a, b]\n"
    desk.write("den.yaml", ACCOUNT + docs)
    desk.write("wexa.yaml", CRM)
    old = INSTANCE.replace("NAME", "old").replace("  status", "  deletionPolicy: remove\n  status")
    desk.write(
        "more.yaml", old + INSTANCE.replace("NAME", "kept").replace("  status", "  deletionPolicy: retain\n  status")
    )
    assert desk.settled(CRM_PASSWORD="another-password", TOKEN="another-token-of-docs")
    (desk.manifests / "more.yaml").unlink()
    config = {"branch": "x", "paths": ["a", "z"], "theirs": "sk-live-0123456789", "token": "their-token-of-docs"}
    desk.world.person("docs", config=config, status="disabled", remoteId=None)
    desk.write("new.yaml", LABS + INSTANCE.replace("NAME", "new").replace("acme", "labs"))
    desk.write("bad.yaml", CRM.replace("crm", "evnts"))


def lines(text: str) -> list[str]:
    """All but the command that is next."""
    return [line for line in text.splitlines() if not line.startswith("Next: ")]


def test_as_json_it_is_what_plan_printed(desk: Desk) -> None:
    everything(desk)
    secrets = {"CRM_PASSWORD": "some-password", "TOKEN": "some-token-of-docs"}
    plan = desk.plan("--prune", "-o", "json", **secrets)
    assert desk.show("-o", "json").stdout == plan.stdout
    assert desk.show("-o", "json").stderr == ""


def test_what_nobody_declared_is_shown_with_what_it_is_below(desk: Desk) -> None:
    desk.write("access.yaml", ACCESS.replace("    exclusive: true\n", ""))
    desk.write("den.yaml", ACCOUNT)
    assert desk.settled()
    desk.grant(orgWide=True, role="viewer")
    desk.write("access.yaml", ACCESS.replace("    exclusive: true\n", "").replace("editor", "viewer"))
    plan = desk.plan(COLUMNS="300")
    assert "den/ConnectorAccess organization (of instance docs)" in plan.stdout
    assert lines(plan.stdout) == lines(desk.show(COLUMNS="300").stdout)


def test_it_is_shown_without_any_server(desk: Desk) -> None:
    assert desk.plan().returncode == 0
    desk.world.forget()
    done = desk.show(TRUEUP_DEN_URL="http://127.0.0.1:9", TRUEUP_DEN_API_KEY="")
    assert done.returncode == 0
    assert desk.world.asked() == 0


def test_in_sync_is_one_line(desk: Desk) -> None:
    assert desk.settled()
    plan = desk.plan()
    assert desk.show().stdout == plan.stdout
    assert plan.stdout.count("\n") == 1


def test_a_terminal_of_its_own_width(desk: Desk) -> None:
    assert desk.plan().returncode == 0
    with Terminal("show", str(desk.saved), "--state", str(desk.world.folder), columns=72) as terminal:
        assert terminal.end() == 0
        found = [line for line in terminal.shown().splitlines() if "/" not in line]
    assert max(map(len, found)) <= 72
    assert "\x1b[" in terminal.raw


# Two runs, and too much


def test_another_run_at_work_is_told(desk: Desk) -> None:
    assert desk.plan().returncode == 0

    async def beside() -> subprocess.CompletedProcess[str]:
        async with Session(manifest(account(), instance("docs")), desk.world.options()) as other, other.exclusively():
            return await asyncio.to_thread(trueup, *desk.words("-o", "json"))

    done = asyncio.run(beside())
    assert (done.returncode, parsed(done)["error"]["code"]) == (5, "E502")
    assert desk.world.writes() == []
    assert desk.apply().returncode == 0


def test_what_is_too_much_for_one_run_is_saved_to_be_shown_and_not_to_be_applied(desk: Desk) -> None:
    plan = desk.plan("--max-changes", "1")
    assert plan.returncode == 3
    shown = desk.show()
    assert (shown.returncode, lines(shown.stdout)) == (0, lines(plan.stdout))
    assert "Refused for safety: 2 steps would be made, and 1 are allowed" in " ".join(shown.stdout.split())
    assert "Next: " not in shown.stdout
    for arguments in ((), ("-o", "json")):
        done = desk.apply(*arguments)
        assert done.returncode == 3
        assert "error[E401]" in done.stderr
    assert parsed(desk.apply("-o", "json"))["error"]["code"] == "E401"
    assert desk.world.writes() == []
    document = parsed(desk.plan("--max-changes", "1", "-o", "json"))
    assert document == parsed(desk.show("-o", "json"))
    assert "--max-changes" in document["unsafe"]


@pytest.mark.parametrize(
    "option",
    [
        "--prune",
        "--allow-disconnect",
        "--resend",
        "--target=den/ConnectorInstance/docs",
        "--selector=team",
        "--connection=staging",
        "--max-changes=3",
        "--max-delete-percent=3",
    ],
)
def test_options_of_the_making_of_a_plan_are_refused(desk: Desk, option: str) -> None:
    assert desk.plan().returncode == 0
    desk.world.forget()
    done = desk.apply(option)
    assert (done.returncode, desk.world.asked()) == (1, 0)
    assert f"error[E001]: {option.partition('=')[0]} cannot be used with a saved plan" in done.stderr


def test_options_of_the_doing_are_taken(desk: Desk) -> None:
    assert desk.plan().returncode == 0
    done = desk.apply("--parallelism", "1", "--lock-timeout", "1s", "--fail-fast", "--auto-approve", "-v")
    assert done.returncode == 0
    assert "POST" in done.stderr


def test_the_file_is_for_its_owner_alone(desk: Desk) -> None:
    before = os.umask(0)
    try:
        assert desk.plan().returncode == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE(desk.saved.stat().st_mode) == 0o600
    assert json.loads(desk.saved.read_text())["trueup_plan"] == 2
