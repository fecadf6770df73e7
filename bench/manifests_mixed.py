"""Ten sets of manifests, each to be applied after the one before: every kind of change, and all of them mixed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

Documents = dict[str, dict[str, Any]]
"""Documents by kind and name."""


def stages(project: str, other: str) -> Iterator[tuple[str, str]]:
    """What each is about, and the manifests as text; Wexa's connectors are in two projects."""
    found: Documents = {}
    for stage in (_creates, _status, _config, _renames, _targets, _mappings, _grants, _removals, _replace):
        stage(found)
        yield (stage.__doc__ or "").rstrip("."), _text(found)
    _wexa(found, project, other)
    yield "Wexa in two projects", _text(found)


def _text(found: Documents) -> str:
    return yaml.safe_dump_all(found.values(), sort_keys=False)


def _put(found: Documents, kind: str, name: str, system: str = "den", /, **spec: Any) -> None:
    found[f"{kind}/{name}"] = {
        "apiVersion": f"{system}.trueup.dev/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def _spec(found: Documents, kind: str, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = found[f"{kind}/{name}"]["spec"]
    return spec


def _instance(found: Documents, name: str, /, **spec: Any) -> None:
    named = {"connectorAccount": "acme", "remoteId": f"acme/{name}", "status": "active"}
    _put(found, "ConnectorInstance", name, **{**named, **spec})


def _below(found: Documents, number: int) -> None:
    name = f"repo-{number}"
    target = {"connectorInstance": name, "remoteId": f"acme/{name}", "config": {"branch": "main"}}
    _put(found, "ConnectorTarget", name, **target)
    _mapping(found, name, "skill")
    _put(found, "ConnectorAccess", name, connectorInstance=name, organization=True, role="viewer")


def _mapping(found: Documents, target: str, kind: str) -> None:
    spec = {"connectorTarget": target, "mappingKind": "path", "selector": "a/**", "objectType": kind}
    _put(found, "ConnectorMapping", f"{target}-{kind}", **spec)


def _creates(found: Documents) -> None:
    """Creates."""
    _put(found, "ConnectorAccount", "acme", remoteId="1001", displayName="acme")
    _put(found, "ConnectorAccount", "labs", remoteId="1003", displayName="labs")
    for number in range(14):
        policy = {"deletionPolicy": "remove"} if number > 9 else {}
        status = "disabled" if number % 5 == 4 else "active"
        _instance(found, f"repo-{number}", status=status, config={"branch": "main"}, **policy)
        if number % 2 == 0:
            _below(found, number)


def _status(found: Documents) -> None:
    """Updates of status."""
    for number in range(6):
        spec = _spec(found, "ConnectorInstance", f"repo-{number}")
        spec["status"] = "active" if spec["status"] == "disabled" else "disabled"


def _config(found: Documents) -> None:
    """Config patches, and one instance more."""
    for number in range(5):
        spec = _spec(found, "ConnectorInstance", f"repo-{number}")
        spec |= {"config": {"branch": "release", "depth": number}, "autoImportNewPlugins": number % 2 == 0}
    _instance(found, "fresh")


def _renames(found: Documents) -> None:
    """Renames, and a grant."""
    for number in range(4):
        _spec(found, "ConnectorInstance", f"repo-{number}")["name"] = f"renamed-{number}"
    _put(found, "ConnectorAccess", "fresh", connectorInstance="fresh", organization=True, role="viewer")


def _targets(found: Documents) -> None:
    """Targets: new ones, and patches."""
    for number in (0, 2, 4):
        _spec(found, "ConnectorTarget", f"repo-{number}")["config"] = {"branch": "release"}
    _spec(found, "ConnectorTarget", "repo-6")["externalTargetRef"] = "next"
    for number in (1, 3):
        spec = {"connectorInstance": f"repo-{number}", "remoteId": f"acme/more-{number}"}
        _put(found, "ConnectorTarget", f"more-{number}", **spec)


def _mappings(found: Documents) -> None:
    """Mappings: new, patched, made anew and removed."""
    _mapping(found, "more-1", "agent")
    _mapping(found, "repo-0", "agent")
    _spec(found, "ConnectorMapping", "repo-2-skill")["config"] = {"encoding": "utf-8"}
    _spec(found, "ConnectorMapping", "repo-4-skill")["autoAddToPlugin"] = False
    _spec(found, "ConnectorMapping", "repo-6-skill")["mappingKind"] = "custom"
    del found["ConnectorMapping/repo-8-skill"]


def _grants(found: Documents) -> None:
    """Grants: new, of another role, and revoked; a config of an instance."""
    for number in (0, 2):
        _spec(found, "ConnectorAccess", f"repo-{number}")["role"] = "editor"
    for number in (1, 3):
        where = f"repo-{number}"
        _put(found, "ConnectorAccess", where, connectorInstance=where, organization=True, role="viewer")
    del found["ConnectorAccess/repo-4"]
    _spec(found, "ConnectorInstance", "fresh")["config"] = {"branch": "next"}


def _removals(found: Documents) -> None:
    """Removals: archived, removed with all below them, and a status beside them."""
    for number in (8, 9, 10, 11):
        for name in [name for name in found if f"/repo-{number}" in name]:
            del found[name]
    _spec(found, "ConnectorInstance", "fresh")["status"] = "disabled"


def _replace(found: Documents) -> None:
    """A replacement with what is below it, and exclusive access."""
    _spec(found, "ConnectorInstance", "repo-12")["connectorAccount"] = "labs"
    del found["ConnectorAccess/repo-2"]
    grants = [{"organization": True, "role": "manager"}]
    _spec(found, "ConnectorInstance", "repo-2")["access"] = {"exclusive": True, "grants": grants}
    _spec(found, "ConnectorInstance", "repo-3")["access"] = {"exclusive": True, "grants": []}
    del found["ConnectorAccess/repo-3"]


def _wexa(found: Documents, project: str, other: str) -> None:
    auth = {"password": {"valueFrom": {"env": "CRM_PASSWORD"}}}
    places = {"crm": (project, "active"), "archive": (project, "active"), "events": (other, "inactive")}
    for name, (where, status) in places.items():
        loader = {"source": "mongodb", "batchSize": 20, "auth": auth}
        _put(found, "Connector", name, "wexa", projectId=where, status=status, dataLoaderConfig=loader)
    _spec(found, "ConnectorInstance", "fresh")["status"] = "active"
