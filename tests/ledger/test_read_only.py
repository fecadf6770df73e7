"""A read-only ledger can be read; a command that needs to write to it fails before anything is sent."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from commands import inside
from declare import account, instance
from ledgers import RECORD, first_ledger
from world import World

from trueup.core.errors import LedgerError
from trueup.ledger.store import Ledger


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users can access."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)
        os.chmod(name, 0o755)


@contextmanager
def another_user() -> Iterator[None]:
    """Run as a user other than root, which ignores permissions."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


async def _made(path: Path) -> None:
    async with await Ledger.open(path) as ledger:
        await ledger.write(records=[RECORD])


HOW = {"file": (0o444, 0o755), "folder": (0o666, 0o555), "both": (0o444, 0o555)}


@pytest.mark.parametrize("how", HOW)
async def test_it_is_read_by_another_user(folder: Path, how: str) -> None:
    path = folder / "ledger.db"
    await _made(path)
    before = path.read_bytes()
    path.chmod(HOW[how][0])
    os.chmod(folder, HOW[how][1])
    with another_user():
        async with await Ledger.open(path) as ledger:
            assert list(await ledger.records()) == [(RECORD.scope, RECORD.id)]
            assert (await ledger.contents()).name == str(path)
            with pytest.raises(LedgerError, match=r"cannot be written: .*\. Make it writable"):
                await ledger.write(records=[RECORD])
    assert path.read_bytes() == before
    assert os.listdir(folder) == ["ledger.db"]


async def test_what_a_killed_run_left_in_the_log_is_read(folder: Path, tmp_path: Path) -> None:
    await _made(tmp_path / "ledger.db")
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        database.execute("PRAGMA wal_autocheckpoint=0")
        database.execute("update records set address = 'den/ConnectorInstance/later'")
        database.commit()
        for ending in ("", "-wal"):  # as after a kill, without the index, which is lost with the process
            shutil.copy(tmp_path / f"ledger.db{ending}", folder / f"ledger.db{ending}")
    for name in os.listdir(folder):
        os.chmod(folder / name, 0o444)
    os.chmod(folder, 0o555)
    with another_user():
        async with await Ledger.open(folder / "ledger.db") as ledger:
            (record,) = (await ledger.records()).values()
    assert record.address == "den/ConnectorInstance/later"
    assert sorted(os.listdir(folder)) == ["ledger.db", "ledger.db-wal"]


async def test_an_older_one_is_read_and_not_brought_up_to_date(folder: Path) -> None:
    path = folder / "ledger.db"
    first_ledger(path)
    before = path.read_bytes()
    path.chmod(0o444)
    os.chmod(folder, 0o555)
    with another_user():
        async with await Ledger.open(path) as ledger:
            assert len(await ledger.records()) > 0
            assert ledger.notes == []
    assert path.read_bytes() == before
    assert os.listdir(folder) == ["ledger.db"]


async def test_what_may_not_be_read_at_all_is_told(folder: Path) -> None:
    path = folder / "ledger.db"
    await _made(path)
    path.chmod(0o600)
    os.chmod(folder, 0o555)
    with another_user():
        with pytest.raises(LedgerError, match=r"cannot be opened: Permission denied\."):
            await Ledger.open(path)
        with pytest.raises(LedgerError, match=r"cannot be opened: Permission denied\."):
            await Ledger.open(folder / "other.db")


async def test_a_damaged_one_is_told(folder: Path) -> None:
    path = folder / "ledger.db"
    path.write_bytes(b"no database at all, but a text" * 20)
    path.chmod(0o444)
    with another_user(), pytest.raises(LedgerError, match="not a database"):
        await Ledger.open(path)


async def test_a_plan_reads_it_and_an_apply_sends_nothing(world: World, folder: Path) -> None:
    world.folder = folder
    await world.apply(account(), instance("docs", config={"branch": "main"}))
    (folder / "ledger.db").chmod(0o444)
    os.chmod(folder, 0o555)
    world.forget()
    with another_user():
        plan = await world.plan(account(), instance("docs", config={"branch": "main"}))
        assert not plan.has_changes
        pruned = await world.plan(account(), prune=True)
        assert [step.action for step in pruned.steps] == ["delete"]
        with pytest.raises(LedgerError, match="cannot be written"):
            await world.apply(account(), instance("docs", config={"branch": "release"}))
    assert world.writes() == []


def test_commands_read_it(world: World, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "den.yaml").write_text(
        "apiVersion: den.trueup.dev/v1\nkind: ConnectorAccount\nmetadata: {name: acme}\n"
        "spec: {remoteId: '1001', displayName: acme}\n"
    )
    (folder / "den.yaml").chmod(0o644)
    monkeypatch.chdir(folder)
    assert inside("apply", "-f", "den.yaml", "--auto-approve").returncode == 0
    (folder / ".trueup" / "ledger.db").chmod(0o444)
    (folder / ".trueup").chmod(0o555)
    with another_user():
        for words in (
            ("plan", "-f", "den.yaml"),
            ("drift", "-f", "den.yaml"),
            ("ledger", "show"),
            ("ledger", "export"),
            ("get", "accounts"),
        ):
            done = inside(*words)
            assert done.returncode == 0, (words, done.stderr)
        done = inside("ledger", "forget", "--auto-approve")
        assert done.returncode == 1
        assert "cannot be written" in done.stderr
    (folder / ".trueup").chmod(0o755)


# A full disk


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A folder on a separate disk that is nearly full."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill(folder: Path) -> None:
    with (folder / "filling").open("wb", buffering=0) as file:
        while True:
            try:
                file.write(b"x" * 4096)
            except OSError:
                return


async def _written(path: Path, times: int) -> None:
    async with await Ledger.open(path) as ledger:
        for _ in range(times):
            await ledger.write(records=[RECORD])


async def test_a_full_disk_is_told_as_that(small: Path) -> None:
    path = small / "ledger.db"
    await _made(path)
    _fill(small)
    with pytest.raises(LedgerError, match=r"its disk is full\. Free some space.*Leave the ledger in place"):
        await _written(path, 200)
    (small / "filling").unlink()
    async with await Ledger.open(path) as ledger:
        assert list(await ledger.records()) == [(RECORD.scope, RECORD.id)]


async def test_a_disk_that_fills_up_while_it_is_written(small: Path) -> None:
    path = small / "ledger.db"
    async with await Ledger.open(path) as ledger:
        await ledger.write(records=[RECORD])
        _fill(small)
        records = [dataclasses.replace(RECORD, id=f"cin_{number}", address="a" * 2000) for number in range(500)]
        with pytest.raises(LedgerError, match="its disk is full"):
            await ledger.write(records=records)
        assert list(await ledger.records()) == [(RECORD.scope, RECORD.id)]


async def test_a_new_ledger_on_a_full_disk(small: Path) -> None:
    _fill(small)
    with pytest.raises(LedgerError, match="its disk is full"):
        await Ledger.open(small / "new" / "ledger.db")
