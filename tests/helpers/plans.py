"""Plans for tests of reports: made by the planner from hand-made declarations and hand-made live state."""

from __future__ import annotations

import re
from typing import Any

from declare import DEN, WEXA, account, connector, declared, everywhere, instance

from trueup.core.kinds import Declared
from trueup.core.records import Record
from trueup.core.secrets import Secret
from trueup.core.values import Listing, ListKey, Live
from trueup.engine.plan import Facts, Inputs, Plan, Policy, Reading, plan

ACCOUNT = "cac_01m8000000000000000000acme"
PROJECT = "68063653fc2e1fb859700001"
KEY = b"k" * 32
PASSWORD = "a-password-of-somebody-7f3a"
OLD_PASSWORD = "the-password-before-that-11"

__all__ = ["ACCOUNT", "DEN", "KEY", "OLD_PASSWORD", "PASSWORD", "PROJECT", "WEXA", "account", "connector", "declared"]


def live_account(name: str = "acme", key: str = ACCOUNT, remote: str = "1001") -> Live:
    spec = {"connectorType": "github", "remoteId": remote, "displayName": name, "metadata": {}}
    return Live("ConnectorAccount", key, name, spec, "2026-11-22T08:00:00Z")


def live_instance(name: str, **spec: Any) -> Live:
    full = {
        "name": name,
        "connectorAccount": ACCOUNT,
        "remoteId": f"acme/{name}",
        "status": "active",
        "config": {"branch": "main"},
        "autoImportNewPlugins": True,
        **spec,
    }
    return Live("ConnectorInstance", f"cin_{name}", name, full, "2026-11-22T08:51:00.000Z")


def live_connector(name: str, unreadable: frozenset[Any] = frozenset(), **spec: Any) -> Live:
    full = {"projectId": PROJECT, "connectorId": f"id-{name}", "name": name, "status": "active", **spec}
    return Live("Connector", f"id-{name}", name, full, None, unreadable)


READING = Reading(12, 4.3, 588, 600, 60.0)
"""12 requests that left 588 of 600."""


def planned(
    resources: list[Declared],
    lives: list[Live],
    *,
    ledger: bool = True,
    records: dict[str, Record] | None = None,
    reading: Reading = READING,
) -> Plan:
    """The plan after that reading."""
    places: dict[Any, list[Live]] = {
        ListKey("den", "default", "ConnectorAccount"): [],
        ListKey("den", "default", "ConnectorInstance"): [],
        ListKey("wexa", "default", "Connector"): [],
    }
    for live in lives:
        next(found for place, found in places.items() if place.kind == live.kind).append(live)
    listings = {place: Listing(found) for place, found in places.items()}
    inputs = Inputs(resources, listings, everywhere(records), Policy(KEY if ledger else None))
    return plan(inputs, Facts(reading=reading))


def crm(**auth: Any) -> Declared:
    """A Wexa connector with a secret."""
    loader = {"source": "mongodb", "batchSize": 50, "auth": auth or {"password": Secret(PASSWORD)}}
    return connector("crm", PROJECT, status="active", dataLoaderConfig=loader)


def sample() -> Plan:
    """One of each: created, changed, refused, unverifiable, unmanaged, and one in sync."""
    return planned(
        [
            account(),
            instance("docs", status="active", config={"branch": "release", "depth": 3}),
            instance("handbook", remoteId="acme/handbook", status="disabled", autoImportNewPlugins=False),
            instance("legacy", connectorAccount="cac_01m8000000000000000000beta"),
            instance("pricing", status="active"),
            crm(),
        ],
        [
            live_account(),
            live_instance("docs", status="disabled", config={"branch": "main", "depth": 3, "serverKey": True}),
            live_instance("legacy"),
            live_instance("pricing"),
            live_instance("stray"),
            live_connector(
                "crm",
                frozenset({("dataLoaderConfig", "auth", "password")}),
                dataLoaderConfig={"source": "mongodb", "batchSize": 50, "auth": {}},
            ),
        ],
        ledger=False,
    )


def plain(text: str) -> str:
    """The text without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
