"""Applying beside others: what they undo is healed once or told, and a person can stop it."""

from __future__ import annotations

import asyncio
from typing import Any

from declare import account, instance
from hostile import never
from world import INSTANCES, Recorder, World, actions, changed, names, results

from trueup.systems.den import connector_instance

# What is undone meanwhile


async def test_what_somebody_undoes_once_is_healed_in_a_second_round(world: World) -> None:
    wanted = [account(), instance("docs", status="active"), instance("other", status="active")]
    await world.apply(*wanted)
    world.person("docs", status="disabled")
    first = iter([True])
    world.progress = Recorder()
    world.progress.on_look = lambda: next(first, False) and world.person("docs", status="archived")
    report = await world.apply(*wanted)
    assert (results(report), report.exit_code) == ({"docs": "done"}, 0)
    assert report.outcomes[0].verified
    assert world.instance("docs")["status"] == "active"
    assert any("undone meanwhile" in decision for decision in world.progress.decisions)


async def test_what_somebody_undoes_again_and_again_is_contended(world: World) -> None:
    wanted = [account(), instance("docs", status="active"), instance("other", status="active")]
    await world.apply(*wanted)
    for name in ("docs", "other"):
        world.person(name, status="disabled")
    world.progress = Recorder()
    world.progress.on_look = lambda: world.person("docs", status="archived")
    world.forget()
    report = await world.apply(*wanted)
    assert results(report) == {"docs": "contended", "other": "done"}
    assert report.exit_code == 4
    assert not report.outcomes[0].verified
    assert sum("enable" in write for write in world.writes()) == 3, "the rounds are bounded"
    assert not await world.in_sync(*wanted), "nothing was learned from it"


async def test_an_instance_removed_during_the_run_is_told_and_not_made_again(world: World) -> None:
    wanted = [account(), instance("docs", status="active", config={"a": 1})]
    await world.apply(*wanted)
    world.person("docs", status="disabled")
    first = iter([True])
    world.progress.on_look = lambda: (
        next(first, False) and world.upstream("person", kind="connector-instance", name="docs", remove=True)
    )
    report = await world.apply(*wanted)
    assert (report.exit_code, results(report)) == (4, {"docs": "contended"})
    assert actions(await world.plan(*wanted)) == {"docs": "create"}


async def test_a_status_that_the_server_does_not_take_is_never_called_in_sync(world: World) -> None:
    """A server that answers 200 and leaves the status as it is has not found another word for it."""
    await world.apply(account(), instance("docs", status="active"))
    item = world.sandbox.den.get(f"/v1/connector-instances/{world.instance('docs')['id']}").json()["item"]
    world.fault(system="den", method="POST", route="*/disable", status=200, body={"ok": True, "item": item})
    wanted = [account(), instance("docs", status="disabled")]
    report = await world.apply(*wanted)
    assert (results(report), report.exit_code) == ({"docs": "contended"}, 4)
    assert not await world.in_sync(*wanted)


async def test_a_flag_that_the_server_does_not_take_is_never_called_in_sync(world: World) -> None:
    await world.apply(account(), instance("docs"))
    item = world.sandbox.den.get(f"/v1/connector-instances/{world.instance('docs')['id']}").json()["item"]
    body = {"ok": True, "item": {"connectorInstance": item}}
    world.fault(system="den", method="POST", route="*/auto-import", status=200, body=body)
    wanted = [account(), instance("docs", autoImportNewPlugins=False)]
    report = await world.apply(*wanted)
    assert results(report) == {"docs": "contended"}
    assert not await world.in_sync(*wanted)


async def test_a_write_that_leaves_a_value_as_it_was_is_never_called_in_sync(world: World) -> None:
    await world.apply(account(), instance("docs", config={"a": "old"}))
    item = world.sandbox.den.get(f"/v1/connector-instances/{world.instance('docs')['id']}").json()["item"]
    world.fault(system="den", method="PATCH", status=200, body={"ok": True, "item": item})
    wanted = [account(), instance("docs", config={"a": "new"})]
    assert results(await world.apply(*wanted)) == {"docs": "contended"}
    assert changed(await world.plan(*wanted)) == {"config.a": ("old", "new")}


async def test_a_flag_of_the_config_that_the_server_turns_round_is_never_called_in_sync(world: World) -> None:
    await world.apply(account(), instance("docs"))
    item = world.sandbox.den.get(f"/v1/connector-instances/{world.instance('docs')['id']}").json()["item"]
    turned = {**item, "instanceConfigJson": {"flag": False}}
    world.fault(system="den", method="PATCH", status=200, body={"ok": True, "item": turned})
    world.progress = Recorder()
    world.progress.on_look = lambda: world.person("docs", config={"flag": False})
    wanted = [account(), instance("docs", config={"flag": True})]
    assert results(await world.apply(*wanted)) == {"docs": "contended"}
    world.progress = Recorder()
    assert changed(await world.plan(*wanted)) == {"config.flag": (False, True)}


async def test_a_value_that_the_server_keeps_in_another_form_is_learned(world: World, monkeypatch: Any) -> None:
    """A server that stores remote ids in lower case says what was written in its own way."""
    real = connector_instance._live

    def lowered(item: dict[str, Any]) -> Any:
        live = real(item)
        live.spec["remoteId"] = live.spec["remoteId"] and live.spec["remoteId"].lower()
        return live

    monkeypatch.setattr(connector_instance, "_live", lowered)
    wanted = [account(), instance("docs", remoteId="Acme/Docs")]
    report = await world.apply(*wanted)
    assert (results(report), report.exit_code) == ({"acme": "done", "docs": "done"}, 0)
    assert await world.in_sync(*wanted)
    world.person("docs", remoteId="acme/else")
    assert not await world.in_sync(*wanted)


# A person who stops it


async def test_stopping_finishes_what_is_in_flight_and_sends_nothing_more(world: World) -> None:
    wanted = [account(), *(instance(f"repo-{n}") for n in range(40))]
    async with world.session(*wanted) as session:
        plan = await session.plan()
        world.forget()
        world.progress.on_advance = lambda line: session.stop() if "repo-3" in line else None
        others = asyncio.all_tasks()
        report = await session.apply(plan)
        assert asyncio.all_tasks() <= others, "nothing is left that could send"
    done = {name for name, result in results(report).items() if result == "done"}
    there = set(names(world.rows(INSTANCES))) - {"old-wiki", "release-notes-2019"}
    assert done - {"acme"} == there, "what is told is what is there"
    assert 0 < len(there) < 40
    assert {result for name, result in results(report).items() if name not in done} == {"stopped"}
    assert (report.stopped, report.exit_code) == (True, 4)
    assert report.unverified
    assert world.routes()["GET /v1/connector-instances"] == 0, "not even a look"


async def test_stopping_ends_a_wait_for_the_window_at_once(world: World) -> None:
    limited = {"code": "RATE_LIMITED", "details": {"tryAgainIn": 59000}}
    async with world.session(account()) as session:
        plan = await session.plan()
        world.fault(system="den", route="/v1/*", status=401, body={"error": "unauthorized"})
        world.fault(system="den", route="/api/auth/get-session", status=429, body=limited)

        class Patient(type(world.clock)):  # type: ignore[misc]
            async def sleep(self, seconds: float) -> None:
                asyncio.get_running_loop().call_soon(session.stop)
                await never()

        patient = Patient(world.sandbox)
        for client in session.clients.values():
            client.clock = patient
        report = await session.apply(plan)
    assert results(report) == {"acme": "stopped"}
    assert report.exit_code == 4
