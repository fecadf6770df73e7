"""How Den speaks: its credentials, its request window, and what its refusals mean.

Facts: over the limit the connector routes answer 401, and only `GET /api/auth/get-session` with the same key tells that
from a bad key (recorded cases `ratelimit.*` and `probe.get-session.*`). Its good answer carries the key in clear.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from trueup.core.errors import Unauthorized
from trueup.transport import Limits, Presumed, Wait

if TYPE_CHECKING:
    from trueup.transport import Answer, ApiClient, Credential

_LONGEST_WINDOW = 120.0
_MARGIN = 0.5  # the window closes after *more* than 60 s
_SPENT_HINT = "If another program uses this key, wait until it has been silent for more than 60 s, and run again."
_BAD_HINT = "If not, ask an organisation admin for a new one."
_BUILD_HINT = "If other keys fail as well: self-hosted builds of mid-August 2026 refuse every key; update the server."
_REVOKED_HINT = "It was revoked, disabled or has expired, or another program uses it without a pause."


_WORDS = """
connector_account_not_found connector_instance_not_found connector_target_not_found connector_mapping_not_found
connector_instance_access_not_found github_connector_app_not_configured audit_unavailable rate_limited
organization_sso_required organization_not_found connectorInstance connectorAccount connectorTarget config metadata
remoteId displayName externalAccountRef externalTargetRef selector objectType mappingKind pluginId autoAddToPlugin
targetKind connectorType connectorAccountId name status
"""


class DenDialect:
    """The Dialect of Den."""

    system: ClassVar[str] = "den"
    limits: ClassVar[Limits] = Limits(requests=600, silence=60.0)
    """Exact on newer servers; older ones lose increments when requests overlap, which nothing relies on."""

    vocabulary: ClassVar[frozenset[str]] = frozenset(_WORDS.split())

    def headers(self, credential: Credential) -> dict[str, str]:
        """`x-api-key`, or a bearer session with the organisation it is meant for."""
        if credential.key is not None:
            return {"x-api-key": credential.key.reveal()}
        headers = {"authorization": f"Bearer {credential.token.reveal()}"} if credential.token else {}
        if credential.tenant:
            headers["x-openwork-org-id"] = credential.tenant
        return headers

    def words(self, body: Any) -> str:
        """`error`, `message` and the details of a validation error, in one line."""
        if not isinstance(body, dict):
            return ""
        if body.get("error") == "reauth":
            return "reauth: this session is older than 15 minutes; sign in again, or use an API key"
        if body.get("error") == "organization_sso_required":
            return "organization_sso_required: sign in by your organisation's SSO and use that session, or an API key"
        parts = [str(body[key]) for key in ("error", "message") if isinstance(body.get(key), str)]
        if isinstance(body.get("requiredPermission"), str):
            parts.append(f"needs the permission {body['requiredPermission']}")
        details = body.get("details")
        for detail in details if isinstance(details, list) else []:
            if isinstance(detail, dict):
                path = detail.get("path")
                where = ".".join(map(str, path)) if isinstance(path, list) else ""
                parts.append(f"{where}: {detail.get('message', '')}" if where else str(detail.get("message", "")))
        return "; ".join(part for part in parts if part)

    def unrouted(self, body: Any) -> bool:
        """`not_found` is of a route (cases `unknown.*`); a resource is `connector_instance_not_found` and so on."""
        return isinstance(body, dict) and body.get("error") == "not_found"

    def unstarted(self, body: Any) -> str:
        """Newer servers refuse what they cannot note in their audit log, before they do it."""
        if isinstance(body, dict) and body.get("error") == "audit_unavailable":
            return "its audit log cannot be written, so it carried nothing out"
        return ""

    def failed(self, answer: Answer) -> str | None:
        """Den says no by status alone."""
        return None

    def unexplained(self, client: ApiClient) -> str:
        """Return what a key that is refused from the first request on may be: nothing tells these apart."""
        return "" if client.credential.key is None or client.proven else f"{_SPENT_HINT} {_BAD_HINT} {_BUILD_HINT}"

    async def unauthorized(self, client: ApiClient) -> Wait | Presumed | Unauthorized | None:
        """Tell a spent window from a bad, expired or disabled credential, with one request.

        A newer server does not say what is wrong with a key: then one that worked before has probably spent its window.
        """
        status, body = await client.probe("/api/auth/get-session")
        said = body if isinstance(body, dict) else {}
        code = said.get("code")
        credential = client.credential
        client.signs.probe = _sign(status, body, credential)
        if status == 429 or code == "RATE_LIMITED":
            details = said.get("details")
            left = details.get("tryAgainIn") if isinstance(details, dict) else None
            if not isinstance(left, int | float) or isinstance(left, bool):
                left = 60_000
            seconds = min(max(left, 0), _LONGEST_WINDOW * 1000) / 1000 + _MARGIN
            return Wait(
                seconds, f"Den's window for this key is spent ({self._spent(client)}). {_until(client, seconds)}"
            )
        if credential.key is None and credential.token is None:
            return Unauthorized(
                f'connection "{credential.name}" of Den has no credential.',
                hint="Set TRUEUP_DEN_API_KEY, or spec.apiKey of its Connection.",
            )
        if credential.token is not None:
            if status == 200 and body is None:
                return self._refusal(client, "the session is unknown or has ended", "", "sign in again")
            return None
        if code == "KEY_DISABLED":
            return self._refusal(client, "it is disabled")
        if status == 403 and code == "INVALID_API_KEY":
            return self._refusal(client, "it is too short to be a key, so it may have been cut off")
        if code == "INVALID_API_KEY":
            build = "" if client.proven else _BUILD_HINT
            return self._refusal(client, "it does not exist or has expired", build)
        if status == 200 and "session" in said:
            return None  # the key is good, and its window is not spent
        if client.proven:
            return self._presumed(client)
        if status == 200 and body is None:
            why = "it is no API key of this server, or its request window is spent; this server does not say which"
            return self._refusal(client, why, f"{_SPENT_HINT} {_BUILD_HINT}")
        return None

    def _presumed(self, client: ApiClient) -> Presumed:
        """The key worked before, and the server does not say why it is refused now."""
        seconds = self.limits.silence + _MARGIN  # from now on, whatever a server may count
        note = (
            f"Den refuses a key that worked before, and does not say why: its window is presumed to be spent "
            f"({self._spent(client)}). {_until(client, seconds)}, then asking once"
        )
        refusal = self._refusal(
            client, "it worked before, and is still refused after a silence of more than 60 s", _REVOKED_HINT
        )
        return Presumed(seconds, note, refusal)

    def _spent(self, client: ApiClient) -> str:
        most = self.limits.requests or 0
        window = client.window
        own = f"{min(window.own, most)} of {most} requests by this run"
        others = min(window.used, most) - min(window.own, most)
        return f"{own}, {others} by others with this ledger" if others > 0 else own

    def _refusal(self, client: ApiClient, why: str, more: str = "", otherwise: str = "") -> Unauthorized:
        credential = client.credential
        origin = f" ({credential.origin})" if credential.origin else ""
        what = "session token" if credential.key is None else "API key"
        hint = f"Ask an organisation admin for a new one{', or ' + otherwise if otherwise else ''}."
        return Unauthorized(
            f'Den refused the {what} of connection "{credential.name}"{origin}: {why}.', hint=f"{more} {hint}".strip()
        )


def _until(client: ApiClient, seconds: float) -> str:
    until = client.clock.now() + timedelta(seconds=seconds)
    return f"Waiting until {until:%H:%M:%S} UTC"


def _sign(status: int, body: Any, credential: Credential) -> str:
    """Describe the answer of get-session about the credential, without anything that it holds."""
    what = "key" if credential.key is not None else "session"
    if status == 0:
        return f"no answer about the {what}"
    if status == 200 and body is None:
        return f"200 null: it does not know the {what}"
    code = body.get("code") if isinstance(body, dict) else None
    known = f" {code}" if code in ("RATE_LIMITED", "KEY_DISABLED", "INVALID_API_KEY") else ""
    return f"{status}{known} about the {what}"
