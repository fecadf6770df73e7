"""Changes by another user in the web interface: fields of a resource, or its removal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from trueup.sandbox.den.removal import remove_account, remove_instances, remove_target
from trueup.sandbox.den.rules import (
    ACCOUNT_STATUSES,
    INSTANCE_STATUSES,
    MAPPING_KINDS,
    name_taken,
    remote_taken,
    selector_taken,
)
from trueup.sandbox.den.validate import Anything, Flag, Id, Issue, Maybe, OneOf, Shape, Text
from trueup.sandbox.den.world import DenWorld, same
from trueup.sandbox.store import Row, Table

KEYS = ("kind", "id", "name", "instance", "target", "set", "remove")
"""The schema of a change by a user: the resource, and the fields to set or its removal."""


@dataclass(frozen=True)
class _Kind:
    table: str
    called: str
    """The field with the name of a resource."""
    fields: dict[str, Shape]
    """The fields that may be set, by their names in answers; `config` stands for the field that contains it."""
    below: tuple[str, ...] = ()
    """The keys that identify the parent, since names are unique only among siblings."""


_CONFIG = Maybe(Anything(), null=True)
_KINDS = {
    "connector-account": _Kind(
        "den.connectorAccounts",
        "displayName",
        {
            "remoteId": Text(),
            "displayName": Text(),
            "externalAccountRef": Maybe(Text(), null=True),
            "status": ACCOUNT_STATUSES,
            "metadata": _CONFIG,
        },
    ),
    "connector-instance": _Kind(
        "den.connectorInstances",
        "name",
        {
            "remoteId": Maybe(Text(), null=True),
            "name": Text(),
            "status": INSTANCE_STATUSES,
            "instanceConfigJson": _CONFIG,
        },
    ),
    "connector-target": _Kind(
        "den.connectorTargets",
        "remoteId",
        {"remoteId": Text(), "externalTargetRef": Maybe(Text(), null=True), "targetConfigJson": Anything()},
        ("instance",),
    ),
    "connector-mapping": _Kind(
        "den.connectorMappings",
        "selector",
        {
            "mappingKind": MAPPING_KINDS,
            "selector": Text(),
            "objectType": Text(),  # any, since the next version may accept it
            "pluginId": Maybe(Id("plg"), null=True),
            "autoAddToPlugin": Flag(),
            "mappingConfigJson": _CONFIG,
        },
        ("instance", "target"),
    ),
    "access-grant": _Kind(
        "den.accessGrants",
        "e-mail or team",
        {"role": OneOf(("viewer", "editor", "manager"))},
        ("instance",),
    ),
    "team": _Kind("den.teams", "name", {"name": Text()}),
    "user": _Kind("den.users", "email", {"email": Text(), "name": Text()}),
}
EVERYBODY = "everybody"
"""The name of a grant for the whole organisation."""


def change_resource(world: DenWorld, wanted: dict[str, Any]) -> list[str]:
    """Set fields of the resource with that `kind` and `id` or `name`, or remove it; return the touched ids.

    Raises ValueError for an impossible change, in a sentence.
    """
    kind = _KINDS.get(str(wanted.get("kind")))
    if kind is None:
        raise ValueError(f"kind has to be one of {', '.join(_KINDS)}, not {wanted.get('kind')!r}")
    table = world.store.table(kind.table)
    row = _find(world, kind, table, wanted)
    if wanted.get("remove"):
        _remove(world, table, row)
        return [row["id"]]
    changed = {**row, **_fields(kind, wanted)}
    _check_unique(world, table, changed)
    dated = {"updatedAt": world.stamp()} if "updatedAt" in row else {}
    world.put(table, {**changed, **dated})
    return [row["id"]]


def _find(world: DenWorld, kind: _Kind, table: Table, wanted: dict[str, Any]) -> Row:
    if ("id" in wanted) == ("name" in wanted):
        raise ValueError("say which one by either id or name")
    if strange := [key for key in ("instance", "target") if key in wanted and key not in kind.below]:
        raise ValueError(f"{wanted['kind']} does not take {strange[0]}")
    siblings = _below(world, table, wanted)
    if "id" in wanted:
        found = [row for row in siblings if row["id"] == wanted["id"]]
    elif table is world.grants:
        # By name only active grants are found; a revoked one can be named by its id.
        found = [row for row in siblings if row["removedAt"] is None and _grantee(world, row, str(wanted["name"]))]
    else:
        found = [row for row in siblings if same(str(row[kind.called]), str(wanted["name"]))]
    if len(found) != 1:
        which = repr(wanted.get("id", wanted.get("name")))
        closer = " or ".join([*kind.below, "id"])
        raise ValueError(f"{'several' if found else 'no'} {wanted['kind']} {kind.called}: {which}; say it by {closer}")
    return found[0]


def _below(world: DenWorld, table: Table, wanted: dict[str, Any]) -> Iterable[Row]:
    """Return the rows of the table that belong to the given instance and target, each given by id or name."""
    rows: Iterable[Row] = table.values()
    if "instance" in wanted:
        owners = _called(world.instances, "name", wanted["instance"])
        rows = [row for row in rows if row["connectorInstanceId"] in owners]
    if "target" in wanted:
        owners = _called(world.targets, "remoteId", wanted["target"])
        rows = [row for row in rows if row["connectorTargetId"] in owners]
    return rows


def _called(table: Table, field: str, name: object) -> set[str]:
    return {row["id"] for row in table.values() if row["id"] == name or same(str(row[field]), str(name))}


def _grantee(world: DenWorld, grant: Row, name: str) -> bool:
    """Whether a grant is for that: the e-mail of a member, the name of a team, or EVERYBODY."""
    if grant["orgWide"]:
        return name == EVERYBODY
    if grant["teamId"]:
        team = world.teams.get(grant["teamId"])
        return team is not None and same(team["name"], name)
    member = world.members.get(grant["orgMembershipId"] or "")
    user = world.users.get(member["userId"]) if member else None
    return user is not None and same(user["email"], name)


def _fields(kind: _Kind, wanted: dict[str, Any]) -> dict[str, Any]:
    given = wanted.get("set")
    if not isinstance(given, dict) or not given:
        raise ValueError("set has to be an object with the fields that change, or remove has to be true")
    holder = next((name for name in kind.fields if name.endswith("ConfigJson")), None)
    fields = {holder if name == "config" and holder else name: value for name, value in given.items()}
    if unknown := sorted(fields.keys() - kind.fields.keys()):
        raise ValueError(f"{', '.join(unknown)} cannot be set; the fields are {', '.join(kind.fields)}")
    issues: list[Issue] = []
    parsed = {name: kind.fields[name].parse(value, (name,), issues) for name, value in fields.items()}
    if issues:
        raise ValueError(f"{issues[0]['path'][0]}: {issues[0]['message']}")
    return parsed


def _check_unique(world: DenWorld, table: Table, row: Row) -> None:
    """Raise ValueError for a change that the database would refuse."""
    if table is world.instances and name_taken(world, row["organizationId"], row["name"], but=row["id"]):
        raise ValueError(f"another instance is called {row['name']!r}")
    if table is world.targets and remote_taken(world, row["connectorInstanceId"], row["remoteId"], but=row["id"]):
        raise ValueError(f"another target of the instance has the remoteId {row['remoteId']!r}")
    if table is world.mappings and selector_taken(world, row):
        raise ValueError(f"another mapping of the target has the selector {row['selector']!r} and that objectType")


def _remove(world: DenWorld, table: Table, row: Row) -> None:
    """Remove a resource as the API would; a target, which no route removes, by other means."""
    if table is world.accounts:
        remove_account(world, row)
    elif table is world.instances:
        remove_instances(world, {row["id"]})
    elif table is world.targets:
        remove_target(world, row)
    elif table is world.mappings:
        table.delete(row["id"])
    elif table is world.teams:  # the grants of a team end with it (case `effects.team-deleted.plugin-grants`)
        for grant in [one for one in world.grants.values() if one["teamId"] == row["id"]]:
            world.put(world.grants, {**grant, "removedAt": grant["removedAt"] or world.stamp()})
        table.delete(row["id"])
    elif table is world.users:
        raise ValueError("a user is not removed here: take the member out of the state instead")
    else:
        world.put(table, {**row, "removedAt": world.stamp()})
