"""The ledger in both of its databases: what was written survives, and no value is ever in it."""

from __future__ import annotations

import asyncio
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from declare import account, connector, instance
from ledgers import RECORD, intent_of, raw, run_of, started, stored, together
from world import World

from trueup.core.errors import LedgerError
from trueup.core.records import Record, Run, Seen
from trueup.core.secrets import Reference
from trueup.ledger.store import Ledger
from trueup.sandbox.presets import DEMO_PROJECT

Where = Path | str


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_what_was_written_is_there_again(where: Where) -> None:
    async with await Ledger.open(where) as ledger:
        await ledger.write(records=[RECORD])
        await ledger.write()
        key = ledger.key
    async with await Ledger.open(where) as ledger:
        assert await ledger.records(["den:x", "den:other"]) == {("den:x", "cin_1"): RECORD}
        assert await ledger.records(["den:other"]) == {}
        assert await ledger.records([]) == {}
        assert ledger.key == key
        assert len(key) == 32


async def test_a_record_is_replaced_by_the_next_of_its_scope_and_id(where: Where) -> None:
    async with await Ledger.open(where) as ledger:
        await ledger.write(records=[RECORD, Record("den:y", "cin_1", "a")])
        await ledger.write(records=[Record("den:x", "cin_1", "renamed", at="2027-01-01T00:00:00Z")])
        found = await ledger.records(["den:x", "den:y"])
    assert found == {
        ("den:x", "cin_1"): Record("den:x", "cin_1", "renamed", at="2027-01-01T00:00:00Z"),
        ("den:y", "cin_1"): Record("den:y", "cin_1", "a"),
    }


async def test_of_several_in_one_write_the_last_counts(where: Where) -> None:
    async with await Ledger.open(where) as ledger:
        await ledger.write(records=[replace(RECORD, address=f"a{number}") for number in range(5)])
        assert [one.address for one in (await ledger.records(["den:x"])).values()] == ["a4"]


async def test_thousands_are_written_at_once(where: Where) -> None:
    """More than either database takes parameters in one statement."""
    records = [Record("den:x", f"cin_{number}", "a") for number in range(20_000)]
    intents = [intent_of("r-1", number, record=RECORD) for number in range(5_000)]
    async with await Ledger.open(where) as ledger:
        await ledger.write(records=records, intents=intents)
        assert len(await ledger.records(["den:x"])) == 20_000
        await ledger.write(
            forgotten=[(one.scope, one.id) for one in records[1:]],
            outcomes=[("r-1", number, "done") for number in range(4_999)],
        )
        assert list(await ledger.records(["den:x"])) == [("den:x", "cin_0")]
        ((_, left),) = await ledger.unfinished(["den:x"])
    assert left == intents[4_999:]


async def test_a_write_is_all_or_nothing(where: Where) -> None:
    async with await Ledger.open(where) as ledger:
        await ledger.write(records=[RECORD])
        with raw(where) as database:
            database.execute("drop table seen")
        with pytest.raises(LedgerError, match="seen"):
            await ledger.write(
                records=[Record("den:x", "cin_2", "a")],
                forgotten=[("den:x", "cin_1")],
                intents=[intent_of("r-1", 1)],
                seen=[Seen("den:x", "ConnectorTarget", "cin_1", "2026", "d")],
            )
        assert await ledger.records(["den:x"]) == {("den:x", "cin_1"): RECORD}
        assert await ledger.unfinished(["den:x"]) == []


@pytest.mark.parametrize(
    "word", ["", "'; drop table records; --", "ünï ☃ \U0001f600", "%s %(a)s :a ?", "a\nb\\", "x" * 600]
)
async def test_words_are_kept_as_they_are(where: Where, word: str) -> None:
    one = Record(
        word, word, word, word, word, word, word, word, True, {word: word}, {word: word}, [word], [[word]], word
    )
    intent = intent_of("r-1", 1, scope=word, id=word, parent=word, key=word, record=one)
    seen = Seen(word, word, word, word, word)
    async with await Ledger.open(where) as ledger:
        await ledger.begin(Run("r-1", word, word))
        await ledger.write(records=[one], intents=[intent], seen=[seen])
        assert await ledger.records([word]) == {(word, word): one}
        assert await ledger.unfinished([word]) == [(Run("r-1", word, word), [intent])]
        assert await ledger.seen([word]) == {(word, word, word): seen}


@pytest.mark.parametrize("word", ["\ud800", "nul\0"])
async def test_words_that_cannot_be_kept_are_told(where: Where, word: str) -> None:
    async with await Ledger.open(where) as ledger:
        await ledger.write(records=[RECORD])
        if word == "nul\0" and isinstance(where, Path):
            await ledger.write(records=[replace(RECORD, id=word)])
            return
        with pytest.raises(LedgerError, match="cannot be used"):
            await ledger.write(records=[replace(RECORD, id=word)])
        assert await ledger.records(["den:x"]) == {("den:x", "cin_1"): RECORD}


async def test_what_was_seen_is_replaced_by_what_was_seen_later(where: Where) -> None:
    async with await Ledger.open(where) as ledger:
        one, other = (
            Seen("den:x", "ConnectorTarget", "cin_1", "2026", "d"),
            Seen("den:x", "ConnectorTarget", "cin_2", "", ""),
        )
        await ledger.write(seen=[one, other])
        await ledger.write(seen=[replace(one, at="2027", digest="")])
        found = await ledger.seen(["den:x"])
        assert await ledger.seen(["den:y"]) == {}
    assert found == {
        ("den:x", "ConnectorTarget", "cin_1"): replace(one, at="2027", digest=""),
        ("den:x", "ConnectorTarget", "cin_2"): other,
    }


# Runs and what they intend


async def test_a_run_is_unfinished_as_long_as_one_of_its_calls_is_open(where: Where) -> None:
    async with await Ledger.open(where) as ledger:
        for name in ("r-b", "r-a", "r-c"):
            await ledger.begin(run_of(name))
        await ledger.write(intents=[intent_of("r-b", 2, record=RECORD), intent_of("r-b", 1), intent_of("r-a", 1)])
        await ledger.write(intents=[intent_of("r-a", 2, scope="den:y")])
        assert await ledger.unfinished(["den:x"]) == [
            (run_of("r-b"), [intent_of("r-b", 1), intent_of("r-b", 2, record=RECORD)]),
            (run_of("r-a"), [intent_of("r-a", 1)]),
        ]
        await ledger.write(outcomes=[("r-b", 1, "done"), ("r-b", 2, "failed"), ("r-a", 1, "found"), ("r-9", 1, "done")])
        assert await ledger.unfinished(["den:x"]) == []
        assert await ledger.unfinished(["den:x", "den:y"]) == [(run_of("r-a"), [intent_of("r-a", 2, scope="den:y")])]
        await ledger.write(outcomes=[("r-a", 2, "absent")])
        assert await ledger.unfinished(["den:x", "den:y"]) == []


async def test_an_intent_is_replaced_by_one_of_the_same_number(where: Where) -> None:
    async with await Ledger.open(where) as ledger:
        await ledger.write(intents=[intent_of("r-1", 1)])
        await ledger.write(intents=[intent_of("r-1", 1, record=RECORD, id="cin_1")])
        ((run, found),) = await ledger.unfinished(["den:x"])
    assert found == [intent_of("r-1", 1, record=RECORD, id="cin_1")]
    assert (run.id, run.began) == ("r-1", ""), "also when its run is missing"


async def test_runs_are_told_the_newest_first(where: Where) -> None:
    async with await Ledger.open(where) as ledger:
        for number in range(25):
            await ledger.begin(run_of(f"r-{number}"))
        await ledger.finish("r-3", "2026-02-01T00:00:00Z", "done")
        await ledger.finish("r-none", "2026-02-01T00:00:00Z", "done")
        found = await ledger.runs(limit=None)
        assert await ledger.runs() == found[:20]
    assert [one.id for one in found] == [f"r-{number}" for number in reversed(range(25))]
    assert found[21] == replace(run_of("r-3"), ended="2026-02-01T00:00:00Z", result="done")
    assert found[0].ended == ""


async def test_history_is_kept_for_the_newest_and_for_what_is_not_settled(where: Where) -> None:
    lost = asyncio.Event()
    async with await Ledger.open(where) as ledger:
        for number in range(210):
            await ledger.begin(run_of(f"r-{number}"))
        await ledger.write(intents=[intent_of(f"r-{number}", 1) for number in range(210)])
        await ledger.write(outcomes=[(f"r-{number}", 1, "done") for number in range(210) if number != 4])
        async with ledger.locked(["den:x"], run_of("r-5"), timeout=0, on_lost=lost.set):
            await ledger.finish("r-209", "2026-02-01T00:00:00Z", "done")
        found = {one.id for one in await ledger.runs(limit=None)}
        with raw(where) as database:
            kept = {run for (run,) in database.execute("select run from intents").fetchall()}
    assert found == kept == {f"r-{number}" for number in (4, 5, *range(10, 210))}


# Forgetting


async def test_forgetting_by_address_by_scope_by_both_and_altogether(where: Where) -> None:
    records = [Record(scope, key, key) for scope in ("den:x", "den:y") for key in ("a", "b", "c")]
    seen = [Seen(scope, "K", "p", "", "") for scope in ("den:x", "den:y", "den:z")]
    async with await Ledger.open(where) as ledger:
        await ledger.write(records=records, seen=seen)
        assert await ledger.forget(address="none") == 0
        assert len(await ledger.seen()) == 3
        assert await ledger.forget(scope="den:x", address="a") == 1
        assert {scope for scope, _, _ in await ledger.seen()} == {"den:y", "den:z"}
        assert await ledger.forget(scope="den:x") == 2
        assert await ledger.forget(scope="den:z") == 0
        assert {scope for scope, _, _ in await ledger.seen()} == {"den:y"}
        assert set(await ledger.records()) == {("den:y", "a"), ("den:y", "b"), ("den:y", "c")}
        assert await ledger.forget(address="b") == 1
        assert await ledger.forget() == 2
        assert await ledger.forget() == 0
        assert await ledger.records() == {}


# Durable

KILLED = """
async def main():
    ledger = await Ledger.open(where)
    await ledger.begin(Run("r-1", "2026", "me"))
    for number in range(50):
        record = Record("den:x", f"cin_{number}", "a")
        intent = Intent("r-1", number, "den:x", "", "a", "K", "create", record=record)
        await ledger.write(records=[record], intents=[intent])
        print(number, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_what_was_written_survives_a_kill(where: Where) -> None:
    process = started(KILLED, where)
    out, error = await asyncio.to_thread(process.communicate, timeout=60)
    assert process.returncode == -9, error
    assert len(out.split()) == 50
    async with await Ledger.open(where) as ledger:
        assert len(await ledger.records(["den:x"])) == 50
        ((run, intents),) = await ledger.unfinished(["den:x"])
    assert (run.id, run.ended, len(intents)) == ("r-1", "", 50)


KILLED_MIDWAY = """
async def main():
    ledger = await Ledger.open(where)
    for number in range(10_000):
        await ledger.write(
            records=[Record("den:x", f"cin_{number}_{part}", "a") for part in range(50)],
            intents=[Intent("r-1", number * 50 + part, "den:x", "", "a", "K", "create") for part in range(50)],
        )
        print(number, flush=True)

asyncio.run(main())
"""


async def test_a_kill_in_the_middle_leaves_whole_writes(where: Where) -> None:
    process = started(KILLED_MIDWAY, where)
    assert process.stdout is not None
    for _ in range(7):
        await asyncio.to_thread(process.stdout.readline)
    process.kill()
    told = 7 + len(process.communicate()[0].splitlines())
    async with await Ledger.open(where) as ledger:
        records, unfinished = await ledger.records(["den:x"]), await ledger.unfinished(["den:x"])
        await ledger.write(records=[RECORD])
    assert len(records) == len(unfinished[0][1])
    assert len(records) % 50 == 0
    assert told <= len(records) / 50 <= told + 2


WRITER = """
async def main():
    ready()
    async with await Ledger.open(where) as ledger:
        for number in range(30):
            shared = [Record("den:x", f"cin_{one}", sys.argv[2]) for one in range(20)]
            if int(sys.argv[2]) % 2:
                shared.reverse()
            await ledger.write(records=[Record("den:x", f"cin_{sys.argv[2]}_{number}", "a"), *shared])
            await ledger.begin(Run(f"r-{sys.argv[2]}-{number}", "2026", "me"))
        print(ledger.key.hex())

asyncio.run(main())
"""


async def test_several_processes_make_and_write_it_at_once(where: Where) -> None:
    said = await asyncio.to_thread(together, [started(WRITER, where, str(number)) for number in range(4)])
    assert len(set(said)) == 1, "one key"
    async with await Ledger.open(where) as ledger:
        found = await ledger.records(["den:x"])
        assert len(await ledger.runs(limit=None)) == 120
    assert len(found) == 4 * 30 + 20
    assert len({one.address for one in found.values() if len(one.id) < 7 and one.address != "a"}) == 1


# Where it is


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%20b", "with space", "ünï", "a&mode=memory", "deep/er"])
async def test_any_folder_will_do(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "ledger.db"
    async with await Ledger.open(path) as ledger:
        await ledger.write(records=[RECORD])
    assert path.stat().st_size > 0
    assert len(await stored(path)) == 1
    assert len(await stored(str(path))) == 1
    assert os.listdir(tmp_path) == [name.partition("/")[0]]


async def test_it_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with await Ledger.open(tmp_path / "ledger.db") as ledger:
            await ledger.write(records=[RECORD])
            modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in files(tmp_path)}
    finally:
        os.umask(before)
    assert modes["ledger.db"] == 0o600
    assert set(modes.values()) == {0o600}


async def test_a_file_is_written_ahead_of_and_not_synced_for_each_write(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        with ledger.database.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1


async def test_a_ledger_that_another_process_keeps_locked_is_told_as_such(
    where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trueup.ledger.database.PATIENCE", 0.2)
    async with await Ledger.open(where) as ledger:
        with raw(where) as other:
            other.execute("begin exclusive" if isinstance(where, Path) else "begin")
            if isinstance(where, str):
                other.execute("lock table records")
            with pytest.raises(LedgerError, match="locked"):
                await ledger.write(records=[RECORD])
            other.execute("rollback")
        await ledger.write(records=[RECORD])
    assert len(await stored(where)) == 1


# The key


async def test_a_key_of_the_environment_serves_several_machines(
    tmp_path: Path, where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await Ledger.open(tmp_path / "one.db") as one, await Ledger.open(where) as two:
        assert one.key != two.key
    monkeypatch.setenv("TRUEUP_FINGERPRINT_KEY", "shared between machines")
    async with await Ledger.open(tmp_path / "one.db") as one, await Ledger.open(where) as two:
        assert one.key == two.key


async def test_nothing_shows_the_key_or_a_password(where: Where) -> None:
    async with await Ledger.open(where) as ledger:
        assert ledger.key.hex() not in repr(ledger) + repr(ledger.database)
        assert "server" not in repr(ledger).replace(str(where), "")


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


async def test_planning_makes_no_ledger(world: World) -> None:
    await world.plan(account())
    assert not world.folder.exists()


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


async def test_an_empty_file_that_was_there_becomes_its_owners_alone(tmp_path: Path) -> None:
    place = tmp_path / "ledger.db"
    place.touch(mode=0o644)
    place.chmod(0o644)
    async with await Ledger.open(place):
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
