"""Locks between processes and threads: each waits for its turn, and none is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ledgers import PATIENCE, nothing, run_of, started, together

from trueup.ledger.store import Ledger

Where = Path | str

RACER = """
async def main():
    me, counter = sys.argv[2], Path(sys.argv[3])
    async with await Ledger.open(where) as ledger:
        ledger.poll = 0.005
        ready()
        for number in range(15):
            names = ["a", "b"] if (number + int(me)) % 2 else ["b", "c", "a"]
            async with ledger.locked(names, Run(f"r-{me}-{number}", "", me), timeout=60, on_lost=lambda: print("lost")):
                # Without a lock some of these would overwrite each other's.
                value = int(counter.read_text())
                await asyncio.sleep(0.001)  # lets another process come in between, if it can
                counter.write_text(str(value + 1))

asyncio.run(main())
"""


async def test_several_processes_take_turns(where: Where, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    racers = [started(RACER, where, str(number), str(counter)) for number in range(4)]
    said = await asyncio.to_thread(together, racers)
    assert said == [""] * 4, "nobody lost it"
    assert counter.read_text() == "60"
    async with await Ledger.open(where) as ledger:
        assert await ledger.leases() == []


async def test_threads_with_loops_of_their_own_take_turns(where: Where) -> None:
    inside: list[str] = []
    overlapped: list[str] = []

    def turn(me: int) -> None:
        async def main() -> None:
            async with await Ledger.open(where) as ledger:
                ledger.poll = 0.005
                for number in range(8):
                    run = run_of(f"r-{me}-{number}")
                    async with ledger.locked(["a"], run, timeout=PATIENCE, on_lost=nothing):
                        overlapped.extend(inside)
                        inside.append(run.id)
                        await asyncio.sleep(0.001)  # lets another thread come in between, if it can
                        inside.remove(run.id)

        asyncio.run(main())

    await asyncio.gather(*(asyncio.to_thread(turn, number) for number in range(4)))
    assert overlapped == []
