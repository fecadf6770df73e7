"""The answer to a creation verifies it; an incomplete answer is followed by a read."""

from __future__ import annotations

from declare import access, account, instance, mapping, target
from world import World, results


async def test_it_is_not_read_again(world: World) -> None:
    wanted = [account(), instance("docs"), target("main", config={"branch": "main"}), mapping("skills")]
    wanted.append(access("everybody", organization=True))
    async with world.session(*wanted) as session:
        plan = await session.plan()
        world.forget()
        report = await session.apply(plan)
    assert report.exit_code == 0, results(report)
    assert all(outcome.verified for outcome in report.outcomes)
    routes = world.routes()
    read = [route for route in routes if route.startswith("GET") and route.endswith(("targets", "mappings", "access"))]
    assert not read, routes
    assert report.requests == plan.cost.requests
    assert await world.in_sync(*wanted)


async def test_one_that_came_back_otherwise_is_read(world: World) -> None:
    await world.apply(account(), instance("docs"))
    row = world.instance("docs")
    body = {
        "ok": True,
        "item": {
            "id": "ctg_01jc4k8f7qfv9s8h1y1x7yq8zm",
            "connectorInstanceId": row["id"],
            "remoteId": "acme/main",
            "targetKind": "repository_branch",
            "targetConfigJson": {"branch": "other"},
        },
    }
    world.fault(system="den", method="POST", route="*/targets", status=201, times=1, body=body, after=True)
    world.forget()
    report = await world.apply(account(), instance("docs"), target("main", config={"branch": "main"}))
    assert any(route.startswith("GET") and "targets" in route for route in world.routes())
    assert report.count("done") + report.count("failed", "contended") == 1


async def test_one_whose_answer_was_lost_is_read(world: World) -> None:
    await world.apply(account(), instance("docs"))
    world.fault(system="den", method="POST", route="*/targets", reset="after", times=1)
    world.forget()
    report = await world.apply(account(), instance("docs"), target("main", config={"branch": "main"}))
    assert report.exit_code == 0
    assert all(outcome.verified for outcome in report.outcomes)
    assert any(route.startswith("GET") and "targets" in route for route in world.routes())
