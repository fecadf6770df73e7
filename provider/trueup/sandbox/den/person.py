"""A colleague in the web interface, who changes or removes a resource that somebody declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trueup.sandbox.den.accounts import STATUSES as ACCOUNT_STATUSES
from trueup.sandbox.den.instances import STATUSES as INSTANCE_STATUSES
from trueup.sandbox.den.instances import name_taken
from trueup.sandbox.den.mappings import KINDS, OBJECTS
from trueup.sandbox.den.removal import remove_account, remove_instances
from trueup.sandbox.den.validate import Anything, Flag, Id, Issue, Maybe, OneOf, Shape, Text
from trueup.sandbox.den.world import World, same
from trueup.sandbox.store import Row, Table


@dataclass(frozen=True)
class _Kind:
    table: str
    called: str
    """The field that a resource is called by."""
    fields: dict[str, Shape]
    """What may be set, by the field's name in answers; `config` and `metadata` stand for the field that holds them."""


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
    ),
    "connector-mapping": _Kind(
        "den.connectorMappings",
        "selector",
        {
            "mappingKind": KINDS,
            "selector": Text(),
            "objectType": OBJECTS,
            "pluginId": Maybe(Id("plg"), null=True),
            "autoAddToPlugin": Flag(),
            "mappingConfigJson": _CONFIG,
        },
    ),
    "access-grant": _Kind("den.accessGrants", "id", {"role": OneOf(("viewer", "editor", "manager"))}),
}


def change_resource(world: World, wanted: dict[str, Any]) -> list[str]:
    """Sets fields of the resource that `kind` and `id` or `name` tell, or removes it; the ids that were touched.

    ValueError says in a sentence what cannot be done.
    """
    kind = _KINDS.get(str(wanted.get("kind")))
    if kind is None:
        raise ValueError(f"kind has to be one of {', '.join(_KINDS)}, not {wanted.get('kind')!r}")
    table = world.store.table(kind.table)
    row = _find(table, kind, wanted)
    if wanted.get("remove"):
        _remove(world, kind, table, row)
        return [row["id"]]
    fields = _fields(kind, wanted)
    name = fields.get("name") if kind.table == "den.connectorInstances" else None
    if name is not None and name_taken(world, row["organizationId"], name, but=row["id"]):
        raise ValueError(f"another instance is called {name!r}")
    dated = {"updatedAt": world.stamp()} if "updatedAt" in row else {}
    world.put(table, {**row, **fields, **dated})
    return [row["id"]]


def _find(table: Table, kind: _Kind, wanted: dict[str, Any]) -> Row:
    if ("id" in wanted) == ("name" in wanted):
        raise ValueError("say which one by either id or name")
    if "id" in wanted:
        found = [row for row in table.values() if row["id"] == wanted["id"]]
    else:
        found = [row for row in table.values() if same(str(row[kind.called]), str(wanted["name"]))]
    if len(found) != 1:
        which = repr(wanted.get("id", wanted.get("name")))
        raise ValueError(f"{'several' if found else 'no'} {wanted['kind']} {kind.called}: {which}; say it by id")
    return found[0]


def _fields(kind: _Kind, wanted: dict[str, Any]) -> dict[str, Any]:
    given = wanted.get("set")
    if not isinstance(given, dict) or not given:
        raise ValueError("set has to be an object with the fields that change, or remove has to be true")
    holder = next((name for name in kind.fields if name.endswith("ConfigJson")), None)
    fields = {holder if name == "config" and holder else name: value for name, value in given.items()}
    if unknown := sorted(fields.keys() - kind.fields.keys()):
        raise ValueError(f"nobody can set {', '.join(unknown)}; what can be set is {', '.join(kind.fields)}")
    issues: list[Issue] = []
    parsed = {name: kind.fields[name].parse(value, (name,), issues) for name, value in fields.items()}
    if issues:
        raise ValueError(f"{issues[0]['path'][0]}: {issues[0]['message']}")
    return parsed


def _remove(world: World, kind: _Kind, table: Table, row: Row) -> None:
    if kind.table == "den.connectorAccounts":
        remove_account(world, row)
    elif kind.table == "den.connectorInstances":
        remove_instances(world, {row["id"]})
    elif kind.table == "den.connectorMappings":
        table.delete(row["id"])
    elif kind.table == "den.accessGrants":
        world.put(table, {**row, "removedAt": world.stamp()})
    else:
        raise ValueError("a target goes only with its instance")
