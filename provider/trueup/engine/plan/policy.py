"""The assumptions, permissions and limits of a plan."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limit:
    """The limits of one run."""

    deletes: int = 30
    """Percentage of the managed resources that may be deleted at once, from ten resources on."""
    changes: int | None = None
    """Number of steps that may be made at once."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Assumptions and permissions of a plan."""

    key: bytes | None = None
    """The key of the ledger's fingerprints; None when there is no ledger."""
    resend: bool = False
    """Send what cannot be verified again."""
    prune: bool = False
    """Delete managed resources that are no longer declared."""
    disconnect: bool = False
    """Let accounts be disconnected where their manifest asked for it."""
    stack: str = ""
    """The set of manifests that is planned; empty where it has no name."""
    take_from: str | None = None
    """A set from which the resources declared here move into this one; empty for resources without a set."""
    strict: bool = False
    """Also find live fields of declared resources that are declared nowhere."""
    limit: Limit = field(default_factory=Limit)
