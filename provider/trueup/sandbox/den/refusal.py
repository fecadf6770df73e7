"""A request that is not done: status and body of the answer. Raised by routes, turned into the answer around them."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """An answer other than success."""

    def __init__(self, status: int, error: str, message: str | None = None, **more: Any) -> None:
        super().__init__(f"{status} {error}")
        self.status = status
        self.body = {"error": error, **({} if message is None else {"message": message}), **more}


class NotJson(Exception):
    """A body that says it is JSON and is not."""


def not_found(kind: str) -> Refusal:
    """No such resource; `kind` in the words of its error, such as `connector_instance`."""
    return Refusal(404, f"{kind}_not_found", f"{kind.replace('_', ' ').capitalize()} not found.")


def forbidden(message: str, permission: str | None = None) -> Refusal:
    """The caller may not; `permission` is what is missing, which newer servers say."""
    return Refusal(403, "forbidden", message, **({} if permission is None else {"requiredPermission": permission}))


def sso_required() -> Refusal:
    """The organisation wants its members to sign in by SSO, and this session did not."""
    return Refusal(403, "organization_sso_required", "Sign in with your organization's SSO provider to continue.")


def reauth() -> Refusal:
    """A person's session is too old for this (cases `reauth.stale-*`)."""
    said = "For security, confirm it's you before changing workspace settings."
    return Refusal(403, "reauth", said, reason="fresh_auth_required")


def unauthorized() -> Refusal:
    """Nobody we know, or a key over its limit: the connector routes do not tell which."""
    return Refusal(401, "unauthorized")


def invalid(issues: list[dict[str, Any]]) -> Refusal:
    """The request does not look as it should."""
    return Refusal(400, "invalid_request", details=issues)


def broken() -> Refusal:
    """Any fault, a duplicate among them: uniqueness is enforced by the database alone (`*.duplicate-*`)."""
    return Refusal(500, "internal_server_error")
