"""Runs that share a ledger count one another's requests in the window of a key, sequentially and concurrently."""

from __future__ import annotations

import asyncio
import sqlite3
from itertools import pairwise
from pathlib import Path

import pytest
from commands import inside
from declare import account, instance
from world import World

from trueup.core.records import Use, Used
from trueup.ledger.store import Ledger
from trueup.ledger.windows import SharedWindow

KEY = "den_a-key-of-somebody"


def use(requests: int, *, at: float = 1_000_000.0, first: float = 0.0, last: float = 0.0) -> Use:
    return Use(requests, first, last, 60.0, at)


async def note(where: Path | str, *uses: Use, key: str = KEY, scope: str = "den:x") -> list[Used | None]:
    async with await Ledger.open(where) as ledger:
        window = SharedWindow(ledger, scope, key)
        return [await window.note(one) for one in uses]


async def test_requests_of_all_runs_add_up(where: Path | str) -> None:
    found = await note(where, use(0), use(540), use(2))
    assert [one and one.requests for one in found] == [0, 540, 542]
    (again,) = await note(where, use(3))
    assert again is not None
    assert again.requests == 545
    for other in ({"key": "den_another"}, {"scope": "den:y"}):
        assert await note(where, use(0), **other) == [Used(0, None)]


async def test_a_silence_closes_the_window(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await note(path, use(540, at=1000.0))
    assert await note(path, use(0, at=1060.0)) == [Used(540, 60.0)]
    (closed,) = await note(path, use(0, at=1060.1))
    assert closed is not None
    assert closed.requests == 0
    assert await note(path, use(2, at=1065.0, first=6.0)) == [Used(542, 59.0)], "they began within the window"
    assert await note(path, use(7, at=1200.0, first=10.0)) == [Used(7, 125.0)]


async def test_a_clock_that_was_set_back_counts_on(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await note(path, use(500, at=9000.0))
    assert await note(path, use(10, at=1000.0)) == [Used(510, 0.0)]
    assert await note(path, use(0, at=1100.0)) == [Used(0, 100.0)], "and no longer than for one window"


async def test_of_several_at_once_none_is_lost(where: Path | str) -> None:
    async with await Ledger.open(where) as one, await Ledger.open(where) as other:
        windows = [SharedWindow(ledger, "den:x", KEY) for ledger in (one, other)]
        await asyncio.gather(*(window.note(use(7)) for window in windows * 10))
        found = await windows[0].note(use(0))
    assert found is not None
    assert found.requests == 140


async def test_the_ledger_holds_no_key(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await note(path, use(3))
    with sqlite3.connect(path) as database:
        ((credential, _, _),) = database.execute("select * from windows")
    assert KEY not in credential
    assert len(credential) == 64


async def test_a_ledger_that_cannot_be_used_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with await Ledger.open(path) as ledger:
        with sqlite3.connect(path) as database:
            database.execute("drop table windows")
        assert await SharedWindow(ledger, "den:x", KEY).note(use(3)) is None


# Runs


async def test_three_runs_in_a_row_say_what_is_left_after_each(world: World) -> None:
    wanted = [account(), instance("docs")]
    first = await world.plan(*wanted)
    assert not first.reading.known, "there is no ledger yet"
    assert first.reading.left == 600 - first.reading.requests
    world.forget()
    await world.clock.sleep(61)
    assert (await world.apply(*wanted)).exit_code == 0
    spent = world.asked(system="den")
    for _ in range(3):
        plan = await world.plan(*wanted)
        spent += plan.reading.requests
        assert plan.reading.known
        assert plan.reading.left == 600 - spent
    await world.clock.sleep(61)
    plan = await world.plan(*wanted)
    assert plan.reading.left == 600 - plan.reading.requests


async def test_what_another_run_spent_is_foretold(thousand: World) -> None:
    accounts = [account()]
    instances = [instance(f"repo-{number:04d}", status="disabled") for number in range(100)]
    assert (await thousand.apply(*accounts)).exit_code == 0
    async with thousand.session(*accounts) as other:
        (client,) = [client for (system, _), client in other.clients.items() if system == "den"]
        await other.plan()
        await asyncio.gather(*(client.get("/v1/org") for _ in range(540)))
    plan = await thousand.plan(*accounts, *instances)
    assert plan.reading.left is not None
    assert plan.reading.left < 60
    assert plan.cost.seconds > 60, "a wait is foretold"


async def test_runs_side_by_side_add_up(world: World) -> None:
    wanted = [account(), instance("docs")]
    await world.apply(*wanted)
    await world.clock.sleep(61)
    async with world.session(*wanted) as one, world.session(*wanted) as other:
        first, second = await one.plan(), await other.plan()
        third = await one.plan()
    counts = [plan.reading.requests for plan in (first, second, third)]
    assert [plan.reading.left for plan in (first, second, third)] == [
        600 - sum(counts[:1]),
        600 - sum(counts[:2]),
        600 - sum(counts),
    ]


async def test_a_key_that_worked_in_another_run_is_waited_for(world: World) -> None:
    """A newer Den does not say why it refuses a key, and this run has not received an answer yet."""
    wanted = [account(), instance("docs")]
    assert (await world.apply(*wanted)).exit_code == 0
    world.den(version="2026-09")
    state = world.sandbox.control.get("/state").json()
    for row in state["tables"]["den.apiKeys"].values():
        row |= {"requestCount": 600, "lastRequest": world.sandbox.control.get("/clock").json()["now"]}
    assert world.sandbox.control.put("/state", json=state).status_code == 200
    assert not (await world.plan(*wanted)).has_changes
    ((why, seconds),) = world.progress.waits
    assert "presumed to be spent" in why
    assert seconds > 60


async def test_few_transactions_do(thousand: World, monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[Use] = []
    note_ = SharedWindow.note

    async def counted(self: SharedWindow, use: Use) -> Used | None:
        notes.append(use)
        return await note_(self, use)

    monkeypatch.setattr(SharedWindow, "note", counted)
    wanted = [account(), *(instance(f"repo-{number:04d}", status="disabled") for number in range(300))]
    report = await thousand.apply(*wanted)
    assert report.exit_code == 0
    assert sum(one.requests for one in notes) == thousand.asked(system="den")
    assert len(notes) <= 10


def test_asking_counts_too_and_without_a_ledger_it_is_at_most(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    state = ("--state", str(world.folder))
    assert "(at most 599 of this key's 600 left)" in inside("get", "accounts", *state).stdout
    asyncio.run(note(world.folder / "ledger.db", use(0)))
    told = [inside("get", "accounts", *state).stdout for _ in range(3)]
    numbers = [int(one.partition(" of this key's 600 left")[0].rpartition("(")[2]) for one in told]
    assert [before - after for before, after in pairwise(numbers)] == [1, 1]
