"""`trueup sync`: what it tells while it waits and at the end, how it ends, and what is wrong with its words."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from commands import Terminal, inside, parsed
from events_world import a_target, add, drop, passed, post
from world import World

from trueup.engine.options import SystemClock
from trueup.sandbox.den.ids import new_id
from trueup.systems.den import sync_events

pytest_plugins = ("events_fixtures",)


@pytest.fixture
def world(live: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """In a folder without manifests; whoever waits moves the sandbox's time in place of ours."""
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "140")
    for name in ("now", "monotonic"):
        monkeypatch.setattr(SystemClock, name, lambda _, name=name: getattr(live.clock, name)())
    monkeypatch.setattr(SystemClock, "sleep", lambda _, seconds: live.clock.sleep(seconds))
    return live


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return inside("sync", *words, **environment)


def github(world: World, outcome: str) -> None:
    world.upstream("github-answers", outcome=outcome)


def ignore(world: World) -> None:
    """The instance imports nothing by itself."""
    path = f"/v1/connector-instances/{world.instance('old-wiki')['id']}/auto-import"
    assert world.sandbox.den.post(path, json={"autoImportNewPlugins": False}).is_success


def test_what_was_queued_is_told(world: World) -> None:
    for name in "ab":
        a_target(world, f"acme/{name}")
    done = run("old-WIKI")
    assert (done.returncode, done.stderr) == (0, "")
    shown = done.stdout.splitlines()
    assert shown[0] == "Queued: 2 syncs of old-wiki."
    assert sum("queued  old-wiki  manual_resync  cse_" in line for line in shown) == 2
    assert "Next: trueup events --instance old-wiki --follow" in shown
    assert shown[-1].startswith("Sync: 2 queued. 4 requests, ")
    again = run("old-wiki")
    assert again.returncode == 0
    assert again.stdout.startswith("Nothing new was queued: the targets of old-wiki are busy.\n")
    assert "2 syncs were already running; Den skips busy targets." in again.stdout
    assert "Sync: 0 queued, 2 already running." in again.stdout


@pytest.mark.parametrize("words", [(), ("--wait",)])
def test_without_targets_there_is_nothing_to_do(words: tuple[str, ...], world: World) -> None:
    done = run("old-wiki", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("old-wiki has no targets, so there is nothing to sync.\n")
    assert done.stdout.splitlines()[-1].startswith("Sync: nothing queued. " if words else "Sync: 0 queued. ")


ENDS: dict[str, tuple[int, str, str]] = {
    "completed": (0, "old-wiki is synced.", "Sync: 1 completed. "),
    "partial": (1, "old-wiki was not synced: 1 of 1 sync did not succeed.", "Sync: 1 partial. "),
    "failed": (1, "GitHub request failed with status 404", "Sync: 1 failed. "),
    "no-app": (1, "GITHUB_CONNECTOR_APP_ID is required", "Sync: 1 failed. "),
}


@pytest.mark.parametrize(("outcome", "ended"), ENDS.items())
def test_waiting_tells_what_came_of_it(outcome: str, ended: tuple[int, str, str], world: World) -> None:
    code, said, count = ended
    github(world, outcome)
    a_target(world)
    done = run("old-wiki", "--wait")
    assert done.returncode == code
    assert said in done.stdout
    assert done.stdout.splitlines()[-1].startswith(count)
    key = world.rows("den.syncEvents")[0]["id"]
    assert key in done.stdout.splitlines()[0]
    assert done.stdout.count("requested manually") == 1  # the outcome is printed once
    assert (f"Next: trueup events retry {key}" in done.stdout) is bool(code)
    assert "1 queued, 0 already running. Waiting" in done.stderr


def test_ignored_is_no_failure_but_told(world: World) -> None:
    a_target(world)
    ignore(world)
    done = run("old-wiki", "--wait")
    assert done.returncode == 0
    assert "old-wiki was not synced: Den ignored it." in done.stdout
    assert "auto-import is off" in done.stdout
    assert "autoImportNewPlugins: true" in " ".join(done.stdout.split())
    assert "Sync: 1 ignored." in done.stdout


def test_one_of_several_that_fails_fails_it(world: World) -> None:
    github(world, "completed")
    first = a_target(world, "acme/a")
    a_target(world, "acme/b")
    add(world, 1, ago=60, status="running", connectorTargetId=first["id"])  # hangs
    done = run("old-wiki", "--wait", "--timeout", "1m")
    assert done.returncode == 1
    assert "Not all of old-wiki was synced within 60 s." in done.stdout
    assert "Sync: 1 running, 1 completed." in done.stdout
    assert 55 < passed(world) <= 61


def test_waiting_for_what_was_under_way_before(world: World) -> None:
    github(world, "completed")
    one = a_target(world)
    post(world, f"/v1/connector-targets/{one['id']}/resync")
    done = run("old-wiki", "--wait")
    assert done.returncode == 0, done.stdout
    assert "so nothing new was queued" in done.stdout
    assert "Sync: 1 completed." in done.stdout


def test_a_failure_that_passes_is_waited_out_and_told_with_its_time(world: World) -> None:
    github(world, "transient")
    a_target(world)
    done = run("old-wiki", "--wait", "--timeout", "20s")
    assert done.returncode == 1
    assert "Not all of old-wiki was synced within 20 s." in done.stdout
    assert "attempt 2 at " in done.stdout
    assert "after: GitHub request failed with status 503" in done.stdout
    assert "attempt 2 at " in done.stderr
    assert all("\\n" not in line for line in done.stderr.splitlines())
    assert "Next: trueup events --instance old-wiki --follow" in done.stdout


def test_a_hanging_one_can_be_retried(world: World) -> None:
    github(world, "hangs")
    a_target(world)
    done = run("old-wiki", "--wait", "--timeout", "30s")
    key = world.rows("den.syncEvents")[0]["id"]
    assert done.returncode == 1
    assert f"Or: trueup events retry {key}" in done.stdout
    assert "blocks its target until it is retried" in " ".join(done.stdout.split())


def test_one_target_by_its_remote_id_or_its_id(world: World) -> None:
    github(world, "completed")
    one, _ = a_target(world, "acme/a"), a_target(world, "acme/b")
    for given in ("ACME/a", one["id"]):
        done = run("old-wiki", "--target", given, "--wait")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "of old-wiki is synced." in done.stdout
    assert {row["connectorTargetId"] for row in world.rows("den.syncEvents")} == {one["id"]}
    assert len(world.rows("den.syncEvents")) == 2


def test_an_id_will_do_for_a_name(world: World) -> None:
    a_target(world)
    assert run(world.instance("old-wiki")["id"]).stdout.startswith("Queued: 1 sync of old-wiki.")


def test_json_is_one_document(world: World) -> None:
    github(world, "failed")
    one = a_target(world)
    done = run("old-wiki", "--target", "acme-archive/old-wiki", "--wait", "-o", "json")
    found = parsed(done)
    assert done.returncode == found["exit_code"] == 1
    assert found["instance"] == {"id": world.instance("old-wiki")["id"], "name": "old-wiki"}
    assert found["target"] == one["id"]
    assert [event["status"] for event in found["queued"]] == ["failed"]
    assert (found["busy"], found["waited"], found["timed_out"], found["looked_for"]) == ([], True, False, "")
    assert found["reading"]["window"] == 600
    assert [event["status"] for event in parsed(run("old-wiki", "-o", "json"))["queued"]] == ["queued"]


def test_a_lost_answer_is_told_and_not_sent_twice(world: World) -> None:
    a_target(world)
    world.forget()
    world.fault(system="den", method="POST", reset="after", times=1)
    done = run("old-wiki")
    assert done.returncode == 0
    assert "Queued: 1 sync of old-wiki." in done.stdout
    assert "The answer was lost; found the new sync events in the list" in done.stdout
    assert len(world.writes()) == 1


def test_an_outcome_that_stays_unknown_is_an_error(world: World) -> None:
    a_target(world)
    world.forget()
    world.fault(system="den", method="POST", status=500)
    done = run("old-wiki", "--wait", "-o", "json")
    assert (done.returncode, parsed(done)["error"]["code"]) == (1, "E307")
    assert "not sent again" in parsed(done)["error"]["hint"]
    assert len(world.writes()) == 1


def test_an_instance_that_is_removed_while_it_is_waited_for(world: World) -> None:
    github(world, "hangs")
    a_target(world)
    seen: list[float] = []
    sleep = world.clock.sleep

    async def meanwhile(seconds: float) -> None:
        if not seen:
            seen.append(seconds)
            drop(world, world.rows("den.syncEvents")[0]["id"])
        await sleep(seconds)

    world.clock.sleep = meanwhile  # type: ignore[method-assign]
    done = run("old-wiki", "--wait")
    assert done.returncode == 1
    assert "Sync: 1 removed." in done.stdout


WRONG: dict[str, tuple[list[str], str]] = {
    "nothing": ([], "INSTANCE is missing"),
    "two": (["a", "b"], "unexpected extra argument"),
    "empty": ([""], "INSTANCE must have 1 to 255 characters."),
    "too long": (["x" * 256], "INSTANCE must have 1 to 255 characters."),
    "target empty": (["old-wiki", "--target", " "], "--target must have"),
    "timeout word": (["old-wiki", "--wait", "--timeout", "long"], '--timeout "long" is not a valid time'),
    "timeout zero": (["old-wiki", "--wait", "--timeout", "0s"], '--timeout "0s" is not a valid time'),
    "timeout negative": (["old-wiki", "--wait", "--timeout", "-5m"], '--timeout "-5m" is not a valid time'),
    "timeout number": (["old-wiki", "--wait", "--timeout", "90"], '--timeout "90" is not a valid time'),
    "timeout empty": (["old-wiki", "--wait", "--timeout", ""], '--timeout "" is not a valid time'),
    "timeout alone": (["old-wiki", "--timeout", "5m"], "--timeout can be used only with --wait"),
    "connection": (["old-wiki", "--connection", "staging"], "there is no Connection named staging"),
}


@pytest.mark.parametrize(("words", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_and_nothing_is_sent(words: list[str], said: str, world: World) -> None:
    world.forget()
    done = run(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in " ".join(done.stderr.split())
    assert world.asked() == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nope"], 'there is no instance "nope"'),
        ([new_id("cin", datetime.now(UTC))], "or it is another organisation's"),
        (["old-wiki", "--target", "nope"], 'old-wiki has no target "nope". It has none.'),
        (["old-wiki", "--target", new_id("ctg", datetime.now(UTC))], "there is no target ctg_"),
    ],
)
def test_what_is_not_there_is_told_and_nothing_is_written(words: list[str], said: str, world: World) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in " ".join(done.stderr.split())
    assert world.writes() == []


def test_without_the_role_it_says_which(world: World) -> None:
    a_target(world)
    world.fault(
        system="den", method="POST", status=403, body={"error": "forbidden", "message": "Missing editor access"}
    )
    done = run("old-wiki")
    assert (done.returncode, done.stdout) == (1, "")
    assert "role of an editor" in " ".join(done.stderr.split())


def test_ctrl_c_while_waiting_leaves_the_sync_and_says_so(world: World) -> None:
    github(world, "hangs")
    a_target(world)
    with Terminal("sync", "old-wiki", "--wait", columns=120) as terminal:
        terminal.wait_for("1 queued, 0 already running")
        terminal.wait_for("Waiting")
        terminal.type("\x03")
        assert terminal.end() == 130
        shown = terminal.shown()
    assert "Stopped waiting for old-wiki; queued syncs continue in Den." in shown
    assert "Next: trueup events --instance old-wiki --follow" in shown


def test_ctrl_c_while_it_is_asked_for_finishes_that(world: World) -> None:
    a_target(world)
    world.fault(system="den", method="POST", delay=0.5)
    with Terminal("sync", "old-wiki", "-v", columns=120) as terminal:
        terminal.wait_for("connector-sync-events")
        terminal.type("\x03")
        assert terminal.end() == 130
        shown = terminal.shown()
    assert len([row for row in world.rows("den.syncEvents") if row["connectorTargetId"]]) == 1
    assert "A sync may have been queued" in shown
    assert sync_events.ROUTE in shown
