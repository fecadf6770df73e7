"""Rules for every change of a resource: valid values, and names that are taken."""

from __future__ import annotations

from trueup.sandbox.den.validate import OneOf
from trueup.sandbox.den.world import DenWorld, named
from trueup.sandbox.store import Row

CONNECTOR_TYPES = OneOf(("github",))
ACCOUNT_STATUSES = OneOf(("active", "inactive", "disconnected", "error"))
INSTANCE_STATUSES = OneOf(("active", "disabled", "archived", "error"))
MAPPING_KINDS = OneOf(("path", "api", "custom"))
WRITE_GAP = 0.002
"""Seconds between reading a row and writing it back: long enough for two requests to race."""


def name_taken(world: DenWorld, organization: str, name: str, but: str | None = None) -> bool:
    """Whether another instance of the organisation has that name."""
    alike = world.instances_by_name.get(named(organization, name))
    return any(row["id"] != but and world.collide(row["name"], name) for row in alike)


def auto_imports(instance: Row) -> bool:
    """Whether syncs import new plugins: yes, unless the config says otherwise."""
    config = instance["instanceConfigJson"]
    saved = config.get("autoImportNewPlugins") if isinstance(config, dict) else None
    return saved if isinstance(saved, bool) else True


def targets_of(world: DenWorld, instance: Row) -> list[Row]:
    """The targets of an instance, oldest first."""
    return sorted(world.targets_by_instance.get(instance["id"]), key=lambda row: (row["createdAt"], row["id"]))


def remote_taken(world: DenWorld, instance: str, remote: str, but: str | None = None) -> bool:
    """Whether another target of the instance has that remoteId."""
    its = world.targets_by_instance.get(instance)
    return any(row["id"] != but and world.collide(row["remoteId"], remote) for row in its)


def selector_taken(world: DenWorld, row: Row) -> bool:
    """Whether another mapping of the target creates the same objects from the same selector."""
    its = (other for other in world.mappings_by_target.get(row["connectorTargetId"]) if other["id"] != row["id"])
    return any(
        other["objectType"] == row["objectType"] and world.collide(other["selector"], row["selector"]) for other in its
    )
