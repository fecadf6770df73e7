"""The proxy on the way to a server: HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, and what NO_PROXY excepts, in either case.

They are read here rather than by httpx, whose own reading knows no networks and no ports in NO_PROXY, and whose errors
quote a password. Rules: those of curl and of Go's `httpproxy`; where these differ, `docs/networks.md` says which holds.
No user, password or unparsed value is ever part of a message.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from trueup.core.errors import NetworkError
from trueup.core.secrets import Secret
from trueup.transport.urls import address_of, is_host, is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080}
_SPELLINGS: Final = {"socks5h": "socks5", "socks": "socks5"}
"""Names are always looked up by the proxy, which is what the h asks for; `socks` is what desktops write for it."""
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?")
_SYSTEM: Final = "the system's settings"
_FORM: Final = "Write http://HOST:PORT, or https:// or socks5://; a user as http://USER:PASSWORD@HOST:PORT."


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the variable that names it. Its text holds no credential."""

    scheme: str
    host: str
    port: int
    variable: str
    auth: tuple[str, str] | None = field(default=None, repr=False)
    """User and password."""

    @property
    def url(self) -> str:
        """The URL, without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def __str__(self) -> str:
        return f"the proxy {self.url} ({self.variable})"


def proxy_for(url: str, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for a server; None when it is reached directly, as this machine always is.

    Raises NetworkError, which names the variable.
    """
    parts = urlsplit(url)
    scheme, host = parts.scheme, (parts.hostname or "").rstrip(".")
    if is_loopback(host):
        return None
    port = parts.port or _PORTS.get(scheme, 443)
    names = [f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"]
    variable = next((name for name in names if environment.get(name, "").strip()), "")
    if variable:
        direct = (environment.get(name, "").strip() for name in ("no_proxy", "NO_PROXY"))
        if _excepted(next(filter(None, direct), ""), _ascii(host), port):
            return None
        return _parsed(environment[variable].strip(), variable)
    found = getproxies()  # macOS and Windows have settings beside the environment
    if (given := found.get(scheme)) and not any(key.lower() == f"{scheme}_proxy" for key in environment):
        return None if proxy_bypass(host) else _parsed(given, _SYSTEM)
    return None


def _parsed(text: str, variable: str) -> Proxy:
    """The proxy that a value names. Raises NetworkError, which quotes none of it."""

    def wrong(problem: str, hint: str = _FORM) -> NetworkError:
        return NetworkError(f"{variable} names no proxy that can be used: its value {problem}.", hint=hint)

    if not text.isprintable() or " " in text:
        raise wrong("holds a space or a control character")
    given = _SCHEME.match(text)
    scheme = given[1].lower() if given else "http"  # as curl has it
    scheme = _SPELLINGS.get(scheme, scheme)
    rest = text[given.end() :] if given else text
    if scheme in ("socks4", "socks4a"):
        raise wrong("is a proxy of SOCKS 4", "Use one that speaks SOCKS 5 (socks5://HOST:PORT) or HTTP.")
    if scheme not in _PORTS:
        raise wrong("has a scheme other than http, https and socks5")
    authority, *tail = re.split(r"(?=[/?#])", rest, maxsplit=1)
    if any("@" in part for part in tail):  # what stands before it may be a piece of a password
        raise wrong("has one of / ? # in its user or password", "Write %2F for /, %3F for ? and %23 for #.")
    userinfo, _, place = authority.rpartition("@")
    host, port = _split(place.lower())
    host = _ascii(host)
    bracketed = place.startswith("[") and "]" in place
    if not (is_host(host, bracketed=True) if bracketed else _HOST.fullmatch(host) and is_host(host)):
        raise wrong("is not a URL with a host")
    number = int(port) if re.fullmatch(r"[0-9]{1,5}", port) else -1
    if port and not 0 < number < 1 << 16:
        raise wrong("has a port that is no number from 1 to 65535")
    auth = None
    if userinfo:
        user, _, password = userinfo.partition(":")
        auth = (unquote(user), unquote(password))
        for secret in (password, auth[1], ":".join(auth)):
            Secret(secret)  # from now on no message shows it
    return Proxy(scheme, host, number if port else _PORTS[scheme], variable, auth)


def _excepted(no_proxy: str, host: str, port: int) -> bool:
    """Whether NO_PROXY names that host: as `*`, an address, a network, a name or a domain, with a port or without."""
    address = address_of(host)
    for entry in re.split(r"[\s,]+", no_proxy.lower()):
        if entry == "*":
            return True
        if "/" in entry:
            with suppress(ValueError):  # what is no network matches nothing, with curl and Go as well
                if address and address in ipaddress.ip_network(entry.replace("[", "").replace("]", ""), strict=False):
                    return True
            continue
        name, only = (entry, "") if address_of(entry) else _split(entry)
        if only and only != str(port):
            continue
        if own := address_of(name):
            if own == address:
                return True
            continue
        domain = _ascii(name.removeprefix("*").strip("."))
        if domain and not address and (host == domain or host.endswith(f".{domain}")):
            return True
    return False


def _ascii(host: str) -> str:
    """A host as it is looked up; as it is where it cannot be."""
    with suppress(UnicodeError):
        return host if host.isascii() else host.encode("idna").decode()
    return host


def _split(place: str) -> tuple[str, str]:
    """Host and port of `host`, `host:port`, `[::1]` and `[::1]:port`; no port is empty."""
    if place.startswith("["):
        host, _, port = place[1:].partition("]")
        return host, port.removeprefix(":")
    host, _, port = place.partition(":")
    return host, port
