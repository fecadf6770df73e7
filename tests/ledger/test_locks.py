"""Locks: one run at a time, whoever dies gives way, whoever lost it is told, and nobody waits for nothing."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ledgers import PATIENCE, held, nothing, raw, run_of, started, together
from waiting import until

from trueup.core.errors import LedgerError, Locked
from trueup.core.records import Lease, Run
from trueup.ledger import identity, locks
from trueup.ledger.database import Database
from trueup.ledger.identity import Process, holder, new_run_id, this_process
from trueup.ledger.store import Ledger
from trueup.report.reasons import PULUMI, explained

Where = Path | str
COLUMNS = "name, run, holder, since, heartbeat, host, pid, started"
INSERT = f"insert into locks ({COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?)"


async def test_all_names_are_held_for_as_long_as_the_block_lasts(where: Where) -> None:
    async with await Ledger.open(where) as ledger:
        async with ledger.locked(["den:x org_2", "den:x org_1", "den:x org_2"], run_of(), timeout=0, on_lost=nothing):
            leases = await ledger.leases()
        assert await ledger.leases() == []
    assert [(one.name, one.run, one.holder) for one in leases] == [
        ("den:x org_1", "r-1", "ann@host, process 1"),
        ("den:x org_2", "r-1", "ann@host, process 1"),
    ]
    assert all(re.fullmatch(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one.since) for one in leases)
    assert all(one.since == one.heartbeat and 0 <= one.age < PATIENCE for one in leases)


async def test_without_names_there_is_nothing_to_hold(where: Where) -> None:
    async with await Ledger.open(where) as ledger, ledger.locked([], run_of(), timeout=0, on_lost=nothing):
        assert await ledger.leases() == []


async def test_one_name_that_is_held_is_enough_and_nothing_is_taken(where: Where) -> None:
    async with await Ledger.open(where) as one, await Ledger.open(where) as two:
        async with one.locked(["b"], run_of("r-1", "ann@host, process 4711"), timeout=0, on_lost=nothing):
            with pytest.raises(Locked) as raised:
                async with two.locked(["c", "b", "a"], run_of("r-2"), timeout=0, on_lost=nothing):
                    raise AssertionError
            assert await held(two) == [("b", "r-1")]
        async with two.locked(["c", "b", "a"], run_of("r-2"), timeout=0, on_lost=nothing):
            assert await held(one) == [("a", "r-2"), ("b", "r-2"), ("c", "r-2")]
    error = raised.value
    assert (error.code, error.exit_code) == ("E502", 5)
    words = r"b is locked by ann@host, process 4711 \(run r-1\), since \S+Z, last heartbeat \d+ s ago\."
    assert re.fullmatch(words, error.message)
    assert "--lock-timeout" in explained(error)[1]
    assert "trueup unlock r-1" in explained(error)[1]
    assert "pulumi up" in explained(error, PULUMI)[1]


async def test_the_same_run_in_two_places_is_kept_apart(where: Where) -> None:
    async with await Ledger.open(where) as ledger, ledger.locked(["a"], run_of(), timeout=0, on_lost=nothing):
        with pytest.raises(Locked):
            async with ledger.locked(["a"], run_of(), timeout=0, on_lost=nothing):
                raise AssertionError
        assert await held(ledger) == [("a", "r-1")], "and the first keeps it"


async def test_whoever_waits_is_told_once_and_gets_it(where: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Lease] = []
    tried: list[str] = []
    take = locks.take

    def counted(database: Database, names: Sequence[str], run: Run, *more: Any, **options: Any) -> locks.Taken:
        tried.append(run.id)
        return take(database, names, run, *more, **options)

    monkeypatch.setattr(locks, "take", counted)
    async with await Ledger.open(where) as one, await Ledger.open(where) as two:
        two.poll = 0.01

        async def waits() -> str:
            async with two.locked(["a", "b"], run_of("r-2"), timeout=PATIENCE, on_lost=nothing, waiting=told.append):
                return str(await held(two))

        async with one.locked(["b"], run_of("r-1"), timeout=0, on_lost=nothing):
            task = asyncio.create_task(waits())
            await until(lambda: tried.count("r-2") > 2)
            assert not task.done()
        assert await task == "[('a', 'r-2'), ('b', 'r-2')]"
    assert [(lease.name, lease.run) for lease in told] == [("b", "r-1")]


async def test_waiting_has_an_end(where: Where) -> None:
    told: list[Lease] = []
    async with await Ledger.open(where) as one, one.locked(["a"], run_of("r-1"), timeout=0, on_lost=nothing):
        one.poll = 0.01
        with pytest.raises(Locked):
            async with one.locked(["a"], run_of("r-2"), timeout=0.05, on_lost=nothing, waiting=told.append):
                raise AssertionError
    assert len(told) == 1


@pytest.mark.parametrize("when", ["at once", "before it took", "after it took", "inside"])
async def test_whoever_is_stopped_while_taking_leaves_nothing(
    where: Where, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    reached, go = asyncio.Event(), threading.Event()
    loop, take = asyncio.get_running_loop(), locks.take

    def slowly(*given: Any, **options: Any) -> locks.Taken:
        taken = take(*given, **options) if when == "after it took" else None
        if when != "inside":
            loop.call_soon_threadsafe(reached.set)
            assert go.wait(PATIENCE)
        return taken or take(*given, **options)

    monkeypatch.setattr(locks, "take", slowly)
    async with await Ledger.open(where) as ledger:

        async def takes() -> None:
            async with ledger.locked(["a"], run_of("r-2"), timeout=PATIENCE, on_lost=nothing):
                reached.set()
                await loop.create_future()

        task = asyncio.create_task(takes())
        if when != "at once":
            await reached.wait()
        task.cancel()
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await ledger.leases() == []


async def test_an_error_inside_gives_it_back(where: Where) -> None:
    async with await Ledger.open(where) as ledger:
        with pytest.raises(ZeroDivisionError):
            async with ledger.locked(["a"], run_of(), timeout=0, on_lost=nothing):
                raise ZeroDivisionError
        assert await ledger.leases() == []


# Who is dead


async def old(where: Where, seconds: float, *, name: str = "a", run: str = "r-old") -> None:
    """A lease of a run on another machine, confirmed that long ago."""
    async with await Ledger.open(where) as ledger:
        with ledger.database.reading() as connection:
            then = ledger.database.now(connection) - seconds
    with raw(where) as database:
        values = (name, run, "bob@elsewhere, process 7", then, then, "elsewhere 1 2", os.getpid(), "1")
        database.execute(
            INSERT,
            values,
        )


async def test_a_lease_gives_way_when_it_was_not_confirmed_for_long(where: Where) -> None:
    await old(where, locks.DEAD_AFTER - 10)
    async with await Ledger.open(where) as ledger:
        with pytest.raises(Locked, match=r"bob@elsewhere, process 7 \(run r-old\).* last heartbeat 2\d s ago"):
            async with ledger.locked(["a"], run_of(), timeout=0, on_lost=nothing):
                raise AssertionError
        assert await ledger.unlock("r-old")
    await old(where, locks.DEAD_AFTER + 1)
    async with await Ledger.open(where) as ledger, ledger.locked(["a"], run_of(), timeout=0, on_lost=nothing):
        assert await held(ledger) == [("a", "r-1")]
        assert (await ledger.leases())[0].age < locks.DEAD_AFTER


async def test_a_clock_that_was_put_back_makes_nobody_dead(where: Where) -> None:
    await old(where, -3600)
    async with await Ledger.open(where) as ledger:
        assert [one.age for one in await ledger.leases()] == [0]
        with pytest.raises(Locked, match="0 s ago"):
            async with ledger.locked(["a"], run_of(), timeout=0, on_lost=nothing):
                raise AssertionError


HOLDER = """
async def main():
    async with await Ledger.open(where) as ledger:
        async with ledger.locked(["a"], Run("r-child", "2026", holder()), timeout=0, on_lost=lambda: print("lost")):
            print("held", flush=True)
            await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


def holding(where: Where) -> subprocess.Popen[str]:
    process = started(HOLDER, where)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n", process.communicate()
    return process


async def test_a_process_of_this_machine_that_was_killed_gives_way_at_once(where: Where) -> None:
    process = await asyncio.to_thread(holding, where)
    async with await Ledger.open(where) as ledger:
        with pytest.raises(Locked, match=rf"process {process.pid} \(run r-child\)"):
            async with ledger.locked(["a"], run_of(), timeout=0, on_lost=nothing):
                raise AssertionError
        process.kill()
        for reaped in (False, True):  # first it is a zombie, then it is gone
            if reaped:
                process.wait()
            else:
                await until(lambda: identity._status(process.pid)[0] == "Z")
            with raw(where) as database:
                kept = database.execute(
                    "select name, run, holder, since, heartbeat, host, pid, started from locks"
                ).fetchall()
            async with ledger.locked(["a"], run_of(), timeout=0, on_lost=nothing):
                assert await held(ledger) == [("a", "r-1")]
            with raw(where) as database:
                database.execute(
                    INSERT,
                    kept[0],
                )
        process.communicate()


async def test_a_process_that_is_stopped_is_not_dead_before_its_time(where: Where) -> None:
    process = await asyncio.to_thread(holding, where)
    try:
        process.send_signal(signal.SIGSTOP)
        async with await Ledger.open(where) as ledger:
            with pytest.raises(Locked):
                async with ledger.locked(["a"], run_of(), timeout=0, on_lost=nothing):
                    raise AssertionError
            with raw(where) as database:
                database.execute("update locks set heartbeat = heartbeat - ?", (locks.DEAD_AFTER,))
            async with ledger.locked(["a"], run_of(), timeout=0, on_lost=nothing):
                assert await held(ledger) == [("a", "r-1")]
    finally:
        process.kill()
        process.communicate()


def test_who_is_gone() -> None:
    here = this_process()
    assert here.pid == os.getpid()
    if not (here.host and here.started):
        return  # nothing of this can be told here
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert not here.is_gone(here)
    assert not Process(here.host, 1, "").is_gone(here)
    assert not Process(here.host, os.getpid(), "").is_gone(here)
    assert Process(here.host, os.getpid(), "1").is_gone(here), "another one has its number now"
    assert Process(here.host, ended.pid, here.started).is_gone(here)
    for host in ("", "elsewhere", here.host + "0"):
        assert not Process(host, ended.pid, "1").is_gone(here), "what is elsewhere cannot be seen"
    assert not Process("", ended.pid, "1").is_gone(replace(here, host=""))
    for pid in (0, -1):  # to the kernel these are whole groups of processes
        assert not Process(here.host, pid, "1").is_gone(here)
    assert Process(here.host, 1 << 70, "1").is_gone(here)


def test_what_is_not_known_of_a_process_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no /proc."""
    monkeypatch.setattr("trueup.ledger.identity.Path", lambda path: Path("/nowhere", str(path).lstrip("/")))
    here = this_process()
    assert (here.host, here.started) == ("", "")
    assert not here.is_gone(here)


def test_who_holds_it_is_told_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.fullmatch(rf"[^@]+@\S+, process {os.getpid()}", holder())

    def nameless() -> str:
        raise KeyError

    monkeypatch.setattr("getpass.getuser", nameless)
    assert holder().startswith(f"{os.getuid()}@")


def test_names_of_runs() -> None:
    found = {new_run_id() for _ in range(1000)}
    assert len(found) == 1000
    assert all(re.fullmatch(r"r-[0-9a-f]{8}", one) for one in found)


# Heartbeats


async def test_it_is_confirmed_while_it_is_held(where: Where) -> None:
    async with await Ledger.open(where) as ledger, await Ledger.open(where) as other:
        ledger.heartbeat = 0.02
        async with ledger.locked(["a", "b"], run_of(), timeout=0, on_lost=nothing):
            for name in ("a", "b"):
                with raw(where) as database:
                    database.execute("update locks set heartbeat = 0 where name = ?", (name,))
                async with asyncio.timeout(PATIENCE):
                    while max(one.age for one in await other.leases()) > PATIENCE:
                        pass


async def test_leaving_while_it_is_being_confirmed_ends(where: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    """Confirmations come without a pause; the block ends as one starts or ends, or some turns of the loop later."""
    reached, ends = asyncio.Event(), False
    loop, confirm = asyncio.get_running_loop(), locks.confirm

    def confirming(*given: Any) -> locks.Standing:
        if not ends:
            loop.call_soon_threadsafe(reached.set)
        found = confirm(*given)
        if ends:
            loop.call_soon_threadsafe(reached.set)
        return found

    monkeypatch.setattr(locks, "confirm", confirming)
    async with await Ledger.open(where) as ledger:
        ledger.heartbeat = 0
        for number in range(150):
            ends = bool(number % 2)
            reached.clear()
            async with asyncio.timeout(PATIENCE), ledger.locked(["a"], run_of(), timeout=0, on_lost=nothing):
                await reached.wait()
                for _ in range(number // 2 % 7):
                    await asyncio.sleep(0)
        assert await ledger.leases() == []


@pytest.mark.parametrize("way", ["unlocked", "stolen", "one of two"])
async def test_whoever_lost_it_is_told_once(where: Where, way: str) -> None:
    lost: list[str] = []
    async with await Ledger.open(where) as ledger, await Ledger.open(where) as other:
        ledger.heartbeat = 0.02
        async with ledger.locked(["a", "b"], run_of("r-1"), timeout=0, on_lost=lambda: lost.append("x")) as hold:
            if way == "unlocked":
                gone = await other.unlock("r-1")
                assert [one.name for one in gone] == ["a", "b"]
            else:
                with raw(where) as database:
                    names = ("a",) if way == "one of two" else ("a", "b")
                    for name in names:
                        database.execute("update locks set run = 'r-2' where name = ?", (name,))
            assert hold is not None
            assert hold._beating is not None
            await until(hold._beating.done)  # so nothing tells it again
        left = await held(other)
    assert lost == ["x"]
    assert left == {"unlocked": [], "stolen": [("a", "r-2"), ("b", "r-2")], "one of two": [("a", "r-2")]}[way]


async def test_a_database_that_fails_for_a_while_loses_nothing(where: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = iter([LedgerError("no"), LedgerError("no"), None])
    confirmed: list[bool] = []
    confirm = locks.confirm

    def failing(*arguments: object) -> bool:
        if (error := next(failures, None)) is not None:
            raise error
        confirmed.append(confirm(*arguments))  # type: ignore[arg-type]
        return confirmed[-1]

    monkeypatch.setattr("trueup.ledger.locks.confirm", failing)
    async with await Ledger.open(where) as ledger:
        ledger.heartbeat = 0.01
        async with ledger.locked(["a"], run_of(), timeout=0, on_lost=nothing):
            await until(lambda: len(confirmed) > 2)
    assert all(confirmed)


@pytest.mark.parametrize("way", ["fails", "hangs"])
async def test_a_database_that_does_not_come_back_loses_it(
    where: Where, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    lost = asyncio.Event()
    go_on = threading.Event()

    def failing(*_: object) -> bool:
        if way == "hangs":
            go_on.wait(PATIENCE)
        raise LedgerError("no")

    monkeypatch.setattr("trueup.ledger.locks.confirm", failing)
    monkeypatch.setattr("trueup.ledger.holding._GRACE", 0.01)
    async with await Ledger.open(where) as ledger:
        ledger.heartbeat, ledger.dead_after = 0.01, 0.2
        async with ledger.locked(["a"], run_of(), timeout=0, on_lost=lost.set):
            async with asyncio.timeout(PATIENCE):
                await lost.wait()
            go_on.set()
        assert await held(ledger) == []


async def test_a_lock_that_cannot_be_given_back_does_not_hide_what_was_done(
    where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> list[Lease]:
        raise LedgerError("no")

    async with await Ledger.open(where) as ledger:
        with monkeypatch.context() as patched:
            async with ledger.locked(["a"], run_of(), timeout=0, on_lost=nothing):
                patched.setattr("trueup.ledger.locks.drop", failing)
        assert await held(ledger) == [("a", "r-1")]


# Races of real processes

CONTENDER = """
async def main():
    async with await Ledger.open(where) as ledger:
        ready()
        won = []
        for number in range(30):
            names = [f"a{number}", f"b{number}"]
            lock = ledger.locked(names, Run(f"r-{sys.argv[2]}", "", sys.argv[2]), timeout=0, on_lost=lambda: None)
            try:
                await lock.__aenter__()
            except Locked:
                continue
            won.append(lock)  # and never gives it back, so that each can be won once
        print(len(won), flush=True)
        sys.stdin.readline()  # whoever is gone is passed over
        os._exit(0)

asyncio.run(main())
"""


async def test_of_several_that_pass_over_the_dead_exactly_one_wins(where: Where) -> None:
    """Each of 30 pairs of locks is of a dead run, and four processes want all of them."""
    for number in range(30):
        for name in ("a", "b"):
            await old(where, 1000, name=f"{name}{number}")
    contenders = [started(CONTENDER, where, str(number)) for number in range(4)]
    won = await asyncio.to_thread(together, contenders, ended=False)
    assert sum(map(int, won)) == 30, won
    with raw(where) as database:
        found = database.execute("select name, run from locks").fetchall()
    by_name = dict(found)
    assert all(by_name[f"a{number}"] == by_name[f"b{number}"] != "r-old" for number in range(30))


async def test_unlocking_takes_from_one_run_alone(where: Where) -> None:
    async with (
        await Ledger.open(where) as ledger,
        ledger.locked(["a", "b"], run_of("r-1"), timeout=0, on_lost=lambda: None),
        ledger.locked(["c"], run_of("r-2"), timeout=0, on_lost=nothing),
    ):
        assert await ledger.unlock("r-3") == []
        assert [(one.name, one.run) for one in await ledger.unlock("r-1")] == [("a", "r-1"), ("b", "r-1")]
        assert await held(ledger) == [("c", "r-2")]
