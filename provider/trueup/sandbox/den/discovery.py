"""The preconditions of a discovery of plugins, checked before any call to GitHub: account, target, and app."""

from __future__ import annotations

import math

from trueup.sandbox.den.refusal import DenError
from trueup.sandbox.den.rules import targets_of
from trueup.sandbox.den.world import DenWorld
from trueup.sandbox.store import Row

NO_APP = "GITHUB_CONNECTOR_APP_ID is required for live GitHub connector testing."


def check_discovery(world: DenWorld, instance: Row) -> None:
    """Raise the error that stops a discovery before a call to GitHub, from the account and its oldest target."""
    account = world.accounts.get(instance["connectorAccountId"])
    if account is None:
        raise DenError(404, "connector_account_not_found", "GitHub connector account not found.")
    targets = targets_of(world, instance)
    if not targets:
        raise DenError(404, "connector_target_not_found", "GitHub connector target not found.")
    target, config = targets[0], targets[0]["targetConfigJson"]
    repository = _text(config, "repositoryFullName", target["remoteId"])
    branch = _text(config, "branch", target["externalTargetRef"])
    ref = _text(config, "ref", f"refs/heads/{branch}" if branch else "")
    saved = (instance["instanceConfigJson"] or {}).get("installationId")
    numeric = isinstance(saved, int | float) and not isinstance(saved, bool)
    if not (repository and branch and ref) or number_of(saved if numeric else account["remoteId"]) <= 0:
        said = "GitHub connector target is missing repository, branch, or installation metadata."
        raise DenError(409, "invalid_github_connector_target", said)


def _text(config: Row, key: str, otherwise: str | None) -> str:
    found = config.get(key)
    return (found if isinstance(found, str) else otherwise or "").strip()


def number_of(value: object) -> float:
    """Return the number of an installation; 0 for anything else."""
    try:
        number = float(str(value))
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0
