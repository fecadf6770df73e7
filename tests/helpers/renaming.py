"""Instances whose repository and configuration identify them, whatever their names are."""

from __future__ import annotations

from typing import Any

from declare import account, instance
from world import INSTANCES, World, results

from trueup.core.kinds import RENAMED_FROM, Declared
from trueup.engine.apply import Report


def own(label: str, **spec: Any) -> Declared:
    """Return an instance whose repository and configuration identify it."""
    return instance(label, **{"remoteId": f"acme/{label}", "config": {"is": label}, "status": "active", **spec})


def renamed(one: Declared, former: str) -> Declared:
    one.annotations = {RENAMED_FROM: former}
    return one


def held(world: World) -> dict[str, tuple[str, str, Any]]:
    """Return name, repository and configuration of each managed instance, by id."""
    rows = [row for row in world.rows(INSTANCES) if "is" in (row["instanceConfigJson"] or {})]
    return {row["id"]: (row["name"], row["remoteId"], row["instanceConfigJson"]) for row in rows}


async def made(world: World, *labels: str) -> dict[str, str]:
    """Create instances of those names; return the id of each."""
    assert (await world.apply(account(), *map(own, labels))).exit_code == 0
    ids = {row["name"]: row["id"] for row in world.rows(INSTANCES)}
    return {label: ids[label] for label in labels}


async def moved(world: World, ids: dict[str, str], names: dict[str, str], *more: Declared, **options: Any) -> Report:
    """Declare each under its new name, apply, and check that each kept its id, repository and configuration."""
    wanted = [account(), *(own(label, name=names.get(label, label)) for label in ids), *more]
    report = await world.apply(*wanted, **options)
    assert report.exit_code == 0, results(report)
    rows = held(world)
    for label, identity in ids.items():
        assert rows[identity] == (names.get(label, label), f"acme/{label}", {"is": label})
    assert await world.in_sync(*wanted)
    assert not (await world.plan(*wanted, prune=True, **options)).has_changes, "and nothing of it is pruned"
    return report
