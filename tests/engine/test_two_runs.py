"""Two runs at once: with one ledger one of them works, and the other is told who does, waits, or takes over."""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import Terminal, trueup
from processes import QUESTION, Place, Where
from world import ACCOUNTS, World

from trueup.sandbox.presets import DEMO_CONNECTORS, DEMO_PROJECT

WORKING = re.compile(
    r"error\[E502\]: \S+ org_\w+ is locked by \S+@\S+, process (\d+) \(run (r-\w+)\), since \d{4}-\S+Z, "
    r"last heartbeat \d+ s ago\."
)
CLOCK = {"sqlite": "(julianday('now') - 2440587.5) * 86400.0", "postgresql": "extract(epoch FROM clock_timestamp())"}
CONNECTOR = """
apiVersion: wexa.trueup.dev/v1
kind: Connector
metadata: {name: NAME}
spec:
  projectId: PROJECT
  status: active
  dataLoaderConfig: {source: mongodb, batchSize: 7, auth: {password: {valueFrom: {env: CRM_PASSWORD}}}}
---
"""


@pytest.fixture
def place(world: World, tmp_path: Path, where: Where) -> Iterator[Place]:
    with contextlib.closing(Place(world, tmp_path, where)) as found:
        yield found


@pytest.fixture
def here(world: World, tmp_path: Path) -> Iterator[Place]:
    """The same with SQLite alone, where the database makes no difference."""
    with contextlib.closing(Place(world, tmp_path, tmp_path / "ledger.db")) as found:
        yield found


def test_one_works_and_the_other_sends_nothing_and_says_who_does(place: Place) -> None:
    manifest = place.manifest("i-1", "i-2")
    place.holding()
    first = place.apply(manifest)
    place.held()
    place.world.forget()
    second = place.apply(manifest)
    assert second.end() == 5, second.said
    found = WORKING.search(second.said)
    assert found, second.said
    assert found[1] == str(first.raw.pid)
    assert found[2] in {run for run, _ in place.leases()}
    assert "--lock-timeout" in second.said
    assert place.world.writes() == []
    assert place.world.asked() <= 1, "whose key it is, and no more"
    place.go()
    assert first.end() == 0, first.said
    assert place.made() == ["i-1", "i-2"]
    assert place.leases() == []


def test_whoever_waits_applies_on_a_fresh_reading(place: Place) -> None:
    place.holding()
    first = place.apply(place.manifest("i-1", "i-2"), "--parallelism", "1")
    place.held()
    second = place.apply(place.manifest("i-1", "i-2", "i-3"), "--lock-timeout", "20s")
    second.wait_for("Waiting for run r-")
    place.world.forget()
    place.go()
    assert first.end() == 0, first.said
    assert second.end() == 0, second.said
    assert place.made() == ["i-1", "i-2", "i-3"]
    assert "1 created" in second.said
    posts = [one for one in place.world.writes() if one == "POST /v1/connector-instances"]
    assert len(posts) == 2, "i-2 of the first, i-3 of the second: what was held came before"
    assert place.leases() == []


def test_whoever_was_killed_gives_way_at_once_on_the_same_machine(place: Place) -> None:
    manifest = place.manifest("i-1", "i-2")
    place.holding(hold="after")
    first = place.apply(manifest)
    place.held()
    first.kill()
    assert place.leases()
    second = place.apply(manifest)
    second.wait_for("was interrupted with")
    assert second.end() == 0, second.said
    assert "had taken effect" in second.said
    assert place.made() == ["i-1", "i-2"]
    assert place.leases() == []


def test_the_lease_of_another_machine_is_waited_for_until_its_heartbeat_is_over(place: Place) -> None:
    manifest = place.manifest("i-1")
    place.holding(hold="after")
    first = place.apply(manifest)
    place.held()
    first.kill()
    place.go()
    kind = "sqlite" if isinstance(place.where, Path) else "postgresql"
    place.lease(f"host = 'elsewhere', heartbeat = {CLOCK[kind]}")
    refused = place.apply(manifest)
    assert refused.end() == 5, refused.said
    assert WORKING.search(refused.said)
    assert "error[E502]" in refused.said
    place.lease(f"heartbeat = {CLOCK[kind]} - 22")
    second = place.apply(manifest, "--lock-timeout", "20s")
    second.wait_for("Waiting for run r-")
    assert place.leases()
    assert second.end() == 0, second.said
    assert place.made() == ["i-1"]


def test_a_run_whose_lock_is_taken_away_sends_nothing_more_and_says_so(here: Place) -> None:
    manifest = here.manifest("i-1", "i-2", "i-3", "i-4")
    here.holding()
    first = here.apply(manifest, "--parallelism", "1")
    here.held()
    (run,) = {run for run, _ in here.leases()}
    unlocked = trueup("unlock", run, "--now", "--auto-approve", "--state", str(here.folder), **here.environment)
    assert unlocked.returncode == 0, unlocked.stderr
    first.wait_for("The lock was lost to another run, or removed by hand: nothing more is sent.")
    here.world.forget()
    here.go()
    assert first.end() == 4, first.said
    assert here.world.writes() == []
    assert len(here.made()) == 1, "what was under way was finished"
    assert "3 not done" in first.said
    second = here.apply(manifest)
    assert second.end() == 0, second.said
    assert here.made() == ["i-1", "i-2", "i-3", "i-4"]


def test_another_organisation_is_not_excluded(here: Place) -> None:
    here.holding()
    first = here.apply(here.manifest("i-1"))
    here.held()
    other = here.world.sandbox.control.get("/principals").json()["other-org-api-key"]["x-api-key"]
    second = here.apply(here.manifest("i-2"), TRUEUP_DEN_API_KEY=other)
    assert second.end() == 0, second.said
    here.go()
    assert first.end() == 0, first.said
    assert here.made() == ["i-1", "i-2"]


def test_what_a_run_of_another_organisation_left_open_is_not_judged_from_here(here: Place) -> None:
    """It cannot be seen with this key, which says nothing of it."""
    other = here.world.sandbox.control.get("/principals").json()["other-org-api-key"]["x-api-key"]
    theirs = here.manifest("i-2")
    here.holding(hold="after")
    first = here.apply(theirs, TRUEUP_DEN_API_KEY=other)
    here.held()
    first.kill()
    here.go()
    ours = here.apply(here.manifest("i-1"))
    assert ours.end() == 0, ours.said
    assert "was interrupted" not in ours.said
    second = here.apply(theirs, TRUEUP_DEN_API_KEY=other)
    assert second.end() == 0, second.said
    assert "with 1 call open: 1 had taken effect, 0 had not." in second.said


def test_another_project_of_wexa_is_not_excluded(here: Place) -> None:
    """Also when the ledger knows of both, since that was so after the first run of each."""
    elsewhere, key = _project(here.world)
    ours = here.manifest(wexa=CONNECTOR.replace("NAME", "crm").replace("PROJECT", DEMO_PROJECT))
    theirs = here.folder / "theirs.yaml"
    theirs.write_text(CONNECTOR.replace("NAME", "crm").replace("PROJECT", elsewhere))
    for one in (ours, theirs):
        assert here.apply(one).end() == 0
    ours.write_text(ours.read_text().replace("batchSize: 7", "batchSize: 8"))
    theirs.write_text(theirs.read_text().replace("batchSize: 7", "batchSize: 9"))
    here.world.fault(system="wexa", method="POST", hold="before", times=1)
    first = here.apply(ours)
    here.held()
    second = here.apply(theirs)
    assert second.end() == 0, second.said
    same = here.apply(ours)
    assert same.end() == 5, same.said
    pruning = here.apply(theirs, "--prune")
    assert pruning.end() == 5, "what it would remove may be anywhere"
    here.go()
    assert first.end() == 0, first.said
    sizes = {key: row["data_loader_config"]["batch_size"] for key, row in _connectors(here.world).items()}
    assert (sizes[DEMO_CONNECTORS["crm"]], sizes[key]) == (8, 9)


def _connectors(world: World) -> dict[str, Any]:
    return {row["connectorID"]: row for row in world.rows("wexa.connectors") if row["data_loader_config"]}


def _project(world: World) -> tuple[str, str]:
    """A second project of the same organisation, with a connector `crm`: their ids."""
    state = world.sandbox.control.get("/state").json()
    projects = state["tables"]["wexa.projects"]
    first = projects[DEMO_PROJECT]
    project, key = "68063653fc2e1fb8597000aa", "68063653fc2e1fb8597000ab"
    projects[project] = {**first, "_id": project, "projectName": "second"}
    rows = state["tables"]["wexa.connectors"]
    rows[key] = {**rows[DEMO_CONNECTORS["crm"]], "connectorID": key, "projectID": project}
    assert world.sandbox.control.put("/state", json=state).status_code == 200
    return project, key


def test_a_plan_beside_an_apply_works_and_says_who_is_at_work(place: Place) -> None:
    manifest = place.manifest("i-1", "i-2")
    place.holding()
    first = place.apply(manifest)
    place.held()
    (run,) = {run for run, _ in place.leases()}
    plan = place.plan(manifest, "--detailed-exitcode")
    assert plan.returncode == 2, plan.stderr
    assert f"Run {run} (" in plan.stderr
    assert f"process {first.raw.pid}" in plan.stderr
    assert "is in progress" in plan.stderr
    assert "was interrupted" not in plan.stderr
    place.go()
    assert first.end() == 0, first.said
    done = place.plan(manifest, "--detailed-exitcode")
    assert (done.returncode, done.stderr.count("in progress")) == (0, 0)


def test_without_a_ledger_two_at_once_make_everything_once_and_tell_the_truth(here: Place) -> None:
    manifest = here.manifest(*(f"i-{number}" for number in range(8)))
    here.holding(route="/v1/connector-accounts", times=2)
    both = [here.apply(manifest, TRUEUP_LEDGER="off") for _ in range(2)]
    here.held(count=2)
    here.go()
    codes = [one.end() for one in both]
    assert here.made() == [f"i-{number}" for number in range(8)]
    assert sum(row["displayName"] == "acme" for row in here.world.rows(ACCOUNTS)) == 1
    for code, one in zip(codes, both, strict=True):
        assert code in (0, 4), one.said
        assert "Traceback" not in one.said
        assert ("9 created, 0 changed, all verified" in one.said) == (code == 0), one.said
    here.world.calm()
    assert here.apply(manifest, TRUEUP_LEDGER="off").end() == 0


def test_an_apply_that_asks_holds_the_lock(here: Place) -> None:
    manifest = here.manifest("i-1")
    with Terminal(*here.words("apply", manifest), TRUEUP_LEDGER=str(here.where)) as terminal:
        terminal.wait_for(QUESTION)
        second = here.apply(manifest)
        assert second.end() == 5, second.said
        assert str(terminal.process.pid) in second.said
        said = here.plan(manifest).stderr
        assert re.search(rf"Run r-\w+ \(\S+, process {terminal.process.pid}, started \S+\) is in progress", said), said
        third = here.apply(manifest, "--lock-timeout", "20s")
        third.wait_for("Waiting for run r-")
        terminal.type("no\n")
        assert terminal.end() == 1
        assert third.end() == 0, third.said
    assert here.made() == ["i-1"]


def test_ctrl_c_while_it_asks_leaves_no_lock_that_anybody_has_to_wait_for(here: Place) -> None:
    manifest = here.manifest("i-1")
    with Terminal(*here.words("apply", manifest), TRUEUP_LEDGER=str(here.where)) as terminal:
        terminal.wait_for(QUESTION)
        terminal.type("\x03")
        assert terminal.end() == 130
    assert here.world.writes() == []
    second = here.apply(manifest)
    assert second.end() == 0, second.said
    assert here.leases() == []


def test_ctrl_c_while_it_waits_for_the_lock_changes_nothing(here: Place) -> None:
    manifest = here.manifest("i-1")
    here.holding()
    first = here.apply(manifest)
    here.held()
    before = here.leases()
    second = here.apply(manifest, "--lock-timeout", "60s")
    second.wait_for("Waiting for run r-")
    second.raw.send_signal(signal.SIGINT)
    assert second.end() == 130, second.said
    assert "Interrupted. Nothing was changed." in second.said
    assert here.leases() == before
    here.go()
    assert first.end() == 0, first.said
    assert here.made() == ["i-1"]
    assert here.leases() == []
