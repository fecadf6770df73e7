"""Where a credential may be sent: https anywhere, http to this machine, or the embedded servers."""

from __future__ import annotations

import ipaddress
import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

SANDBOX: Final = "sandbox"
"""The URL that means the embedded servers."""
_USERINFO: Final = re.compile(r"//[^/?#]*@")
_FORMS: Final = 'Write "https://HOST", "http://" on loopback, or "sandbox".'
_HOST: Final = re.compile(r"[A-Za-z0-9_.%-]+")
_BRACKETS: Final = re.compile(r"\[[^\]]*\](:[0-9]*)?\Z")
_NUMBERS: Final = re.compile(r"[0-9]+(\.[0-9]+){3}")
"""A host that can only be an address."""


class UrlProblem(NamedTuple):
    """A fault of a URL, phrased to follow its name, and a remedy. It never quotes a credential."""

    message: str
    hint: str
    secret: bool = False
    """The URL itself holds a credential and must not be shown."""


def problem(url: str, *, allow_http: bool = False, consent: str = "allowHttp: true") -> UrlProblem | None:
    """Why a credential may not be sent to a URL; None when it may. `consent` is what would allow http, for the hint."""
    if url == SANDBOX:
        return None
    if not (url.isascii() and url.isprintable()):
        return UrlProblem("holds letters that no URL has", _FORMS)
    if _USERINFO.search(url):
        hint = "Leave out what stands before the @, and give the credential by valueFrom."
        return UrlProblem("holds a user or a password, which is a literal secret", hint, secret=True)
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return UrlProblem("is not a URL", _FORMS)
    if not url.isprintable() or " " in url:  # urlsplit passes over tabs and line breaks in silence
        return UrlProblem("is not a URL", _FORMS)
    bracketed = parts.netloc.startswith("[")
    if bracketed and _BRACKETS.match(parts.netloc) is None:
        return UrlProblem("is not a URL", _FORMS)
    if parts.scheme not in ("http", "https") or not is_host(host, bracketed=bracketed) or port == 0:
        return UrlProblem("is not a URL of http or https", _FORMS)
    if parts.query or parts.fragment or "?" in url or "#" in url:
        return UrlProblem("has a query or a fragment", "Leave out what stands behind the ? or #.", secret=True)
    if parts.scheme == "http" and not allow_http and not is_loopback(host):
        hint = f'Write "https://", or set {consent} for a server inside the cluster.'
        return UrlProblem("would send the credential in clear", hint)
    return None


def is_host(text: str, *, bracketed: bool = False) -> bool:
    """Whether a text may be a host; within brackets it has to be an address."""
    if bracketed or _NUMBERS.fullmatch(text):
        return address_of(text) is not None
    return _HOST.fullmatch(text) is not None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name."""
    address = address_of(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def address_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a text is; one of IPv4 that is written as one of IPv6 is that of IPv4."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
