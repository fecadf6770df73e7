"""The ledger: what was put survives, what is not one is said in words, and no value is ever in it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from declare import account, connector, instance
from world import World

from trueup.errors import LedgerError
from trueup.ledger import Ledger
from trueup.records import Record
from trueup.sandbox.presets import DEMO_PROJECT
from trueup.secrets import Reference

RECORD = Record(
    "den:x",
    "cin_1",
    "den/ConnectorInstance/docs",
    written={"config.a": "f1"},
    read_back={"config.a": "f2"},
    settling=["status"],
    owned=[["config", "a"]],
    at="2026-01-01T00:00:00Z",
)


async def stored(path: Path, scope: str = "den:x") -> dict[tuple[str, str], Record]:
    async with await Ledger.open(path) as ledger:
        return await ledger.records([scope])


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_what_was_put_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "folder" / "ledger.db"
    async with await Ledger.open(path) as ledger:
        await ledger.put([RECORD])
        await ledger.put([])
        key = ledger.key
    async with await Ledger.open(path) as ledger:
        assert await ledger.records(["den:x", "den:other"]) == {("den:x", "cin_1"): RECORD}
        assert await ledger.records(["den:other"]) == {}
        assert ledger.key == key
        assert len(key) == 32


async def test_a_record_is_replaced_by_the_next_of_its_scope_and_id(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with await Ledger.open(path) as ledger:
        await ledger.put([RECORD, Record("den:y", "cin_1", "a")])
        await ledger.put([Record("den:x", "cin_1", "renamed", at="2027-01-01T00:00:00Z")])
        found = await ledger.records(["den:x", "den:y"])
    assert {key: one.address for key, one in found.items()} == {("den:x", "cin_1"): "renamed", ("den:y", "cin_1"): "a"}
    assert found["den:x", "cin_1"].written == {}


async def test_thousands_are_put_at_once(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        await ledger.put([Record("den:x", f"cin_{number}", "a") for number in range(20_000)])
        assert len(await ledger.records(["den:x"])) == 20_000


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%20b", "with space", "ünï", "a&mode=memory"])
async def test_any_folder_will_do(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "ledger.db"
    async with await Ledger.open(path) as ledger:
        await ledger.put([RECORD])
    assert path.stat().st_size > 0
    assert len(await stored(path)) == 1
    assert os.listdir(tmp_path) == [name]


async def test_it_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with await Ledger.open(tmp_path / "ledger.db") as ledger:
            await ledger.put([RECORD])
            modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in files(tmp_path)}
    finally:
        os.umask(before)
    assert modes["ledger.db"] == 0o600
    assert set(modes.values()) == {0o600}


# Durable

KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from trueup.ledger import Ledger
from trueup.records import Record

async def main():
    ledger = await Ledger.open(Path(sys.argv[1]))
    for number in range(50):
        await ledger.put([Record("den:x", f"cin_{number}", "a")])
        print(number, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_what_was_put_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == -9, done.stderr
    assert len(done.stdout.split()) == 50
    assert len(asyncio.run(stored(path))) == 50


WRITER = """
import asyncio, sys
from pathlib import Path
from trueup.ledger import Ledger
from trueup.records import Record

async def main():
    print("ready", flush=True)
    sys.stdin.readline()
    async with await Ledger.open(Path(sys.argv[1])) as ledger:
        for number in range(30):
            await ledger.put([Record("den:x", f"cin_{sys.argv[2]}_{number}", "a"), Record("den:x", "cin_shared", "a")])
        print(ledger.key.hex())

asyncio.run(main())
"""


def test_several_processes_make_and_write_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:  # all at the same moment, as far as that can be had
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    ended = [process.communicate(timeout=90) for process in started]
    assert [process.returncode for process in started] == [0] * 4, [error for _, error in ended]
    assert len({out for out, _ in ended}) == 1, "one key"
    assert len(asyncio.run(stored(path))) == 4 * 30 + 1


# What is no ledger


@pytest.mark.parametrize(
    "content", [b"this is no database, it is a text of some length" * 50, b"SQLite format 3\0" + b"\0" * 200]
)
async def test_a_file_that_is_no_ledger_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    with pytest.raises(LedgerError) as raised:
        await Ledger.open(path)
    assert str(path) in str(raised.value)
    assert raised.value.exit_code == 1
    assert path.read_bytes() == content


async def test_a_ledger_that_is_damaged_in_the_middle_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with await Ledger.open(path) as ledger:
        await ledger.put([Record("den:x", f"cin_{number}", "a" * 500) for number in range(500)])
    content = bytearray(path.read_bytes())
    content[8192 : len(content) - 4096] = b"\xff" * (len(content) - 12288)
    path.write_bytes(content)
    with pytest.raises(LedgerError):
        await stored(path)


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"written": {}}', "not json", '"x"', "null"])
async def test_a_record_that_cannot_be_read_is_told(tmp_path: Path, body: str) -> None:
    path = tmp_path / "ledger.db"
    async with await Ledger.open(path) as ledger:
        await ledger.put([RECORD])
    with sqlite3.connect(path) as database:
        database.execute("update records set body = ?", (body,))
    with pytest.raises(LedgerError):
        await stored(path)


@pytest.mark.parametrize("key", ["", "zz", "é"])
async def test_a_key_that_is_none_is_told(tmp_path: Path, key: str) -> None:
    path = tmp_path / "ledger.db"
    async with await Ledger.open(path):
        pass
    with sqlite3.connect(path) as database:
        database.execute("update facts set value = ? where name = 'key'", (key,))
    with pytest.raises(LedgerError):
        await Ledger.open(path)


async def test_a_ledger_of_a_newer_trueup_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with await Ledger.open(path):
        pass
    with sqlite3.connect(path) as database:
        database.execute("update facts set value = '999' where name = 'schema_version'")
    with pytest.raises(LedgerError, match=r"999.*newer"):
        await Ledger.open(path)


@pytest.mark.parametrize("place", ["file/below/ledger.db", "file/ledger.db", "folder"])
async def test_a_place_that_cannot_hold_one_is_told(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(LedgerError, match="TRUEUP_LEDGER"):
        await Ledger.open(tmp_path / place)


async def test_a_ledger_that_another_process_keeps_locked_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.db"
    monkeypatch.setattr("trueup.ledger._PATIENCE", 0.2)
    async with await Ledger.open(path) as ledger:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("begin exclusive")
        with pytest.raises(LedgerError, match="locked"):
            await ledger.put([RECORD])
        other.execute("rollback")
        other.close()
        await ledger.put([RECORD])
    assert len(await stored(path)) == 1


# The key


async def test_a_key_of_the_environment_serves_several_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await Ledger.open(tmp_path / "one.db") as one, await Ledger.open(tmp_path / "two.db") as two:
        assert one.key != two.key
    monkeypatch.setenv("TRUEUP_FINGERPRINT_KEY", "shared between machines")
    async with await Ledger.open(tmp_path / "one.db") as one, await Ledger.open(tmp_path / "two.db") as two:
        assert one.key == two.key


# In a run


async def test_nothing_that_was_written_is_in_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_PASSWORD", "password-of-the-crm")
    auth = {"username": "user-of-the-crm", "password": Reference("env", "CRM_PASSWORD")}
    loader = {"source": "source-of-the-crm", "batchSize": 123456, "auth": auth}
    report = await world.apply(
        account(metadata={"note": "note-of-the-account"}),
        instance("docs", remoteId="remote-of-docs", config={"branch": "branch-of-docs", "n": 987654}),
        connector("crm", DEMO_PROJECT, status="active", dataLoaderConfig=loader),
    )
    assert report.exit_code == 0
    content = b"".join(path.read_bytes() for path in files(world.folder))
    for value in (
        "password-of-the-crm",
        "user-of-the-crm",
        "source-of-the-crm",
        "123456",
        "note-of-the-account",
        "remote-of-docs",
        "branch-of-docs",
        "987654",
        world.sandbox.ready["den"]["apiKey"],
        world.sandbox.ready["wexa"]["apiKey"],
    ):
        assert value.encode() not in content, value
    assert b"den/ConnectorInstance/docs" in content


async def test_planning_makes_no_ledger_and_neither_does_a_run_without_changes(world: World) -> None:
    await world.plan(account())
    assert not world.folder.exists()
    identity = world.rows("den.connectorAccounts")[0]
    await world.apply(account("a", remoteId=identity["remoteId"], displayName=identity["displayName"]))
    assert not (world.folder / "ledger.db").exists()


async def test_a_ledger_elsewhere_and_no_ledger_at_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = world.folder.parent / "elsewhere.db"
    monkeypatch.setenv("TRUEUP_LEDGER", str(elsewhere))
    await world.apply(account())
    assert elsewhere.exists()
    monkeypatch.setenv("TRUEUP_LEDGER", "off")
    assert (await world.apply(instance("docs", connectorAccount="acme"), account())).exit_code == 0
    assert not world.folder.exists()


async def test_another_server_has_its_own_records(world: World) -> None:
    await world.apply(account(), instance("docs", config={"a": 1}))
    scope = f"den:{world.sandbox.ready['den']['url']}"
    assert len(await stored(world.folder / "ledger.db", scope)) == 2
    assert await stored(world.folder / "ledger.db", "den:https://elsewhere.example") == {}


async def test_a_crash_between_write_and_look_does_not_send_what_cannot_be_read_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.switch(config="absent", statuses="echo")
    loader = {"source": "mongodb", "batchSize": 10, "auth": {"username": "reader"}}
    wanted = connector("crm", DEMO_PROJECT, status="active", dataLoaderConfig=loader)

    def crash() -> None:
        raise SystemExit

    world.progress.on_look = crash
    with pytest.raises(SystemExit):
        await world.apply(wanted)
    world.progress.on_look = None
    plan = await world.plan(wanted)
    assert not plan.has_changes
    assert plan.unverifiable == 1
