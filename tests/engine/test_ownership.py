"""Whose is what, where it is easy to get wrong: two connections to one server, one address for two, a run left."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3

import pytest
from declare import DEN, account, declared, declared_connection, instance, mapping, target
from world import INSTANCES, World, actions

from trueup.core.kinds import Declaration
from trueup.core.secrets import Secret
from trueup.ledger import locks


def connection(world: World, name: str) -> Declaration:
    ready = world.sandbox.ready["den"]
    return declared_connection(DEN, name, url=ready["url"], apiKey=Secret(ready["apiKey"]))


async def test_what_another_connection_to_the_same_server_declares_is_declared(world: World) -> None:
    both = (connection(world, "default"), connection(world, "admin"))
    other = declared(DEN, "ConnectorAccount", "beta", "admin", remoteId="1009", displayName="beta")
    theirs = declared(DEN, "ConnectorInstance", "other", "admin", connectorAccount="beta", name="other")
    wanted = [account(), instance("docs"), other, theirs]
    await world.apply(*wanted, connections=both)
    plan = await world.plan(*wanted, connections=both, prune=True)
    assert not plan.has_changes
    assert plan.left == ()
    assert len({live.id for _, live in plan.unmanaged}) == len(plan.unmanaged)
    plan = await world.plan(*wanted[:3], connections=both, prune=True)
    assert actions(plan) == {"other": "delete"}
    assert len(plan.steps) == 1


async def test_an_address_that_had_another_id_is_looked_at(world: World) -> None:
    from datetime import timedelta

    first = [account(), instance("docs"), target("one"), target("main")]
    await world.apply(*first)
    older = world.row("den.connectorTargets", remoteId="acme/one")["id"]
    second = [account(), instance("docs"), target("main", remoteId="acme/one", id=older), mapping("skills")]
    await world.apply(*second)
    assert await world.in_sync(*second)
    assert await world.in_sync(*second, max_age=timedelta(hours=1))


async def test_two_of_one_address_are_pruned_and_nothing_stays_open(world: World) -> None:
    await world.apply(account(), instance("docs"), instance("other"))
    with contextlib.closing(sqlite3.connect(world.folder / "ledger.db")) as database:
        database.execute("update records set address = 'den/ConnectorInstance/docs' where kind = 'ConnectorInstance'")
        database.commit()
    await world.apply(account(), prune=True)
    assert {row["status"] for row in world.rows(INSTANCES) if row["name"] in ("docs", "other")} == {"archived"}
    with contextlib.closing(sqlite3.connect(world.folder / "ledger.db")) as database:
        assert database.execute("select count(*) from intents where state = 'open'").fetchone() == (0,)


async def test_a_run_that_is_cancelled_sends_nothing_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [account(), *(instance(f"i{number:02}") for number in range(40))]
    monkeypatch.setattr(locks, "HEARTBEAT", locks.DEAD_AFTER)  # so that no renewal is among the tasks
    async with world.session(*wanted) as session, session.exclusively():
        plan = await session.plan()
        others = asyncio.all_tasks()
        task = asyncio.ensure_future(session.apply(plan))
        enough = asyncio.Event()
        world.progress.on_advance = lambda _: enough.set()
        await enough.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() <= others, "nothing is left that could send"
        world.settle()
        made = len(world.rows(INSTANCES))
    assert len(world.rows(INSTANCES)) == made < 42
    await world.apply(*wanted)
    assert await world.in_sync(*wanted)
    assert len(world.rows(INSTANCES)) == 42


async def test_what_another_run_wrote_is_known_when_a_session_plans_again(world: World) -> None:
    async with world.session(account(), instance("docs")) as session:
        await session.plan()
        await world.apply(account(), instance("docs"), instance("other"))
        plan = await session.plan()
        assert [left.record.address for left in plan.left] == ["den/ConnectorInstance/other"]
