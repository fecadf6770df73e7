"""How Wexa speaks. No error is documented, so every way in which such APIs say no is understood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trueup.client import Limits
from trueup.errors import Unauthorized

if TYPE_CHECKING:
    from trueup.client import Answer, Client, Credential, Wait

_NO = frozenset({"error", "errored", "fail", "failed", "failure", "invalid", "unauthorized", "denied"})


class WexaManner:
    """The Manner of Wexa."""

    system: ClassVar[str] = "wexa"
    limits: ClassVar[Limits] = Limits()
    """None is published."""

    def headers(self, credential: Credential) -> dict[str, str]:
        """`x-api-key`."""
        return {"x-api-key": credential.key.reveal()} if credential.key else {}

    def words(self, body: Any) -> str:
        """`detail`, `error` or `message`, whichever is there."""
        if not isinstance(body, dict):
            return ""
        parts = []
        for key in ("error", "message", "detail"):
            value = body.get(key)
            if isinstance(value, str):
                parts.append(value)
            elif isinstance(value, list):  # FastAPI's validation errors
                parts += [str(one.get("msg")) for one in value if isinstance(one, dict) and one.get("msg")]
        return "; ".join(parts)

    def failed(self, answer: Answer) -> str | None:
        """A write can fail with 200: success is a 2xx and a body that does not say otherwise.

        A GET is left alone, since `status` there is the connector's own.
        """
        body = answer.body
        if answer.method == "GET" or not isinstance(body, dict):
            return None
        status = body.get("status")
        said_no = isinstance(status, str) and status.strip().lower() in _NO
        if said_no or status is False or body.get("success") is False or body.get("error"):
            return self.words(body) or "it gives no reason"
        return None

    async def unauthorized(self, client: Client) -> Wait | Unauthorized | None:
        """A 401 is a refused key; nothing else is known."""
        credential = client.credential
        if credential.key is None:
            return Unauthorized(
                f'connection "{credential.name}" of Wexa has no credential.',
                hint="Set TRUEUP_WEXA_API_KEY, or spec.apiKey of its Connection.",
            )
        origin = f" ({credential.origin})" if credential.origin else ""
        return Unauthorized(
            f'Wexa refused the API key of connection "{credential.name}"{origin}.', hint="Check it in Wexa's settings."
        )
