"""100,000 documents of accounts and instances, and the live state that is in sync with them, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trueup.core.values import Listing, ListKey, Live

COUNT = 100_000
ACCOUNTS = 10
A_FILE = 10_000
PLACES = (ListKey("den", "default", "ConnectorAccount"), ListKey("den", "default", "ConnectorInstance"))


def write(folder: Path) -> None:
    """The documents as files of that many each."""
    waiting = list(_documents())
    for start in range(0, COUNT, A_FILE):
        text = "---\n".join(waiting[start : start + A_FILE])
        Path(folder, f"{start // A_FILE:03d}.yaml").write_text(text, encoding="utf-8")


def live() -> dict[ListKey, Listing]:
    """What reading the two kinds would find: everything as it is declared, with keys of the server's own."""
    stamp = "2026-01-01T00:00:00.000Z"
    accounts = [
        Live("ConnectorAccount", _id("cac", number), f"Account {number}", _account(number), stamp)
        for number in range(ACCOUNTS)
    ]
    instances = [
        Live("ConnectorInstance", _id("cin", number), _name(number), _instance(number), stamp)
        for number in range(COUNT - ACCOUNTS)
    ]
    return dict(zip(PLACES, (Listing(accounts), Listing(instances)), strict=True))


def _documents() -> Iterator[str]:
    for number in range(ACCOUNTS):
        yield f"""\
apiVersion: den.trueup.dev/v1
kind: ConnectorAccount
metadata:
  name: account-{number}
spec:
  connectorType: github
  remoteId: "{1000 + number}"
  displayName: Account {number}
"""
    for number in range(COUNT - ACCOUNTS):
        yield f"""\
apiVersion: den.trueup.dev/v1
kind: ConnectorInstance
metadata:
  name: {_name(number)}
  labels:
    team: team-{number % 37}
    tier: "{number % 3}"
spec:
  connectorAccount: account-{number % ACCOUNTS}
  remoteId: {_remote(number)}
  status: {_status(number)}
  config:
    branch: main
    path: docs/{number % 100}
    recursive: true
  autoImportNewPlugins: {"true" if number % 2 else "false"}
"""


def _account(number: int) -> dict[str, object]:
    return {
        "connectorType": "github",
        "remoteId": str(1000 + number),
        "displayName": f"Account {number}",
        "externalAccountRef": None,
        "metadata": {},
    }


def _instance(number: int) -> dict[str, object]:
    return {
        "name": _name(number),
        "connectorAccount": _id("cac", number % ACCOUNTS),
        "remoteId": _remote(number),
        "status": _status(number),
        "config": {"branch": "main", "path": f"docs/{number % 100}", "recursive": True, "installationId": 1},
        "autoImportNewPlugins": bool(number % 2),
    }


def _id(prefix: str, number: int) -> str:
    return f"{prefix}_{number:026d}"


def _name(number: int) -> str:
    return f"repository-{number:06d}"


def _remote(number: int) -> str:
    return f"organisation-{number % ACCOUNTS}/{_name(number)}"


def _status(number: int) -> str:
    return "disabled" if number % 7 == 0 else "active"
