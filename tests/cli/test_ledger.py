"""`trueup ledger` and `trueup unlock`: what is in the ledger is told and never its key, and nothing goes unasked."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from commands import Terminal, inside, parsed, trueup
from ledgers import RECORD, intent_of, raw, run_of

from trueup.core.records import Record, Run, Seen
from trueup.ledger.store import Ledger

Where = Path | str
SECRETS = ["f1f1f1", "f2f2f2", "d1d1d1"]
OURS = replace(RECORD, written={"config.a": "f1f1f1"}, read_back={"config.a": "f2f2f2"})


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("TRUEUP_LEDGER", "TRUEUP_STATE", "TRUEUP_OUTPUT", "TRUEUP_FINGERPRINT_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def full(where: Where, monkeypatch: pytest.MonkeyPatch) -> Iterator[Where]:
    """A ledger that has something of everything, and that commands find."""

    async def fill() -> str:
        async with await Ledger.open(where) as ledger:
            await ledger.begin(run_of("r-1"))
            await ledger.begin(Run("r-2", "2026-02-01T00:00:00Z", "bob@host, process 2"))
            await ledger.finish("r-1", "2026-01-02T00:00:00Z", "done")
            await ledger.write(
                records=[OURS, Record("den:y", "cin_2", "den/ConnectorInstance/other")],
                intents=[intent_of("r-2", 1, record=OURS, key='["natural"]'), intent_of("r-2", 2, address="a b")],
                outcomes=[("r-2", 2, "done")],
                seen=[Seen("den:x", "ConnectorTarget", "cin_1", "2026-01-01T00:00:00Z", "d1d1d1")],
            )
            return ledger.key.hex()

    monkeypatch.setenv("TRUEUP_LEDGER", str(where))
    key = asyncio.run(fill())
    with raw(where) as database:
        for name in ("den:x org_1", "den:x org_2"):
            database.execute(
                "insert into locks (name, run, holder, since, heartbeat, host, pid, started) "
                "values (?, ?, ?, ?, ?, ?, ?, ?)",
                (name, "r-2", "bob@host, process 2", 0, 0, "", 2, ""),
            )
    SECRETS.append(key)
    yield where
    SECRETS.remove(key)


def contents(where: Where) -> tuple[list[str], list[str]]:
    """Ids of records, and names of locks."""

    async def read() -> tuple[list[str], list[str]]:
        async with await Ledger.open(where) as ledger:
            return sorted(key for _, key in await ledger.records()), [one.name for one in await ledger.leases()]

    return asyncio.run(read())


def told(done: subprocess.CompletedProcess[str]) -> str:
    """All that was said."""
    assert "word" not in done.stdout + done.stderr, "of the server's password"
    return done.stdout + done.stderr


# Looking


def test_what_is_in_it_for_people(full: Where) -> None:
    done = inside("ledger", "show", COLUMNS="200")
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        "2 managed resources in ",
        "den:x\n  den/ConnectorInstance/docs  cin_1, written 2026-01-01T00:00:00Z, in org_1, deletionPolicy archive",
        "den:y\n  den/ConnectorInstance/other  cin_2, adopted, never written",
        "  den:x org_1  run r-2 (bob@host, process 2), since 1970-01-01T00:00:00Z",
        "  r-1  started 2026-01-01T00:00:00Z, done at 2026-01-02T00:00:00Z, by ann@host, process 1",
        "  r-2  started 2026-02-01T00:00:00Z, interrupted, by bob@host, process 2",
        "  r-2 no. 1  create den/ConnectorInstance/docs, to be sent at",
        "Next: trueup plan",
    ):
        assert words in done.stdout, done.stdout
    assert done.stdout.index("  r-2  started") < done.stdout.index("  r-1  started")
    assert "no. 2" not in done.stdout
    assert not any(secret in told(done) for secret in SECRETS)
    narrow = inside("ledger", "show", COLUMNS="100").stdout
    assert max(map(len, narrow.splitlines()[1:])) <= 100


def test_what_is_in_it_for_programs(full: Where) -> None:
    done = inside("ledger", "show", "-o", "json")
    document = parsed(done)
    assert (done.returncode, done.stderr) == (0, "")
    assert document["resources"][0] == {
        "scope": "den:x",
        "id": "cin_1",
        "address": "den/ConnectorInstance/docs",
        "kind": "ConnectorInstance",
        "realm": "org_1",
        "parent": "cta_1",
        "name": "Docs",
        "policy": "archive",
        "protected": True,
        "at": "2026-01-01T00:00:00Z",
    }
    assert [one["id"] for one in document["runs"]] == ["r-2", "r-1"]
    assert [(one["run"], one["number"], one["state"]) for one in document["open_intents"]] == [("r-2", 1, "open")]
    assert [one["name"] for one in document["locks"]] == ["den:x org_1", "den:x org_2"]
    assert document["locks"][0]["heartbeat_age"] > 1e9
    assert document["seen"] == [
        {"scope": "den:x", "kind": "ConnectorTarget", "parent": "cin_1", "at": "2026-01-01T00:00:00Z"}
    ]
    assert not any(secret in told(done) for secret in [*SECRETS, "natural"])


def test_an_export_holds_everything_but_the_key(full: Where) -> None:
    done = inside("ledger", "export")
    document = parsed(done)
    assert (done.returncode, done.stderr) == (0, "")
    assert "fingerprint" in document["about"]
    assert document["resources"][0]["written"] == {"config.a": "f1f1f1"}
    assert document["open_intents"][0]["record"]["read_back"] == {"config.a": "f2f2f2"}
    assert document["seen"][0]["digest"] == "d1d1d1"
    assert SECRETS[-1] not in told(done)
    assert done.stdout.isascii()
    assert len(done.stdout.splitlines()) > 50, "it can be read"


def test_many_runs_are_shown_in_part(where: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fill() -> None:
        async with await Ledger.open(where) as ledger:
            for number in range(30):
                await ledger.begin(run_of(f"r-{number}"))

    asyncio.run(fill())
    monkeypatch.setenv("TRUEUP_LEDGER", str(where))
    shown = inside("ledger", "show").stdout
    assert "Runs, newest first (20 of 30)" in shown
    assert "  r-29  started 2026-01-01T00:00:00Z, interrupted, by" in shown
    assert "  r-9 " not in shown
    assert len(parsed(inside("ledger", "show", "-o", "json"))["runs"]) == 30


def test_hostile_words_do_not_steer_a_terminal(where: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    evil = "\x1b[31mred\r\n"

    async def fill() -> None:
        async with await Ledger.open(where) as ledger:
            await ledger.begin(Run(evil, evil, evil, evil, evil))
            await ledger.write(records=[Record(evil, evil, evil)], intents=[intent_of(evil, 1, address=evil)])

    asyncio.run(fill())
    monkeypatch.setenv("TRUEUP_LEDGER", str(where))
    for command in (["ledger", "show"], ["ledger", "show", "-o", "json"], ["ledger", "export"]):
        done = inside(*command)
        assert done.returncode == 0
        assert "\x1b" not in done.stdout
        assert "\r" not in done.stdout


# No ledger, and one that cannot be used

LOOKING: list[list[str]] = [["ledger", "show"], ["ledger", "forget"], ["unlock"]]


@pytest.mark.parametrize("command", LOOKING)
def test_without_a_ledger_there_is_a_sentence_and_none_is_made(tmp_path: Path, command: list[str]) -> None:
    done = inside(*command)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "No ledger at .trueup/ledger.db yet. The first apply creates it.\n"
    done = inside(*command, "--state", "other")
    assert "other/ledger.db" in done.stdout
    done = inside(*command, TRUEUP_LEDGER="off")
    assert (done.returncode, done.stdout) == (0, "No ledger: TRUEUP_LEDGER is off.\n")
    assert "format_version" in parsed(inside(*command, "-o", "json"))
    assert list(tmp_path.iterdir()) == []


def test_without_a_ledger_nothing_is_found_in_it(tmp_path: Path) -> None:
    done = inside("unlock", "r-1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "error[E001]: run r-1 holds no lock. Nothing was unlocked. No ledger at .trueup/" in done.stderr
    done = inside("ledger", "forget", "den/ConnectorInstance/docs")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == "No ledger at .trueup/ledger.db yet. The first apply creates it.\n"
    assert parsed(inside("ledger", "forget", "--scope", "den:x", "-o", "json"))["forgotten"] == 0
    assert list(tmp_path.iterdir()) == []


def test_an_export_without_a_ledger_is_a_document_all_the_same(tmp_path: Path) -> None:
    done = inside("ledger", "export")
    assert done.returncode == 0
    assert "No ledger at" in done.stderr
    assert parsed(done)["ledger"] is None
    assert list(tmp_path.iterdir()) == []


def test_the_ledger_is_found_as_a_run_finds_it(tmp_path: Path) -> None:
    async def fill(path: Path) -> None:
        async with await Ledger.open(path) as ledger:
            await ledger.write(records=[Record("den:x", path.parent.name, f"den/K/{path.parent.name}")])

    for name in (".trueup", "one", "two"):
        asyncio.run(fill(tmp_path / name / "ledger.db"))
    ids = {
        ".trueup": parsed(inside("ledger", "show", "-o", "json")),
        "one": parsed(inside("ledger", "show", "--state", "one", "-o", "json")),
        "two": parsed(inside("ledger", "--state", "one", "show", "-o", "json", TRUEUP_LEDGER="two/ledger.db")),
    }
    assert {name: document["resources"][0]["id"] for name, document in ids.items()} == {name: name for name in ids}
    assert parsed(inside("--state", "two", "ledger", "show", "-o", "json"))["resources"][0]["id"] == "two"
    assert parsed(inside("ledger", "show", "-o", "json", TRUEUP_STATE="two"))["resources"][0]["id"] == "two"


@pytest.mark.parametrize("command", [*LOOKING, ["unlock", "r-1"], ["ledger", "export"]])
def test_a_ledger_that_cannot_be_used_is_told(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "bad.db").write_text("no database")
    done = inside(*command, TRUEUP_LEDGER="bad.db")
    assert done.returncode == 1
    assert "error[E501]: the ledger bad.db cannot be used" in done.stderr
    done = inside(*command, TRUEUP_LEDGER="postgresql://ann:hunter2hunter2@127.0.0.1:1/db")
    assert done.returncode == 1
    assert "postgresql://ann:***@127.0.0.1:1/db" in done.stderr.replace("\n  ", " ")
    assert "hunter2" not in done.stderr


def test_a_subcommand_that_is_none() -> None:
    done = inside("ledger", "shw")
    assert done.returncode == 1
    assert 'No such subcommand "shw". Known: show, export, forget.' in done.stderr
    assert inside("ledger").returncode == 1


@pytest.mark.parametrize("name", ["show", "export", "forget"])
def test_every_subcommand_has_help(name: str) -> None:
    done = inside("ledger", name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: trueup ledger {name} " in done.stdout
    line = next(line for line in inside("ledger", "-h").stdout.splitlines() if line.startswith(f"  {name} "))
    assert line.removeprefix(f"  {name}").strip() in done.stdout
    assert f"  trueup ledger {name}" in done.stdout.partition("Examples:\n")[2]


# Forgetting


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["den/ConnectorInstance/docs"], ["cin_2"]),
        (["--scope", "den:y"], ["cin_1"]),
        (["den/ConnectorInstance/docs", "--scope", "den:x"], ["cin_2"]),
        ([], []),
    ],
)
def test_what_is_forgotten(full: Where, words: list[str], left: list[str]) -> None:
    done = inside("ledger", "forget", *words, "--auto-approve")
    assert (done.returncode, done.stderr) == (0, "")
    number = 2 - len(left)
    assert (
        done.stdout
        == f"Removed {number} resource{'s' * (number > 1)} from the ledger. Live resources are not changed.\n"
    )
    assert contents(full)[0] == left
    done = inside("ledger", "forget", *words, "--auto-approve")
    nothing = (1, "No such resource") if words else (0, "No resource")
    assert (done.returncode, done.stderr) == (nothing[0], "")
    assert done.stdout.startswith(f"{nothing[1]} in the ledger ")
    assert done.stdout.endswith(". Nothing was removed.\n")


def test_what_is_forgotten_for_programs(full: Where) -> None:
    assert parsed(inside("ledger", "forget", "--auto-approve", "-o", "json"))["forgotten"] == 2
    assert parsed(inside("ledger", "forget", "--auto-approve", "-o", "json"))["forgotten"] == 0


def test_what_does_not_match_is_not_forgotten(full: Where) -> None:
    words = ["ledger", "forget", "den/ConnectorInstance/docs", "--scope", "den:y"]
    done = inside(*words)
    assert done.returncode == 1
    assert "No such resource" in done.stdout
    done = inside(*words, "-o", "json")
    assert (done.returncode, parsed(done)["forgotten"]) == (1, 0)
    assert contents(full)[0] == ["cin_1", "cin_2"]


ASKING: list[list[str]] = [["ledger", "forget"], ["unlock", "r-2"]]


@pytest.mark.parametrize("command", ASKING)
def test_without_a_terminal_nothing_is_done_unasked(full: Where, command: list[str]) -> None:
    for stdin in ("", "yes\n"):
        done = trueup(*command, stdin=stdin)
        assert done.returncode == 1
        assert (
            "error[E002]: confirmation is required, but there is no terminal and --auto-approve is not given."
            in done.stderr
        )
        assert "Nothing was " in done.stderr
    done = trueup(*command, "-o", "json")
    assert parsed(done)["error"]["code"] == "E002"
    assert contents(full) == (["cin_1", "cin_2"], ["den:x org_1", "den:x org_2"])


@pytest.mark.parametrize("command", ASKING)
@pytest.mark.parametrize(
    ("answer", "code"), [("yes\n", 0), ("no\n", 1), ("y\n", 1), ("\n", 1), ("\x04", 1), ("\x03", 130)]
)
def test_a_person_is_asked(full: Where, command: list[str], answer: str, code: int) -> None:
    with Terminal(*command) as terminal:
        terminal.wait_for('Only "yes" is accepted: ')
        terminal.type(answer)
        assert terminal.end() == code
        shown = terminal.shown()
    before, after = (["cin_1", "cin_2"], ["den:x org_1", "den:x org_2"]), contents(full)
    if code == 0:
        assert after != before
        assert "Removed 2 resources" in shown or "Unlocked den:x org_1, den:x org_2." in shown
    else:
        assert after == before
        assert "Declined. Nothing was " in shown or code == 130


# Unlocking


def test_who_holds_what(full: Where) -> None:
    done = inside("unlock", COLUMNS="200")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 locks held:" in done.stdout
    assert "den:x org_1  run r-2 (bob@host, process 2), since 1970-01-01T00:00:00Z" in done.stdout
    assert "it has ended without releasing the lock" in done.stdout
    assert "The next run takes over their locks." in done.stdout
    document: dict[str, Any] = parsed(inside("unlock", "-o", "json"))
    assert [one["run"] for one in document["locks"]] == ["r-2", "r-2"]
    assert document["removed"] == []


def test_locks_are_taken_away(full: Where) -> None:
    done = inside("unlock", "r-9", "--auto-approve")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error[E001]: run r-9 holds no lock. Nothing was unlocked. Held by: r-2.\n"
    assert parsed(inside("unlock", "r-9", "-o", "json"))["error"]["code"] == "E001"
    done = inside("unlock", "r-2", "--auto-approve")
    assert done.returncode == 0
    assert done.stdout == "Unlocked den:x org_1, den:x org_2.\n"
    assert "den:x org_1: run r-2 (bob@host, process 2), since" in done.stderr
    assert contents(full)[1] == []
    assert inside("unlock").stdout == "No run holds a lock.\n"
    assert "run r-2 holds no lock. Nothing was unlocked. No run holds a lock." in inside("unlock", "r-2").stderr


def test_locks_are_taken_away_for_programs(full: Where) -> None:
    document = parsed(inside("unlock", "r-2", "--auto-approve", "-o", "json"))
    assert document["locks"] == []
    assert [one["name"] for one in document["removed"]] == ["den:x org_1", "den:x org_2"]
    assert json.dumps(document).isascii()
