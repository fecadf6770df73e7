"""Changes to Den from outside its API: GitHub's webhooks, and another user in the web interface.

A webhook reaches the targets of active instances of active accounts, and no others; `installationId`, the account's
`remoteId`, limits it to one installation. The effects are described on the page of Den's behaviour ("The server itself
changes instances"). An instance without a target is found by its own `remoteId` here. The real server ignores it, but
then manifests with only accounts and instances could not be tried.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Callable
from typing import Any

from trueup.sandbox.den.person import KEYS as PERSON
from trueup.sandbox.den.person import change_resource
from trueup.sandbox.den.queue import busy, record
from trueup.sandbox.den.rules import targets_of
from trueup.sandbox.den.worker import set_outcome
from trueup.sandbox.den.world import DenWorld, same
from trueup.sandbox.store import Row

Change = dict[str, Any]


def change(world: DenWorld, wanted: Change) -> dict[str, Any]:
    """Make a change and return `{"type", "touched": [ids]}`. Raises ValueError for an invalid change."""
    kind = wanted.get("type")
    if not isinstance(kind, str) or kind not in _CHANGES:
        raise ValueError(f"type has to be one of {', '.join(_CHANGES)}, not {kind!r}")
    does, known = _CHANGES[kind]
    if unknown := sorted(wanted.keys() - {"type", *known}):
        raise ValueError(f"{kind} does not know {', '.join(unknown)}; it knows {', '.join(known)}")
    touched = does(world, wanted)
    world.store.commit()
    return {"type": kind, "touched": touched}


def _removed(world: DenWorld, wanted: Change) -> list[str]:
    """Remove a repository from the installation, which disables its instances."""
    repository, touched, delivery = _needed(wanted, "repository"), [], str(uuid.uuid4())
    for instance, target in _followers(world, wanted, repository):
        now = world.stamp()
        if target is not None:
            config = {**target["targetConfigJson"], "status": "disabled"}
            world.put(world.targets, {**target, "targetConfigJson": config, "updatedAt": now})
        world.put(world.instances, {**instance, "status": "disabled", "updatedAt": now})
        summary = {
            "action": "removed",
            "deliveryId": delivery,
            "repositoryFullName": repository,
            "repositoryId": _repository_id(target, repository),
            "trigger": "webhook",
        }
        event = _happened(world, instance, target, summary, "installation_repositories")
        touched += [instance["id"], *([target["id"]] if target else []), event["id"]]
    return touched


def _renamed(world: DenWorld, wanted: Change) -> list[str]:
    """Rename a repository: instance and target get the new name, and a sync is queued."""
    before, after = _needed(wanted, "repository"), _needed(wanted, "to")
    touched, delivery = [], str(uuid.uuid4())
    for instance, target in _followers(world, wanted, before):
        now = world.stamp()
        instance = world.put(world.instances, {**instance, "remoteId": after, "updatedAt": now})
        if target is not None:
            config = {**target["targetConfigJson"], "repositoryFullName": after}
            target = {**target, "remoteId": after, "targetConfigJson": config, "updatedAt": now}
            world.put(world.targets, target)
        summary = {"action": "renamed", "deliveryId": delivery, "from": before, "to": after, "trigger": "webhook"}
        event = _happened(world, instance, target, summary, "repository")
        touched += [instance["id"], *([target["id"]] if target else []), event["id"]]
        if target is not None and not busy(world, target):
            queued = record(world, instance, target, {"trigger": "webhook"}, externalEventRef=delivery)
            touched.append(queued["id"])
    return touched


def _pushed(world: DenWorld, wanted: Change) -> list[str]:
    """Push a commit: a sync of each target that follows the branch is queued, once per commit."""
    repository, sha = _needed(wanted, "repository"), _needed(wanted, "headSha")
    ref, delivery = wanted.get("ref", "refs/heads/main"), str(uuid.uuid4())
    touched = []
    for instance, target in _followers(world, wanted, repository):
        if target is None or target["targetConfigJson"].get("ref", ref) != ref:
            continue
        known = [
            row
            for row in world.events_by_target.get(target["id"])
            if row["eventType"] == "push" and row["sourceRevisionRef"] == sha
        ]
        if not known:
            summary = {"deliveryId": delivery, "headSha": sha, "ref": ref, "repositoryFullName": repository}
            fields = {"eventType": "push", "externalEventRef": delivery, "sourceRevisionRef": sha}
            touched.append(record(world, instance, target, summary, **fields)["id"])
    return touched


def _deleted(world: DenWorld, wanted: Change) -> list[str]:
    """Delete an installation: its accounts, in any organisation, are disconnected. Instances stay."""
    installation = _needed(wanted, "installationId")
    touched = []
    for account in world.accounts.values():
        if account["remoteId"] == installation:
            world.put(world.accounts, {**account, "status": "disconnected", "updatedAt": world.stamp()})
            touched.append(account["id"])
    if not touched:
        raise ValueError(f"no account has the remoteId {installation!r}")
    return touched


def _answers(world: DenWorld, wanted: Change) -> list[str]:
    """Set the outcome of later syncs."""
    set_outcome(world, str(wanted.get("outcome")))
    return []


def _followers(world: DenWorld, wanted: Change, repository: str) -> list[tuple[Row, Row | None]]:
    """The active instances that follow a repository, each with its target. Raises ValueError without any."""
    installation = _needed(wanted, "installationId") if "installationId" in wanted else None
    accounts = {
        row["id"]
        for row in world.accounts.values()
        if row["status"] == "active" and installation in (None, row["remoteId"])
    }
    found: list[tuple[Row, Row | None]] = []
    for instance in world.instances.values():
        if instance["status"] != "active" or instance["connectorAccountId"] not in accounts:
            continue
        targets = targets_of(world, instance)
        found += [(instance, target) for target in targets if same(target["remoteId"], repository)]
        if not targets and instance["remoteId"] and same(instance["remoteId"], repository):
            found.append((instance, None))
    if not found:
        raise ValueError(f"no active instance of an active account follows {repository!r}")
    return found


def _happened(world: DenWorld, instance: Row, target: Row | None, summary: dict[str, Any], kind: str) -> Row:
    """Write the event of a webhook."""
    fields = {"eventType": kind, "externalEventRef": summary["deliveryId"], "status": "completed"}
    return record(world, instance, target, summary, **fields, completedAt=world.stamp())


def _repository_id(target: Row | None, repository: str) -> int:
    """Return GitHub's number of a repository: the target's, otherwise a constant."""
    known = target["targetConfigJson"].get("repositoryId") if target else None
    return known if isinstance(known, int) else zlib.crc32(repository.encode())


def _needed(wanted: Change, key: str) -> str:
    """Return a required name or number as text."""
    value = wanted.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise ValueError(f"{wanted['type']} needs {key}, a name or a number")
    return str(value)


_CHANGES: dict[str, tuple[Callable[[DenWorld, Change], list[str]], tuple[str, ...]]] = {
    "repository-removed": (_removed, ("repository", "installationId")),
    "repository-renamed": (_renamed, ("repository", "to", "installationId")),
    "installation-deleted": (_deleted, ("installationId",)),
    "push": (_pushed, ("repository", "headSha", "ref", "installationId")),
    "person": (change_resource, PERSON),
    "github-answers": (_answers, ("outcome",)),
}
"""Each type of change: its function and its keys."""
