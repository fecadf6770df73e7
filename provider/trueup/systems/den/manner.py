"""How Den speaks: its credentials, its request window, and what its refusals mean.

Facts: over the limit the connector routes answer 401, and only `GET /api/auth/get-session` with the same key tells that
from a bad key (recorded cases `ratelimit.*` and `probe.get-session.*`). Its good answer carries the key in clear.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from trueup.client import Limits, Wait
from trueup.errors import Unauthorized

if TYPE_CHECKING:
    from trueup.client import Answer, Client, Credential

_LONGEST_WINDOW = 120.0
_WINDOW = 60.0
_MARGIN = 0.5  # the window closes after *more* than 60 s


_WORDS = """
connector_account_not_found connector_instance_not_found connector_target_not_found connector_mapping_not_found
connector_instance_access_not_found github_connector_app_not_configured audit_unavailable rate_limited
organization_sso_required organization_not_found connectorInstance connectorAccount connectorTarget config metadata
remoteId displayName externalAccountRef externalTargetRef selector objectType mappingKind pluginId autoAddToPlugin
targetKind connectorType connectorAccountId name status
"""


class DenManner:
    """The Manner of Den."""

    system: ClassVar[str] = "den"
    limits: ClassVar[Limits] = Limits(requests=600, silence=60.0)
    """Measured with one connection; with more, increments are lost, and more requests pass. Plan with 600."""

    vocabulary: ClassVar[frozenset[str]] = frozenset(_WORDS.split())

    def headers(self, credential: Credential) -> dict[str, str]:
        """`x-api-key`, or a bearer session with the organisation it is meant for."""
        if credential.key is not None:
            return {"x-api-key": credential.key.reveal()}
        headers = {"authorization": f"Bearer {credential.token.reveal()}"} if credential.token else {}
        if credential.organization:
            headers["x-openwork-org-id"] = credential.organization
        return headers

    def words(self, body: Any) -> str:
        """`error`, `message` and the details of a validation error, in one line."""
        if not isinstance(body, dict):
            return ""
        if body.get("error") == "reauth":
            return "reauth: this session is older than 15 minutes; sign in again, or use an API key"
        parts = [str(body[key]) for key in ("error", "message") if isinstance(body.get(key), str)]
        details = body.get("details")
        for detail in details if isinstance(details, list) else []:
            if isinstance(detail, dict):
                path = detail.get("path")
                where = ".".join(map(str, path)) if isinstance(path, list) else ""
                parts.append(f"{where}: {detail.get('message', '')}" if where else str(detail.get("message", "")))
        return "; ".join(part for part in parts if part)

    def failed(self, answer: Answer) -> str | None:
        """Den says no by status alone."""
        return None

    async def unauthorized(self, client: Client) -> Wait | Unauthorized | None:
        """Tells a spent window from a bad, expired or disabled credential, with one request."""
        status, body = await client.probe("/api/auth/get-session")
        said = body if isinstance(body, dict) else {}
        code = said.get("code")
        if status == 429 or code == "RATE_LIMITED":
            details = said.get("details")
            left = details.get("tryAgainIn") if isinstance(details, dict) else None
            if not isinstance(left, int | float) or isinstance(left, bool):
                left = 60_000
            seconds = min(max(left, 0), _LONGEST_WINDOW * 1000) / 1000 + _MARGIN
            until = client.clock.now() + timedelta(seconds=seconds)
            most = self.limits.requests or 0
            spent = f"{min(client.window, most)} of {most} requests by this run"
            return Wait(seconds, f"Den's window for this key is spent ({spent}). Waiting until {until:%H:%M:%S} UTC")
        credential = client.credential
        origin = f" ({credential.origin})" if credential.origin else ""
        if credential.key is None and credential.token is None:
            return Unauthorized(
                f'connection "{credential.name}" of Den has no credential.',
                hint="Set TRUEUP_DEN_API_KEY, or spec.apiKey of its Connection.",
            )
        what = f'{"API key" if credential.key else "session token"} of connection "{credential.name}"{origin}'
        if code == "KEY_DISABLED":
            why = "it is disabled"
        elif status == 403:
            why = "it is too short to be a key, so it may have been cut off"
        elif code == "INVALID_API_KEY":
            why = "it does not exist or has expired"
        elif status == 200 and body is None:
            why = "the session is unknown or has ended" if credential.token else "it is not an API key"
        else:
            return None
        return Unauthorized(
            f"Den refused the {what}: {why}.",
            hint="Ask an organisation admin for a new one, or sign in again."
            if credential.token
            else "Ask an organisation admin for a new one.",
        )
