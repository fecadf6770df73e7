"""Cascades: removing an instance or disconnecting an account permanently deletes all of its children."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trueup.sandbox.den.world import DenWorld
from trueup.sandbox.store import Row, Table


def remove_instances(world: DenWorld, identities: set[str]) -> dict[str, Any]:
    """Delete instances, their targets, mappings, grants and events, and the objects that were imported through them.

    A plugin is deleted with its last mapping. Return the counts that the API returns.
    """
    objects = mappings = 0
    for identity in identities:
        objects += _sweep(world.config_objects, world.objects_by_instance.get(identity))
        mappings += _remove_mappings(world, world.mappings_by_instance.get(identity))
        _sweep(world.targets, world.targets_by_instance.get(identity))
        _sweep(world.grants, world.grants_by_instance.get(identity))
        _sweep(world.events, world.events_by_instance.get(identity))
        world.instances.delete(identity)
    return {"deletedConfigObjectCount": objects, "deletedConnectorMappingCount": mappings}


def remove_account(world: DenWorld, account: Row) -> dict[str, Any]:
    """Delete an account and all its instances."""
    theirs = {row["id"] for row in world.instances.values() if row["connectorAccountId"] == account["id"]}
    counts = remove_instances(world, theirs)
    world.accounts.delete(account["id"])
    return {**counts, "deletedConnectorInstanceCount": len(theirs)}


def remove_target(world: DenWorld, target: Row) -> None:
    """Delete a target, its mappings and its events. No route does this; see `person`."""
    _remove_mappings(world, world.mappings_by_target.get(target["id"]))
    _sweep(world.events, world.events_by_target.get(target["id"]))
    world.targets.delete(target["id"])


def _remove_mappings(world: DenWorld, gone: list[Row]) -> int:
    """Delete mappings, and plugins without a mapping; return the number of mappings."""
    _sweep(world.mappings, gone)
    for plugin in {row["pluginId"] for row in gone} - {None}:
        if not world.mappings_by_plugin.get(plugin):
            world.plugins.delete(plugin)
    return len(gone)


def _sweep(table: Table, gone: Iterable[Row]) -> int:
    """Delete these rows and return their number."""
    identities = [row["id"] for row in gone]
    for identity in identities:
        table.delete(identity)
    return len(identities)
