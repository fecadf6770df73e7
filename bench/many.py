"""Manifests of 1,000 instances in files, with targets and grants beside them or without."""

from __future__ import annotations

from pathlib import Path

COUNT = 1000
HEAD = "apiVersion: den.trueup.dev/v1\n"


def write(folder: Path, *, branch: str = "main", targets: int = 0, access: bool = False) -> Path:
    """An account that is yet to be made, and what is below it; the folder."""
    folder.mkdir(exist_ok=True)
    account = "kind: ConnectorAccount\nmetadata: {name: acme}\nspec: {remoteId: '1001', displayName: acme}\n"
    (folder / "account.yaml").write_text(HEAD + account)
    for start in range(0, COUNT, 100):
        documents: list[str] = []
        for number in range(start, start + 100):
            name = f"repo-{number:04d}"
            documents.append(_instance(name, branch))
            documents += [_target(name, part) for part in range(targets)]
            documents += [_grant(name)] if access else []
        (folder / f"{start:04d}.yaml").write_text("---\n".join(documents))
    return folder


def _instance(name: str, branch: str) -> str:
    return f"""\
{HEAD}kind: ConnectorInstance
metadata: {{name: {name}}}
spec: {{connectorAccount: acme, remoteId: acme/{name}, status: active, config: {{branch: {branch}}}}}
"""


def _target(name: str, part: int) -> str:
    return f"""\
{HEAD}kind: ConnectorTarget
metadata: {{name: {name}-{part}}}
spec: {{connectorInstance: {name}, remoteId: acme/{name}-{part}, externalTargetRef: main, config: {{branch: main}}}}
"""


def _grant(name: str) -> str:
    return f"""\
{HEAD}kind: ConnectorAccess
metadata: {{name: {name}}}
spec: {{connectorInstance: {name}, organization: true, role: viewer}}
"""
