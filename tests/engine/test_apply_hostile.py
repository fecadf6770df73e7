"""Answers that are about something else, or that say a write happened which did not."""

from __future__ import annotations

from declare import account, instance
from world import World, results


def _item(world: World, name: str) -> dict[str, object]:
    found: dict[str, object] = world.sandbox.den.get(f"/v1/connector-instances/{world.instance(name)['id']}").json()[
        "item"
    ]
    return found


async def test_an_answer_about_another_instance_is_not_followed(world: World) -> None:
    await world.apply(account(), instance("docs", status="disabled"), instance("other", status="disabled"))
    other = _item(world, "other")
    world.fault(system="den", method="PATCH", status=200, body={"ok": True, "item": other})
    report = await world.apply(account(), instance("docs", status="active", remoteId="acme/docs"))
    assert results(report)["docs"] == "failed"
    assert world.instance("other")["status"] == "disabled"
    assert len([one for one in world.rows("den.connectorInstances") if one["name"] == "docs"]) == 1


async def test_a_config_is_never_written_over_with_that_of_another_instance(world: World) -> None:
    await world.apply(account(), instance("docs", config={"a": 1}), instance("other", config={"theirs": 1}))
    other = _item(world, "other")
    world.fault(
        system="den",
        method="GET",
        route="/v1/connector-instances/{connectorInstanceId}",
        status=200,
        body={"item": other},
        times=1,
    )
    report = await world.apply(account(), instance("docs", config={"a": 2}))
    assert results(report) == {"docs": "failed"}
    assert world.instance("docs")["instanceConfigJson"] == {"a": 1}


async def test_a_write_that_does_nothing_is_not_learned(world: World) -> None:
    await world.apply(account(), instance("docs", remoteId="acme/old", config={"branch": "old"}))
    before = _item(world, "docs")
    world.fault(system="den", method="PATCH", status=200, body={"ok": True, "item": before})
    wanted = [account(), instance("docs", remoteId="acme/new", config={"branch": "new"})]
    report = await world.apply(*wanted)
    assert (results(report), report.exit_code) == ({"docs": "contended"}, 4)
    assert not await world.in_sync(*wanted)


async def test_what_was_created_and_is_not_to_be_seen_is_not_created_again(world: World) -> None:
    await world.apply(account())
    world.fault(
        system="den",
        method="GET",
        route="/v1/connector-instances/{connectorInstanceId}",
        status=404,
        body={"error": "x"},
    )
    report = await world.apply(account(), instance("docs"))
    assert results(report) == {"docs": "contended"}
    assert len([one for one in world.rows("den.connectorInstances") if one["name"] == "docs"]) == 1
