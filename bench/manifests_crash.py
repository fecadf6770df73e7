"""Manifests of an apply of some sixty changes of all kinds: what is declared before it, and with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

PROJECT = "68063653fc2e1fb859700001"


def write(folder: Path, project: str = PROJECT) -> tuple[Path, Path]:
    """Both as files; the paths."""
    before, after = folder / "before.yaml", folder / "after.yaml"
    before.write_text(yaml.safe_dump_all(_before(project), sort_keys=False))
    after.write_text(yaml.safe_dump_all(_after(project), sort_keys=False))
    return before, after


def _den(kind: str, label: str, /, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "den.trueup.dev/v1", "kind": kind, "metadata": {"name": label}, "spec": spec}


def _instance(label: str, /, **spec: Any) -> dict[str, Any]:
    return _den("ConnectorInstance", label, **{"connectorAccount": "acme", "remoteId": f"acme/{label}", **spec})


def _connector(name: str, project: str, **spec: Any) -> dict[str, Any]:
    loader = {"source": "mongodb", "batchSize": 10, "auth": {"password": {"valueFrom": {"env": "CRM_PASSWORD"}}}}
    found = _den("Connector", name, projectId=project, dataLoaderConfig={**loader, **spec.pop("loader", {})}, **spec)
    return {**found, "apiVersion": "wexa.trueup.dev/v1"}


def _before(project: str) -> list[dict[str, Any]]:
    found = [_den("ConnectorAccount", "acme", remoteId="1001", displayName="acme")]
    found += [_den("ConnectorAccount", "labs", remoteId="1003", displayName="labs")]
    for number in range(6):
        found.append(_instance(f"kept-{number}", status="active", config={"branch": "main"}))
    found.append(_instance("moved", deletionPolicy="remove"))
    found += [_instance(f"archived-{number}") for number in range(2)]
    found += [_instance(f"removed-{number}", deletionPolicy="remove") for number in range(2)]
    for number in range(3):
        found.append(
            _den(
                "ConnectorTarget",
                f"t-{number}",
                connectorInstance=f"kept-{number}",
                remoteId=f"acme/t-{number}",
                config={"branch": "main"},
            )
        )
        for kind in ("skill", "agent"):
            found.append(
                _den(
                    "ConnectorMapping",
                    f"m-{number}-{kind}",
                    connectorTarget=f"t-{number}",
                    mappingKind="path",
                    selector="a/**",
                    objectType=kind,
                )
            )
        found.append(
            _den("ConnectorAccess", f"a-{number}", connectorInstance=f"kept-{number}", organization=True, role="viewer")
        )
    found.append(_den("ConnectorTarget", "t-moved", connectorInstance="moved", remoteId="acme/moved"))
    return found


def _after(project: str) -> list[dict[str, Any]]:
    found = [_den("ConnectorAccount", "acme", remoteId="1001", displayName="acme")]
    found += [_den("ConnectorAccount", "labs", remoteId="1003", displayName="labs")]
    found += [_den("ConnectorAccount", "beta", remoteId="1004", displayName="beta")]
    found.append(_instance("kept-0", status="disabled", config={"branch": "release"}, name="renamed-0"))
    found.append(
        _instance("kept-1", status="active", config={"branch": "main", "depth": 2}, autoImportNewPlugins=False)
    )
    found.append(_instance("kept-2", status="archived", config={}))
    found += [_instance(f"kept-{number}", status="active", config={"branch": f"b{number}"}) for number in (3, 4, 5)]
    found.append(_instance("moved", deletionPolicy="remove", connectorAccount="labs"))
    found.append(_den("ConnectorTarget", "t-moved", connectorInstance="moved", remoteId="acme/moved"))
    for number in range(9):
        account = "beta" if number % 2 else "acme"
        found.append(
            _instance(f"new-{number}", connectorAccount=account, status="disabled" if number == 3 else "active")
        )
        found.append(
            _den(
                "ConnectorTarget",
                f"n-{number}",
                connectorInstance=f"new-{number}",
                remoteId=f"acme/n-{number}",
                config={"branch": "main"},
            )
        )
        found.append(
            _den(
                "ConnectorMapping",
                f"n-{number}",
                connectorTarget=f"n-{number}",
                mappingKind="path",
                selector="n/**",
                objectType="skill",
            )
        )
        found.append(
            _den("ConnectorAccess", f"n-{number}", connectorInstance=f"new-{number}", organization=True, role="editor")
        )
    for number in range(3):
        found.append(
            _den(
                "ConnectorTarget",
                f"t-{number}",
                connectorInstance=f"kept-{number}",
                remoteId=f"acme/t-{number}-x" if number == 1 else f"acme/t-{number}",
                config={"branch": "release"},
            )
        )
        kind = "custom" if number == 0 else "path"
        found.append(
            _den(
                "ConnectorMapping",
                f"m-{number}-skill",
                connectorTarget=f"t-{number}",
                mappingKind=kind,
                selector="a/**",
                objectType="skill",
                autoAddToPlugin=False,
            )
        )
        role = "manager" if number else "viewer"
        if number < 2:
            found.append(
                _den("ConnectorAccess", f"a-{number}", connectorInstance=f"kept-{number}", organization=True, role=role)
            )
    found.append(_connector("crm", project, status="active"))
    found.append(_connector("events", project, status="inactive", loader={"batchSize": 20}))
    found.append(_connector("archive", project, status="active", loader={"source": "postgresql"}))
    return found
