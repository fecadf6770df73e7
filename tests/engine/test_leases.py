"""A lease lasts for its term: a run that is suspended, revoked or late writes nothing to the server or the ledger."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from commands import Terminal, trueup
from declare import manifest
from engine_rpc import account, fails, serving
from ledgers import PATIENCE, RECORD, held, intent_of, nothing, raw, run_of, started
from processes import QUESTION, Place, Process
from waiting import until
from world import INSTANCES, World

from trueup.core.errors import Ambiguous, Locked, Stopped
from trueup.core.values import ConnectionId
from trueup.engine.loop import Session
from trueup.ledger import clock
from trueup.ledger.identity import this_process
from trueup.ledger.migrations import STEPS
from trueup.ledger.store import Ledger
from trueup.transport.client import Client

Where = Path | str
HASTY = [
    sys.executable,
    "-c",
    "import sys; from trueup.ledger import locks; locks.HEARTBEAT, locks.DEAD_AFTER = 0.4, 4.0; "
    "from trueup.cli import main; sys.exit(main())",
]
"""Command line of `trueup` with a short term."""
ACCOUNT = "apiVersion: den.trueup.dev/v1\nkind: ConnectorAccount\nmetadata: {name: acme}\n"
ACCOUNT += 'spec: {remoteId: "1001", displayName: acme}\n'
INSTANCE = """---
apiVersion: den.trueup.dev/v1
kind: ConnectorInstance
metadata: {name: i-NUMBER}
spec: {connectorAccount: acme, status: STATUS}
"""


class Hasty(Process):
    """`trueup` with a short term, as a process concurrent with the test."""

    command = tuple(HASTY)


class Runs:
    """Runs of three manifests of the same instances, which differ in the status of all instances."""

    def __init__(self, place: Place) -> None:
        self.place, self.world = place, place.world
        self._runs: list[Hasty] = []
        for status in ("active", "disabled", "archived"):
            text = ACCOUNT + "".join(INSTANCE.replace("NUMBER", str(one)) for one in range(8))
            (place.folder / f"{status}.yaml").write_text(text.replace("STATUS", status))
        assert self.apply("active").end() == 0

    def apply(self, status: str, *more: str) -> Hasty:
        words = self.place.words("apply", self.place.folder / f"{status}.yaml", "--auto-approve", *more)
        self._runs.append(Hasty(*words, **self.place.environment))
        return self._runs[-1]

    def unlock(self, *words: str) -> Hasty:
        state = str(self.place.folder)
        self._runs.append(Hasty("unlock", *words, "--auto-approve", "--state", state, **self.place.environment))
        return self._runs[-1]

    def writing(self) -> tuple[Hasty, str]:
        """Start a run with two writes on the wire; return it and its id."""
        self.place.holding(route=None, times=2)
        first = self.apply("disabled", "--parallelism", "2")
        self.place.held(count=2)
        (run,) = {run for run, _ in self.place.leases()}
        return first, run

    def statuses(self) -> set[str]:
        return {row["status"] for row in self.world.rows(INSTANCES) if row["name"].startswith("i-")}

    def close(self) -> None:
        for one in self._runs:
            with contextlib.suppress(ProcessLookupError):
                one.raw.send_signal(signal.SIGCONT)
            one.kill()


@pytest.fixture
def runs(world: World, tmp_path: Path, where: Where) -> Iterator[Runs]:
    place = Place(world, tmp_path, where)
    with contextlib.closing(place), contextlib.closing(Runs(place)) as found:
        yield found


def test_a_run_that_was_paused_for_longer_than_its_term_sends_nothing_more(runs: Runs) -> None:
    first, _ = runs.writing()
    first.raw.send_signal(signal.SIGSTOP)
    runs.place.go()  # writes on the wire take effect, and their answers wait for the first run
    runs.world.settle()
    second = runs.apply("archived", "--lock-timeout", "60s")
    assert second.end() == 0, second.said
    assert runs.statuses() == {"archived"}
    runs.world.forget()
    first.raw.send_signal(signal.SIGCONT)
    assert first.end() == 4, first.said
    assert "nothing more is sent" in first.said
    assert runs.world.writes() == []
    assert runs.statuses() == {"archived"}
    again = runs.apply("archived")
    assert again.end() == 0
    assert "was interrupted" not in again.said
    assert "changed" not in again.said, "what the late run wrote down did not become the newer run's"


def test_a_run_that_was_paused_and_whose_lock_nobody_took_goes_on(runs: Runs) -> None:
    first, _ = runs.writing()
    first.raw.send_signal(signal.SIGSTOP)
    with raw(runs.place.where) as database:
        (since,) = database.execute("select max(heartbeat) from locks").fetchone()
        clocks = {True: "(julianday('now') - 2440587.5) * 86400.0", False: "extract(epoch FROM clock_timestamp())"}
        now = f"select {clocks[isinstance(runs.place.where, Path)]}"
        while float(database.execute(now).fetchone()[0]) - since < 5:
            pass
    runs.place.go()
    first.raw.send_signal(signal.SIGCONT)
    assert first.end() == 0, first.said
    assert runs.statuses() == {"disabled"}


def test_a_run_that_is_asked_for_its_lock_finishes_what_is_on_the_wire_and_gives_it_back(runs: Runs) -> None:
    first, run = runs.writing()
    unlock = runs.unlock(run)
    first.wait_for("asked for the lock with trueup unlock: nothing more is sent.")
    runs.world.forget()
    runs.place.go()
    assert first.end() == 4, first.said
    assert unlock.end() == 0, unlock.said
    assert f"Run {run} has stopped and released" in unlock.said
    assert runs.world.writes() == []
    assert runs.place.leases() == []
    second = runs.apply("archived")
    assert second.end() == 0, second.said
    assert "was interrupted" not in second.said, "the first one wrote down what became of its calls"


def test_a_run_that_does_not_answer_loses_its_lock_with_its_term(runs: Runs) -> None:
    first, run = runs.writing()
    first.raw.send_signal(signal.SIGSTOP)
    unlock = runs.unlock(run)
    assert unlock.end() == 0, unlock.said
    assert "did not respond and its locks have expired" in unlock.said
    runs.place.go()
    runs.world.settle()
    runs.world.forget()
    first.raw.send_signal(signal.SIGCONT)
    assert first.end() == 4, first.said
    assert runs.world.writes() == []


def test_a_run_that_asks_at_the_terminal_gives_its_lock_back_at_once(runs: Runs) -> None:
    words = runs.place.words("apply", runs.place.folder / "disabled.yaml")
    with Terminal(*words, TRUEUP_LEDGER=str(runs.place.where)) as terminal:
        terminal.wait_for(QUESTION)
        (run,) = {run for run, _ in runs.place.leases()}
        state = str(runs.place.folder)
        unlock = trueup("unlock", run, "--auto-approve", "--state", state, **runs.place.environment)
        assert unlock.returncode == 0, unlock.stderr
        assert f"Run {run} has stopped and released" in unlock.stdout
        runs.world.forget()
        terminal.type("yes\n")
        assert terminal.end() == 4
    assert runs.world.writes() == []


def test_an_older_trueup_which_cannot_be_asked_is_named(runs: Runs) -> None:
    first, run = runs.writing()
    stop = started(OLDER, runs.place.where, run)
    unlock = runs.unlock(run)
    try:
        assert unlock.end() == 1, unlock.said
        assert "keeps renewing its locks: it uses an older trueup" in unlock.said
        assert f"trueup unlock {run} --now" in unlock.said
    finally:
        stop.kill()
        stop.communicate()
        runs.place.go()
        first.end()


OLDER = """
import sqlalchemy as sql
from trueup.ledger.tables import LOCKS

async def main():  # renews as version 0.1.0 does, without the newer columns
    async with await Ledger.open(where) as ledger:
        while True:
            with ledger.database.writing() as connection:
                now = ledger.database.now(connection)
                connection.execute(sql.update(LOCKS).values(heartbeat=now).where(LOCKS.c.run == sys.argv[2]))
            await asyncio.sleep(0.05)  # its heartbeat

asyncio.run(main())
"""


# Ledger writes of a late run


async def test_what_a_late_run_did_does_not_overwrite_what_is_newer(where: Where) -> None:
    lost: list[str] = []
    async with await Ledger.open(where) as late, await Ledger.open(where) as newer:
        async with late.locked(["a"], run_of("r-1"), timeout=0, on_lost=lambda: lost.append("x")) as hold:
            await late.write(intents=[intent_of("r-1", 1), intent_of("r-1", 2)], under=hold)
            await newer.unlock("r-1")
            async with newer.locked(["a"], run_of("r-2"), timeout=0, on_lost=nothing) as ours:
                await newer.write(records=[RECORD], outcomes=[("r-1", 1, "absent")], under=ours)
                with pytest.raises(Locked, match="r-1 has lost its locks"):
                    await late.write(forgotten=[(RECORD.scope, RECORD.id)], outcomes=[("r-1", 1, "done")], under=hold)
                assert lost == ["x"]
        await late.write(outcomes=[("r-1", 1, "done"), ("r-1", 2, "done")])  # as a process without locks
        assert await newer.records() == {(RECORD.scope, RECORD.id): RECORD}
    with raw(where) as database:
        states = database.execute("select number, state from intents order by number").fetchall()
    assert [tuple(one) for one in states] == [(1, "absent"), (2, "done")], "what is settled stays so"


async def test_a_run_that_has_the_lock_again_is_not_the_one_that_had_it(where: Where) -> None:
    async with await Ledger.open(where) as ledger:
        async with ledger.locked(["a"], run_of("r-1"), timeout=0, on_lost=nothing) as first:
            pass
        async with ledger.locked(["a"], run_of("r-1"), timeout=0, on_lost=nothing) as second:
            assert first is not None
            assert second is not None
            assert second.token > first.token
            first.over, first._on_lost = None, lambda: None
            with pytest.raises(Locked):
                await ledger.write(records=[RECORD], under=first)
            await ledger.write(records=[RECORD], under=second)


# The clock


@pytest.mark.parametrize("step", [3600.0, -3600.0])
async def test_a_step_of_the_wall_clock_takes_no_lock_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    """The clock of SQLite is the wall clock of this machine."""
    if not this_process().boot:
        return  # without a boot id a clock step cannot be detected
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        lock = ledger.locked(["a"], run_of("r-1"), timeout=0, on_lost=nothing)
        async with lock:
            now, booted = ledger.database.now, clock.booted
            monkeypatch.setattr(ledger.database, "now", lambda connection: now(connection) + step)
            monkeypatch.setattr(clock, "booted", lambda: booted() + step)
            assert [(one.gone, one.age < PATIENCE) for one in await ledger.leases()] == [(False, True)]
            with pytest.raises(Locked):
                async with ledger.locked(["a"], run_of("r-2"), timeout=0, on_lost=nothing):
                    raise AssertionError


def test_without_a_clock_that_runs_through_suspend_the_one_that_went_further_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "_BOOT", None)
    times = iter([10.0, 1000.0, 11.0, 9000.0, 70.0, 1001.0])

    class Time:
        @staticmethod
        def monotonic() -> float:
            return next(times)

        time = monotonic

    monkeypatch.setattr(clock, "time", Time)
    before = clock.reading()
    assert clock.since(before) == 8000.0, "it was asleep"
    assert clock.since(before) == 60.0, "the wall clock was put back"
    assert clock.booted() == 0.0


# One write


async def test_a_write_is_cut_off_with_the_term_of_a_lease_that_nobody_confirms(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.fault(system="den", method="POST", hold="before", times=1)
    async with await Ledger.open(world.folder / "ledger.db") as ledger, session(world) as client:
        ledger.heartbeat, ledger.dead_after = 0.05, 1.0
        lost = asyncio.Event()
        async with ledger.locked(["a"], run_of(), timeout=0, on_lost=lost.set) as hold:
            client.lease = hold
            monkeypatch.setattr("trueup.ledger.holding._GRACE", 0.01)
            monkeypatch.setattr("trueup.ledger.locks.confirm", _failing)
            with pytest.raises(Ambiguous):
                await client.request("POST", "/v1/connector-accounts", body={}, repeatable=False)
            async with asyncio.timeout(PATIENCE):
                await lost.wait()
            world.sandbox.control.post("/faults/release")
            world.settle()
            world.forget()
            with pytest.raises(Stopped, match="lock-unconfirmed"):
                await client.request("POST", "/v1/connector-accounts", body={})
            assert world.asked() == 0
            await client.get("/v1/connector-accounts")


async def test_a_write_that_is_confirmed_may_last_longer_than_a_term(world: World) -> None:
    world.fault(system="den", method="POST", hold="before", times=1)
    async with await Ledger.open(world.folder / "ledger.db") as ledger, session(world) as client:
        ledger.heartbeat, ledger.dead_after = 0.05, 1.0
        async with ledger.locked(["a"], run_of(), timeout=0, on_lost=nothing) as hold:
            client.lease = hold
            body = {"connectorType": "github", "remoteId": "5", "displayName": "x"}
            writing = asyncio.create_task(client.request("POST", "/v1/connector-accounts", body=body))
            began = clock.reading()
            await until(lambda: clock.since(began) > 2.0)
            assert not writing.done()
            world.sandbox.control.post("/faults/release")
            assert (await writing).status in (200, 201)


async def test_a_term_that_ends_before_the_bytes_leave_keeps_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await Ledger.open(world.folder / "ledger.db") as ledger, session(world) as client:
        lock = ledger.locked(["a"], run_of(), timeout=0, on_lost=nothing)
        async with lock as hold:
            assert hold is not None
            client.lease = hold
            answers = iter([False])
            holds = hold.holds
            monkeypatch.setattr(hold, "holds", lambda: next(answers, None) is None and holds())
            world.forget()
            body = {"connectorType": "github", "remoteId": "5", "displayName": "x"}
            await client.request("POST", "/v1/connector-accounts", body=body, repeatable=False)
            assert len(world.writes()) == 1
            assert client.sent == 2, "the first try never left"


@contextlib.asynccontextmanager
async def session(world: World) -> AsyncIterator[Client]:
    async with Session(manifest(), world.options(), ("den",)) as opened:
        yield opened.clients[ConnectionId("den", "default")]


def _failing(*_: object) -> object:
    raise OSError


# Two versions

FORMER = """CREATE TABLE locks (name VARCHAR NOT NULL, run VARCHAR NOT NULL, holder VARCHAR NOT NULL,
    since DOUBLE PRECISION NOT NULL, heartbeat DOUBLE PRECISION NOT NULL, host VARCHAR NOT NULL, pid INTEGER NOT NULL,
    started VARCHAR NOT NULL, PRIMARY KEY (name))"""


async def test_a_process_of_the_former_version_goes_on_with_a_ledger_that_was_brought_up_to_date(where: Where) -> None:
    async with await Ledger.open(where) as ledger:
        database = ledger.database
        with raw(where) as tables:
            tables.execute("drop index locks_exclusive")
            tables.execute("drop table locks")
            tables.execute(FORMER)
            with database.reading() as connection:
                now = database.now(connection)
            row = ("a", "r-old", "ann@host", now, now, "elsewhere 1 2", 7, "1")
            tables.execute("insert into locks values (?, ?, ?, ?, ?, ?, ?, ?)", row)
        with database.writing() as connection:
            next(step for step in STEPS if step.__name__ == "_shared_leases_and_tokens")(connection)
        assert [(one.name, one.run, one.shared) for one in await ledger.leases()] == [("a", "r-old", False)]
        with pytest.raises(Locked):
            async with ledger.locked(["a"], run_of(), timeout=0, on_lost=nothing):
                raise AssertionError
        with raw(where) as tables:  # in the format of the former version
            confirm = "update locks set heartbeat = ? where name = ? and run = ?"
            assert tables.execute(confirm, (now, "a", "r-old")).rowcount == 1
            tables.execute("delete from locks where run = 'r-old'")
        async with ledger.locked(["a"], run_of(), timeout=0, on_lost=nothing):
            with raw(where) as tables:
                again = "insert into locks (name, run, holder, since, heartbeat, host, pid, started) values "
                again += "('a', 'r-old', 'ann', 1, 1, 'x', 7, '1') on conflict do nothing"
                assert tables.execute(again).rowcount == 0, "one exclusive lease a name"
            assert await held(ledger) == [("a", "r-1")]


# Pulumi


async def test_programs_share_a_lock_that_the_command_does_not(where: Where) -> None:
    async with await Ledger.open(where) as one, await Ledger.open(where) as two:
        first, second = one.sharing(run_of("r-1"), nothing), two.sharing(run_of("r-2"), nothing)
        await first.take(["a"])
        await second.take(["a", "b"])
        await second.take(["b"])
        assert await held(one) == [("a", "r-1"), ("a", "r-2"), ("b", "r-2")]
        with pytest.raises(Locked, match="r-1"):
            async with one.locked(["a"], run_of("r-3"), timeout=0, on_lost=nothing):
                raise AssertionError
        await first.release()
        await second.release()
        async with one.locked(["a"], run_of("r-3"), timeout=0, on_lost=nothing):
            with pytest.raises(Locked, match="r-3"):
                await two.sharing(run_of("r-4"), nothing).take(["a"])
        assert await held(one) == []


async def test_the_provider_refuses_to_write_while_a_command_holds_the_lock(
    world: World, tmp_path: Path, where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUEUP_LEDGER", str(where))
    name = f"den:{world.sandbox.ready['den']['url']} {world.sandbox.den.get('/v1/org').json()['organization']['id']}"
    async with await Ledger.open(where) as ledger, serving(tmp_path) as rpc:
        await rpc.configure()
        run = run_of("r-1", "ann@host, process 4711")
        async with ledger.locked([name], run, timeout=0, on_lost=nothing):
            world.forget()
            error = await fails(account(rpc), "is locked by ann@host, process 4711 (run r-1), since 2", "E502")
            assert "Run pulumi up again when that run has ended" in str(error.details())
            assert world.writes() == []
        world.forget()
        made = await account(rpc)
        assert world.routes()["GET /v1/org"] == 0
        with pytest.raises(Locked, match="for Pulumi"):
            async with ledger.locked([name], run, timeout=0, on_lost=nothing):
                raise AssertionError
        async with serving(tmp_path) as other:
            await other.configure()
            assert (await other.create("ConnectorAccount", "two", remoteId="2", displayName="two")).id
            assert len(await ledger.leases()) == 2
            assert (await rpc.read(made)).id
    async with await Ledger.open(where) as ledger:
        assert await ledger.leases() == [], "given back at the end"


async def test_a_program_without_changes_takes_no_lock(world: World, tmp_path: Path) -> None:
    async with serving(tmp_path) as rpc:
        await rpc.configure()
        made = await account(rpc)
    async with serving(tmp_path) as rpc, await Ledger.open(tmp_path / ".trueup" / "ledger.db") as ledger:
        await rpc.configure()
        await rpc.diff(made, made.inputs)
        await rpc.read(made)
        assert await ledger.leases() == []


async def test_a_program_whose_lock_was_lost_writes_nothing_more(world: World, tmp_path: Path) -> None:
    async with serving(tmp_path) as rpc, await Ledger.open(tmp_path / ".trueup" / "ledger.db") as ledger:
        await rpc.configure()
        await account(rpc)
        (lease,) = await ledger.leases()
        assert lease.shared
        await ledger.revoke(lease.run, "bob@host")
        async with asyncio.timeout(PATIENCE):
            while await ledger.leases():
                pass
        world.forget()
        await fails(
            rpc.create("ConnectorAccount", "two", remoteId="2", displayName="two"), "bob@host asked for the lock"
        )
        assert world.writes() == []
