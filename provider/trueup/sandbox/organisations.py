"""Presets of whole organisations: instances with targets, mappings and grants, as on a server in use.

Everything but ids and times is the same in every state. An instance is named after an area and a part of it, such as
`billing-api`, and follows the repository `acme/billing-api` and some beside it, such as `acme/billing-api-plugins`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice, product
from typing import TYPE_CHECKING, Any
from zlib import crc32

from trueup.sandbox.den.people import EDITOR, PLATFORM, SUPPORT, VIEWER

if TYPE_CHECKING:
    from trueup.sandbox.clock import MovableClock
    from trueup.sandbox.den import Den
    from trueup.sandbox.store import Row
    from trueup.sandbox.wexa import Wexa

SOME, MANY = 200, 1000
"""Numbers of instances of `organisation` and `large`."""
ACCOUNT, INSTALLATION = "acme", 1001
BRANCHES = {"": "main", "-plugins": "release", "-handbook": "main"}
"""The suffixes of an instance's repositories, and the branch of each."""

_AREAS = (
    "billing catalog checkout customer delivery finance fleet fraud identity insights inventory invoice ledger loyalty "
    "market media messaging mobile network onboarding orders partner payment people platform pricing product profile "
    "promotion purchase rating returns risk routing search shipping stock support tax warehouse"
)
_PARTS = (
    "admin agents api batch bots cli client console data docs edge events export forms gateway importer jobs library "
    "models reports schema server tools web worker"
)


def names(count: int) -> Iterator[str]:
    """Return that many names of instances, in order; `organisation` has the first ones of `large`."""
    return ("-".join(words) for words in islice(product(_AREAS.split(), _PARTS.split()), count))


def ago(clock: MovableClock, seconds: float) -> str:
    """Return a time in the past, as Den writes times."""
    return (clock.now() - timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def organisation(den: Den, wexa: Wexa, clock: MovableClock) -> None:
    """The golden one, with people, and 200 instances of the account `acme` with two targets each.

    Every 25th instance is disabled, every 40th archived, and all others are active. Every fourth has mappings, which
    feed two plugins, and most have a grant to a team, a member or everybody.
    """
    people = _people(den, wexa)
    account = den.add_account(remoteId=str(INSTALLATION), displayName=ACCOUNT)
    skills = den.add_plugin(name="acme-skills", description="Skills of all repositories")
    agents = den.add_plugin(name="acme-agents", sourceRepositoryUrl=f"https://github.com/{ACCOUNT}/agents")
    for number, name in enumerate(names(SOME)):
        status = "archived" if number % 40 == 39 else "disabled" if number % 25 == 24 else "active"
        instance, targets = _instance(den, account, name, status, ago(clock, 61 * (SOME - number)), 2)
        if number % 4 == 0:
            _mapping(den, targets[0], "skills/**", "skill", skills, autoAddToPlugin=True)
            _mapping(den, targets[0], "agents/**", "agent", agents)
            _mapping(den, targets[1], "docs/*.md", "context", None, mappingConfigJson={"encoding": "utf-8"})
        if number % 5 == 0:
            den.grant(instance, people[PLATFORM], "editor")
        if number % 5 in (0, 1):
            den.grant(instance, people[SUPPORT], "viewer")
        if number % 5 == 2:
            den.grant(instance, people[EDITOR], "manager")
        if number % 10 == 3:
            den.add_grant(connectorInstanceId=instance["id"], orgWide=True, role="viewer")
        if number % 10 == 8:  # revoked ones stay listed
            former = {"orgMembershipId": people[VIEWER]["id"], "removedAt": ago(clock, 30)}
            den.add_grant(connectorInstanceId=instance["id"], **former)


def large(den: Den, wexa: Wexa, clock: MovableClock) -> None:
    """The golden one, with people, and 1,000 active instances of `acme` with three targets and one grant each.

    The grants go in turn to Platform as editor, to Support as viewer, to the editor as editor and to the viewer as
    viewer, beside the one that each instance's creator has.
    """
    people = _people(den, wexa)
    account = den.add_account(remoteId=str(INSTALLATION), displayName=ACCOUNT)
    turns = ((PLATFORM, "editor"), (SUPPORT, "viewer"), (EDITOR, "editor"), (VIEWER, "viewer"))
    for number, name in enumerate(names(MANY)):
        instance, _ = _instance(den, account, name, "active", ago(clock, 61 * (MANY - number)), 3)
        whom, role = turns[number % len(turns)]
        den.grant(instance, people[whom], role)


def _people(den: Den, wexa: Wexa) -> dict[str, Row]:
    den.seed_golden()
    wexa.seed()
    return den.add_people()


def _instance(den: Den, account: Row, name: str, status: str, stamp: str, count: int) -> tuple[Row, list[Row]]:
    """An instance and its targets. What belongs to the server is in their configs as well."""
    repository = f"{ACCOUNT}/{name}"
    followed = {"branch": "main", "ref": "refs/heads/main", "repositoryFullName": repository}
    instance = den.add_instance(
        connectorAccountId=account["id"],
        name=name,
        remoteId=repository,
        status=status,
        instanceConfigJson={**followed, "installationId": INSTALLATION, "autoImportNewPlugins": True},
        createdAt=stamp,
        updatedAt=stamp,
    )
    targets = [
        den.add_target(
            connectorInstanceId=instance["id"],
            remoteId=repository + suffix,
            externalTargetRef=branch,
            targetConfigJson=_followed(repository + suffix, branch),
            createdAt=stamp,
            updatedAt=stamp,
        )
        for suffix, branch in islice(BRANCHES.items(), count)
    ]
    return instance, targets


def _followed(repository: str, branch: str) -> dict[str, Any]:
    """The config of a target, with the cache that the server keeps of what it discovered there."""
    files = [f"{folder}/{name}" for folder in ("skills", "agents") for name in ("review.md", "release.md", "triage.md")]
    tree = [{"path": path, "type": "blob", "sha": f"{crc32(f'{repository}/{path}'.encode()):08x}"} for path in files]
    return {
        "repositoryFullName": repository,
        "branch": branch,
        "ref": f"refs/heads/{branch}",
        "repositoryId": crc32(repository.encode()),
        "defaultBranch": "main",
        "status": "active",
        "discoveryCache": {"classification": "claude_single_plugin_repo", "tree": tree, "truncated": False},
    }


def _mapping(den: Den, target: Row, selector: str, kind: str, plugin: Row | None, **more: Any) -> None:
    plugin_id = plugin["id"] if plugin else None
    den.add_mapping(connectorTargetId=target["id"], selector=selector, objectType=kind, pluginId=plugin_id, **more)
