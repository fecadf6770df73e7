"""Changes to Den from outside its API: GitHub's webhooks, and a colleague in the web interface.

A webhook reaches the targets of active instances of active accounts, and no others; `installationId`, the account's
`remoteId`, narrows it to one installation. What each leaves behind is told on the page of Den's behaviour ("The server
itself changes instances"). An instance that has no target goes by its own `remoteId` here: the real server would
take no notice of it, but then whoever declares accounts and instances alone could not try this.
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
    """Does it, and says what was touched: `{"type", "touched": [ids]}`. ValueError says what is wrong with `wanted`."""
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
    """A repository is taken out of the installation: its instances are disabled."""
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
    """A repository is renamed: instance and target take the new name, and a sync is queued."""
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
    """A commit is pushed: a sync of each target that follows the branch is queued, once a commit."""
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
    """An installation is deleted: its accounts, of whatever organisation, are disconnected. Instances stay."""
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
    """GitHub answers syncs in another way from now on."""
    set_outcome(world, str(wanted.get("outcome")))
    return []


def _followers(world: DenWorld, wanted: Change, repository: str) -> list[tuple[Row, Row | None]]:
    """The active instances that follow a repository, each with the target by which it does. ValueError for none."""
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
    """The event that tells what a webhook did."""
    fields = {"eventType": kind, "externalEventRef": summary["deliveryId"], "status": "completed"}
    return record(world, instance, target, summary, **fields, completedAt=world.stamp())


def _repository_id(target: Row | None, repository: str) -> int:
    """GitHub's number of a repository: the one the target knows, else one that is always the same."""
    known = target["targetConfigJson"].get("repositoryId") if target else None
    return known if isinstance(known, int) else zlib.crc32(repository.encode())


def _needed(wanted: Change, key: str) -> str:
    """A name or a number that has to be there, as text."""
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
"""What each type does, and the keys it knows."""
