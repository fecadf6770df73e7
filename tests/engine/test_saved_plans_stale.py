"""Saved plans that are stale: nothing is sent, and what has changed is named. And what does not make them stale."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from saving import ACCESS, ACCOUNT, INSTANCE, LABS, Desk, told
from world import ACCOUNTS, World

TARGETS = "den.connectorTargets"


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
        assert f"{name} (nothing is left to do)" in said


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
        ({"remoteId": "acme/docs"}, "nothing is left to do"),
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
    assert "den/ConnectorAccount/acme (nothing is left to do)" in said
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
    assert "den/default now refers to another server or organisation" in refusal(desk, TRUEUP_DEN_URL=url)


def test_when_the_key_is_of_another_organisation(desk: Desk) -> None:
    assert desk.plan().returncode == 0
    other = desk.world.sandbox.control.get("/principals").json()["other-org-api-key"]["x-api-key"]
    assert "den/default now refers to another server or organisation" in refusal(desk, TRUEUP_DEN_API_KEY=other)


# What does not count


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


def test_each_failure_tells_what_is_next(desk: Desk) -> None:
    assert desk.plan().returncode == 0
    desk.world.fault(system="den", method="POST", route="/v1/connector-instances", status=400)
    done: subprocess.CompletedProcess[str] = desk.apply()
    assert done.returncode == 4
    assert f"Next: trueup plan -f {desk.manifests} --state {desk.world.folder}" in done.stdout
    desk.world.calm()
    assert "den/ConnectorAccount/acme (nothing is left to do)" in refusal(desk)
