"""The initial content of a sandbox: credentials and existing resources.

Keys are random in every state. The ids of Wexa's project and connectors in `demo` are fixed, since manifests name them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from trueup.sandbox.den.people import EDITOR, VIEWER
from trueup.sandbox.organisations import ago, large, organisation

if TYPE_CHECKING:
    from trueup.sandbox.clock import MovableClock
    from trueup.sandbox.den import Den
    from trueup.sandbox.store import Row, Store
    from trueup.sandbox.wexa import Wexa

DEMO_PROJECT = "68063653fc2e1fb859700001"
DEMO_CONNECTORS = {
    "crm": "68063653fc2e1fb859700011",
    "events": "68063653fc2e1fb859700012",
    "archive": "68063653fc2e1fb859700013",
}
MANY = 1000


def golden(den: Den, wexa: Wexa, clock: MovableClock) -> None:
    """Two organisations in each system with their people and keys, and no resources: the start of the recordings."""
    den.seed_golden()
    wexa.seed()


def demo(den: Den, wexa: Wexa, clock: MovableClock) -> None:
    """The golden one; in Den an unmanaged account with two instances; in Wexa three connectors.

    None of it collides with `examples/quickstart`, which declares the account of remote id 1001 and the connector
    `crm`, which is not active yet.
    """
    den.seed_golden()
    people = den.add_people()
    account = den.add_account(remoteId="1002", displayName="acme-archive")
    made = []
    for name in ("old-wiki", "release-notes-2019"):
        config = {"branch": "main", "path": "docs"}
        row = den.add_instance(
            connectorAccountId=account["id"],
            name=name,
            remoteId=f"acme-archive/{name}",
            instanceConfigJson=config,
        )
        made.append(row)
    _grant_one(den, made[0], people)
    project = wexa.seed(DEMO_PROJECT)["_id"]
    auth = {"username": "reader", "password": secrets.token_urlsafe(12)}
    loader = {"source": "mongodb", "batch_size": 100, "auth": auth}
    connectors: list[tuple[str, str, str, dict[str, Any] | None]] = [
        ("crm", "crm", "pending", None),
        ("events", "mongodb", "active", loader),
        ("archive", "postgresql", "inactive", {**loader, "source": "postgresql", "batch_size": 500}),
    ]
    for name, category, status, loading in connectors:
        wexa.add_connector(
            project,
            category,
            name,
            connectorID=DEMO_CONNECTORS[name],
            description=f"The {name} of the sandbox",
            status=status,
            data_loader_config=loading,
        )


def thousand(den: Den, wexa: Wexa, clock: MovableClock) -> None:
    """The golden one, and in Den an account `acme` with 1,000 active instances, last changed 97 seconds apart."""
    golden(den, wexa, clock)
    people = den.add_people()
    account = den.add_account(remoteId="1001", displayName="acme")
    first = None
    for number in range(MANY):
        name = f"repo-{number:04d}"
        stamp = ago(clock, 97 * (MANY - number))
        row = den.add_instance(
            connectorAccountId=account["id"],
            name=name,
            remoteId=f"acme/{name}",
            instanceConfigJson={"branch": "main", "path": "docs"},
            createdAt=stamp,
            updatedAt=stamp,
        )
        first = first or row
    assert first is not None
    _grant_one(den, first, people)


def _grant_one(den: Den, instance: Row, people: dict[str, Row]) -> None:
    """One instance that members without a wider role may see: one of them may change it, the other read it."""
    den.grant(instance, people[EDITOR], "editor")
    den.grant(instance, people[VIEWER], "viewer")


PRESETS: dict[str, Callable[[Den, Wexa, MovableClock], None]] = {
    "empty": golden,  # credentials need organisations; the golden ones have no resources
    "golden": golden,
    "demo": demo,
    "thousand": thousand,
    "organisation": organisation,
    "large": large,
}


def apply(name: str, store: Store, den: Den, wexa: Wexa, clock: MovableClock) -> None:
    """Fill an empty store with a preset; a store that has one already is not changed.

    A preset that was interrupted is started again.
    """
    marks = store.table("sandbox.preset")
    mark = marks.get("preset") or {}
    if mark.get("complete"):
        return
    if mark:
        store.load({})
    marks.put("preset", {"name": name, "complete": False})
    store.commit()
    PRESETS[name](den, wexa, clock)
    marks.put("preset", {"name": name, "complete": True})
    store.commit()
