"""A request that is not done: status and body of the answer. Raised by routes, turned into the answer around them."""

from __future__ import annotations

from typing import Any


class DenError(Exception):
    """An answer other than success."""

    def __init__(self, status: int, error: str, message: str | None = None, **more: Any) -> None:
        super().__init__(f"{status} {error}")
        self.status = status
        self.body = {"error": error, **({} if message is None else {"message": message}), **more}


class NotJson(Exception):
    """A body that says it is JSON and is not."""


def not_found(kind: str) -> DenError:
    """No such resource; `kind` in the words of its error, such as `connector_instance`."""
    return DenError(404, f"{kind}_not_found", f"{kind.replace('_', ' ').capitalize()} not found.")


def forbidden(message: str, permission: str | None = None) -> DenError:
    """The caller may not; `permission` is what is missing, which newer servers say."""
    return DenError(403, "forbidden", message, **({} if permission is None else {"requiredPermission": permission}))


def sso_required() -> DenError:
    """The organisation wants its members to sign in by SSO, and this session did not."""
    return DenError(403, "organization_sso_required", "Sign in with your organization's SSO provider to continue.")


def reauth() -> DenError:
    """A person's session is too old for this (cases `reauth.stale-*`)."""
    said = "For security, confirm it's you before changing workspace settings."
    return DenError(403, "reauth", said, reason="fresh_auth_required")


def unauthorized() -> DenError:
    """Nobody we know, or a key over its limit: the connector routes do not tell which."""
    return DenError(401, "unauthorized")


def invalid(issues: list[dict[str, Any]]) -> DenError:
    """The request does not look as it should."""
    return DenError(400, "invalid_request", details=issues)


def broken() -> DenError:
    """Any fault, a duplicate among them: uniqueness is enforced by the database alone (`*.duplicate-*`)."""
    return DenError(500, "internal_server_error")
