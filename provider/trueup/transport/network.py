"""The network under a client: the pool of connections to one server, and how far each try of a request got."""

from __future__ import annotations

import os
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Final

import httpx

from trueup.core.errors import NetworkError, UsageError
from trueup.transport.certificates import context_for, unused
from trueup.transport.lease import Late
from trueup.transport.proxies import Proxy, proxy_for
from trueup.transport.urls import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueup.transport.lease import WriteLease

_KEEP_ALIVE: Final = 4.0  # Den closes idle connections after 5 s; a request on a closing one would be ambiguous
_CONNECT: Final = 10.0
"""Seconds that a connection may take: what drops packets shall not take the time that an answer may."""
_LEAVING: Final = ("send_request_headers.started", "send_request_body.started")
_UNSENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
"""Failures after which the server cannot have seen the request."""


@dataclass(frozen=True, slots=True)
class Network:
    """Where a server is, and what lies on the way."""

    host: str
    port: int
    tls: bool
    proxy: Proxy | None = None

    @classmethod
    def to(cls, url: str) -> Network:
        """Return the way to a server. Raises NetworkError, and UsageError for a host that is none."""
        if (host := _host_of(url)) is None:
            raise UsageError(f"{url} cannot be used: its host is no name.", hint="Check the url of its connection.")
        proxy = proxy_for(url, os.environ)
        if proxy is not None and _host_of(proxy.url) is None:
            raise NetworkError(f"{proxy.variable} names no proxy that can be used: its host is no name.")
        tls = httpx.URL(url).scheme == "https"
        return cls(host, httpx.URL(url).port or (443 if tls else 80), tls, proxy)

    def pool(self, url: str, headers: Mapping[str, str], *, timeout: float, connections: int) -> httpx.AsyncClient:
        """Return the connections, with the headers that every request carries. Raises NetworkError.

        `timeout` is in seconds.
        """
        context = unused()
        if self.tls or (self.proxy and self.proxy.scheme == "https"):
            context = context_for(os.environ, local=is_loopback(self.host))
        proxy = None
        if self.proxy is not None:
            own = context if self.proxy.scheme == "https" else None
            proxy = httpx.Proxy(self.proxy.url, auth=self.proxy.auth, ssl_context=own)
        return httpx.AsyncClient(
            base_url=url,
            headers={"accept": "application/json", "accept-encoding": "gzip", "user-agent": _agent(), **headers},
            # A server that gets a cookie beside a refused key may take the request for that of the cookie's owner.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            timeout=httpx.Timeout(timeout, connect=min(timeout, _CONNECT), pool=None),
            limits=httpx.Limits(max_connections=connections, keepalive_expiry=_KEEP_ALIVE),
            proxy=proxy,
            verify=context,
            follow_redirects=False,  # a redirect would carry the credential to another host
            trust_env=False,  # it was read above
        )


class Way:
    """How far one try got, as httpcore traces it: its failure alone does not say whether anything was sent."""

    __slots__ = ("_heard", "_lease", "_leaving", "_sent", "failed")

    def __init__(self, lease: WriteLease | None = None, *, body: bool = False) -> None:
        self._heard = self._sent = False
        self._lease = lease
        self._leaving = _LEAVING if body else _LEAVING[:1]  # headers without a body that follows are a request
        self.failed = ""
        """The first step that failed, such as `connection.connect_tcp`."""

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of an event. Raises Late where bytes of a write would leave after the term of its lease.

        A process may be stopped, or a machine fall asleep, before there is a connection.
        """
        self._heard = True
        if self._lease is not None and event.endswith(self._leaving) and not self._lease.holds():
            raise Late
        if event == "http11.send_request_headers.started":
            self._sent = info["request"].method != b"CONNECT"  # that one is for the proxy
        elif event.endswith(".failed") and not self.failed:
            self.failed = event.removesuffix(".failed")

    def unsent(self, error: Exception) -> bool:
        """Whether the server cannot have seen the request."""
        return isinstance(error, _UNSENT) or (self._heard and not self._sent)


def _host_of(url: str) -> str | None:
    """The host of a URL; None where the HTTP library takes it for none, such as `xn--`."""
    try:
        return httpx.URL(url).host
    except (httpx.InvalidURL, UnicodeError):
        return None


def _agent() -> str:
    from trueup.core.version import __version__

    return f"trueup/{__version__}"
