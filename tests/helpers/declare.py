"""Declared resources, made by hand where a test is not about manifests."""

from __future__ import annotations

from typing import Any

from trueup.core.kinds import Declaration, Declared
from trueup.core.records import Record
from trueup.core.values import DEFAULT_CONNECTION, Address, ConnectionId, Where
from trueup.manifest import Manifest
from trueup.systems.registry import BY_NAME, resource_kind

DEN = "den.trueup.dev/v1"
WEXA = "wexa.trueup.dev/v1"


def declared(api: str, kind: str, label: str, connection: str = DEFAULT_CONNECTION, **spec: Any) -> Declared:
    """One resource called `label`, at line 1 of a file that does not exist."""
    found = resource_kind(api.partition(".")[0], kind)
    return Declared(Address(found.system, kind, label, connection), found, spec, Where(f"{label}.yaml", 1))


def declared_connection(api: str, label: str, **spec: Any) -> Declaration:
    """One Connection called `label`."""
    found = BY_NAME[api, "Connection"]
    return Declaration(Address(found.system, found.name, label), found, spec, Where(f"{label}.yaml", 1))


def account(label: str = "acme", **spec: Any) -> Declared:
    """A ConnectorAccount; remote id 1001 unless said."""
    return declared(DEN, "ConnectorAccount", label, **{"remoteId": "1001", "displayName": label, **spec})


def instance(label: str, **spec: Any) -> Declared:
    """A ConnectorInstance of the account `acme` unless said."""
    return declared(DEN, "ConnectorInstance", label, **{"connectorAccount": "acme", "name": label, **spec})


def target(label: str, **spec: Any) -> Declared:
    """A ConnectorTarget of the instance `docs` unless said."""
    return declared(DEN, "ConnectorTarget", label, **{"connectorInstance": "docs", "remoteId": f"acme/{label}", **spec})


def mapping(label: str, **spec: Any) -> Declared:
    """A ConnectorMapping of the target `main` unless said."""
    full = {"connectorTarget": "main", "mappingKind": "path", "selector": f"{label}/**", "objectType": "skill", **spec}
    return declared(DEN, "ConnectorMapping", label, **full)


def access(label: str, role: str = "viewer", **spec: Any) -> Declared:
    """A ConnectorAccess of the instance `docs` unless said."""
    return declared(DEN, "ConnectorAccess", label, **{"connectorInstance": "docs", "role": role, **spec})


def connector(label: str, project: str, **spec: Any) -> Declared:
    """A Connector of Wexa, found by its name unless `connectorId` is given."""
    named = {} if "connectorId" in spec else {"name": label}
    return declared(WEXA, "Connector", label, **{"projectId": project, **named, **spec})


def manifest(*resources: Declared, connections: tuple[Declaration, ...] = ()) -> Manifest:
    """What a run is given."""
    known = {ConnectionId(one.address.system, one.address.name): one for one in connections}
    return Manifest(list(resources), known, [], "")


def everywhere(records: dict[str, Record] | None) -> dict[ConnectionId, dict[str, Record]]:
    """Records by id, as the ledger of the default connections holds them."""
    return {ConnectionId(system, "default"): records or {} for system in ("den", "wexa")}
