"""The Dialect of an API without peculiarities: a key in a header, and errors as JSON with a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trueup.core.errors import Unauthorized
from trueup.transport.window import Limits

if TYPE_CHECKING:
    from trueup.core.api import Answer
    from trueup.transport.dialect import ApiClient
    from trueup.transport.values import Credential, Presumed, Wait


class PlainDialect:
    """A subclass says its `system`, and overrides what its API does otherwise."""

    system: ClassVar[str]
    limits: ClassVar[Limits] = Limits()
    vocabulary: ClassVar[frozenset[str]] = frozenset()
    header: ClassVar[tuple[str, str]] = ("authorization", "Bearer {key}")
    """The header that carries the key, and its value."""
    message: ClassVar[tuple[str, ...]] = ("message", "error", "detail", "title")
    """The keys of an error body that may hold its message."""

    def headers(self, credential: Credential) -> dict[str, str]:
        """Return the header with the key."""
        name, value = self.header
        return {name: value.replace("{key}", credential.key.reveal())} if credential.key else {}

    def words(self, body: Any) -> str:
        """Return the first message that the body holds."""
        found = (body.get(key) for key in self.message) if isinstance(body, dict) else ()
        return next((text for text in found if isinstance(text, str)), "")

    def unrouted(self, body: Any) -> bool:
        """Return False: a 404 says that a resource is not there."""
        return False

    def unstarted(self, body: Any) -> str:
        """Return nothing: a 503 may have been carried out."""
        return ""

    def failed(self, answer: Answer) -> str | None:
        """Return None: a 2xx has succeeded."""
        return None

    async def unauthorized(self, api: ApiClient) -> Wait | Presumed | Unauthorized | None:
        """Return that the key is refused."""
        return Unauthorized(f'{api.title} refused the API key of connection "{api.credential.name}".')

    def unexplained(self, api: ApiClient) -> str:
        """Return nothing."""
        return ""
