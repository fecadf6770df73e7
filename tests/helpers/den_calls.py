"""Short calls of Den's API, for tests."""

from __future__ import annotations

from typing import Any

import httpx

INSTANCES = "/v1/connector-instances"

Row = dict[str, Any]


def made(answer: httpx.Response) -> Row:
    """The item of an answer that succeeded."""
    assert answer.is_success, answer.text
    item: Row = answer.json()["item"]
    return item


def account(owner: httpx.Client, remote: str = "1001") -> Row:
    body = {"connectorType": "github", "remoteId": remote, "displayName": f"account {remote}"}
    return made(owner.post("/v1/connector-accounts", json=body))


def instance(owner: httpx.Client, parent: Row, name: str, **more: Any) -> Row:
    body = {"connectorAccountId": parent["id"], "connectorType": "github", "name": name, **more}
    return made(owner.post(INSTANCES, json=body))


def target(owner: httpx.Client, parent: Row, remote: str, **config: Any) -> Row:
    config = {"repositoryFullName": remote, "branch": "main", "ref": "refs/heads/main", **config}
    body = {"connectorType": "github", "remoteId": remote, "targetKind": "repository_branch", "config": config}
    return made(owner.post(f"{INSTANCES}/{parent['id']}/targets", json=body))


def get(client: httpx.Client, row: Row) -> Row:
    return made(client.get(f"{INSTANCES}/{row['id']}"))


def walk(client: httpx.Client, path: str, limit: int, cursor: str | None = None) -> Row:
    query = {"limit": limit} | ({"cursor": cursor} if cursor else {})
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    page: Row = answer.json()
    return page
