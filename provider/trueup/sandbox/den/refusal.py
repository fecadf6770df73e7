"""Refusals: exceptions with the status and body of an answer, which routes raise."""

from __future__ import annotations

from typing import Any


class DenError(Exception):
    """An answer other than success."""

    def __init__(self, status: int, error: str, message: str | None = None, **more: Any) -> None:
        super().__init__(f"{status} {error}")
        self.status = status
        self.body = {"error": error, **({} if message is None else {"message": message}), **more}


class NotJson(Exception):
    """Return the refusal of a body that is not valid JSON despite its content type."""


def not_found(kind: str) -> DenError:
    """Return the refusal of an unknown resource; `kind` as in the error, such as `connector_instance`."""
    return DenError(404, f"{kind}_not_found", f"{kind.replace('_', ' ').capitalize()} not found.")


def forbidden(message: str, permission: str | None = None) -> DenError:
    """Return the refusal of a caller without the permission, which newer servers name."""
    return DenError(403, "forbidden", message, **({} if permission is None else {"requiredPermission": permission}))


def sso_required() -> DenError:
    """Return the refusal of a session without SSO in an organisation that requires it."""
    return DenError(403, "organization_sso_required", "Sign in with your organization's SSO provider to continue.")


def reauth() -> DenError:
    """Return the refusal of a session that is too old (cases `reauth.stale-*`)."""
    said = "For security, confirm it's you before changing workspace settings."
    return DenError(403, "reauth", said, reason="fresh_auth_required")


def unauthorized() -> DenError:
    """Return the refusal of an unknown sender, or of a key over its limit: connector routes do not distinguish them."""
    return DenError(401, "unauthorized")


def invalid(issues: list[dict[str, Any]]) -> DenError:
    """Return the refusal of an invalid request."""
    return DenError(400, "invalid_request", details=issues)


def broken() -> DenError:
    """Return the answer to any fault, including a duplicate, which only the database detects (`*.duplicate-*`)."""
    return DenError(500, "internal_server_error")
