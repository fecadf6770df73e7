"""Rows as the API returns them. Other fields of a row are internal."""

from __future__ import annotations

from trueup.sandbox.store import Row

_ACCOUNT = [
    "connectorType",
    "createdAt",
    "createdByOrgMembershipId",
    "displayName",
    "externalAccountRef",
    "id",
    "metadata",
    "organizationId",
    "remoteId",
    "status",
    "updatedAt",
]
_INSTANCE = [
    "connectorAccountId",
    "connectorType",
    "createdAt",
    "createdByOrgMembershipId",
    "id",
    "instanceConfigJson",
    "lastSyncCursor",
    "lastSyncStatus",
    "lastSyncedAt",
    "name",
    "organizationId",
    "remoteId",
    "status",
    "updatedAt",
]
_TARGET = [
    "connectorInstanceId",
    "connectorType",
    "createdAt",
    "externalTargetRef",
    "id",
    "remoteId",
    "targetConfigJson",
    "targetKind",
    "updatedAt",
]
_MAPPING = [
    "autoAddToPlugin",
    "connectorInstanceId",
    "connectorTargetId",
    "connectorType",
    "createdAt",
    "id",
    "mappingConfigJson",
    "mappingKind",
    "objectType",
    "pluginId",
    "remoteId",
    "selector",
    "updatedAt",
]
_GRANT = ["createdAt", "createdByOrgMembershipId", "id", "orgMembershipId", "orgWide", "removedAt", "role", "teamId"]
_EVENT = [
    "attemptCount",
    "completedAt",
    "connectorInstanceId",
    "connectorTargetId",
    "connectorType",
    "eventType",
    "externalEventRef",
    "id",
    "nextAttemptAt",
    "remoteId",
    "sourceRevisionRef",
    "startedAt",
    "status",
    "summaryJson",
]


def account(row: Row, creator: str | None = None) -> Row:
    """Return an account. Only reads return its creator's name; metadata that was never set is omitted."""
    shown = {name: row[name] for name in _ACCOUNT if name != "metadata" or row[name] is not None}
    return {**shown, "createdByName": creator}


def instance(row: Row) -> Row:
    """An instance, its config in clear."""
    return {name: row[name] for name in _INSTANCE}


def target(row: Row) -> Row:
    """A target."""
    return {name: row[name] for name in _TARGET}


def mapping(row: Row) -> Row:
    """A mapping."""
    return {name: row[name] for name in _MAPPING}


def grant(row: Row) -> Row:
    """An access grant, revoked or not."""
    return {name: row[name] for name in _GRANT}


def event(row: Row) -> Row:
    """A sync event."""
    return {name: row[name] for name in _EVENT}
