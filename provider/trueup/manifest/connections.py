"""What a schema cannot say of a Connection: its URL and its credentials."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from trueup.manifest import words
from trueup.manifest.text import quoted
from trueup.manifest.words import Said

if TYPE_CHECKING:
    from trueup.diff import Path
    from trueup.model import Kind

SANDBOX: Final = "sandbox"
_USERINFO: Final = re.compile(r"//[^/?#]*@")
_HOST: Final = re.compile(r"[A-Za-z0-9_.:\[\]%-]+")


class Problem(NamedTuple):
    """What is wrong, and the field below `spec` that it is about; none for the whole spec."""

    path: Path
    said: Said


def problems(kind: Kind, spec: dict[str, Any]) -> list[Problem]:
    """What is wrong with the URL and the credentials of a Connection; types are the schema's business."""
    found: list[Problem] = []
    url = spec.get("url")
    if isinstance(url, str) and url and (said := _url(url, spec.get("allowHttp") is True)):
        found.append(Problem(("url",), said))
    credentials = [field.name for field in kind.fields if field.secret]
    given = [name for name in credentials if name in spec]
    if len(given) > 1:
        message = f"a Connection has one credential, and this one has {' and '.join(given)}"
        found.append(Problem((given[-1],), Said("E151", message, f"Remove one of {' and '.join(given)}.")))
    elif not given and url != SANDBOX:
        unknown = [key for key in spec if key not in kind.by_name]
        if not any(words.near(key, credentials) for key in unknown):
            hint = f"Add {' or '.join(credentials)}, such as {credentials[0]}: {{valueFrom: {{env: NAME}}}}."
            found.append(Problem((), Said("E151", f"this Connection has no {' and no '.join(credentials)}", hint)))
    return found


def _url(url: str, allow_http: bool) -> Said | None:
    if url == SANDBOX:
        return None
    if _USERINFO.search(url):
        message = "url holds a user or a password, which is a literal secret"
        return Said("E140", message, "Leave out what stands before the @, and give the credential by valueFrom.")
    forms = 'Write "https://HOST", "http://" on loopback, or "sandbox".'
    if words.near(url, (SANDBOX,)):
        return Said("E150", f"url {quoted(url)} is not a URL", 'did you mean "sandbox"?')
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return Said("E150", f"url {quoted(url)} is not a URL", forms)
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or port == 0 or url != url.strip():
        return Said("E150", f"url {quoted(url)} is not a URL of http or https", forms)
    if parts.query or parts.fragment or "?" in url or "#" in url:
        return Said("E150", "url has a query or a fragment", "Leave out what stands behind the ? or #.")
    if parts.scheme == "http" and not allow_http and not loopback(host):
        hint = 'Write "https://", or set allowHttp: true for a server inside the cluster.'
        return Said("E150", f"url {quoted(url)} would send the credential in clear to {quoted(host)}", hint)
    return None


def loopback(host: str) -> bool:
    """Whether a host is this machine by its very name."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
