"""How Wexa speaks. No error is documented, so every way in which such APIs say no is understood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trueup.core.errors import Unauthorized
from trueup.transport import Limits

if TYPE_CHECKING:
    from trueup.transport import Answer, ApiClient, Credential, Presumed, Wait

_WRONG = 400  # a number in place of a word is an HTTP status
_NO = frozenset({"false", "no", "error", "errored", "fail", "failed", "failure", "invalid", "unauthorized", "denied"})


_WORDS = """
new_status connectorID projectID data_loader_config source batch_size auth username password api_key token status name
category config connector project
"""


def _says_no(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in _NO
    if isinstance(value, bool):
        return not value
    return isinstance(value, int) and value >= _WRONG


class WexaDialect:
    """The Dialect of Wexa."""

    system: ClassVar[str] = "wexa"
    limits: ClassVar[Limits] = Limits()
    """None is published."""

    vocabulary: ClassVar[frozenset[str]] = frozenset(_WORDS.split()) | {"Connector with the same name already exists"}

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

    def unrouted(self, body: Any) -> bool:
        """Whether it is the answer of FastAPI, which such APIs are made with, to an unknown route."""
        return isinstance(body, dict) and body == {"detail": "Not Found"}

    def unstarted(self, body: Any) -> str:
        """Nothing of the kind is known."""
        return ""

    def failed(self, answer: Answer) -> str | None:
        """A write can fail with 200: success is a 2xx and a body that does not say otherwise.

        A GET is left alone, since `status` there is the connector's own.
        """
        body = answer.body
        if answer.method == "GET":
            return None
        if not isinstance(body, dict):
            return "its answer is no object"
        if any(_says_no(body.get(key)) for key in ("status", "statusCode", "success", "ok")):
            return self.words(body) or "it gives no reason"
        inner = body.get("result")
        if any(isinstance(one, dict) and (one.get("error") or one.get("errors")) for one in (body, inner)):
            return self.words(body) or "it gives no reason"
        return None

    def unexplained(self, client: ApiClient) -> str:
        """Nothing is known that would help."""
        return ""

    async def unauthorized(self, client: ApiClient) -> Wait | Presumed | Unauthorized | None:
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
