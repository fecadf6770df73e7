"""`trueup events` and `trueup events retry`: what is printed, at which cost, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import commands
import pytest
from commands import Terminal, inside, parsed, trueup
from events_world import WINDOW, a_target, add, put
from sandboxes import PATIENCE
from waiting import wait_until
from world import World

from trueup.cli import asking
from trueup.core.errors import UsageError
from trueup.sandbox.den import events as sandbox
from trueup.sandbox.den.ids import new_id
from trueup.sandbox.den.validate import OneOf
from trueup.systems.den import sync_events
from trueup.systems.den.sync_words import STATUSES, TYPES

CONNECTION = """
apiVersion: den.trueup.dev/v1
kind: Connection
metadata: {name: NAME}
spec: {url: "URL", apiKey: {valueFrom: {env: THE_KEY}}}
---
apiVersion: wexa.trueup.dev/v1
kind: Connection
metadata: {name: default}
spec: {url: "https://example.com", apiKey: {valueFrom: {env: NOBODY_SETS_THIS}}}
"""


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder holds no manifests."""
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)


NEVER = "2999-01-01T00:00:00.000Z"
"""When the worker takes up an event that is to stay as it is."""
HASTY = [
    sys.executable,
    "-c",
    "import sys; from trueup.systems.den import sync_events; sync_events.PERIOD = 0.05; "
    "from trueup.cli import main; sys.exit(main())",
]
"""The command, which looks again at once where it would wait for 5 seconds."""


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return inside("events", *words, **environment)


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


def event(world: World, **fields: Any) -> dict[str, Any]:
    return add(world, 1, **fields)[0]


# The listing


def test_the_environment_alone_will_do_and_nothing_is_one_line(world: World) -> None:
    (only,) = lines(run())
    assert only.startswith("No sync events. 1 request, ")
    assert only.endswith("(at most 599 of this key's 600 left).")
    (only,) = lines(run("--status", "failed"))
    assert only.startswith("No matching sync events.")


def test_the_answer_comes_first_and_the_count_and_the_cost_last(world: World) -> None:
    failed = event(world, status="failed", summaryJson={"error": "boom", "lastError": "boom"}, ago=5)
    event(world, status="completed", summaryJson={"createdPluginCount": 1}, ago=9)
    shown = lines(run(COLUMNS="120"))
    assert shown[0].startswith("2 sync events: 1 failed, 1 completed; the newest ")
    assert shown[0].endswith(" UTC).")
    assert shown[1] == shown[4] == ""
    assert shown[2].startswith("  ! ")
    assert shown[2].endswith(f" UTC  failed     old-wiki  push  {failed['id']}  acme-archive/old-wiki: boom")
    assert shown[3].endswith("acme-archive/old-wiki: 1 plugin created")
    assert shown[5] == f"Next: trueup events retry {failed['id']}"
    assert shown[6].startswith("Events: 2 shown. 2 requests, ")


def test_by_default_the_newest_fifty_are_shown_and_that_there_are_more(world: World) -> None:
    rows = add(world, 60)
    shown = run(COLUMNS="140").stdout
    assert sum(row["id"] in shown for row in rows) == 50
    assert rows[49]["id"] in shown
    assert "Events: 50 shown; use a higher --limit or --since to show older ones. 2 requests" in shown
    assert "there are older ones" not in run("--limit", "60").stdout
    found = parsed(run("-o", "json", "--since", "3h"))
    assert [one["id"] for one in found["events"]] == [row["id"] for row in rows]
    assert found["more"] is False


def test_json_is_what_the_server_told_and_costs_what_the_list_does(world: World) -> None:
    rows = add(world, 150, summaryJson={"x": [1, {"y": None}]})
    found = parsed(run("-o", "json", "--limit", "120"))
    assert list(found) == ["format_version", "trueup_version", "events", "more", "reading"]
    private = {"organizationId"}
    assert found["events"] == [{key: value for key, value in row.items() if key not in private} for row in rows[:120]]
    assert found["more"] is True
    assert found["reading"]["requests"] == 3
    assert found["reading"]["left"] == 597


def test_every_filter(world: World) -> None:
    one = a_target(world)
    wanted = event(
        world, status="failed", eventType="repository", connectorTargetId=one["id"], externalEventRef="Ref-1"
    )
    for other in (
        {"status": "failed"},
        {"status": "completed", "eventType": "repository", "connectorTargetId": one["id"], "externalEventRef": "ref-1"},
        {"name": "release-notes-2019", "status": "failed", "eventType": "repository", "externalEventRef": "ref-1"},
        {"status": "failed", "eventType": "repository", "connectorTargetId": one["id"]},
    ):
        event(world, **other)
    filters = ["--status", "failed", "--type", "repository", "-q", "REF-1", "--since", "1d", "--limit", "5"]
    for named in (
        ["--instance", "OLD-wiki", "--target", "acme-ARCHIVE/old-wiki"],
        ["--instance", wanted["connectorInstanceId"], "--target-id", one["id"]],
        ["--target", one["id"]],
    ):
        found = parsed(run(*filters, *named, "-o", "json"))
        assert [one["id"] for one in found["events"]] == [wanted["id"]]


def test_a_name_that_is_given_is_not_asked_for_again(world: World) -> None:
    event(world)
    assert "Events: 1 shown. 2 requests" in run("--instance", "OLD-WIKI").stdout
    assert "  old-wiki  push" in run("--instance", "OLD-WIKI").stdout


def test_an_id_that_leads_nowhere_is_told_and_not_an_empty_list(world: World) -> None:
    for option, prefix in (("--instance", "cin"), ("--target", "ctg")):
        key = new_id(prefix, datetime.now(UTC))
        done = run(option, key)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"error[E001]: there is no {'instance' if prefix == 'cin' else 'target'} {key}" in done.stderr
    known = world.instance("old-wiki")["id"]
    assert lines(run("--instance", known))[0].startswith("No matching sync events. 2 requests")


def test_an_unknown_name_names_near_ones(world: World) -> None:
    done = run("--instance", "old-wikki", "-o", "json")
    assert done.returncode == 1
    assert 'Did you mean "old-wiki"?' in done.stderr
    assert parsed(done)["error"]["code"] == "E001"


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_no_line_is_wider_than_the_page(width: int, world: World) -> None:
    rows = []
    for kind in TYPES:
        for status in STATUSES:
            fields = {"eventType": kind, "status": status, "summaryJson": {"error": "ado " * 60}}
            rows.append(event(world, ago=200_000, nextAttemptAt=NEVER, **fields))
    put(world, *({**row, "remoteId": None} for row in rows[:5]))
    world.person("old-wiki", name=("a name that is longer than any column should be " * 4).strip())
    shown = lines(run("--limit", "100", COLUMNS=str(width)))
    assert max(map(len, shown)) <= width
    assert all(f"  {status}" in "\n".join(shown) for status in STATUSES)


def test_the_columns_are_columns_and_an_event_of_another_day_has_its_date(world: World) -> None:
    add(world, 3, every=90_000, ago=90_000)
    event(world, name="release-notes-2019", eventType="manual_resync", status="queued", nextAttemptAt=NEVER)
    shown = [line for line in lines(run(COLUMNS="160")) if "  push  " in line or "manual" in line]
    places = {line.index("cse_") for line in shown}
    assert len(places) == 1
    assert sum(f"  + {datetime.now(UTC) - timedelta(seconds=90_000):%Y-%m-%d} " in line for line in shown) == 1


def test_colours_only_repeat_what_is_said(world: World) -> None:
    event(world, status="failed")
    assert "\x1b[31m! " in run(FORCE_COLOR="1").stdout
    assert "\x1b" not in run("--no-color", FORCE_COLOR="1").stdout


def test_a_servers_words_steer_no_terminal_and_hold_no_secret(world: World) -> None:
    key = os.environ["TRUEUP_DEN_API_KEY"]
    row = event(
        world,
        status="failed",
        remoteId="a\x1b[2Jb",
        summaryJson={"error": f"x\x1b]0;evil\x07\n{key} y", "token": key},
    )
    text, document = run().stdout, run("-o", "json").stdout
    assert key not in text + document
    assert "\x1b" not in text + document
    assert "\n" not in text[text.index("evil") : text.index(" y")]
    assert parsed(run("-o", "json"))["events"][0]["id"] == row["id"]


def test_the_words_for_what_is_unknown(world: World) -> None:
    """Statuses, types and summaries that nobody has seen yet."""
    put(world, {**event(world), "status": "postponed", "eventType": "fork", "summaryJson": {"action": {"a": 1}}})
    shown = run(COLUMNS="120").stdout
    assert "  ? " in shown
    assert "postponed" in shown
    assert "fork" in shown
    assert "1 postponed" in shown.splitlines()[0]


def test_a_summary_that_is_nested_a_thousandfold_breaks_nothing(world: World) -> None:
    deep: Any = {}
    for _ in range(480):
        deep = {"d": deep}
    world.fault(
        system="den",
        route=sync_events.ROUTE,
        status=200,
        body={"items": [{"id": "cse_1", "startedAt": "x", "summaryJson": deep}], "nextCursor": None},
    )
    assert run().returncode == 0
    assert parsed(run("-o", "json"))["events"][0]["id"] == "cse_1"


@pytest.mark.parametrize("body", [{"items": [{"id": "cse_1"}], "nextCursor": None}, {"items": None}, []])
def test_an_answer_that_is_none_is_an_error_with_a_code(body: Any, world: World) -> None:
    world.fault(system="den", route=sync_events.ROUTE, status=200, body=body)
    done = run("-o", "json")
    assert (done.returncode, parsed(done)["error"]["code"]) == (1, "E306")


# Bad input


WRONG: dict[str, tuple[list[str], str]] = {
    "instance empty": (["--instance", " "], "--instance must have 1 to 255 characters."),
    "instance too long": (["--instance", "x" * 256], "--instance must have 1 to 255 characters."),
    "target alone": (["--target", "acme/docs"], "a remote id is unique only within an instance"),
    "target bad id": (["--target", "ctg_x"], "is not an id (ctg_…)"),
    "target empty": (["--instance", "a", "--target", ""], "--target must have"),
    "type": (["--type", "pull"], "--type must be push, installation, installation_repositories, repository or"),
    "status": (["--status", "done"], "--status must be pending, queued, running, completed, failed, partial or"),
    "q empty": (["-q", ""], "-q must have"),
    "q too long": (["-q", "x" * 256], "-q must have"),
    "since word": (["--since", "yesterday"], '--since "yesterday" is not a valid time'),
    "since empty": (["--since", ""], '--since "" is not a valid time'),
    "since future": (["--since", "2999-01-01"], "is in the future"),
    "since negative": (["--since", "-2h"], '--since "-2h" is not a valid time'),
    "since ages": (["--since", "999999999w"], "is not a valid time"),
    "since endless": (["--since", "9" * 5000 + "h"], "is not a valid time"),
    "since month 13": (["--since", "2026-13-01"], "is not a valid time"),
    "since digits": (["--since", "٣h"], "is not a valid time"),
    "limit zero": (["--limit", "0"], "--limit must be a whole number from 1 to 100000."),
    "limit word": (["--limit", "all"], "--limit must be a whole number from 1 to 100000."),
    "output": (["-o", "yaml"], "text or json"),
    "connection": (["--connection", "staging"], "there is no Connection named staging"),
    "a name alone": (["docs"], 'There is no subcommand "docs", only "retry".'),
    "no such file": (["-f", "nowhere.yaml"], "E120"),
    "retry nothing": (["retry"], "ID… is missing"),
    "retry no id": (["retry", "cse_1"], '"cse_1" is not the id of a sync event'),
    "retry another id": (["retry", "cin_01m81v3ease06trjtbs5xy81nx"], "is not the id of a sync event"),
    "retry upper case": (["retry", "CSE_01M81V3TWXE7H8V31TWM11S4TC"], "is not the id of a sync event"),
    "retry with a filter": (["--status", "failed", "retry", "cse_1"], "there is no option --status."),
}


@pytest.mark.parametrize(("words", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_and_nothing_is_sent(words: list[str], said: str, world: World) -> None:
    world.forget()
    done = run(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in " ".join(done.stderr.split())
    assert world.asked() == 0


def test_the_choices_are_the_apis() -> None:
    assert (OneOf(TYPES), OneOf(STATUSES)) == (sandbox.TYPES, sandbox.STATUSES)
    assert set(STATUSES) == set(sync_events.ACTIVE) | set(sync_events.ENDED)


def test_times_as_people_give_them() -> None:
    now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    for text, wanted in {
        "90s": now - timedelta(seconds=90),
        "2h": now - timedelta(hours=2),
        "1.5h": now - timedelta(minutes=90),
        "2h30m": now - timedelta(minutes=150),
        "3d": now - timedelta(days=3),
        "1w": now - timedelta(days=7),
        "2026-11-20": datetime(2026, 11, 20, tzinfo=UTC),
        "2026-11-20T08:51:00Z": datetime(2026, 11, 20, 8, 51, tzinfo=UTC),
        "2026-11-20T08:51:00+02:00": datetime(2026, 11, 20, 6, 51, tzinfo=UTC),
        "2026-11-20T08:51": datetime(2026, 11, 20, 8, 51, tzinfo=UTC),
    }.items():
        assert asking.moment(text, now, "--since") == wanted
    for text in ("2", "h", "20261120", "now", "30m 2h", "2026-11-20T25:00"):
        with pytest.raises(UsageError):
            asking.moment(text, now, "--since")


# Connections


def test_a_connection_of_a_manifest_and_nothing_of_other_systems(world: World, tmp_path: Path) -> None:
    event(world)
    manifests = tmp_path / "den.yaml"
    manifests.write_text(CONNECTION.replace("NAME", "staging").replace("URL", os.environ["TRUEUP_DEN_URL"]))
    secret = {"THE_KEY": os.environ["TRUEUP_DEN_API_KEY"], "TRUEUP_DEN_API_KEY": "den_wrong"}
    done = run("-f", str(manifests), "--connection", "staging", **secret)
    assert (done.returncode, done.stdout.count("cse_")) == (0, 1)
    assert run("-f", str(manifests), **secret).returncode == 1
    (Path.cwd() / "den.yaml").write_text(manifests.read_text().replace("staging", "default"))
    assert run(**secret).stdout.count("cse_") == 1


def test_manifests_with_faults_are_told_also_where_nobody_named_them(world: World) -> None:
    (Path.cwd() / "broken.yaml").write_text("apiVersion: den.trueup.dev/v1\nkind: [")
    done = run()
    assert (done.returncode, done.stdout.count("No sync events")) == (0, 1)
    assert done.stderr == "Skipped 1 document that could not be read. Run: trueup validate\n"


def test_without_any_key_it_says_what_to_set(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRUEUP_DEN_API_KEY")
    done = run()
    assert done.returncode == 1
    assert "TRUEUP_DEN_API_KEY" in done.stderr


# Retrying


def test_events_are_queued_again(world: World) -> None:
    rows = add(world, 2, status="failed")
    shown = lines(run("retry", rows[0]["id"], rows[1]["id"], rows[0]["id"]))
    assert shown[:2] == [f"  . {row['id']}  queued again" for row in rows]
    assert shown[2] == "Next: trueup events --follow"
    assert shown[3].startswith("Retry: 2 queued again. 2 requests")
    assert world.writes() == [f"POST {sync_events.ROUTE}/{row['id']}/retry" for row in rows]


def test_one_that_is_not_there_does_not_stop_the_others(world: World) -> None:
    row, unknown = event(world), new_id("cse", datetime.now(UTC))
    done = run("retry", unknown, row["id"])
    assert done.returncode == 1
    assert f"! {unknown}  not queued" in done.stdout
    assert f"there is no sync event {unknown}, or it is another organisation's." in " ".join(done.stdout.split())
    assert "(request req_" in " ".join(done.stdout.split())
    assert f". {row['id']}  queued again" in done.stdout
    assert "Retry: 1 queued again, 1 failed. 2 requests" in done.stdout
    found = parsed(run("retry", unknown, row["id"], "-o", "json"))
    assert (found["queued"], found["unsent"]) == ([row["id"]], [])
    assert (found["failed"][0]["id"], found["failed"][0]["error"]["code"]) == (unknown, "E303")


def test_without_the_role_it_says_which(world: World) -> None:
    row = event(world)
    world.fault(
        system="den", method="POST", status=403, body={"error": "forbidden", "message": "Missing editor access"}
    )
    done = run("retry", row["id"])
    assert done.returncode == 1
    assert "role of an editor" in " ".join(done.stdout.split())


def test_after_a_failure_of_the_server_the_rest_is_not_sent(world: World) -> None:
    rows = add(world, 3)
    body = {"code": "KEY_DISABLED"}
    world.fault(system="den", method="POST", status=401, nth=2)
    world.fault(system="den", route="/api/auth/get-session", status=401, body=body)
    done = run("retry", *(row["id"] for row in rows))
    assert done.returncode == 1
    assert f"  - {rows[2]['id']}  not sent" in done.stdout
    assert "Retry: 1 queued again, 1 failed, 1 not sent." in done.stdout


def test_options_may_stand_on_either_side_of_retry(world: World) -> None:
    row = event(world)
    assert parsed(run("-o", "json", "retry", row["id"]))["queued"] == [row["id"]]
    assert parsed(run("retry", "-o", "json", row["id"]))["queued"] == [row["id"]]
    assert parsed(inside("-o", "json", "events", "retry", row["id"]))["queued"] == [row["id"]]
    assert parsed(run("retry", row["id"], TRUEUP_OUTPUT="json"))["queued"] == [row["id"]]


def test_the_help_tells_of_retry() -> None:
    shown = run("--help").stdout
    assert "retry ID…  Queue sync events again." in shown
    assert "trueup events retry cse_" in run("retry", "--help").stdout


# Following


def test_following_prints_what_is_there_and_what_comes_until_ctrl_c(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "TRUEUP", HASTY)
    first, second = add(world, 2, status="failed")
    with Terminal("events", "--follow", "--limit", "1", columns=140) as terminal:
        terminal.wait_for(first["id"])
        terminal.wait_for("Following")
        assert second["id"] not in terminal.shown()
        new = event(world, name="release-notes-2019", status="running")
        terminal.wait_for(new["id"])
        put(world, {**new, "status": "partial"})
        terminal.wait_for(new["id"], times=2)
        terminal.type("\x03")
        assert terminal.end() == 0
        shown = terminal.shown()
    assert "partial    release-notes-2019  push" in shown
    assert shown.rstrip().splitlines()[-1].startswith("Events: 3 rows, then stopped following.")
    assert "Interrupted" not in shown


def test_following_as_json_is_one_line_an_event_and_ends_with_sigterm(world: World) -> None:
    rows = add(world, 2)
    process = subprocess.Popen(
        [*HASTY, "events", "--follow", "-o", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        found = [json.loads(process.stdout.readline()) for _ in range(2)]
        new = event(world)
        found.append(json.loads(process.stdout.readline()))
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert [one["id"] for one in found] == [rows[1]["id"], rows[0]["id"], new["id"]]
    assert (process.returncode, out, err) == (0, "", "")


def test_following_ends_when_nobody_reads_any_more(world: World) -> None:
    event(world)
    process = subprocess.Popen(
        [*HASTY, "events", "--follow"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        wait_until(lambda: event(world) and process.poll() is not None)
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()


def test_following_tells_of_a_spent_window(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "TRUEUP", HASTY)
    event(world)
    world.fault(system="den", route=sync_events.ROUTE, status=401, nth=2)
    world.fault(system="den", route="/api/auth/get-session", status=429, body=WINDOW)
    with Terminal("events", "--follow", columns=140) as terminal:
        terminal.wait_for(" UTC: 0:5")
        terminal.type("\x03")
        assert terminal.end() == 0


def test_ctrl_c_while_it_still_reads_ends_it(world: World) -> None:
    world.fault(system="den", route=sync_events.ROUTE, delay=30)
    with Terminal("events") as terminal:
        terminal.wait_for("Reading")
        terminal.type("\x03")
        assert terminal.end() == 130
    world.calm()


def test_as_a_process_of_its_own(world: World) -> None:
    row = event(world)
    done = trueup("events")
    assert (done.returncode, done.stderr) == (0, "")
    assert row["id"] in done.stdout
