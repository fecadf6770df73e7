"""What goes with what: removing an instance or disconnecting an account deletes for good all that hangs on it."""

from __future__ import annotations

from typing import Any

from trueup.sandbox.den.world import World
from trueup.sandbox.store import Row, Table


def remove_instances(world: World, identities: set[str]) -> dict[str, Any]:
    """Deletes instances, their targets, mappings, grants and events, and what was imported through them.

    A plugin goes when no mapping names it any more. Answers the counts that the API tells.
    """
    gone = [row for row in world.mappings.values() if row["connectorInstanceId"] in identities]
    counts = {
        "deletedConfigObjectCount": _sweep(world.config_objects, identities),
        "deletedConnectorMappingCount": _sweep(world.mappings, identities),
    }
    for table in (world.targets, world.grants, world.events):
        _sweep(table, identities)
    named = {row["pluginId"] for row in world.mappings.values()}
    for row in gone:
        if row["pluginId"] is not None and row["pluginId"] not in named:
            world.plugins.delete(row["pluginId"])
    for identity in identities:
        world.instances.delete(identity)
    return counts


def remove_account(world: World, account: Row) -> dict[str, Any]:
    """Deletes an account and all its instances."""
    theirs = {row["id"] for row in world.instances.values() if row["connectorAccountId"] == account["id"]}
    counts = remove_instances(world, theirs)
    world.accounts.delete(account["id"])
    return {**counts, "deletedConnectorInstanceCount": len(theirs)}


def _sweep(table: Table, instances: set[str]) -> int:
    """Deletes the rows that belong to one of these instances; how many."""
    gone = [row["id"] for row in table.values() if row["connectorInstanceId"] in instances]
    for identity in gone:
        table.delete(identity)
    return len(gone)
