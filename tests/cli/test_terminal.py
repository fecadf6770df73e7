"""At a terminal: the question, the bar, the countdown, and Ctrl-C, each with a process that has one of its own."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from commands import Terminal
from folders import ACCOUNT, INSTANCE
from world import World

pytestmark = pytest.mark.usefixtures("world")
QUESTION = 'Apply these changes? Only "yes" is accepted: '
STOPPING = "Stopping: waiting for requests in flight, sending no more."
POSTS = {"system": "den", "method": "POST", "route": "/v1/connector-instances"}


@pytest.fixture
def words(world: World, tmp_path: Path) -> list[str]:
    """The options of a command about an account and twelve instances that are declared and not there yet."""
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    names = [f"repo-{number:02}" for number in range(12)]
    (manifests / "den.yaml").write_text(ACCOUNT + "".join(INSTANCE.replace("NAME", name) for name in names))
    return ["-f", str(manifests), "--state", str(world.folder)]


def test_yes_and_only_yes_applies_and_the_bar_goes_away(world: World, words: list[str]) -> None:
    world.fault(**POSTS, delay=0.05)
    with Terminal("apply", *words) as terminal:
        terminal.wait_for(QUESTION)
        assert world.writes() == []
        terminal.type("yes\n")
        assert terminal.end() == 0
        shown = terminal.shown()
    assert "+ den/ConnectorInstance/repo-11  create  " in shown
    assert "━" in shown
    assert "/13" in shown
    assert "\x1b[32m" in terminal.raw
    assert shown.rstrip().splitlines()[-1].startswith("Applied: 13 created, 0 changed, all verified.")
    assert "\x1b[?25h" in terminal.raw[terminal.raw.rindex("\x1b[?25l") :]  # the cursor is back


@pytest.mark.parametrize("answer", ["no\n", "y\n", "YES\n", "\n", "\x04"])
def test_everything_else_declines(answer: str, world: World, words: list[str]) -> None:
    with Terminal("apply", *words) as terminal:
        terminal.wait_for(QUESTION)
        terminal.type(answer)
        assert terminal.end() == 1
        assert "Declined. Nothing was sent." in terminal.shown()
    assert world.writes() == []


def test_ctrl_c_at_the_question_ends_it(world: World, words: list[str]) -> None:
    with Terminal("apply", *words) as terminal:
        terminal.wait_for(QUESTION)
        terminal.type("\x03")
        assert terminal.end() == 130
        assert "Interrupted. Nothing was changed." in terminal.shown()
    assert world.writes() == []


def test_whoever_writes_json_to_a_file_still_sees_what_is_asked(world: World, words: list[str], tmp_path: Path) -> None:
    output = tmp_path / "out.json"
    with Terminal("apply", *words, "-o", "json", output=output) as terminal:
        terminal.wait_for(QUESTION)
        assert "+ den/ConnectorInstance/repo-00" in terminal.shown()
        terminal.type("yes\n")
        assert terminal.end() == 0
    assert json.loads(output.read_text())["summary"]["created"] == 13


def test_ctrl_c_finishes_what_is_in_flight_and_accounts_for_all(world: World, words: list[str]) -> None:
    world.fault(**POSTS, delay=0.6)
    with Terminal("apply", *words, "--auto-approve", "--parallelism", "2") as terminal:
        terminal.wait_for("repo-01  create")
        terminal.type("\x03")
        assert terminal.end() == 4
        shown = terminal.shown()
    assert STOPPING in shown
    there = {row["name"] for row in world.rows("den.connectorInstances") if row["name"].startswith("repo-")}
    told = {f"repo-{number:02}" for number in range(12) if f"repo-{number:02}  create" in shown}
    unsent = shown.partition("(stopped):\n")[2].partition("Unverified")[0].split()
    assert there == told
    assert 2 <= len(there) <= 6
    assert {name.rpartition("/")[2] for name in unsent} | there == {f"repo-{number:02}" for number in range(12)}
    last = shown.rstrip().splitlines()[-1]
    assert last.startswith(f"Stopped: {len(there) + 1} created, 0 changed, {12 - len(there)} not done")


def test_a_second_ctrl_c_ends_it_at_once(world: World, words: list[str]) -> None:
    world.fault(**POSTS, delay=30)
    with Terminal("apply", *words, "--auto-approve") as terminal:
        terminal.wait_for("Applying")
        terminal.wait_for("acme  create")
        terminal.type("\x03")
        terminal.wait_for(STOPPING)
        terminal.type("\x03")
        assert terminal.end() == 130
        assert "may or may not have taken effect" in terminal.shown()
    world.calm()


def test_a_command_that_only_reads_ends_at_the_first(world: World, words: list[str]) -> None:
    world.fault(system="den", method="GET", delay=30)
    with Terminal("plan", *words) as terminal:
        terminal.wait_for("Reading")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == 130
        assert "Interrupted. Nothing was changed." in terminal.shown()
    world.calm()


def test_a_wait_counts_down_and_can_be_stopped(world: World, words: list[str]) -> None:
    limited = {"code": "RATE_LIMITED", "details": {"tryAgainIn": 50_000}}
    world.fault(**POSTS, status=401, nth=5)
    world.fault(system="den", route="/api/auth/get-session", status=429, body=limited)
    with Terminal("apply", *words, "--auto-approve", "--parallelism", "1", columns=160) as terminal:
        terminal.wait_for(" UTC: 0:5")
        terminal.wait_for("0:49 … (5 of 13 done; Ctrl-C is safe)")
        terminal.type("\x03")
        assert terminal.end() == 4
        assert terminal.shown().rstrip().splitlines()[-1].startswith("Stopped: 5 created, 0 changed, 8 not done")


def test_the_sandbox_tells_a_person_what_to_paste() -> None:
    with Terminal("sandbox", "--preset", "golden") as terminal:
        terminal.wait_for("export TRUEUP_WEXA_URL=http://127.0.0.1:")
        terminal.wait_for("TRUEUP_WEXA_API_KEY=")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == 0
        first, _, den, _ = terminal.shown().splitlines()[:4]
    ready = json.loads(first)["den"]
    assert den == f"export TRUEUP_DEN_URL={ready['url']} TRUEUP_DEN_API_KEY={ready['apiKey']}"


def test_a_dumb_terminal_gets_lines(world: World, words: list[str]) -> None:
    with Terminal("apply", *words, "--auto-approve", TERM="dumb") as terminal:
        assert terminal.end() == 0
    assert "\x1b" not in terminal.raw
    assert "━" not in terminal.raw


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_reports_use_the_width_of_the_terminal(columns: int, world: World, words: list[str]) -> None:
    with Terminal("plan", *words, columns=columns, NO_COLOR="1") as terminal:
        assert terminal.end() == 0
        found = [line for line in terminal.shown().splitlines() if not line.startswith("Next: ")]
    places = str(words[1])
    assert max(len(line) for line in found if places not in line and "Reading" not in line) <= columns
    assert "\x1b[3" not in terminal.raw
