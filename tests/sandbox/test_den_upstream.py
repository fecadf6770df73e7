"""What happens to the embedded Den beside its API: the sync worker, GitHub's webhooks, a colleague."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from den_calls import INSTANCES, account, get, instance, made, target
from sandbox_server import DenServer

NO_APP = "GITHUB_CONNECTOR_APP_ID is required for live GitHub connector testing."

pytest_plugins = ("den_fixtures",)


def synced(den: DenServer, owner: httpx.Client, outcome: str) -> dict[str, Any]:
    """A queued event of a new target, for a GitHub that answers so."""
    parent = account(owner)
    its = target(owner, instance(owner, parent, "synced"), "acme/synced")
    den.call(lambda: den.den.upstream({"type": "github-answers", "outcome": outcome}))
    return event(owner, owner.post(f"/v1/connector-targets/{its['id']}/resync").json()["job"])


def event(owner: httpx.Client, row: dict[str, Any]) -> dict[str, Any]:
    return made(owner.get(f"/v1/connector-sync-events/{row['id']}"))


@pytest.mark.parametrize(("outcome", "objects"), [("completed", 1), ("partial", 0)])
def test_a_sync_ends_well(den: DenServer, owner: httpx.Client, outcome: str, objects: int) -> None:
    row = synced(den, owner, outcome)
    assert row["status"] == "queued"
    den.advance(5.0)
    row = event(owner, row)
    assert (row["status"], row["summaryJson"]["outcome"]) == (outcome, outcome)
    assert row["summaryJson"]["materializedConfigObjectCount"] == objects
    told = made(owner.get(f"{INSTANCES}/{row['connectorInstanceId']}/configuration"))
    assert told["importedConfigObjectCount"] == objects
    assert get(owner, {"id": row["connectorInstanceId"]})["lastSyncedAt"] is None


def test_an_error_that_passes_is_tried_five_times(den: DenServer, owner: httpx.Client) -> None:
    row = synced(den, owner, "transient")
    den.advance(5.0)
    for attempt, delay in enumerate([30, 60, 120, 240], start=1):
        row = event(owner, row)
        assert (row["status"], row["attemptCount"]) == ("queued", attempt)
        assert "outcome" not in row["summaryJson"]
        assert row["summaryJson"]["lastError"]
        den.advance(delay - 1.0)
        assert event(owner, row)["attemptCount"] == attempt
        den.advance(5.0)
    row = event(owner, row)
    assert (row["status"], row["attemptCount"], row["nextAttemptAt"]) == ("failed", 5, None)
    assert row["summaryJson"]["outcome"] == "failed"
    retried = owner.post(f"/v1/connector-sync-events/{row['id']}/retry")
    assert (retried.status_code, event(owner, row)["attemptCount"]) == (202, 0)


def test_a_sync_that_hangs_blocks_its_target_until_a_retry(den: DenServer, owner: httpx.Client) -> None:
    hanging = synced(den, owner, "hangs")
    den.advance(5.0)
    assert event(owner, hanging)["status"] == "running"
    den.call(lambda: den.den.upstream({"type": "github-answers", "outcome": "completed"}))
    waiting = owner.post(f"/v1/connector-targets/{hanging['connectorTargetId']}/resync").json()["job"]
    assert made(owner.post(f"{INSTANCES}/{hanging['connectorInstanceId']}/sync-now"))["enqueuedCount"] == 0
    den.advance(60.0)
    assert event(owner, waiting)["status"] == "queued"
    owner.post(f"/v1/connector-sync-events/{hanging['id']}/retry")
    den.advance(5.0)
    assert event(owner, waiting)["status"] == event(owner, hanging)["status"] == "completed"


def test_without_an_app_a_sync_fails_for_what_is_missing_first(den: DenServer, owner: httpx.Client) -> None:
    row = instance(owner, account(owner), "bare")
    body = {"connectorType": "github", "remoteId": "acme/bare", "targetKind": "repository_branch", "config": {}}
    its = made(owner.post(f"{INSTANCES}/{row['id']}/targets", json=body))
    job = owner.post(f"/v1/connector-targets/{its['id']}/resync").json()["job"]
    said = "GitHub connector target is missing repository, branch, or installation metadata."
    assert owner.get(f"{INSTANCES}/{row['id']}/discovery").json()["message"] == said
    den.advance(5.0)
    assert event(owner, job)["summaryJson"]["error"] == said
    made(owner.patch(f"/v1/connector-targets/{its['id']}", json={"externalTargetRef": "main"}))
    owner.post(f"/v1/connector-sync-events/{job['id']}/retry")
    den.advance(5.0)
    assert event(owner, job)["summaryJson"]["error"] == NO_APP


def mapping(owner: httpx.Client, its: dict[str, Any], selector: str) -> dict[str, Any]:
    body = {"mappingKind": "path", "selector": selector, "objectType": "skill"}
    return made(owner.post(f"/v1/connector-targets/{its['id']}/mappings", json=body))


def upstream(den: DenServer, **change: Any) -> list[str]:
    touched: list[str] = den.call(lambda: den.den.upstream(change))["touched"]
    return touched


def test_a_repository_that_is_removed_disables_its_instances(den: DenServer, owner: httpx.Client) -> None:
    parent = account(owner)
    row, other = instance(owner, parent, "one", remoteId="acme/one"), instance(owner, parent, "two")
    its = target(owner, row, "acme/one", repositoryId=77)
    den.advance(1.0)
    upstream(den, type="repository-removed", repository="acme/one", installationId=1001)
    after = get(owner, row)
    assert (after["status"], after["updatedAt"] > row["updatedAt"]) == ("disabled", True)
    assert get(owner, other) == other
    config = made(owner.get(f"/v1/connector-targets/{its['id']}"))["targetConfigJson"]
    assert config["status"] == "disabled"
    [left] = owner.get("/v1/connector-sync-events").json()["items"]
    assert (left["eventType"], left["status"]) == ("installation_repositories", "completed")
    assert left["summaryJson"] == {
        "action": "removed",
        "deliveryId": left["externalEventRef"],
        "repositoryFullName": "acme/one",
        "repositoryId": 77,
        "trigger": "webhook",
    }
    with pytest.raises(ValueError, match="no active instance"):
        upstream(den, type="repository-removed", repository="acme/one")


def test_a_repository_that_is_renamed_takes_instance_and_target_along(den: DenServer, owner: httpx.Client) -> None:
    row = instance(owner, account(owner), "one", remoteId="acme/one")
    its = target(owner, row, "acme/one")
    upstream(den, type="repository-renamed", repository="acme/one", to="acme/uno")
    assert get(owner, row)["remoteId"] == "acme/uno"
    after = made(owner.get(f"/v1/connector-targets/{its['id']}"))
    assert (after["remoteId"], after["targetConfigJson"]["repositoryFullName"]) == ("acme/uno", "acme/uno")
    left = {item["eventType"]: item for item in owner.get("/v1/connector-sync-events").json()["items"]}
    told = left["repository"]["summaryJson"]
    assert (told["action"], told["from"], told["to"], told["trigger"]) == ("renamed", "acme/one", "acme/uno", "webhook")
    assert (left["manual_resync"]["status"], left["manual_resync"]["summaryJson"]) == ("queued", {"trigger": "webhook"})


def test_an_installation_that_is_deleted_disconnects_its_account_alone(den: DenServer, owner: httpx.Client) -> None:
    parent = account(owner)
    row = instance(owner, parent, "one")
    upstream(den, type="installation-deleted", installationId=1001)
    assert made(owner.get(f"/v1/connector-accounts/{parent['id']}"))["status"] == "disconnected"
    assert get(owner, row) == row
    assert owner.get("/v1/connector-sync-events").json()["items"] == []


def test_a_push_queues_what_follows_the_branch_once_a_commit(den: DenServer, owner: httpx.Client) -> None:
    row = instance(owner, account(owner), "one")
    target(owner, row, "acme/one")
    assert len(upstream(den, type="push", repository="acme/one", headSha="c0ffee")) == 1
    assert upstream(den, type="push", repository="acme/one", headSha="c0ffee") == []
    assert upstream(den, type="push", repository="acme/one", headSha="decaf", ref="refs/heads/dev") == []
    owner.post(f"{INSTANCES}/{row['id']}/disable")
    with pytest.raises(ValueError, match="no active instance"):
        upstream(den, type="push", repository="acme/one", headSha="beef")


def test_a_person_changes_what_the_api_could(den: DenServer, owner: httpx.Client) -> None:
    parent = account(owner)
    row = instance(owner, parent, "one", config={"a": 1})
    den.advance(1.0)
    upstream(den, type="person", kind="connector-instance", name="one", set={"status": "disabled", "config": {}})
    after = get(owner, row)
    assert (after["status"], after["instanceConfigJson"]) == ("disabled", {})
    assert after["updatedAt"] > row["updatedAt"]
    upstream(den, type="person", kind="connector-account", id=parent["id"], set={"displayName": "renamed"})
    assert made(owner.get(f"/v1/connector-accounts/{parent['id']}"))["displayName"] == "renamed"
    upstream(den, type="person", kind="connector-instance", name="one", remove=True)
    assert owner.get(f"{INSTANCES}/{row['id']}").status_code == 404


def rows(owner: httpx.Client, path: str) -> list[dict[str, Any]]:
    answer = owner.get(path)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_a_person_changes_what_belongs_to_an_instance(den: DenServer, owner: httpx.Client) -> None:
    """Targets by their remoteId, mappings by their selector, either narrowed by whose they are."""
    parent = account(owner)
    one, two = instance(owner, parent, "one"), instance(owner, parent, "two")
    targets = [target(owner, row, "acme/shared") for row in (one, two)]
    mappings = [mapping(owner, row, "skills/**") for row in targets]
    what = {"type": "person", "kind": "connector-target", "name": "acme/shared"}
    with pytest.raises(ValueError, match="several connector-target remoteId"):
        upstream(den, **what, remove=True)
    assert upstream(den, **what, instance="two", set={"config": {"branch": "dev"}}) == [targets[1]["id"]]
    assert rows(owner, f"{INSTANCES}/{two['id']}/targets")[0]["targetConfigJson"] == {"branch": "dev"}
    assert rows(owner, f"{INSTANCES}/{one['id']}/targets") == [targets[0]]
    what = {"type": "person", "kind": "connector-mapping", "name": "SKILLS/**"}
    upstream(den, **what, target=targets[0]["id"], set={"objectType": "agent", "config": {"a": 1}})
    upstream(den, **what, instance="two", target="acme/shared", remove=True)
    [left] = rows(owner, f"/v1/connector-targets/{targets[0]['id']}/mappings")
    assert (left["id"], left["objectType"], left["mappingConfigJson"]) == (mappings[0]["id"], "agent", {"a": 1})
    assert rows(owner, f"/v1/connector-targets/{targets[1]['id']}/mappings") == []
    upstream(den, type="person", kind="connector-target", id=targets[0]["id"], remove=True)
    assert owner.get(f"/v1/connector-targets/{targets[0]['id']}").status_code == 404
    assert den.dump()["den.connectorMappings"] == {}, "its mappings went with it"


def test_a_person_changes_who_may_do_what(den: DenServer, owner: httpx.Client) -> None:
    """Grants by e-mail, by the team's name or `everybody`; a removed one is revoked, and found by its id alone."""
    den.call(lambda: den.den.add_people())
    row, org = instance(owner, account(owner), "one"), owner.get("/v1/org").json()
    member = next(one["id"] for one in org["members"] if one["user"]["email"] == "viewer@example.test")
    team = next(one["id"] for one in org["teams"] if one["name"] == "Platform")
    path = f"{INSTANCES}/{row['id']}/access"
    granted = {
        name: made(owner.post(path, json={**whom, "role": "viewer"}))["id"]
        for name, whom in {
            "viewer@example.test": {"orgMembershipId": member},
            "platform": {"teamId": team},
            "everybody": {"orgWide": True},
        }.items()
    }
    for name, identity in granted.items():
        what = {"type": "person", "kind": "access-grant", "name": name, "instance": "one"}
        assert upstream(den, **what, set={"role": "editor"}) == [identity]
        assert {one["id"]: one["role"] for one in rows(owner, path)}[identity] == "editor"
        assert upstream(den, **what, remove=True) == [identity]
        assert {one["id"]: bool(one["removedAt"]) for one in rows(owner, path)}[identity]
        with pytest.raises(ValueError, match="no access-grant e-mail or team"):
            upstream(den, **what, remove=True)
        upstream(den, type="person", kind="access-grant", id=identity, set={"role": "manager"})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "type has to be one of repository-removed"),
        ({"type": ["push"]}, "type has to be one of repository-removed"),
        ({"type": "repository-removed"}, "repository-removed needs repository"),
        ({"type": "repository-removed", "repository": {}}, "needs repository, a name or a number"),
        ({"type": "repository-removed", "repository": "acme/none", "repo": 1}, "does not know repo"),
        ({"type": "repository-renamed", "repository": "acme/none"}, "needs to"),
        ({"type": "installation-deleted", "installationId": 9}, "no account has the remoteId '9'"),
        ({"type": "github-answers", "outcome": "42"}, "outcome has to be one of no-app"),
        ({"type": "person", "kind": "plugin"}, "kind has to be one of connector-account"),
        ({"type": "person", "kind": "connector-instance"}, "either id or name"),
        ({"type": "person", "kind": "connector-instance", "name": "none", "set": {}}, "no connector-instance"),
        ({"type": "person", "kind": "connector-instance", "name": "one"}, "set has to be an object"),
        ({"type": "person", "kind": "connector-instance", "name": "one", "set": {"id": "x"}}, "id cannot be set"),
        ({"type": "person", "kind": "connector-instance", "name": "one", "set": {"status": "on"}}, "Invalid option"),
        ({"type": "person", "kind": "connector-instance", "name": "one", "set": {"name": "TWO"}}, "is called 'TWO'"),
        ({"type": "person", "kind": "connector-instance", "name": "one", "instance": "one"}, "does not take instance"),
        ({"type": "person", "kind": "connector-target", "name": "a/1", "set": {"remoteId": "A/2"}}, "remoteId 'A/2'"),
        ({"type": "person", "kind": "connector-target", "name": "a/1", "instance": "two"}, "no connector-target"),
        ({"type": "person", "kind": "connector-mapping", "name": "x", "set": {"selector": "Y"}}, "selector 'Y'"),
        ({"type": "person", "kind": "access-grant", "name": "nobody@example.test", "remove": True}, "no access-grant"),
        ({"type": "person", "kind": "access-grant", "name": "Owner@example.test", "set": {"role": "x"}}, "several"),
    ],
)
def test_a_change_that_makes_no_sense_says_why(
    den: DenServer, owner: httpx.Client, change: dict[str, Any], said: str
) -> None:
    parent = account(owner)
    row = instance(owner, parent, "one")
    instance(owner, parent, "two")
    its = [target(owner, row, name) for name in ("a/1", "a/2")]
    for selector in ("x", "y"):
        mapping(owner, its[0], selector)
    before = den.dump()
    with pytest.raises(ValueError, match=said):
        upstream(den, **change)
    assert den.dump() == before
