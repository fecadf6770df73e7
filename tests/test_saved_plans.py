"""Saved plans: what was reviewed is what is done, and nothing is sent once anything that it rests on has changed."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import Terminal, inside, parsed, trueup
from declare import account, instance, manifest
from saving import ACCESS, ACCOUNT, CRM, INSTANCE, LABS, Desk, told
from world import ACCOUNTS, INSTANCES, World

from trueup.sandbox.presets import DEMO_CONNECTORS
from trueup.session import Session

GRANTS, TARGETS = "den.accessGrants", "den.connectorTargets"


@pytest.fixture
def desk(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """An account and the instance `docs`, declared and not there yet; a plan is saved in another folder."""
    return Desk(world, tmp_path, monkeypatch)


def den_post(world: World, route: str, body: dict[str, Any]) -> None:
    world.sandbox.den.post(route, json=body).raise_for_status()


def create_docs(world: World) -> None:
    """A colleague makes both by hand."""
    den_post(world, "/v1/connector-accounts", {"connectorType": "github", "remoteId": "1001", "displayName": "acme"})
    key = world.row(ACCOUNTS, remoteId="1001")["id"]
    body = {"connectorAccountId": key, "connectorType": "github", "name": "docs", "remoteId": "elsewhere/docs"}
    den_post(world, "/v1/connector-instances", body)


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
    assert "lost with it: 0 mappings, 0 imported objects" in " ".join(plan.stdout.split())
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
    for words in ("goes with it: 0 mappings, 0 imported", "goes with it: den/ConnectorInstance lab (cin_", "archive"):
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
    assert "den/ConnectorInstance/docs (there is nothing to be done any more)" in error["message"]


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
    colours = desk.show(COLUMNS=width, FORCE_COLOR="1")
    assert "\x1b[" in colours.stdout
    assert lines(colours.stdout) == lines(desk.plan("--prune", **secrets, FORCE_COLOR="1").stdout)


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
    """All but the command that is next and what the clock says."""
    found = [line for line in text.splitlines() if not line.startswith("Next: ")]
    return [line for line in found if not line.startswith("Cost: ")] if "\x1b[" in text else found


def test_as_json_it_is_what_plan_printed(desk: Desk) -> None:
    everything(desk)
    secrets = {"CRM_PASSWORD": "some-password", "TOKEN": "some-token-of-docs"}
    plan = desk.plan("--prune", "-o", "json", **secrets)
    assert desk.show("-o", "json").stdout == plan.stdout
    assert desk.show("-o", "json").stderr == ""


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


# It is stale


def refusal(desk: Desk, *arguments: str, **environment: str) -> str:
    """What a stale apply says; nothing was sent."""
    desk.world.forget()
    done = desk.apply(*arguments, **environment)
    assert (done.returncode, done.stdout) == (5, ""), done
    assert desk.world.writes() == []
    assert "error[E404]: the plan is stale" in done.stderr
    assert "Nothing was sent." in done.stderr
    return told(done)


def test_the_second_apply_is_stale(desk: Desk) -> None:
    assert desk.plan().returncode == 0
    assert desk.apply().returncode == 0
    said = refusal(desk)
    for name in ("den/ConnectorAccount/acme", "den/ConnectorInstance/docs"):
        assert f"{name} (there is nothing to be done any more)" in said


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("branch: main", "branch: next"),
        lambda text: text + "# a word more\n",
        lambda text: text.replace("kind: ConnectorInstance", "kind: ConnectorInstance ", 1),
        lambda text: ACCOUNT,
    ],
    ids=["value", "comment", "blank", "removed"],
)
def test_when_the_text_was_edited(desk: Desk, edit: Callable[[str], str]) -> None:
    assert desk.plan().returncode == 0
    path = desk.manifests / "den.yaml"
    path.write_text(edit(path.read_text()))
    desk.world.forget()
    assert "the manifests have changed since it was made" in refusal(desk)
    assert desk.world.asked() == 0


def test_when_a_file_was_added(desk: Desk) -> None:
    assert desk.plan().returncode == 0
    desk.write("more.yaml", LABS)
    assert "the manifests have changed" in refusal(desk)


def test_not_when_lines_end_in_another_way_or_a_file_has_another_name(desk: Desk) -> None:
    assert desk.plan().returncode == 0
    path = desk.manifests / "den.yaml"
    (desk.manifests / "renamed.yaml").write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    path.unlink()
    assert desk.apply().returncode == 0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"remoteId": "another"}, "remoteId"),
        ({"remoteId": "elsewhere", "status": "disabled"}, "status"),
        ({"remoteId": "acme/docs"}, "there is nothing to be done any more"),
    ],
)
def test_when_a_colleague_changed_what_it_touches(desk: Desk, change: dict[str, Any], named: str) -> None:
    assert desk.settled()
    desk.world.person("docs", remoteId="elsewhere")
    assert desk.plan().returncode == 0
    desk.world.person("docs", **change)
    said = refusal(desk)
    assert "den/ConnectorInstance/docs (" in said
    assert named in said


def test_when_a_colleague_changed_another_item_of_a_list(desk: Desk) -> None:
    desk.write("den.yaml", ACCOUNT + INSTANCE.replace("NAME", "docs") + "    paths: [a, b]\n")
    assert desk.settled()
    desk.world.person("docs", config={"branch": "main", "paths": ["a", "x"]})
    assert desk.plan().returncode == 0
    desk.world.person("docs", config={"branch": "main", "paths": ["a", "y"]})
    assert "config.paths" in refusal(desk)


def test_when_a_colleague_changed_a_secret_that_it_writes(desk: Desk) -> None:
    desk.write("den.yaml", ACCOUNT + INSTANCE.replace("NAME", "docs") + "    token: {valueFrom: {env: TOKEN}}\n")
    assert desk.settled(TOKEN="some-token-of-docs")
    desk.world.person("docs", config={"branch": "main", "token": "one-token-of-theirs"})
    assert desk.plan(TOKEN="some-token-of-docs").returncode == 0
    desk.world.person("docs", config={"branch": "main", "token": "two-token-of-theirs"})
    assert "config.token" in refusal(desk, TOKEN="some-token-of-docs")


def test_when_it_was_made_by_somebody_else(desk: Desk) -> None:
    assert desk.plan().returncode == 0
    create_docs(desk.world)
    said = refusal(desk)
    assert "den/ConnectorAccount/acme (there is nothing to be done any more)" in said
    assert "den/ConnectorInstance/docs (what is to be done, its id" in said


def test_when_it_was_removed_and_made_anew(desk: Desk) -> None:
    assert desk.settled()
    desk.world.person("docs", remoteId="elsewhere")
    assert desk.plan().returncode == 0
    desk.world.upstream("person", kind="connector-instance", name="docs", remove=True)
    key = desk.world.row(ACCOUNTS, remoteId="1001")["id"]
    body = {"connectorAccountId": key, "connectorType": "github", "name": "docs", "remoteId": "elsewhere"}
    den_post(desk.world, "/v1/connector-instances", body)
    assert "its id" in refusal(desk)


def test_when_what_it_is_below_is_gone(desk: Desk) -> None:
    assert desk.settled()
    desk.write("target.yaml", target_of("main"))
    assert desk.plan().returncode == 0
    desk.world.upstream("person", kind="connector-instance", name="docs", remove=True)
    said = refusal(desk)
    assert "den/ConnectorTarget/main (what it needs, what it refers to)" in said


def target_of(name: str) -> str:
    return (
        f"---\napiVersion: den.trueup.dev/v1\nkind: ConnectorTarget\nmetadata: {{name: {name}}}\n"
        "spec: {connectorInstance: docs, remoteId: acme/docs}\n"
    )


def test_when_what_it_refers_to_is_another_one(desk: Desk) -> None:
    """The instance was made anew under its name: a target would land somewhere else."""
    assert desk.settled()
    desk.write("target.yaml", target_of("main"))
    assert desk.plan().returncode == 0
    desk.world.upstream("person", kind="connector-instance", name="docs", remove=True)
    key = desk.world.row(ACCOUNTS, remoteId="1001")["id"]
    body = {"connectorAccountId": key, "connectorType": "github", "name": "docs", "remoteId": "acme/docs"}
    den_post(desk.world, "/v1/connector-instances", body)
    assert "den/ConnectorTarget/main (what it refers to)" in refusal(desk)
    assert desk.world.rows(TARGETS) == []


@pytest.mark.parametrize("value", [{"remoteId": "elsewhere"}, {"config": {"branch": "main", "theirs": 1}}])
def test_when_what_is_to_be_removed_holds_something_else(desk: Desk, value: dict[str, Any]) -> None:
    old = INSTANCE.replace("NAME", "old").replace("  status", "  deletionPolicy: remove\n  status")
    desk.write("more.yaml", old)
    assert desk.settled()
    (desk.manifests / "more.yaml").unlink()
    assert desk.plan("--prune").returncode == 0
    desk.world.person("old", **value)
    said = refusal(desk)
    assert "den/ConnectorInstance/old cin_" in said
    assert f"({next(iter(value))})" in said


def test_when_what_goes_with_a_removal_is_more(desk: Desk) -> None:
    old = INSTANCE.replace("NAME", "old").replace("  status", "  deletionPolicy: remove\n  status")
    desk.write("more.yaml", old + target_of("there").replace("docs", "old"))
    assert desk.settled()
    (desk.manifests / "more.yaml").unlink()
    assert desk.plan("--prune").returncode == 0
    (row,) = desk.world.rows(TARGETS)
    body = {"mappingKind": "path", "selector": "x/**", "objectType": "skill"}
    den_post(desk.world, f"/v1/connector-targets/{row['id']}/mappings", body)
    assert "(what goes with it)" in refusal(desk)


def test_when_an_account_that_is_to_be_disconnected_gained_an_instance(desk: Desk) -> None:
    desk.write("more.yaml", LABS.replace("spec: {", "spec: {deletionPolicy: disconnect, "))
    assert desk.settled()
    (desk.manifests / "more.yaml").unlink()
    assert desk.plan("--prune", "--allow-disconnect").returncode == 0
    key = desk.world.row(ACCOUNTS, remoteId="1003")["id"]
    body = {"connectorAccountId": key, "connectorType": "github", "name": "by-hand"}
    den_post(desk.world, "/v1/connector-instances", body)
    assert "(what goes with it)" in refusal(desk)


def test_when_a_grant_was_added_below_an_exclusive_instance(desk: Desk) -> None:
    desk.write("den.yaml", ACCOUNT + ACCESS)
    assert desk.settled()
    desk.grant(orgWide=True, role="viewer")
    assert desk.plan().returncode == 0
    desk.grant(member="viewer@example.test", role="viewer")
    assert "(what else is removed there)" in refusal(desk)


def test_when_a_grant_was_added_beside_one_that_is_to_be_given(desk: Desk) -> None:
    desk.write("den.yaml", ACCOUNT + ACCESS)
    assert desk.settled()
    desk.write("den.yaml", ACCOUNT + ACCESS.replace("grants:", "grants:\n      - {organization: true, role: viewer}"))
    assert desk.plan().returncode == 0
    desk.grant(member="viewer@example.test", role="viewer")
    assert "(what else is removed there)" in refusal(desk)


def test_not_when_a_grant_below_an_exclusive_instance_is_given_alone(desk: Desk) -> None:
    """Narrowed to one grant, its declared neighbours are neighbours still."""
    desk.write("den.yaml", ACCOUNT + ACCESS)
    assert desk.settled()
    desk.write("den.yaml", ACCOUNT + ACCESS.replace("grants:", "grants:\n      - {organization: true, role: viewer}"))
    assert desk.plan().returncode == 0
    assert desk.apply().returncode == 0
    assert "In sync" in desk.run("plan").stdout


def test_when_it_is_another_server(desk: Desk) -> None:
    assert desk.plan().returncode == 0
    url = desk.world.sandbox.ready["den"]["url"].replace("127.0.0.1", "localhost")
    assert "den/default is another server or organisation now" in refusal(desk, TRUEUP_DEN_URL=url)


def test_when_the_key_is_of_another_organisation(desk: Desk) -> None:
    assert desk.plan().returncode == 0
    other = desk.world.sandbox.control.get("/principals").json()["other-org-api-key"]["x-api-key"]
    assert "den/default is another server or organisation now" in refusal(desk, TRUEUP_DEN_API_KEY=other)


# It is not stale


def test_not_when_only_the_time_of_the_last_change_moved(desk: Desk) -> None:
    assert desk.settled()
    desk.world.person("docs", remoteId="elsewhere")
    assert desk.plan().returncode == 0
    before = desk.world.instance("docs")["updatedAt"]
    desk.world.sandbox.control.post("/clock", json={"advanceSeconds": 60})
    desk.world.person("docs", remoteId="another")
    desk.world.person("docs", remoteId="elsewhere")
    assert desk.world.instance("docs")["updatedAt"] != before
    assert desk.apply().returncode == 0


def test_not_when_something_else_drifted_which_is_left_alone(desk: Desk) -> None:
    desk.write("more.yaml", INSTANCE.replace("NAME", "blog") + INSTANCE.replace("NAME", "shop"))
    assert desk.settled()
    desk.world.person("docs", remoteId="elsewhere")
    assert desk.plan("--max-changes", "1").returncode == 0
    for name in ("blog", "shop"):
        desk.world.person(name, status="disabled")
    desk.world.forget()
    done = desk.apply()
    assert done.returncode == 0, done.stderr
    assert len(desk.world.writes()) == 1
    assert desk.world.instance("blog")["status"] == "disabled"


def test_not_when_something_else_drifted_beside_a_removal(desk: Desk) -> None:
    """Then the whole is read again, and more than --max-changes allows is found."""
    desk.write("more.yaml", INSTANCE.replace("NAME", "old"))
    assert desk.settled()
    (desk.manifests / "more.yaml").unlink()
    assert desk.plan("--prune", "--max-changes", "1").returncode == 0
    desk.world.person("docs", status="disabled")
    done = desk.apply()
    assert done.returncode == 0, done.stderr
    assert desk.world.instance("docs")["status"] == "disabled"
    assert desk.world.instance("old")["status"] == "archived"


def test_not_when_keys_of_the_servers_own_changed_which_are_carried_over(desk: Desk) -> None:
    assert desk.settled()
    desk.world.person("docs", config={"branch": "x", "theirs": "one"})
    assert desk.plan().returncode == 0
    desk.world.person("docs", config={"branch": "x", "theirs": "two", "more": 3})
    assert desk.apply().returncode == 0
    assert desk.world.instance("docs")["instanceConfigJson"] == {"branch": "main", "theirs": "two", "more": 3}


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
    assert f"error[E001]: {option.partition('=')[0]} goes with making a plan" in done.stderr


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
    assert json.loads(desk.saved.read_text())["trueup_plan"] == 1


def test_each_failure_tells_what_is_next(desk: Desk) -> None:
    assert desk.plan().returncode == 0
    desk.world.fault(system="den", method="POST", route="/v1/connector-instances", status=400)
    done: subprocess.CompletedProcess[str] = desk.apply()
    assert done.returncode == 4
    assert f"Next: trueup plan -f {desk.manifests} --state {desk.world.folder}" in done.stdout
    desk.world.calm()
    assert "den/ConnectorAccount/acme (there is nothing to be done any more)" in refusal(desk)
